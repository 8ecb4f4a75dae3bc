"""Makes of networks that differ from those of `envs.world.generator`, to test policies on.

- `retailer.py` draws a mid-size retailer: its numbers, and the scenario file that has them,
- `retailer_tables.py` draws its sites, lanes and shelves, as tables.
"""
