"""Part of the network out of order for a while: what it costs, when it is well again, and who bears it better."""
