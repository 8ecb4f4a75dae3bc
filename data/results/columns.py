"""The columns of the results tables: what each says, and how a workbook shows it. Units are in the names."""

from __future__ import annotations

COUNTS, MONEY, SHARE, DECIMAL = "#,##0", "#,##0.00", "0.0%", "#,##0.0"

# Name → what it says. All after the warm-up, per episode. A table has some of them.
COLUMNS = {
    "orders": "orders placed",
    "lines": "order lines decided on; at a site, those of a station's orders, or given to an FC",
    "lines_lost": "lines for which no FC had the units",
    "lines_spilled": "lines served from another region's FC",
    "lines_delivered": "lines delivered, or settled at their earliest arrival",
    "lines_late": "of those, later than promised",
    "units": "units ordered",
    "packages": "packages made; on a lane, carried; at a site, picked, sorted or delivered",
    "trucks": "departures",
    "spot_trucks": "departures on hired trucks",
    "truck_fill_share": "packages on trucks / room on trucks",
    "truck_miles": "miles the trucks drove",
    "co2_kg": "truck miles × CO₂ per mile, in kg",
    "truck_usd": "trucks, without what hiring costs beyond",
    "spot_usd": "premium of hired trucks",
    "pick_usd": "picking and packing",
    "sort_usd": "sorting",
    "late_usd": "lateness",
    "lost_usd": "lines no FC had the units for",
    "transfer_usd": "stock moved from FC to FC",
    "total_usd": "all dollars",
    "cost_per_order_usd": "all dollars / orders placed",
    "usd_per_line": "all dollars / lines",
    "usd_per_package": "dollars of the lane's trucks / packages on them",
    "in_region_share": "orders served entirely from FCs of the customer's region / orders decided on",
    "on_time_share": "lines delivered within the promise / lines delivered",
    "lost_share": "lines lost / lines",
    "spill_share": "lines served from another region / lines",
    "click_to_delivery_hours": "mean over lines of delivery − order",
    "capacity_used_share": "lines picked (FC) or packages sorted (sort center) / what the capacity allows",
    "packages_waiting": "packages that wait to be picked or sorted, mean over ticks",
    "skus": "SKUs of the class",
    "skus_carried": "SKUs an FC carries; places (SKU at an FC) of a class; mean over ticks",
    "units_on_hand": "units on shelves, mean over ticks",
    "out_of_stock_share": "places (SKU at an FC) without a unit / places, mean over ticks",
    "sku_days_out": "days that places (SKU at an FC) were without a unit, summed over places",
}
# Names that are no measurement → what they say.
KEYS = {
    "policy": "name of the policy",
    "against": "policy that is subtracted",
    "kpi": "KPI, see the reference page on KPIs",
    "unit": "its unit",
    "region": "region of the counted partition",
    "lane": "origin → destination, and the mode where there are several",
    "origin": "site a lane starts from",
    "destination": "site it leads to",
    "mode": "mode of transport",
    "kind": "kind of lane or site",
    "miles": "length of the lane by road",
    "transit_hours": "hours on the road",
    "site": "name of the site",
    "sku_class": "fast, medium and slow movers (A, B, C), by rank of demand",
    "day": "day, from 1, of the days that count",
    "date": "date, or weekday where the scenario has no calendar",
    "hour_of_day": "hour that starts then, on the scenario's clock",
    "days": "length of what is counted",
}
UNDER_WAY = "(work under way)"
UNDER_WAY_SAYS = (
    "What was on its way at the end, settled at standard cost and earliest arrival, less what was on its way when the "
    "warm-up ended. With this row a table sums to the KPIs."
)


def number_format(name: str) -> str:
    """How a workbook shows a column of numbers."""
    if name.endswith("_usd") or name.startswith("usd_"):
        return MONEY
    if name.endswith("_share"):
        return SHARE
    if name.endswith("_hours") or name in ("packages_waiting", "sku_days_out", "days"):
        return DECIMAL
    return COUNTS
