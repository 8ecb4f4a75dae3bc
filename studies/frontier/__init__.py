"""Cost, speed and CO₂ against each other: policies with one setting swept, and who is dominated by nobody."""
