"""What an outage of a site, a lane or a region costs, and how long recovery takes, in one nation and in regions."""
