"""How one nation and its regions come through demand far above the mean, for a week and for good."""
