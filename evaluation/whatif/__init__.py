"""What if the network were another: both are played on the same orders, and compared policy by policy."""
