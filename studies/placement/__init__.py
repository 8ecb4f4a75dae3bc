"""Which SKU in which region? Breadth by velocity class, and stock placed anew for the regions in the same storage."""
