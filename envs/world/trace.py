"""The orders of a scenario that replays the user's file, and what the scenario leaves to them.

Axes: O orders, N order lines, S SKUs, D stations.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.findings import Finding, Findings, notice
from regional_dispatch.envs.world.scenario import Scenario, TraceDemand
from regional_dispatch.envs.world.sites import build_sites, count_sites
from regional_dispatch.envs.world.tables.orders import Orders, read_orders

# us8's truckloads a day at a station: with far fewer, a truck can rarely be filled within a promise.
TRUCKLOADS_PER_STATION_DAY = 6.3
TRUCK_SIZE = "trucks.capacity_packages"
_READ_FILES = 2  # traces kept in memory

_read: OrderedDict[tuple[object, ...], Orders] = OrderedDict()


def trace_of(scenario: Scenario, sites: pd.DataFrame | None = None) -> Orders:
    """The orders of a scenario with a trace; a file that has not changed is read once.

    Args:
        scenario: its demand is a trace.
        sites: by number; default, they are built.

    Raises:
        ScenarioError: the file is missing or wrong.
    """
    key = _key(scenario)
    if key not in _read:
        findings = Findings()
        _read[key] = read_orders(scenario, build_sites(scenario) if sites is None else sites, findings)
        try:
            findings.settle()
        except ValueError:
            del _read[key]
            raise
        while len(_read) > _READ_FILES:
            _read.popitem(last=False)
    _read.move_to_end(key)
    return _read[key]


def _key(scenario: Scenario) -> tuple[object, ...]:
    """What the orders are made of: files as they are now, and the fields that say how they are read."""
    assert isinstance(scenario.demand, TraceDemand)
    paths = [scenario.demand.path, getattr(scenario.network, "sites", None)]
    files = [scenario.resolve(path) for path in paths if path]
    said: dict[str, Any] = dict.fromkeys(("network", "calendar", "horizon_hours", "what_if"), True)
    reading = {"path", "columns", "time_zone", "time_format", "encoding", "decimal"}
    fields = scenario.model_dump_json(include={**said, "demand": reading})
    return fields, *((str(file), *_state(file)) for file in files)


def _state(file: Path) -> tuple[int, int]:
    if not file.is_file():
        return (0, 0)
    stat = file.stat()
    return stat.st_mtime_ns, stat.st_size


def fitted(scenario: Scenario) -> Scenario:
    """The scenario with what it leaves to its trace filled in: SKUs, orders a day, and the size of trucks.

    A scenario with generated orders, and one that is filled in already, are returned as they are.

    Raises:
        ScenarioError: the file is missing or wrong.
    """
    if not isinstance(scenario.demand, TraceDemand):
        return scenario
    per_day = orders_per_day(scenario)
    changes: dict[str, Any] = {
        "demand": scenario.demand.model_copy(update={"orders_per_day": per_day}),
        "stock": scenario.stock.model_copy(update={"skus": len(trace_of(scenario).sku_names)}),
    }
    if "capacity_packages" not in scenario.trucks.model_fields_set:
        stations = count_sites(build_sites(scenario)).stations
        packages = round(per_day / stations / TRUCKLOADS_PER_STATION_DAY)
        packages = int(min(max(packages, 1), scenario.trucks.real_capacity_packages, 30000))
        changes["trucks"] = scenario.trucks.model_copy(update={"capacity_packages": packages})
        _say_truck_size(scenario, packages)
    return scenario.model_copy(update=changes)


def _say_truck_size(scenario: Scenario, packages: int) -> None:
    real = scenario.trucks.real_capacity_packages
    problem = (
        f"trucks of {packages:,} packages at {packages / real:.2%} of a real one's cost, so that a station has "
        f"{TRUCKLOADS_PER_STATION_DAY:g} truckloads a day: right if the file is a sample of about one order in "
        f"{real / packages:,.0f}"
    )
    mend = f"set trucks.capacity_packages: {real:,.0f} if the file holds all orders".replace(",", "_")
    where = str(scenario.source_file or scenario.name)
    notice(Finding("warning", where, problem, mend, column=TRUCK_SIZE))


def sizing_days(scenario: Scenario, orders: Orders) -> float:
    """Days of the trace that stock and capacity are sized from, one at least."""
    assert isinstance(scenario.demand, TraceDemand)
    if scenario.demand.size_from_days is not None:
        return scenario.demand.size_from_days
    last = float(orders.hours[-1]) / 24 if len(orders.hours) else 0.0
    return max(float(np.ceil(last + 1e-9)), 1.0)


def _sized_orders(scenario: Scenario, orders: Orders) -> int:
    """How many orders, the first ones, stock and capacity are sized from."""
    return int(np.searchsorted(orders.hours, sizing_days(scenario, orders) * 24))


def _sized_lines(scenario: Scenario, orders: Orders) -> slice:
    """Their lines."""
    return slice(int(orders.first_line[_sized_orders(scenario, orders)]))


def sku_names(scenario: Scenario) -> tuple[str, ...] | None:
    """SKUs by number: those of a trace, by units ordered; None where orders are generated, and SKUs are numbers."""
    return trace_of(scenario).sku_names if isinstance(scenario.demand, TraceDemand) else None


def orders_per_day(scenario: Scenario) -> float:
    """Mean orders a day: the scenario's, or of the days of its trace that it is sized from."""
    if scenario.demand.orders_per_day is not None:
        return scenario.demand.orders_per_day
    orders = trace_of(scenario)
    return _sized_orders(scenario, orders) / sizing_days(scenario, orders)


def trace_units_per_day(scenario: Scenario) -> np.ndarray:
    """Mean units a day of each SKU in the days that stock is sized from: (S,)."""
    orders = trace_of(scenario)
    lines = _sized_lines(scenario, orders)
    units = np.bincount(orders.sku[lines], orders.units[lines], scenario.stock.skus)
    return np.asarray(units / sizing_days(scenario, orders))


def trace_line_shares(scenario: Scenario) -> np.ndarray:
    """Share of order lines of each SKU in the same days: (S,)."""
    orders = trace_of(scenario)
    count = np.bincount(orders.sku[_sized_lines(scenario, orders)], minlength=scenario.stock.skus).astype(float)
    return count / count.sum() if count.sum() else np.full(len(count), 1 / len(count))


def trace_station_shares(scenario: Scenario, sites: pd.DataFrame) -> np.ndarray:
    """Share of order lines of each station: (D,)."""
    orders = trace_of(scenario, sites)
    lines = np.diff(orders.first_line)
    count = np.bincount(orders.station, lines, count_sites(sites).stations)
    return np.asarray(count / count.sum() if count.sum() else np.full(len(count), 1 / len(count)))


def busiest_tick(scenario: Scenario, region_of_station: np.ndarray) -> int:
    """Most lines that one region's customers order in one tick."""
    orders = trace_of(scenario)
    if not len(orders.hours):
        return 0
    tick = (orders.hours / scenario.tick_hours + 1e-9).astype(np.int64)
    regions = int(region_of_station.max()) + 1
    return int(np.bincount(tick * regions + region_of_station[orders.station], np.diff(orders.first_line)).max())
