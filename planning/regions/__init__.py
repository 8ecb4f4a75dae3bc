"""How stations are divided into regions."""
