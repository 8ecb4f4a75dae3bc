"""Whether the sizes of a scenario fit each other: trucks and orders, stock and what is ordered."""

from __future__ import annotations

import numpy as np

from regional_dispatch.envs.world.findings import Findings
from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.envs.world.tables.everything import Tables
from regional_dispatch.envs.world.tables.orders import Orders

LOW_FILL = 0.1
_FULL_DAYS = 0.25  # a trace that ends earlier than this share of the horizon is said


def say_volume(scenario: Scenario, network: Network, tables: Tables, findings: Findings) -> None:
    """Adds warnings on trucks that would leave almost empty, SKUs without stock, and repeated rows."""
    orders, file = tables.orders, scenario.source_file or scenario.name
    per_day = _orders_per_day(scenario, network, orders)
    _say_fill(scenario, file, per_day, findings)
    if orders is None:
        return
    path = str(scenario.resolve(scenario.demand.path))  # type: ignore[union-attr]
    _say_span(scenario, path, orders, findings)
    _say_repeated(path, orders, findings)
    quiet = np.flatnonzero(np.bincount(orders.station, minlength=len(network.station_share)) == 0)
    if len(quiet):
        name = network.sites["name"].iloc[network.net.fcs + network.net.scs + int(quiet[0])]
        findings.assumed(path, f"{len(quiet):,} stations have no order, such as '{name}'", column="station")
    if tables.stocked is not None:
        _say_without_stock(path, orders, tables.stocked, findings)


def _orders_per_day(scenario: Scenario, network: Network, orders: Orders | None) -> np.ndarray:
    """Mean orders a day at each station: (D,)."""
    if orders is None:
        return network.station_share * float(scenario.demand.orders_per_day or 0.0)
    days = max(scenario.horizon_hours / 24, 1e-9)
    return np.bincount(orders.station, minlength=len(network.station_share)) / days


def _say_fill(scenario: Scenario, file: str, per_day: np.ndarray, findings: Findings) -> None:
    """A truck a day to each station should be filled to a tenth at least."""
    room = scenario.trucks.capacity_packages
    fill = per_day / room
    thin = (fill < LOW_FILL) & (per_day > 0)
    if thin.any() and per_day[thin].sum() > 0.5 * per_day.sum():
        usual = float(np.median(per_day[per_day > 0]))
        findings.warning(
            file,
            f"one truck a day to each of {int(thin.sum())} stations would be at most {fill[thin].max():.1%} full: "
            f"they get {usual:.3g} orders a day",
            f"set trucks.capacity_packages to about {max(1, round(2 * usual))}, with real_capacity_packages as it is",
            column="trucks.capacity_packages",
            value=room,
        )


def _say_span(scenario: Scenario, path: str, orders: Orders, findings: Findings) -> None:
    last = float(orders.hours[-1]) if len(orders.hours) else 0.0
    if last < _FULL_DAYS * scenario.horizon_hours:
        findings.warning(
            path, f"the last order is at hour {last:g} of an episode of {scenario.horizon_hours:g} hours",
            "lower horizon_hours, or check the unit of the hours",
        )  # fmt: skip


def _say_repeated(path: str, orders: Orders, findings: Findings) -> None:
    """Lines of one order with the same SKU and units: meant, or exported twice?"""
    lines = np.diff(orders.first_line)
    of_order = np.repeat(np.arange(len(lines)), lines)
    by = np.lexsort((orders.units, orders.sku, of_order))
    keys = [column[by] for column in (of_order, orders.sku, orders.units)]
    same = np.all([key[1:] == key[:-1] for key in keys], axis=0)
    if same.any():
        first = int(of_order[by][1:][same][0])
        findings.warning(
            path, f"{int(same.sum()):,} lines repeat another line of their order", "remove them if exported twice",
            column="order", value=str(orders.names[first]),
        )  # fmt: skip


def _say_without_stock(path: str, orders: Orders, stocked: frozenset[str], findings: Findings) -> None:
    """SKUs that are ordered, and stand nowhere."""
    lacking = np.array([name not in stocked for name in orders.sku_names], dtype=bool)
    if lacking.any():
        lines = int(lacking[orders.sku].sum())
        findings.warning(
            path,
            f"{int(lacking.sum()):,} of {len(lacking):,} SKUs are ordered, but have no stock anywhere: "
            f"{lines:,} lines ({lines / max(1, len(orders.sku)):.1%}) are lost",
            "add them to the table of stock",
            column="sku",
            value=orders.sku_names[int(lacking.argmax())],
        )
