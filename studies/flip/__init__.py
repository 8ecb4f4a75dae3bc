"""From one nation to regions at one midnight, and back: the same network, orders and stock, one setting."""
