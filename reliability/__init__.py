"""Proofs by trial that nothing is lost and nothing wrong passes: mutated inputs, and the page of all trials."""
