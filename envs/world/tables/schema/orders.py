"""The table of orders."""

from regional_dispatch.envs.world.tables.schema.column import Column, Table
from regional_dispatch.envs.world.tables.schema.network import LATITUDE, LONGITUDE
from regional_dispatch.envs.world.tables.schema.stock import SKU

_PLACES = ("station", "latitude", "longitude", "postal")
ORDERS = Table(
    "orders",
    "demand.path",
    "One row per order line. Lines with the same order, time and station are one order, of any number of lines.",
    (
        Column("order", "text", "Order: any text", "A1", "refused", required=True,
               also=("order_id", "order_number", "order_no", "order_name", "invoice", "invoiceno", "invoice_no")),
        Column("time", "time", "When it was ordered: with `Z` or an offset, or on the clock of `demand.time_zone`",
               "2024-11-02 18:30", "`hour` is needed", instead=("hour",),
               also=("ordered_at", "order_time", "order_date", "timestamp", "created_at", "purchase_timestamp",
                     "order_purchase_timestamp", "datetime", "date_time", "invoicedate", "date")),
        Column("hour", "number", "When it was ordered, from the beginning of the episode", "25.5", "`time` is needed",
               "hours", instead=("time",), also=("hours",), high=1e13),
        Column("station", "text", "Name of a station", "Nice", "`latitude` and `longitude`, or `postal`, are needed",
               instead=_PLACES, also=("delivery_station", "destination")),
        LATITUDE._replace(required=False, text="Degrees north of the customer; the nearest station is taken",
                          missing="`station` or `postal` is needed", instead=_PLACES),
        LONGITUDE._replace(required=False, text="Degrees east of the customer",
                           missing="`station` or `postal` is needed", instead=_PLACES),
        Column("postal", "text", "Postal code; the station with the longest prefix in its own `postal` is taken",
               "69002", "`station` or a place is needed", instead=_PLACES,
               also=("postal_code", "postcode", "zip", "zip_code", "zip3")),
        SKU,
        Column("units", "number", "Quantity; 0 or less is a return, which is left out and counted", "1", "refused",
               "units", required=True, also=("quantity", "qty"), low=-1_000_000, high=30_000),
        Column("promise_hours", "positive", "From the order to the promised delivery; each line may have its own", "12",
               "`promised_by`, else `demand.promise_hours`", "hours", also=("promise",), instead=("promised_by",),
               high=24 * 365),
        Column("promised_by", "time", "When delivery is promised", "2024-11-03 20:00", "see `promise_hours`",
               instead=("promise_hours",), also=("due", "due_at", "promised_at", "deliver_by", "estimated_delivery")),
        Column("source", "text", "What was really done: the FC it came from", "Depot Lyon", "not known",
               also=("fc", "shipped_from", "origin")),
        Column("shipped_at", "time", "What was really done: when it left the FC", "2024-11-02 22:10", "not known",
               also=("shipped",)),
        Column("delivered_at", "time", "What was really done: when it was delivered", "2024-11-03 15:40", "not known",
               also=("delivered",)),
        Column("cancelled", "yes_no", "Whether the line was cancelled: it is left out and counted", "no",
               "no line is cancelled", also=("canceled",)),
    ),
)  # fmt: skip
