"""Which boundary costs least for a given number of regions: along states, by demand, by distance, or by simulation."""
