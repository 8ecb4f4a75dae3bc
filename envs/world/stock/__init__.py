"""Which FC stocks which SKU, and how much."""

from regional_dispatch.envs.world.stock.levels import base_stock, nearest_fcs, own_region_first
from regional_dispatch.envs.world.stock.placement import place_stock
from regional_dispatch.envs.world.stock.places import velocity_classes
from regional_dispatch.envs.world.stock.table import stock_table

__all__ = ["base_stock", "nearest_fcs", "own_region_first", "place_stock", "stock_table", "velocity_classes"]
