"""What a region gains when regions leave one nation one after the other, and what the others pay."""
