"""Every KPI: name, formula, unit. The single source of truth.

The kernel keeps counters (below) per region, of what happens after the warm-up unless said otherwise; a KPI is a
ratio of counters or of dollars. An order belongs to the KPIs if it was placed after the warm-up; a truck, if it left
after it. Dollars are cash paid after the warm-up plus the change in the value of work under way at standard cost, so a
policy gains nothing from leaving packages behind at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from regional_dispatch.envs.kernel.ledger import COMPONENTS

COUNTERS = (
    "episode_orders",  # placed, those of the warm-up included
    "orders",  # placed
    "orders_sourced",  # with a decision
    "orders_in_region",  # served entirely from FCs of the customer's region
    "lines",  # sourced, lost ones included
    "lines_lost",
    "lines_spilled",  # served from another region's FC
    "lines_replanned",  # served by another candidate than the chosen one
    "lines_mended",  # moved to another package of their order by re-evaluation
    "packages",
    "packages_direct",
    "package_miles",
    "package_sorts",
    "lines_due",  # delivered, or settled at their earliest arrival
    "lines_on_time",
    "line_hours",  # order to delivery, summed over lines
    "trucks",
    "truck_packages",
    "truck_room",  # packages the trucks could have held
    "truck_miles",
    "direct_trucks",
    "direct_packages",
    "spot_trucks",
    "lanes_used",  # lanes with at least one truck
    "transfer_units",  # of stock sent from FC to FC, as are the next three
    "transfer_trucks",
    "transfer_room",  # units their trucks could have held
    "transfer_miles",
)
(
    EPISODE_ORDERS, ORDERS, ORDERS_SOURCED, ORDERS_IN_REGION,
    LINES, LINES_LOST, LINES_SPILLED, LINES_REPLANNED, LINES_MENDED,
    PACKAGES, PACKAGES_DIRECT, PACKAGE_MILES, PACKAGE_SORTS, LINES_DUE, LINES_ON_TIME, LINE_HOURS,
    TRUCKS, TRUCK_PACKAGES, TRUCK_ROOM, TRUCK_MILES, DIRECT_TRUCKS, DIRECT_PACKAGES, SPOT_TRUCKS, LANES_USED,
    TRANSFER_UNITS, TRANSFER_TRUCKS, TRANSFER_ROOM, TRANSFER_MILES,
) = range(len(COUNTERS))  # fmt: skip


class Totals(NamedTuple):
    """What KPIs are computed from, after the warm-up."""

    count: np.ndarray  # type: ignore[assignment]  # (counters,)
    usd: np.ndarray  # (components,)
    co2_kg_per_truck_mile: float
    truck_packages: int  # a model truck holds
    days: float  # since the warm-up
    episode_usd: float  # all dollars of the episode, warm-up included


def difference(now: Totals, before: Totals) -> Totals:
    """What was counted and paid between two moments of one episode."""
    return now._replace(count=now.count - before.count, usd=now.usd - before.usd, days=now.days - before.days)


class Kpi(NamedTuple):
    """One KPI."""

    unit: str
    better: str  # lower, higher, or neither
    text: str
    formula: Callable[[Totals], float]


def _ratio(top: float, bottom: float) -> float:
    return float(top / bottom) if bottom else 0.0


def _per_order(component: int) -> Callable[[Totals], float]:
    return lambda t: _ratio(t.usd[component], t.count[ORDERS])


def _share(top: int, bottom: int) -> Callable[[Totals], float]:
    return lambda t: _ratio(t.count[top], t.count[bottom])


def _per_day(counter: int) -> Callable[[Totals], float]:
    return lambda t: _ratio(t.count[counter], t.days)


def _direct_fill(t: Totals) -> float:
    return _ratio(t.count[DIRECT_PACKAGES], t.count[DIRECT_TRUCKS] * t.truck_packages)


KPIS: dict[str, Kpi] = {
    "cost_per_order_usd": Kpi(
        "USD", "lower", "all dollars / orders placed", lambda t: _ratio(t.usd.sum(), t.count[ORDERS])
    ),
    **{
        f"{name}_per_order_usd": Kpi("USD", "lower", f"dollars of component '{name}' / orders placed", _per_order(i))
        for i, name in enumerate(COMPONENTS)
    },
    "episode_cost_per_order_usd": Kpi(
        "USD", "lower", "all dollars of the episode, warm-up included / all its orders: what a hindsight bound bounds",
        lambda t: _ratio(t.episode_usd, t.count[EPISODE_ORDERS]),
    ),
    "in_region_share": Kpi(
        "share", "higher", "orders served entirely from FCs of the customer's region / orders sourced",
        _share(ORDERS_IN_REGION, ORDERS_SOURCED),
    ),
    "on_time_share": Kpi(
        "share", "higher", "lines delivered within the promise / lines delivered", _share(LINES_ON_TIME, LINES_DUE)
    ),
    "click_to_delivery_hours": Kpi(
        "hours", "lower", "mean over lines of delivery − order", _share(LINE_HOURS, LINES_DUE)
    ),
    "truck_fill": Kpi("share", "higher", "packages on trucks / room on trucks", _share(TRUCK_PACKAGES, TRUCK_ROOM)),
    "direct_truck_fill": Kpi("share", "higher", "the same, for trucks FC → station", _direct_fill),
    "direct_share": Kpi(
        "share", "neither", "packages that go FC → station on one truck / packages", _share(PACKAGES_DIRECT, PACKAGES)
    ),
    "lanes_used": Kpi("lanes", "lower", "lanes with at least one truck", lambda t: float(t.count[LANES_USED])),
    "trucks": Kpi("trucks a day", "lower", "departures / days", _per_day(TRUCKS)),
    "spot_share": Kpi("share", "lower", "departures on hired trucks / departures", _share(SPOT_TRUCKS, TRUCKS)),
    "miles_per_package": Kpi(
        "miles", "lower", "mean road miles of a package's route", _share(PACKAGE_MILES, PACKAGES)
    ),
    "touches_per_package": Kpi("touches", "lower", "mean sorts on a package's route", _share(PACKAGE_SORTS, PACKAGES)),
    "packages_per_order": Kpi("packages", "lower", "packages / orders sourced", _share(PACKAGES, ORDERS_SOURCED)),
    "co2_kg_per_package": Kpi(
        "kg", "lower", "truck miles × CO₂ per mile / packages, trucks with transferred stock among them",
        lambda t: _ratio(t.count[[TRUCK_MILES, TRANSFER_MILES]].sum() * t.co2_kg_per_truck_mile, t.count[PACKAGES]),
    ),
    "spill_share": Kpi("share", "lower", "lines served from another region / lines", _share(LINES_SPILLED, LINES)),
    "lost_line_share": Kpi("share", "lower", "lines no FC had units for / lines", _share(LINES_LOST, LINES)),
    "replanned_share": Kpi(
        "share", "lower", "lines served by another candidate than the chosen one / lines",
        _share(LINES_REPLANNED, LINES),
    ),
    "mended_share": Kpi(
        "share", "neither", "lines moved to another package of their order by re-evaluation / lines",
        _share(LINES_MENDED, LINES),
    ),
    "transfer_units": Kpi("units a day", "neither", "units sent from FC to FC / days", _per_day(TRANSFER_UNITS)),
    "transfer_trucks": Kpi("trucks a day", "neither", "trucks they went on / days", _per_day(TRANSFER_TRUCKS)),
    "transfer_fill": Kpi("share", "higher", "those units / room on them", _share(TRANSFER_UNITS, TRANSFER_ROOM)),
}  # fmt: skip


def compute_kpis(totals: Totals) -> dict[str, float]:
    """All KPIs of one network (or one region of it) by name; 0 where nothing was counted."""
    return {name: kpi.formula(totals) for name, kpi in KPIS.items()}
