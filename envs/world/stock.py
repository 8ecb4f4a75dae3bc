"""Which FC stocks which SKU, and how much.

Placement does not depend on the partition: the same shelves serve one nation or eight regions.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from regional_dispatch.envs.world.demand import sku_units_per_day
from regional_dispatch.envs.world.geography import great_circle_miles
from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.scenario import Layout, Scenario, ScenarioError, Stock
from regional_dispatch.envs.world.tables import read_table

_CHUNK = 4096  # SKUs placed at once; bounds memory at full size


def place_stock(scenario: Scenario, network: Network, layout: Layout | None = None) -> np.ndarray:
    """Base-stock levels, units: (S, F) int16, zero where an FC does not carry the SKU.

    Breadth follows velocity: the fastest SKUs are stocked in most FCs, the slowest in few, spread over the map. A level
    is mean + safety factor × σ of Poisson demand over review + lead, of the stations for which the FC is the nearest
    that carries the SKU.

    Where the scenario names a placement table, its levels are used instead.

    Raises:
        ScenarioError: a level does not fit int16, or the table is wrong.
    """
    stock, fcs = scenario.stock, network.net.fcs
    layout = layout or stock
    if layout.placement is not None:
        return _from_table(scenario, network, layout.placement)
    rng = np.random.default_rng(scenario.layout_seed)
    weights = np.maximum(network.fc_share, 0.5 / fcs)
    miles = _miles_between(network)
    daily = sku_units_per_day(scenario)
    breadth = _breadth_per_sku(scenario, fcs)
    near = nearest_fcs(network)
    base = np.zeros((stock.skus, fcs), dtype=np.int16)
    for start in range(0, stock.skus, _CHUNK):
        rows = slice(start, min(start + _CHUNK, stock.skus))
        placed = _spread(rng, breadth[rows], weights, miles)
        level = base_stock(stock, daily[rows], network.station_share, near, placed)
        if level.max() > np.iinfo(np.int16).max:
            raise ScenarioError(
                f"{scenario.source_file or scenario.name}: stock: a base-stock level of {level.max():.0f} units does "
                "not fit; lower demand.orders_per_day, stock.lead_time_hours or stock.review_hours, or raise stock.skus"
            )
        base[rows] = level
    return base


def base_stock(
    stock: Stock, daily: np.ndarray, station_share: np.ndarray, near: np.ndarray, placed: np.ndarray
) -> np.ndarray:
    """Base-stock levels of SKUs whose FCs are chosen, units: (SKUs, F) float64, whole, zero where an FC has none.

    Args:
        stock: review, lead time and safety factor.
        daily: (SKUs,) units a day over the whole network.
        station_share: (D,) share of demand.
        near: (D, F) int32, FCs of each station in the order in which they are tried, −1 padded.
        placed: (SKUs, F) bool, which FC carries which SKU.
    """
    days = (stock.review_hours + stock.lead_time_hours) / 24
    mean = _demand_share(placed, near, station_share) * daily[:, None] * days
    return np.where(placed, np.maximum(np.ceil(mean + stock.safety_factor * np.sqrt(mean)), 1), 0)


def velocity_classes(scenario: Scenario) -> np.ndarray:
    """0, 1 or 2 for fast, medium and slow movers (A, B, C): (S,)."""
    stock = scenario.stock
    shares = np.array(stock.breadth_shares) / sum(stock.breadth_shares)
    edges = np.round(shares.cumsum() * stock.skus).astype(int)
    return np.searchsorted(edges[:-1], np.arange(stock.skus), side="right")


def _from_table(scenario: Scenario, network: Network, placement: str) -> np.ndarray:
    path = scenario.resolve(placement)
    table = read_table(path, {"sku": "positive", "site": "text", "units": "positive"})
    names = network.sites["name"].iloc[: network.net.fcs]
    for column, known, wanted in (
        ("sku", range(scenario.stock.skus), f"a whole number below stock.skus = {scenario.stock.skus}"),
        ("site", list(names), "the name of a fulfillment center"),
        ("units", range(np.iinfo(np.int16).max + 1), f"a whole number up to {np.iinfo(np.int16).max}"),
    ):
        wrong = table.index[~table[column].isin(known)]
        if len(wrong):
            raise ScenarioError(f"{path}: row {wrong[0] + 2}: {column} = {table[column][wrong[0]]}: must be {wanted}")
    twice = table.index[table.duplicated(["sku", "site"])]
    if len(twice):
        sku, site = table.loc[twice[0], ["sku", "site"]]
        raise ScenarioError(f"{path}: row {twice[0] + 2}: SKU {sku:.0f} at '{site}' is given twice; remove one row")
    base = np.zeros((scenario.stock.skus, network.net.fcs), dtype=np.int16)
    fc = table["site"].map({name: i for i, name in enumerate(names)})
    base[table["sku"].astype(int), fc] = table["units"].astype(int)
    return base


def _breadth_per_sku(scenario: Scenario, fcs: int) -> np.ndarray:
    breadth = np.array(scenario.stock.breadth)[velocity_classes(scenario)]
    return np.maximum(1, np.round(breadth * fcs)).astype(int)


def _spread(rng: np.random.Generator, breadth: np.ndarray, weights: np.ndarray, miles: np.ndarray) -> np.ndarray:
    """Which FCs carry each SKU: (SKUs, F) bool.

    D² sampling (k-means++, Arthur & Vassilvitskii 2007): the next FC is drawn in proportion to the demand around it
    times its squared distance to the nearest FC that has the SKU already.
    """
    skus, fcs = len(breadth), len(weights)
    placed = np.zeros((skus, fcs), dtype=bool)
    closest = np.full((skus, fcs), miles.max() + 1.0)
    every = np.arange(skus)
    for turn in range(int(breadth.max())):
        chance = np.where(placed, 0.0, weights * (closest + 1.0) ** 2).cumsum(axis=1)
        drawn = (chance < rng.random((skus, 1)) * chance[:, -1:]).sum(axis=1).clip(max=fcs - 1)
        wanted = breadth > turn
        placed[every[wanted], drawn[wanted]] = True
        closest = np.minimum(closest, miles[drawn])
    return placed


def _miles_between(network: Network) -> np.ndarray:
    """Great-circle miles between FCs: (F, F)."""
    sites = network.sites.iloc[: network.net.fcs]
    lat, lon = sites["latitude"].to_numpy(float), sites["longitude"].to_numpy(float)
    return great_circle_miles(lat, lon, lat, lon)


def nearest_fcs(network: Network) -> np.ndarray:
    """FCs of each station, nearest first: (D, F) int32, −1 padded."""
    table = network.net.by_distance[0]
    return np.where(table >= 0, network.net.routes["fc"][table], -1).astype(np.int32)


@njit(cache=True)
def _demand_share(placed: np.ndarray, near: np.ndarray, station_share: np.ndarray) -> np.ndarray:
    """Share of a SKU's demand per FC when every station takes the nearest FC that carries it: (SKUs, F)."""
    out = np.zeros(placed.shape)
    for s in range(placed.shape[0]):
        for d in range(near.shape[0]):
            for f in near[d]:
                if f >= 0 and placed[s, f]:
                    out[s, f] += station_share[d]
                    break
    return out
