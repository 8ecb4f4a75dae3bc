"""A training run: checkpoints, monitoring, progress, curve."""
