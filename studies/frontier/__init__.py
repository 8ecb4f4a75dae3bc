"""Which settings of which policies are on the Pareto front of cost, speed and CO₂."""
