"""Folders of results: whose they are, and which process writes in them."""
