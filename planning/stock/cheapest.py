"""Where stock stands so that orders are expected to cost least, at the same places and units as a simple layout.

Costs are those of `orders`. They are concave in the share of lines that an FC serves, so places are improved against
the costs' tangent, which lies above them (majorisation and minimisation), in parts: after each part of the SKUs the
tangent and the prices of storage are renewed. Storage has a price per unit, as in Lagrangian relaxation, and a steep
penalty beyond it (augmented Lagrangian), so the search ends where shelves are about full and none overflows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regional_dispatch.envs.world.levers import Layout
from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError
from regional_dispatch.envs.world.stock import mean_demand, place_stock, safety_factors
from regional_dispatch.planning.stock.cost_bound import cost_bound
from regional_dispatch.planning.stock.orders import (
    Orders,
    build_orders,
    cheapest_choice,
    choice_by,
    expected_usd_per_order,
)
from regional_dispatch.planning.stock.shelves import Shelves, build_shelves
from regional_dispatch.planning.stock.swaps import improve_places, units_held

_ROUNDS, _PARTS = 30, 10  # every SKU is taken once a round
_STEEPNESS = 3.0  # penalty of a unit in an FC twice as full as it may be, in cost of an order per unit of all stock
_GROWTH = 1.2  # of that penalty per round, so that the last rounds keep to the storage
_STEP = 1.0  # of prices per round, in the same measure
_MARGIN = 0.005  # share of storage that the search leaves free, as levels are rounded after it


class Plan(NamedTuple):
    """A layout of stock, what it is expected to cost, and what no layout can be below."""

    base: np.ndarray  # (S, F) int64, base-stock levels, units
    expected_usd_per_order: float
    bound_usd_per_order: float

    @property
    def gap(self) -> float:
        """How far the bound lies below the cost, as a share of the cost."""
        return 1 - self.bound_usd_per_order / self.expected_usd_per_order


def cheapest_layout(scenario: Scenario, network: Network, storage: np.ndarray | None = None, seed: int = 0) -> Plan:
    """Places stock so that an order is expected to cost least over the routes in force.

    SKUs have as many places, and velocity classes as many units, as in the layout `spread`.

    Args:
        scenario: the world.
        network: its sites, with the routes in force and the regions that are counted.
        storage: (F,) units an FC may hold; default, 1.2 times those in proportion to the size of the building.
        seed: of the order in which SKUs are taken.

    Raises:
        ScenarioError: no layout is found that keeps to the storage.
    """
    orders, shelves = build_orders(scenario, network), build_shelves(scenario, network, storage)
    starts = [place_stock(scenario, network, Layout(layout=name)) > 0 for name in ("spread", "regional")]
    found = [base for carried in starts if (base := improve(orders, shelves, carried, seed)) is not None]
    if not found:
        raise ScenarioError(
            f"{scenario.source_file or scenario.name}: storage of {shelves.storage.sum():,.0f} units: found no layout "
            "that keeps to it; give more storage"
        )
    usd, base = min(((expected_usd_per_order(orders, base), base) for base in found), key=lambda each: each[0])
    return Plan(base, usd, cost_bound(orders, shelves))


def improve(orders: Orders, shelves: Shelves, carried: np.ndarray, seed: int = 0) -> np.ndarray | None:
    """Base-stock levels of the cheapest layout found from a start that keeps to the storage: (S, F) int64, or None.

    Args:
        orders: and what they cost.
        shelves: places, units and storage.
        carried: (S, F) bool, which FC carries which SKU at the start.
        seed: of the order in which SKUs are taken.
    """
    search, rng = _Search(orders, shelves, carried), np.random.default_rng(seed)
    best, best_usd = None, np.inf
    for turn in range(_ROUNDS):
        steepness = _STEEPNESS * _GROWTH**turn
        for part in np.array_split(rng.permutation(len(carried)), _PARTS):
            search.take(np.sort(part), steepness)
        base = search.levels()
        if search.choice.usd < best_usd and shelves.fits(base):
            best, best_usd = base, search.choice.usd
    return best


class _Search:
    """Places while they are improved, with the tangent of costs and the prices of storage."""

    def __init__(self, orders: Orders, shelves: Shelves, carried: np.ndarray) -> None:
        self.orders, self.shelves = orders, shelves
        self.carried = carried.copy()
        self.room = np.maximum(shelves.storage * (1 - _MARGIN), 1.0)
        self.price = np.zeros(len(self.room))  # USD per order and unit
        self.choice = cheapest_choice(orders, carried)
        self.usd_per_unit = self.choice.usd / shelves.units.sum()

    def take(self, skus: np.ndarray, steepness: float) -> None:
        """Improves the places of some SKUs, (n,), one after the other; then renews the tangent and the prices."""
        orders, mean = self.orders, self.shelves.mean
        line_usd, lost_usd = orders.line_usd(self.choice.share), orders.lines_per_order * orders.lost_usd
        factor = self._factors()
        finite = np.where(np.isfinite(line_usd), line_usd, line_usd[np.isfinite(line_usd)].max() + lost_usd)
        rank = np.argsort(np.argsort(finite, axis=1, kind="stable"), axis=1)
        held = units_held(self.carried, mean, factor, orders.station_share, rank)
        improve_places(
            self.carried, held, skus, orders.sku_share, mean, factor, orders.station_share, finite, rank, self.room,
            self.price, steepness * self.usd_per_unit,
        )  # fmt: skip
        step = _STEP / _PARTS * _STEEPNESS * self.usd_per_unit
        self.price = np.maximum(0.0, self.price + step * (held / self.room - 1))
        self.choice = choice_by(orders, self.carried, line_usd)

    def levels(self) -> np.ndarray:
        """Base-stock levels at today's places: (S, F) int64."""
        return self.shelves.levels(self.carried, self.orders.station_share, self.choice.tried)

    def _factors(self) -> np.ndarray:
        """The safety factor of every SKU's class at today's places: (S,)."""
        shelves = self.shelves
        mean = mean_demand(shelves.stock, shelves.daily, self.orders.station_share, self.choice.tried, self.carried)
        return np.asarray(safety_factors(mean, self.carried, shelves.velocity, shelves.units)[shelves.velocity])
