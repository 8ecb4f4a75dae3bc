"""The shelves that a layout of stock has to fill: places of every SKU, units of every velocity class, storage of FCs.

Axes: S SKUs, F FCs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regional_dispatch.envs.world.demand import sku_units_per_day
from regional_dispatch.envs.world.levers import Layout
from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError, Stock
from regional_dispatch.envs.world.stock import base_stock_of_units, place_stock, velocity_classes

SLACK = 1.2  # storage of an FC, as a multiple of the units it would hold in proportion to its size


class Shelves(NamedTuple):
    """What every layout that is compared has in common."""

    stock: Stock  # review and lead time
    daily: np.ndarray  # (S,) units a day
    places: np.ndarray  # (S,) FCs per SKU
    velocity: np.ndarray  # (S,) velocity class
    units: np.ndarray  # (classes,) units of all SKUs of a class
    storage: np.ndarray  # (F,) units an FC may hold

    @property
    def mean(self) -> np.ndarray:
        """Units that each SKU sells in a review period and a lead time: (S,)."""
        return self.daily * (self.stock.review_hours + self.stock.lead_time_hours) / 24

    def fits(self, base: np.ndarray) -> bool:
        """Whether levels, (S, F), keep to the storage, and to what a place can count."""
        return bool((base.sum(axis=0) <= self.storage).all() and base.max() <= np.iinfo(np.int16).max)

    def levels(self, carried: np.ndarray, station_share: np.ndarray, tried: np.ndarray) -> np.ndarray:
        """Base-stock levels with the units of every class, by the formula of `envs.world.stock`: (S, F) int64.

        Args:
            carried: (S, F) bool.
            station_share: (D,) share of demand.
            tried: (D, F) int32, FCs of each station in the order in which they are tried, −1 padded.
        """
        level = base_stock_of_units(self.stock, self.daily, station_share, tried, carried, self.velocity, self.units)
        return level.astype(np.int64)


def build_shelves(scenario: Scenario, network: Network, storage: np.ndarray | None = None) -> Shelves:
    """Places and units of the layout `spread`.

    Args:
        scenario: SKUs and stock rules.
        network: sites.
        storage: (F,) units an FC may hold; default, `SLACK` times those in proportion to what it can pick.

    Raises:
        ScenarioError: nothing is ordered, or storage is too small for all units.
    """
    where = scenario.source_file or scenario.name
    if not scenario.demand.orders_per_day:
        raise ScenarioError(f"{where}: demand.orders_per_day = 0: must be above 0 to make a new placement")
    spread = place_stock(scenario, network, Layout()).astype(np.int64)
    velocity = velocity_classes(scenario)
    units = np.bincount(velocity, spread.sum(axis=1))
    if storage is None:
        size = network.net.site_capacity[: network.net.fcs]
        storage = np.ceil(SLACK * units.sum() * size / size.sum())
    if storage.sum() < units.sum():
        raise ScenarioError(
            f"{where}: storage of {storage.sum():,.0f} units has no room for the "
            f"{units.sum():,.0f} units of stock; give more storage, or lower stock.breadth or stock.safety_factor"
        )
    return Shelves(
        scenario.stock, sku_units_per_day(scenario), (spread > 0).sum(axis=1), velocity, units, storage.astype(float)
    )
