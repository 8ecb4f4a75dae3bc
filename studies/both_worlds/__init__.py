"""What the finished regions are worth to a policy that is made for each of the two worlds."""
