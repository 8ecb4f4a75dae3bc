"""Policies compared on the same orders: rollouts, paired statistics, tables, and the files that hold them."""
