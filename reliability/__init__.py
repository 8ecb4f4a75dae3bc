"""Trials of the project itself: audits by the million, kills, mutated inputs, coverage of intervals, and their page."""
