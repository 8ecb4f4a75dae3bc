"""Local search over the places of every SKU: one place at a time is exchanged for the one that is cheapest.

Costs are per line, by station and FC, and stations try FCs in the order of these costs; storage has a price per unit,
which rises steeply with what an FC holds beyond its storage. SKUs are taken one after the other, so each sees what the
others left. Axes: S SKUs, F FCs, D stations.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def improve_places(
    carried: np.ndarray,
    held: np.ndarray,
    order: np.ndarray,
    sku_share: np.ndarray,
    mean: np.ndarray,
    factor: np.ndarray,
    station_share: np.ndarray,
    line_usd: np.ndarray,
    rank: np.ndarray,
    storage: np.ndarray,
    price: np.ndarray,
    steepness: float,
) -> int:
    """Exchanges places, each SKU's once; returns how many. `carried` (S, F) and `held` (F,) follow.

    Args:
        carried: (S, F) bool.
        held: (F,) units.
        order: (S,) SKUs in the order in which they are taken.
        sku_share: (S,) share of lines.
        mean: (S,) units sold in a review period and a lead time.
        factor: (S,) safety factor.
        station_share: (D,).
        line_usd: (D, F) cost of a line, finite.
        rank: (D, F) place of an FC in the order in which a station tries them.
        storage: (F,) units.
        price: (F,) USD per unit.
        steepness: USD per unit that an FC is over its storage by a whole storage.
    """
    stations, fcs = line_usd.shape
    first, second = np.zeros(stations, dtype=np.int64), np.zeros(stations, dtype=np.int64)
    now, trial, best_load = np.zeros(fcs), np.zeros(fcs), np.zeros(fcs)
    changes = 0
    for s in order:
        _assign(carried[s], rank, first, second)
        _sum_shares(first, station_share, now)
        _add_levels(carried[s], mean[s], factor[s], now, -1.0, held)
        cost = sku_share[s] * _lines_usd(first, station_share, line_usd)
        for f in range(fcs):
            if carried[s, f]:
                cost += _storage_usd(level(mean[s] * now[f], factor[s]), held[f], storage[f], price[f], steepness)
        for old in np.flatnonzero(carried[s]):
            best, best_cost = -1, cost * (1 - 1e-9)
            for g in range(fcs):
                if carried[s, g]:
                    continue
                trial[:] = 0.0
                lines = 0.0
                for d in range(stations):
                    h = second[d] if first[d] == old else first[d]
                    if h < 0 or rank[d, g] < rank[d, h]:
                        h = g
                    trial[h] += station_share[d]
                    lines += station_share[d] * line_usd[d, h]
                total = sku_share[s] * lines
                for h in range(fcs):
                    if h == g or (carried[s, h] and h != old):
                        total += _storage_usd(
                            level(mean[s] * trial[h], factor[s]), held[h], storage[h], price[h], steepness
                        )
                        if total >= best_cost:
                            break
                if total < best_cost:
                    best, best_cost = g, total
                    best_load[:] = trial
            if best >= 0:
                carried[s, old], carried[s, best] = False, True
                now[:] = best_load
                cost = best_cost
                _assign(carried[s], rank, first, second)
                changes += 1
        _add_levels(carried[s], mean[s], factor[s], now, 1.0, held)
    return changes


@njit(cache=True)
def units_held(
    carried: np.ndarray, mean: np.ndarray, factor: np.ndarray, station_share: np.ndarray, rank: np.ndarray
) -> np.ndarray:
    """Units of all SKUs in each FC: (F,)."""
    stations, fcs = rank.shape
    first, second = np.zeros(stations, dtype=np.int64), np.zeros(stations, dtype=np.int64)
    held, now = np.zeros(fcs), np.zeros(fcs)
    for s in range(len(carried)):
        _assign(carried[s], rank, first, second)
        _sum_shares(first, station_share, now)
        _add_levels(carried[s], mean[s], factor[s], now, 1.0, held)
    return held


@njit(cache=True)
def _sum_shares(first: np.ndarray, station_share: np.ndarray, out: np.ndarray) -> None:
    """Share of demand that each FC serves, into (F,)."""
    out[:] = 0.0
    for d in range(len(first)):
        out[first[d]] += station_share[d]


@njit(cache=True)
def _add_levels(
    carried: np.ndarray, mean: float, factor: float, share: np.ndarray, times: float, held: np.ndarray
) -> None:
    """Adds a SKU's base-stock levels, `times` over, to the units held: (F,)."""
    for f in range(len(carried)):
        if carried[f]:
            held[f] += times * level(mean * share[f], factor)


@njit(cache=True)
def level(mean: float, factor: float) -> float:
    """A base-stock level, as in `envs.world.stock`."""
    return max(np.ceil(mean + factor * np.sqrt(mean)), 1.0)


@njit(cache=True)
def _storage_usd(units: float, held: float, storage: float, price: float, steepness: float) -> float:
    """Price of units more where so many are held: linear, and the square of what is over the storage."""
    over, over_before = max(held + units - storage, 0.0), max(held - storage, 0.0)
    return price * units + 0.5 * steepness / storage * (over * over - over_before * over_before)


@njit(cache=True)
def _lines_usd(first: np.ndarray, station_share: np.ndarray, line_usd: np.ndarray) -> float:
    total = 0.0
    for d in range(len(first)):
        total += station_share[d] * line_usd[d, first[d]]
    return total


@njit(cache=True)
def _assign(carried: np.ndarray, rank: np.ndarray, first: np.ndarray, second: np.ndarray) -> None:
    """The first and second FC that each station tries; −1 where there is no second."""
    for d in range(len(rank)):
        one, two = -1, -1
        for f in range(len(carried)):
            if carried[f]:
                if one < 0 or rank[d, f] < rank[d, one]:
                    one, two = f, one
                elif two < 0 or rank[d, f] < rank[d, two]:
                    two = f
        first[d], second[d] = one, two
