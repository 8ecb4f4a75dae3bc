"""What a policy decided, line by line: a log to keep, an order explained in words, and data sets to learn from."""
