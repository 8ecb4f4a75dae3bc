"""Benchmarks: the policies of a suite on its scenarios."""
