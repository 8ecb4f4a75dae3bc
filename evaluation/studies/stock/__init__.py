"""Where stock stands, and when it moves: coverage, placement, transfers."""
