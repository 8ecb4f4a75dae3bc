"""Decisions for months: how to divide a network into regions, and where stock is placed."""
