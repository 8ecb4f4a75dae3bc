"""Tables of stock: a snapshot, and a placement."""

from regional_dispatch.envs.world.tables.schema.column import Column, Table

SKU = Column(
    "sku", "text", "Stock-keeping unit: any text, leading zeros kept", "85123A", "refused", required=True,
    also=("sku_id", "item", "item_id", "product", "product_id", "article", "stockcode", "stock_code"),
)  # fmt: skip
_FC = Column(
    "site", "text", "Name of a fulfillment center", "Depot Lyon", "refused", required=True,
    also=("fc", "warehouse", "location"),
)  # fmt: skip
_LEVEL = 32_767  # the kernel's levels are 16-bit integers
STOCK = Table(
    "stock",
    "stock.snapshot",
    "One row per SKU and FC that carries it: what is there when the episode starts.",
    (
        _FC,
        SKU,
        Column("on_hand", "whole", "Units on the shelf", "14", "refused", "units", required=True,
               also=("quantity", "qty", "units"), high=_LEVEL),
        Column("base_stock", "whole", "Level up to which it is reordered", "20", "sized from demand", "units",
               high=_LEVEL),
        Column("lead_time_hours", "positive", "From a review until what it ordered arrives", "72",
               "`stock.lead_time_hours`", "hours", high=24 * 366),
    ),
)  # fmt: skip
PLACEMENT = Table(
    "placement",
    "stock.placement",
    "One row per SKU and FC that carries it. An FC without a row does not carry the SKU.",
    (
        SKU,
        _FC,
        Column("units", "whole", "Base-stock level", "8", "refused", "units", required=True,
               also=("base_stock", "quantity", "qty"), high=_LEVEL),
    ),
)  # fmt: skip
