"""What is decided in a tick: candidates and plans, what policies see, and the compiled scorers that decide."""
