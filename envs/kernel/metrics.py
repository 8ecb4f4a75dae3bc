"""Every KPI: name, formula, unit. The single source of truth.

The kernel keeps counters (below) per region, of what happens after the warm-up unless said otherwise; a KPI is a
ratio of counters or of dollars. An order belongs to the KPIs if it was placed after the warm-up; a truck, if it left
after it. Dollars are cash paid after the warm-up plus the change in the value of work under way at standard cost, so a
policy gains nothing from leaving packages behind at the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from regional_dispatch.envs.kernel.ledger import COMPONENTS
from regional_dispatch.envs.kernel.names import positions

# Counter → what it counts, after the warm-up unless said otherwise.
COUNTERS = {
    "episode_orders": "orders placed, those of the warm-up included",
    "orders": "orders placed",
    "orders_sourced": "orders with a decision",
    "orders_in_region": "orders served entirely from FCs of the customer's region",
    "lines": "order lines sourced, lost ones included",
    "lines_lost": "lines for which no FC had the units",
    "lines_spilled": "lines served from another region's FC",
    "lines_replanned": "lines served by another candidate than the chosen one",
    "lines_mended": "lines moved to another package of their order by re-evaluation",
    "packages": "packages made",
    "packages_direct": "packages whose route is one truck from FC to station",
    "package_miles": "road miles of the packages' routes",
    "package_sorts": "sorts on the packages' routes",
    "lines_due": "lines delivered, or settled at their earliest arrival",
    "lines_on_time": "those delivered within the promise",
    "line_hours": "hours from order to delivery, summed over lines",
    "trucks": "departures",
    "truck_packages": "packages on them",
    "truck_room": "packages they could have held",
    "truck_miles": "miles they drove",
    "direct_packages": "packages on departures from an FC to a station",
    "direct_room": "packages those could have held",
    "spot_trucks": "departures on hired trucks",
    "lanes_used": "lanes with at least one departure",
    "transfer_units": "units of stock sent from FC to FC",
    "transfer_trucks": "trucks they went on",
    "transfer_room": "units those trucks could have held",
    "transfer_miles": "miles those trucks drove",
}
N = positions(COUNTERS)


class Totals(NamedTuple):
    """What KPIs are computed from, after the warm-up."""

    count: np.ndarray  # type: ignore[assignment]  # (counters,)
    usd: np.ndarray  # (components,)
    co2_kg_per_truck_mile: float
    days: float  # since the warm-up
    episode_usd: float  # all dollars of the episode, warm-up included
    settled_usd: float  # those of work under way at the horizon, at standard cost


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
    return float(top / bottom) if bottom else math.nan


def _per_order(component: int) -> Callable[[Totals], float]:
    return lambda t: _ratio(t.usd[component], t.count[N.orders])


def _share(top: int, bottom: int) -> Callable[[Totals], float]:
    return lambda t: _ratio(t.count[top], t.count[bottom])


def _per_day(counter: int) -> Callable[[Totals], float]:
    return lambda t: _ratio(t.count[counter], t.days)


KPIS: dict[str, Kpi] = {
    "cost_per_order_usd": Kpi(
        "USD", "lower", "all dollars / orders placed", lambda t: _ratio(t.usd.sum(), t.count[N.orders])
    ),
    **{
        f"{name}_per_order_usd": Kpi("USD", "lower", f"dollars of component '{name}' / orders placed", _per_order(i))
        for i, name in enumerate(COMPONENTS)
    },
    "episode_cost_per_order_usd": Kpi(
        "USD", "lower", "all dollars of the episode, warm-up included / all its orders: what a hindsight bound bounds",
        lambda t: _ratio(t.episode_usd, t.count[N.episode_orders]),
    ),
    "in_region_share": Kpi(
        "share", "higher", "orders served entirely from FCs of the customer's region / orders sourced",
        _share(N.orders_in_region, N.orders_sourced),
    ),
    "on_time_share": Kpi(
        "share", "higher", "lines delivered within the promise / lines delivered", _share(N.lines_on_time, N.lines_due)
    ),
    "click_to_delivery_hours": Kpi(
        "hours", "lower", "mean over lines of delivery − order", _share(N.line_hours, N.lines_due)
    ),
    "truck_fill": Kpi(
        "share", "higher", "packages on trucks / room on trucks", _share(N.truck_packages, N.truck_room)
    ),
    "direct_truck_fill": Kpi(
        "share", "higher", "the same, for trucks FC → station", _share(N.direct_packages, N.direct_room)
    ),
    "direct_share": Kpi(
        "share", "neither", "packages that go FC → station on one truck / packages",
        _share(N.packages_direct, N.packages),
    ),
    "lanes_used": Kpi("lanes", "lower", "lanes with at least one truck", lambda t: float(t.count[N.lanes_used])),
    "trucks": Kpi("trucks a day", "lower", "departures / days", _per_day(N.trucks)),
    "spot_share": Kpi("share", "lower", "departures on hired trucks / departures", _share(N.spot_trucks, N.trucks)),
    "miles_per_package": Kpi(
        "miles", "lower", "mean road miles of a package's route", _share(N.package_miles, N.packages)
    ),
    "touches_per_package": Kpi(
        "touches", "lower", "mean sorts on a package's route", _share(N.package_sorts, N.packages)
    ),
    "packages_per_order": Kpi("packages", "lower", "packages / orders sourced", _share(N.packages, N.orders_sourced)),
    "co2_kg_per_package": Kpi(
        "kg", "lower", "truck miles × CO₂ per mile / packages, trucks with transferred stock among them",
        lambda t: _ratio((t.count[N.truck_miles] + t.count[N.transfer_miles]) * t.co2_kg_per_truck_mile,
                         t.count[N.packages]),
    ),
    "spill_share": Kpi("share", "lower", "lines served from another region / lines", _share(N.lines_spilled, N.lines)),
    "lost_line_share": Kpi("share", "lower", "lines no FC had units for / lines", _share(N.lines_lost, N.lines)),
    "replanned_share": Kpi(
        "share", "lower", "lines served by another candidate than the chosen one / lines",
        _share(N.lines_replanned, N.lines),
    ),
    "mended_share": Kpi(
        "share", "neither", "lines moved to another package of their order by re-evaluation / lines",
        _share(N.lines_mended, N.lines),
    ),
    "settled_share": Kpi(
        "share", "neither", "dollars of work under way at the horizon, settled at standard cost / all dollars",
        lambda t: _ratio(t.settled_usd, t.usd.sum()),
    ),
    "transfer_units": Kpi("units a day", "neither", "units sent from FC to FC / days", _per_day(N.transfer_units)),
    "transfer_trucks": Kpi("trucks a day", "neither", "trucks they went on / days", _per_day(N.transfer_trucks)),
    "transfer_fill": Kpi(
        "share", "higher", "those units / room on them", _share(N.transfer_units, N.transfer_room)
    ),
}  # fmt: skip


def compute_kpis(totals: Totals) -> dict[str, float]:
    """All KPIs of one network, or one region of it, by name; NaN where there is nothing to divide by."""
    return {name: kpi.formula(totals) for name, kpi in KPIS.items()}
