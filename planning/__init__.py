"""Decisions for months: how to cut regions, and where stock stands."""
