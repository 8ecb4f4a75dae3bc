"""Audits by the million: shipped scenarios and random networks, played under every law."""
