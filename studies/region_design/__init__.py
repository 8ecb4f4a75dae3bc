"""Which boundary? The same number of regions cut along states, by demand, by distance, and by simulation."""
