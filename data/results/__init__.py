"""What an episode did, as tables that a planner opens: per lane, site, region, SKU class, day and hour."""
