"""The columns of every table a user may give: one place from which readers, checks and docs/reference/tables.md derive.

A `Kind` says how a cell is read. Row by row: `text`; `number`, finite; `positive`, 0 or more; `whole`, a whole number
of 0 or more; `time`, a date with a time; `clock`, a time of the day; `yes_no`.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["text", "number", "positive", "whole", "time", "clock", "yes_no"]
MILES_PER_KM = 0.621371


class Column(NamedTuple):
    """One column of a table."""

    name: str
    kind: Kind
    text: str  # what it holds
    example: str
    missing: str  # what happens without it, or where a cell is empty
    unit: str = ""
    required: bool = False  # a table without it is refused, and so is an empty cell
    also: tuple[str, ...] = ()  # other names of the same column
    scaled: tuple[tuple[str, float], ...] = ()  # names of the same column in another unit, and the factor to this one
    low: float = float("-inf")
    high: float = 100_000_000  # what is made of it, per tick, fits into the kernel's 32-bit integers


class Table(NamedTuple):
    """One table."""

    name: str
    field: str  # of the scenario, that names its file
    text: str  # what a row is
    columns: tuple[Column, ...]

    def column(self, name: str) -> Column:
        """A column by name."""
        return next(column for column in self.columns if column.name == name)

    def required(self) -> list[str]:
        """Names of the columns that must be there."""
        return [column.name for column in self.columns if column.required]


_LATITUDE = Column(
    "latitude", "number", "Degrees north", "45.76", "refused", "degrees", True, ("lat",), low=-90, high=90
)
_LONGITUDE = Column(
    "longitude",
    "number",
    "Degrees east",
    "4.84",
    "refused",
    "degrees",
    True,
    ("lon", "lng", "long"),
    low=-180,
    high=180,
)
_SKU = Column(
    "sku", "text", "Stock-keeping unit: any text, leading zeros kept", "85123A", "refused", required=True,
    also=("sku_id", "item", "item_id", "product", "product_id", "article", "stockcode", "stock_code"),
)  # fmt: skip
_FC = Column(
    "site", "text", "Name of a fulfillment center", "Depot Lyon", "refused", required=True,
    also=("fc", "warehouse", "location"),
)  # fmt: skip

SITES = Table(
    "sites",
    "network.sites",
    "One row per site: fulfillment centers (FC), sort centers (SC), and stations, where orders are delivered.",
    (
        Column("name", "text", "Name, unique", "Depot Lyon", "refused", required=True, also=("site", "site_name", "site_id")),
        Column("kind", "text", "`fc`, `sc` or `station`; also written out, such as `fulfillment center`", "fc",
               "refused; at least one FC and one station are needed", required=True, also=("type", "site_type")),
        _LATITUDE,
        _LONGITUDE,
        Column("region", "text", "Region, for `partition: {kind: sites}`", "South", "no region of its own"),
        Column("state", "text", "State or province, for `partition: {kind: states}`", "CA", "empty", also=("province",)),
        Column("time_zone", "text", "IANA name of the site's clock", "Europe/Paris", "`calendar.time_zone`",
               also=("timezone", "tz")),
        Column("population", "positive", "People, or any measure of demand; a station's share of generated orders is its "
               "share of the sum", "520000", "0; where every station has 0, all are alike", "people"),
        Column("lines_per_hour", "positive", "FC: order lines picked", "60", "sized from mean demand by `capacity.pick_headroom`",
               "lines an hour"),
        Column("packages_per_hour", "positive", "SC: packages sorted", "900", "sized from mean demand by `capacity.sort_headroom`",
               "packages an hour"),
        Column("per_hour", "positive", "Older name of `lines_per_hour` at an FC and `packages_per_hour` at an SC", "60",
               "as the two columns above", "an hour"),
        Column("trucks", "whole", "Trucks based at the site", "10",
               "`trucks.fleet_headroom` × trucks busy at mean demand, at least 2 at an FC or SC", "trucks"),
        Column("opens", "clock", "When it starts work, on its own clock", "06:00", "open around the clock", "HH:MM"),
        Column("closes", "clock", "When it ends work, on its own clock; before `opens`, the next day", "22:00",
               "open around the clock", "HH:MM"),
        Column("weekdays", "text", "Days it works", "Mo-Fr", "every day"),
        Column("postal", "text", "Station: prefixes of the postal codes it serves, separated by spaces or `;`", "69 38",
               "no postal codes", also=("postal_prefixes", "postal_codes", "zip3")),
    ),
)  # fmt: skip
_MODE = Column("mode", "text", "Mode; two sites may have several lanes, each of another mode", "air", "`truck`")
_ORIGIN = Column(
    "origin", "text", "Name of the site it starts from", "Depot Lyon", "refused", required=True, also=("from",)
)
_DESTINATION = Column(
    "destination", "text", "Name of the site it leads to", "Nice", "refused", required=True, also=("to", "dest")
)
LANES = Table(
    "lanes",
    "network.lanes",
    "One row per lane, in one direction. A lane runs from an FC to a station, from an FC to an SC, between SCs, or from an "
    "SC to a station.",
    (
        _ORIGIN,
        _DESTINATION,
        _MODE,
        Column("miles", "positive", "Road distance; name the column `km` for kilometres", "290",
               "great circle × `network.circuity`", "miles", also=("distance_miles", "mi"),
               scaled=(("km", MILES_PER_KM), ("distance_km", MILES_PER_KM), ("kilometers", MILES_PER_KM),
                       ("kilometres", MILES_PER_KM))),
        Column("transit_hours", "positive", "Time on the road", "2", "`miles` at `network.speed_mph`", "hours",
               also=("transit", "hours")),
        Column("departure_usd", "positive", "Cost of one departure of a real truck", "2400",
               "`trucks.usd_per_mile` × `miles` + `trucks.dock_usd`", "USD", also=("cost_usd", "cost", "cost_eur", "cost_gbp")),
        Column("capacity", "whole", "What a truck on this lane holds", "900", "`trucks.capacity_packages`", "packages",
               also=("capacity_packages",), low=1),
        Column("departures", "text", "Timetable: departures on the clock of the origin, with weekdays if not daily",
               "Mo-Fr 06:00;18:00", "trucks leave when the policy says", also=("timetable", "departs")),
    ),
)  # fmt: skip
ORDERS = Table(
    "orders",
    "demand.path",
    "One row per order line. Lines with the same order, time and station are one order.",
    (
        Column("order", "text", "Order: any text", "A1", "refused", required=True,
               also=("order_id", "order_number", "order_no", "order_name", "invoice", "invoiceno", "invoice_no")),
        Column("time", "time", "When it was ordered: with an offset or `Z`, or on the clock of `demand.time_zone`",
               "2024-11-02 18:30", "`hour` is needed", also=("ordered_at", "order_time", "order_date", "timestamp", "created_at",
               "purchase_timestamp", "order_purchase_timestamp", "datetime", "date_time", "invoicedate", "date")),
        Column("hour", "number", "When it was ordered, from the beginning of the episode", "25.5", "`time` is needed", "hours",
               also=("hours",), high=1e13),
        Column("station", "text", "Name of a station", "Nice", "`latitude` and `longitude`, or `postal`, are needed",
               also=("delivery_station", "destination")),
        _LATITUDE._replace(required=False, text="Degrees north of the customer: the nearest station is taken",
                           missing="`station` is needed"),
        _LONGITUDE._replace(required=False, text="Degrees east of the customer", missing="`station` is needed"),
        Column("postal", "text", "Postal code: the station with the longest prefix in its `postal` is taken", "69002",
               "`station` is needed", also=("postal_code", "postcode", "zip", "zip_code", "zip3")),
        _SKU,
        Column("units", "number", "Quantity; 0 or less is a return, which is left out and counted", "1", "refused", "units",
               required=True, also=("quantity", "qty"), low=-1_000_000, high=30_000),
        Column("promise_hours", "positive", "From the order to the promised delivery; each line may have its own", "12",
               "`promised_by`, else the scenario's promises", "hours", also=("promise",), high=24 * 365),
        Column("promised_by", "time", "When delivery is promised", "2024-11-03 20:00", "see `promise_hours`",
               also=("due", "due_at", "promised_at", "deliver_by", "estimated_delivery")),
        Column("source", "text", "What was really done: the FC it came from", "Depot Lyon", "unknown",
               also=("fc", "shipped_from", "origin")),
        Column("shipped_at", "time", "What was really done: when it left the FC", "2024-11-02 22:10", "unknown",
               also=("shipped",)),
        Column("delivered_at", "time", "What was really done: when it was delivered", "2024-11-03 15:40", "unknown",
               also=("delivered",)),
        Column("cancelled", "yes_no", "Whether the line was cancelled: it is left out and counted", "no", "not cancelled",
               also=("canceled",)),
    ),
)  # fmt: skip
STOCK = Table(
    "stock",
    "stock.snapshot",
    "One row per SKU and FC that carries it: what is there when the episode starts.",
    (
        _FC,
        _SKU,
        Column("on_hand", "whole", "Units on the shelf", "14", "refused", "units", required=True, also=("quantity", "qty", "units")),
        Column("base_stock", "whole", "Level up to which it is reordered", "20", "sized from demand", "units"),
        Column("lead_time_hours", "positive", "From a review until what it ordered arrives", "72", "`stock.lead_time_hours`",
               "hours"),
    ),
)  # fmt: skip
PLACEMENT = Table(
    "placement",
    "stock.placement",
    "One row per SKU and FC that carries it. An FC without a row does not carry the SKU.",
    (
        _SKU,
        _FC,
        Column("units", "whole", "Base-stock level", "8", "refused", "units", required=True,
               also=("base_stock", "quantity", "qty"), high=32_767),
    ),
)  # fmt: skip
REGIONS = Table(
    "regions",
    "partition.path",
    "One row per site; an FC or SC without a row belongs to the region of the nearest station.",
    (
        Column("site", "text", "Name of a site; every station must be listed", "Nice", "refused", required=True,
               also=("name", "station")),
        Column("region", "text", "Name of its region", "South", "refused", required=True),
    ),
)  # fmt: skip
HOLIDAYS = Table(
    "holidays",
    "calendar.holidays",
    "One row per day that is not like its weekday.",
    (
        Column("date", "time", "The day", "2024-12-25", "refused", required=True, also=("day",)),
        Column("demand", "positive", "Demand is multiplied by this; orders of a trace are not", "0.3", "1"),
        Column("works", "yes_no", "Whether sites work on the day", "no", "no"),
    ),
)  # fmt: skip
TABLES = (SITES, LANES, ORDERS, STOCK, PLACEMENT, REGIONS, HOLIDAYS)
