"""Base-stock levels of every SKU in every FC, by the layout of a scenario."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from regional_dispatch.envs.world.demand import sku_units_per_day
from regional_dispatch.envs.world.levers import Layout
from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError
from regional_dispatch.envs.world.stock.levels import (
    base_stock,
    base_stock_of_units,
    nearest_fcs,
    own_region_first,
)
from regional_dispatch.envs.world.stock.places import (
    miles_between,
    places_per_sku,
    scattered,
    spread,
    velocity_classes,
)
from regional_dispatch.envs.world.stock.regional import RegionalPlaces
from regional_dispatch.envs.world.stock.table import levels_of_snapshot, stock_from_table
from regional_dispatch.envs.world.trace import fitted, sku_names

_CHUNK = 4096  # SKUs placed at once; bounds memory at full size

# The FCs of some SKUs, (SKUs, F) bool, from the places of each SKU, (SKUs,), and its units in all, (SKUs,).
_Rule = Callable[[np.ndarray, np.ndarray], np.ndarray]


def place_stock(scenario: Scenario, network: Network, layout: Layout | None = None) -> np.ndarray:
    """Base-stock levels, units: (S, F) int16, zero where an FC does not carry the SKU.

    Breadth follows velocity: the fastest SKUs are stocked in most FCs, the slowest in few. Which FCs these are is the
    layout's:

    - `spread`: far apart. Each FC serves the stations to which it is the nearest that carries the SKU, and its level is
      mean + safety factor × σ of their demand over review + lead. It does not depend on the partition.
    - `scattered`: drawn in proportion to the size of the building, which is what it can pick. Levels as above.
    - `regional`: divided over the counted regions by demand, near the customers of each. An FC serves stations of its
      region first, so levels are for these.
    - `table`: levels are the table's.

    In every layout but a table each SKU has as many places as in `spread`, and the SKUs of each velocity class as many
    units: the safety factor is the one that gives them, `stock.safety_factor` in `spread` alone.

    Args:
        scenario: SKUs, breadth, review, lead time, safety factor, layout seed.
        network: sites, shares of demand and counted regions.
        layout: where stock stands; default, the scenario's.

    Raises:
        ScenarioError: a level does not fit int16, or the table is wrong.
    """
    scenario = fitted(scenario)
    if scenario.what_if is not None:
        from regional_dispatch.envs.world.what_if.stock import stock_after  # which asks for the levels before

        return stock_after(scenario, network, layout)
    layout = layout or scenario.stock
    if layout.placement is not None:
        return stock_from_table(scenario, network, layout.placement, sku_names(scenario))
    stock, serving = scenario.stock, network.serving  # FCs without a route carry nothing, and change nothing
    fcs = int(serving.sum())
    rng, weights = np.random.default_rng(scenario.layout_seed), np.maximum(network.fc_share[serving], 0.5 / fcs)
    daily, places, velocity = sku_units_per_day(scenario), places_per_sku(scenario, fcs), velocity_classes(scenario)
    miles, near = miles_between(network)[np.ix_(serving, serving)], nearest_fcs(network)
    other = _other_rule(scenario, network, layout)
    tried = own_region_first(network) if layout.layout == "regional" else near
    base = np.zeros((stock.skus, network.net.fcs), dtype=np.int16)
    for start in range(0, stock.skus, _CHUNK):
        rows = slice(start, min(start + _CHUNK, stock.skus))
        placed = np.zeros((rows.stop - start, network.net.fcs), dtype=bool)
        placed[:, serving] = spread(rng, places[rows], weights, miles)
        level = base_stock(stock, daily[rows], network.station_share, near, placed)
        if other is not None:
            of_sku = level.sum(axis=1)
            level = base_stock_of_units(
                stock, daily[rows], network.station_share, tried, other(places[rows], of_sku), velocity[rows],
                np.bincount(velocity[rows], of_sku),
            )  # fmt: skip
        _check_fit(scenario, level)
        base[rows] = level
    return base if stock.snapshot is None else levels_of_snapshot(scenario, network, base)


def _other_rule(scenario: Scenario, network: Network, layout: Layout) -> _Rule | None:
    """How a layout chooses FCs, in calls by rising SKU; None for `spread`."""
    size = np.where(network.serving, network.net.site_capacity[: network.net.fcs], 1e-12)
    rng = np.random.default_rng([scenario.layout_seed, 1])  # not the draws of `spread`
    if layout.layout == "scattered":
        return lambda places, _units: scattered(rng, places, size)
    if layout.layout == "regional":
        return RegionalPlaces(network, rng, size, float(sku_units_per_day(scenario).max())).choose
    return None


def _check_fit(scenario: Scenario, level: np.ndarray) -> None:
    if level.max() > np.iinfo(np.int16).max:
        raise ScenarioError(
            f"{scenario.source_file or scenario.name}: stock: a base-stock level of {level.max():.0f} units does "
            "not fit; lower demand.orders_per_day, stock.lead_time_hours or stock.review_hours, or raise stock.skus"
        )
