"""Studies: questions about a network, one folder each, answered by one command that writes one page."""
