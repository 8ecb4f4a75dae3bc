"""What is wrong, doubtful or assumed in a scenario and its tables; and mended copies of them."""
