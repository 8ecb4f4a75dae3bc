"""The map of a simulator, as pictures; see `map`."""
