"""Experiments: many trainings, their policies against rivals on held-out orders, and policies shipped of them."""
