"""What changes when a network goes from one nation to regions, lever by lever, and back."""
