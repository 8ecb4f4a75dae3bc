"""What changes when a network goes from one nation to regions at one midnight, and back."""
