"""A network as it is now, kept from events in the kernel's own state."""
