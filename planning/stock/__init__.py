"""Which fulfillment center carries which SKU, and how many units."""
