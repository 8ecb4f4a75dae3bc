"""Shelves as the record shows them: which FC really shipped which SKU, and how much. Axes: S SKUs, F FCs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.scenario import Scenario, Stock
from regional_dispatch.envs.world.stock import nearest_fcs, stock_table
from regional_dispatch.envs.world.tables.orders import Orders
from regional_dispatch.envs.world.trace import sizing_days

PLACEMENT = "placement.csv"


def has_no_shelves(scenario: Scenario) -> bool:
    """Does the scenario leave open where stock stands?"""
    return scenario.stock.placement is None and scenario.stock.snapshot is None


def with_recorded_shelves(scenario: Scenario, network: Network, orders: Orders, folder: Path) -> Scenario:
    """The scenario with base-stock levels from the record, as a table in a folder.

    Args:
        scenario: leaves open where stock stands.
        network: its network.
        orders: of its trace, with sources.
        folder: for placement.csv.
    """
    levels = recorded_levels(scenario, network, orders)
    path = folder / PLACEMENT
    stock_table(network, levels, orders.sku_names).to_csv(path, index=False)
    fields = {**scenario.stock.model_dump(exclude_unset=True), "layout": "table", "placement": str(path.absolute())}
    return scenario.model_copy(update={"stock": Stock.model_validate(fields)})


def recorded_levels(scenario: Scenario, network: Network, orders: Orders) -> np.ndarray:
    """Base-stock levels of what each FC really shipped: (S, F) int16.

    A level is mean + safety factor × σ of Poisson demand over review and lead time, as for other stock; the mean is
    that of the days that stock is sized from (`demand.size_from_days`). A line without a source counts for the FC
    nearest to its station.
    """
    days, fcs = sizing_days(scenario, orders), network.net.fcs
    last = orders.first_line[int(np.searchsorted(orders.hours, 24 * days))]
    station = np.repeat(orders.station, np.diff(orders.first_line))[:last]
    source = orders.source[:last].astype(np.int64)
    source = np.where(source >= 0, source, nearest_fcs(network)[station, 0])
    units = np.bincount(orders.sku[:last] * np.int64(fcs) + source, orders.units[:last], len(orders.sku_names) * fcs)
    mean = units.reshape(-1, fcs) / days * (scenario.stock.review_hours + scenario.stock.lead_time_hours) / 24
    level = np.maximum(np.ceil(mean + scenario.stock.safety_factor * np.sqrt(mean)), 1)
    return np.where(mean > 0, np.minimum(level, np.iinfo(np.int16).max), 0).astype(np.int16)
