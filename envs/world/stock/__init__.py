"""Which FC stocks which SKU, and how much."""

from regional_dispatch.envs.world.stock.levels import (
    base_stock,
    base_stock_of_units,
    mean_demand,
    nearest_fcs,
    own_region_first,
    safety_factors,
)
from regional_dispatch.envs.world.stock.placement import place_stock
from regional_dispatch.envs.world.stock.places import velocity_classes
from regional_dispatch.envs.world.stock.table import stock_on_hand, stock_table

__all__ = [
    "base_stock",
    "base_stock_of_units",
    "mean_demand",
    "nearest_fcs",
    "own_region_first",
    "place_stock",
    "safety_factors",
    "stock_on_hand",
    "stock_table",
    "velocity_classes",
]
