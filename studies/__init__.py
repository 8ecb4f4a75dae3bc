"""Studies: questions that networks are asked, each answered by one command with one page."""
