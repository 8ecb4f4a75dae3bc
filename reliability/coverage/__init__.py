"""How often the intervals of this project hold the truth, by simulation: populations, measurement, page."""
