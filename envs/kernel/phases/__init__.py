"""What happens in a tick, phase by phase, in the order of `envs.kernel.tick`."""
