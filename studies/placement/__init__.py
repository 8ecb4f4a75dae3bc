"""Which SKU should stand in which region, and what more breadth or a new placement in the same storage brings."""
