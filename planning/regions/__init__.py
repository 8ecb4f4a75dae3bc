"""How stations are cut into regions."""
