"""How many units of a SKU an FC holds, once it is known which FCs carry it."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.scenario import Stock
from regional_dispatch.envs.world.stock.nearest import first_ranks, ranks

_BISECTIONS = 60  # to the last bit that a level depends on


def base_stock(
    stock: Stock, daily: np.ndarray, station_share: np.ndarray, near: np.ndarray, placed: np.ndarray
) -> np.ndarray:
    """Base-stock levels of SKUs whose FCs are chosen, units: (SKUs, F) float64, whole, zero where an FC has none.

    A level is mean + safety factor × σ of Poisson demand over review + lead, of the stations for which the FC is the
    first that carries the SKU.

    Args:
        stock: review, lead time and safety factor.
        daily: (SKUs,) units a day over the whole network.
        station_share: (D,) share of demand.
        near: (D, F) int32, FCs of each station in the order in which they are tried, −1 padded.
        placed: (SKUs, F) bool, which FC carries which SKU.
    """
    mean = mean_demand(stock, daily, station_share, near, placed)
    return np.where(placed, _level(mean, stock.safety_factor), 0)


def base_stock_of_units(
    stock: Stock,
    daily: np.ndarray,
    station_share: np.ndarray,
    near: np.ndarray,
    placed: np.ndarray,
    group: np.ndarray,
    units: np.ndarray,
) -> np.ndarray:
    """Levels as in `base_stock`, with the safety factor of each group of SKUs that gives it so many units in all.

    Args:
        stock: review and lead time.
        daily: (SKUs,) units a day over the whole network.
        station_share: (D,) share of demand.
        near: (D, F) int32, FCs of each station in the order in which they are tried, −1 padded.
        placed: (SKUs, F) bool, which FC carries which SKU.
        group: (SKUs,) group of each SKU, from 0.
        units: (groups,) units in all, no fewer than a group has places.
    """
    mean = mean_demand(stock, daily, station_share, near, placed)
    out = np.zeros(placed.shape)
    for g, wanted in enumerate(units):
        chosen = placed & (group == g)[:, None]
        if chosen.any():
            out[chosen] = _levels_that_sum(mean[chosen], wanted)
    return out


def safety_factors(mean: np.ndarray, placed: np.ndarray, group: np.ndarray, units: np.ndarray) -> np.ndarray:
    """The safety factor with which the levels of each group of SKUs sum to so many units, from below: (groups,).

    Args:
        mean: (SKUs, F) units that are expected to be sold in a review period and a lead time.
        placed: (SKUs, F) bool, which FC carries which SKU.
        group: (SKUs,) group of each SKU, from 0.
        units: (groups,) units in all.
    """
    found = np.zeros(len(units))
    for g, wanted in enumerate(units):
        chosen = placed & (group == g)[:, None]
        if chosen.any():
            found[g] = _safety_factor(mean[chosen], wanted)[0]
    return found


def mean_demand(
    stock: Stock, daily: np.ndarray, station_share: np.ndarray, near: np.ndarray, placed: np.ndarray
) -> np.ndarray:
    """Units that an FC is expected to sell in a review period and a lead time: (SKUs, F); see `base_stock`."""
    days = (stock.review_hours + stock.lead_time_hours) / 24
    share = _demand_share(placed, near, ranks(near, placed.shape[1]), station_share)
    return np.asarray(share * daily[:, None] * days)


def nearest_fcs(network: Network) -> np.ndarray:
    """FCs of each station, nearest first: (D, F) int32, −1 padded."""
    table = network.net.by_distance["path"][0]
    return np.where(table >= 0, network.net.routes["fc"][table], -1).astype(np.int32)


def own_region_first(network: Network) -> np.ndarray:
    """FCs of each station, its own region's first, nearest first within each: (D, F) int32, −1 padded."""
    net, near = network.net, nearest_fcs(network)
    of_fc, of_station = net.region_of_site[: net.fcs], net.region_of_site[net.fcs + net.scs :]
    foreign = (near < 0) | (of_fc[near] != of_station[:, None])
    return np.take_along_axis(near, np.argsort(foreign, axis=1, kind="stable"), axis=1)


def _level(mean: np.ndarray, factor: float) -> np.ndarray:
    return np.asarray(np.maximum(np.ceil(mean + factor * np.sqrt(mean)), 1))


def _levels_that_sum(mean: np.ndarray, units: float) -> np.ndarray:
    """Levels of one safety factor that sum to `units`; of those that round up at the same factor, the first ones do."""
    low, high = _safety_factor(mean, units)
    level = _level(mean, low)
    rounded_up = np.flatnonzero(_level(mean, high) > level)
    level[rounded_up[: round(units - level.sum())]] += 1
    return level


def _safety_factor(mean: np.ndarray, units: float) -> tuple[float, float]:
    """The factors between which levels sum to `units`, by bisection: the sum grows with the factor, unit by unit.

    Where nothing is expected to be sold, levels stay at one unit, whatever the factor.
    """
    low, high = -float(np.sqrt(mean.max())), 1.0
    sigma = np.sqrt(mean)
    while _units(mean, sigma, high) < units and high < 2**_BISECTIONS:
        high *= 2
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if _units(mean, sigma, middle) < units:
            low = middle
        else:
            high = middle
    return low, high


@njit(cache=True)
def _units(mean: np.ndarray, sigma: np.ndarray, factor: float) -> float:
    """The sum of `_level`, of places with mean (n,) and standard deviation (n,)."""
    total = 0.0
    for i in range(len(mean)):
        total += max(math.ceil(mean[i] + factor * sigma[i]), 1.0)
    return total


@njit(cache=True)
def _demand_share(placed: np.ndarray, near: np.ndarray, rank: np.ndarray, station_share: np.ndarray) -> np.ndarray:
    """Share of a SKU's demand per FC when every station takes the first FC that carries it: (SKUs, F)."""
    skus, fcs = placed.shape
    out = np.zeros((skus, fcs))
    first = np.empty(len(near), np.int16)
    for s in range(skus):
        first_ranks(placed[s], rank, first)
        for d in range(len(near)):
            if first[d] < fcs:
                out[s, near[d, first[d]]] += station_share[d]
    return out
