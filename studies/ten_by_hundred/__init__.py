"""How many trucks ten thousand parcels need, from one nation to ten regions: the textbook picture."""
