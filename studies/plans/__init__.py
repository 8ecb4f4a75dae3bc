"""What planned stock and planned lanes are worth when they are played, and how near plans come to their bounds."""
