"""Compiled code: one tick of the network, a file per phase, and the state, ledger and features it works on."""
