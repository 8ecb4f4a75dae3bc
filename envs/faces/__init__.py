"""What the faces of the environment share: checks of what is handed in, the action space, rows, and information."""
