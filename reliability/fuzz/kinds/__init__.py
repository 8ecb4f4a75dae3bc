"""What is mutated, a file for each kind of input: its class `Cases` makes inputs and uses them."""
