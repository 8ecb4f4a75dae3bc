"""Random but plausible networks: to train on many, and to test on ones that no policy has seen.

Every range lies around us8's value, and quantities that depend on each other are drawn together: orders are drawn per
station, truck sizes relative to a station's orders, SKUs relative to the order lines. So a network differs from us8 in
size, shape and density, but its trucks and shelves fit its demand as they do there. Costs and the calendar are the
defaults.
"""

from __future__ import annotations

from itertools import count
from typing import Any

import numpy as np

from regional_dispatch.envs.world.demand import STREAMS
from regional_dispatch.envs.world.order_size import mean_lines_per_order
from regional_dispatch.envs.world.partition import label_sites
from regional_dispatch.envs.world.scenario import CityNetwork, GeneratedDemand, Scenario
from regional_dispatch.envs.world.sites import build_sites

Range = tuple[float, float]

REGIONS = (3, 12)  # us8: 8; fewer are nearly national, with more each has too few buildings
# Per region, all regions together; a region itself may have more or fewer.
FCS: Range = (3.0, 7.0)  # us8: 5
SORT_CENTERS: Range = (1.5, 3.0)  # us8: 2
STATIONS: Range = (6.0, 13.0)  # us8: 10; 12 regions × 13 are nearly all of 160 metros
# Drawn evenly on a logarithmic scale: half as much is as likely as twice.
ORDERS_PER_STATION_DAY: Range = (40.0, 120.0)  # us8: 75
# us8: 6.3, in orders; with fewer, a truck can rarely be filled within a promise.
TRUCKLOADS_PER_STATION_DAY: Range = (4.0, 10.0)
LINES_PER_SKU_DAY: Range = (4.0, 20.0)  # us8: 9.6; how fast shelves turn
# Shares and exponents, drawn evenly.
ZIPF_EXPONENT: Range = (0.7, 1.1)  # us8: 0.9
BREADTH: tuple[Range, ...] = ((0.55, 0.85), (0.3, 0.5), (0.12, 0.25))  # us8: 0.7, 0.4, 0.18; fast to slow movers
SAME_DAY_SHARE: Range = (0.05, 0.25)  # us8: 0.13
NEXT_DAY_SHARE: Range = (0.3, 0.55)  # us8: 0.45; what is left is promised in two days or more


# Wide ranges, to learn from: volumes, promises, vehicles and their cost by orders of magnitude, not near us8.
WIDE_REGIONS = (1, 12)
WIDE_ORDERS_PER_STATION_DAY: Range = (0.5, 300.0)
WIDE_TRUCKLOADS_PER_STATION_DAY: Range = (0.1, 12.0)
WIDE_LINES_PER_SKU_DAY: Range = (0.5, 20.0)
WIDE_MOST_ORDERS_PER_DAY = 6000  # so that an episode takes a second
PROMISE_FACTOR: Range = (0.7, 10.0)  # of the promises of us8: from same day to four weeks
REAL_CAPACITY_PACKAGES: Range = (150.0, 3000.0)  # packages that share the cost of a real truck; us8: 2,000


def random_scenario(seed: int, stream: str = "evaluate", wide: bool = False) -> Scenario:
    """A random network with demand, stock and trucks to match.

    A route reaches every station, and every region has an FC and a sort center of its own.

    Args:
        seed: ≥ 0; the same seed gives the same scenario.
        stream: `evaluate`, networks to measure policies on; `train` and `tune`, networks to learn from. A seed means
            another network in each stream, so a policy is never measured on a network that it learned on.
        wide: draw from the wide ranges, where neither trucks nor shelves need to fit demand as they do in us8.

    Returns:
        A scenario named after stream and seed; only fields that differ from the defaults are set.

    Raises:
        ValueError: unknown stream, or a negative seed.
    """
    if stream not in STREAMS or seed < 0:
        raise ValueError(f"stream must be one of {', '.join(STREAMS)} and seed 0 or more, not '{stream}' and {seed}")
    draws = (np.random.default_rng((STREAMS[stream], seed, attempt)) for attempt in count())
    if wide:
        scenarios = (_drawn_wide(rng, f"wide_{stream}_{seed}") for rng in draws)
    else:
        scenarios = (_drawn(rng, f"{stream}_{seed}") for rng in draws)
    return next(scenario for scenario in scenarios if _self_sufficient(scenario))


def _drawn_wide(rng: np.random.Generator, name: str) -> Scenario:
    """A network of `_drawn` with other volumes, promises, vehicles and costs of trucks."""
    narrow = _drawn(rng, name)
    assert isinstance(narrow.network, CityNetwork)
    assert isinstance(narrow.demand, GeneratedDemand)
    regions = int(rng.integers(*WIDE_REGIONS, endpoint=True))
    stations = narrow.network.stations
    orders = min(_logarithmic(rng, WIDE_ORDERS_PER_STATION_DAY) * stations, WIDE_MOST_ORDERS_PER_DAY)
    packages = max(2, round(orders / stations / _logarithmic(rng, WIDE_TRUCKLOADS_PER_STATION_DAY)))
    skus = max(20, round(orders * mean_lines_per_order(narrow) / _logarithmic(rng, WIDE_LINES_PER_SKU_DAY)))
    factor = _logarithmic(rng, PROMISE_FACTOR)
    promises = tuple(round(hours * factor) for hours in narrow.demand.promise_hours)
    warmup = 24.0 * np.ceil(max(48.0, promises[-1] / 2) / 24)
    data = narrow.model_dump(exclude_unset=True) | {
        "tests": f"{regions} regions, {stations} stations, {orders:,.0f} orders a day, trucks of {packages}, promises "
        f"of {promises[0]} to {promises[-1]} hours.",
        "tick_hours": 1.0 if factor < 3 else 2.0,
        "warmup_hours": warmup,
        "horizon_hours": warmup + max(168.0, 24.0 * np.ceil(2 * promises[-1] / 24)),
        "partition": {"kind": "balanced", "regions": regions},
        "demand": {**narrow.demand.model_dump(exclude_unset=True), "orders_per_day": round(orders),
                   "promise_hours": promises},
        "stock": {**narrow.stock.model_dump(exclude_unset=True), "skus": skus},
        "trucks": {"capacity_packages": packages,
                   "real_capacity_packages": max(packages, round(_logarithmic(rng, REAL_CAPACITY_PACKAGES)))},
    }  # fmt: skip
    return Scenario.model_validate(data)


def _drawn(rng: np.random.Generator, name: str) -> Scenario:
    regions = int(rng.integers(*REGIONS, endpoint=True))
    fcs, sort_centers, stations = (round(regions * rng.uniform(*bounds)) for bounds in (FCS, SORT_CENTERS, STATIONS))
    station_orders = _logarithmic(rng, ORDERS_PER_STATION_DAY)
    orders = round(stations * station_orders)
    lines = orders * mean_lines_per_order(Scenario(name=name))
    skus = round(lines / _logarithmic(rng, LINES_PER_SKU_DAY))
    packages = round(station_orders / _logarithmic(rng, TRUCKLOADS_PER_STATION_DAY))
    same_day, next_day = _share(rng, SAME_DAY_SHARE), _share(rng, NEXT_DAY_SHARE)
    data: dict[str, Any] = {
        "name": name,
        "tests": f"{regions} regions, {fcs} FCs, {sort_centers} sort centers, {stations} stations, {orders:,} orders a "
        f"day, {skus:,} SKUs, trucks of {packages}.",
        "partition": {"kind": "balanced", "regions": regions},
        "network": {
            "fulfillment_centers": fcs, "sort_centers": sort_centers, "stations": stations, "site_seed": _seed(rng),
        },
        "demand": {
            "orders_per_day": orders, "zipf_exponent": _share(rng, ZIPF_EXPONENT),
            "promise_shares": (same_day, next_day, round(1 - same_day - next_day, 2)),
        },
        "stock": {"skus": skus, "breadth": tuple(_share(rng, bounds) for bounds in BREADTH)},
        "trucks": {"capacity_packages": packages},
        "layout_seed": _seed(rng),
    }  # fmt: skip
    return Scenario.model_validate(data)


def _logarithmic(rng: np.random.Generator, bounds: Range) -> float:
    return float(np.exp(rng.uniform(*np.log(bounds))))


def _share(rng: np.random.Generator, bounds: Range) -> float:
    return round(rng.uniform(*bounds), 2)


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


def _self_sufficient(scenario: Scenario) -> bool:
    """Has every region an FC and a sort center?"""
    sites = build_sites(scenario)
    labels = label_sites(scenario, sites)
    every, kind = set(range(len(labels.names))), sites["kind"].to_numpy()
    return all(every == set(labels.of_site[kind == building].tolist()) for building in ("fc", "sc"))
