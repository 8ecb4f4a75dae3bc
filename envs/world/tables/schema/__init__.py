"""The columns of every table a user may give. Readers, checks and docs/reference/tables.md derive from them."""

from regional_dispatch.envs.world.tables.schema.column import MILES_PER_KM, Column, Kind, Table
from regional_dispatch.envs.world.tables.schema.network import LANES, REGIONS, SITES, STATES
from regional_dispatch.envs.world.tables.schema.orders import ORDERS
from regional_dispatch.envs.world.tables.schema.stock import PLACEMENT, STOCK

TABLES = (SITES, LANES, ORDERS, STOCK, PLACEMENT, REGIONS, STATES)

__all__ = [
    "LANES", "MILES_PER_KM", "ORDERS", "PLACEMENT", "REGIONS", "SITES", "STATES", "STOCK", "TABLES", "Column", "Kind",
    "Table",
]  # fmt: skip
