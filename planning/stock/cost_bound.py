"""What no layout of stock can cost less than, by a linear program.

SKUs are grouped in bands of similar speed and the same number of places. A band's variables are averages over its SKUs,
weighted by lines: the share x of a station's lines that an FC serves, and the share y of lines whose SKU it carries.
Averages of layouts are solutions, so nothing is lost but what follows.

- Packages. 1 − (1 − p)ⁿ is concave in the share p and no less than its chord p. So an order is one package at least.
  Nearly all of a gap is this: on us8 it is 20 % with orders of 1.6 lines, and 1 % with orders of one line.
- Levels. Mean demand is linear. The root of an FC's demand is a submodular function of the stations it serves, and no
  less than the sum of their marginal roots in any fixed order (Edmonds 1970); here, the nearest station first.
- The safety factor is the one that gives a class its units. Rounding adds less than one unit a place, and roots sum to
  most if places are equal, which bounds it from below.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regional_dispatch.envs.world.scenario import ScenarioError
from regional_dispatch.planning.stock.orders import Orders
from regional_dispatch.planning.stock.shelves import Shelves

_BANDS = 2  # per velocity class
_TOLERANCE = 1e-6  # of the solver, share of the cost, taken off the bound


class _Bands(NamedTuple):
    """Bands of SKUs, G of them."""

    lines: np.ndarray  # (G,) share of lines
    places: np.ndarray  # (G,) FCs per SKU
    mean: np.ndarray  # (G,) units sold in a review period and a lead time, all SKUs
    root: np.ndarray  # (G,) safety stock of all SKUs if each stood in one FC alone, at least


def cost_bound(orders: Orders, shelves: Shelves) -> float:
    """Expected cost of an order, USD, that no layout with these places, units and storage is below.

    Raises:
        ScenarioError: no layout keeps to the storage.
    """
    from scipy.optimize import linprog  # slow to load
    from scipy.sparse import block_array, csr_array, eye_array, kron

    bands, reached = _bands(shelves, orders.sku_share), np.isfinite(orders.package_usd)
    stations, fcs = reached.shape
    d, f = np.nonzero(reached)
    groups, pairs = len(bands.lines), len(d)
    group, d, f = np.repeat(np.arange(groups), pairs), np.tile(d, groups), np.tile(f, groups)
    every, ys = np.arange(len(d)), groups * fcs
    share = orders.station_share
    # Columns: x of every band, station and FC with a route; y of every band and FC; lines that are lost.
    lost = groups * stations
    usd = np.concatenate([
        bands.lines[group] * share[d] * orders.package_usd[d, f], np.zeros(ys),
        np.repeat(bands.lines, stations) * np.tile(share, groups) * orders.lines_per_order * orders.lost_usd,
    ])  # fmt: skip
    units = bands.mean[group] * share[d] + bands.root[group] * _marginal_roots(orders)[d, f]
    carried = csr_array((np.ones(len(d)), (every, group * fcs + f)), shape=(len(d), ys))
    held = csr_array((units, (f, every)), shape=(fcs, len(d)))
    served = csr_array((np.ones(len(d)), (group * stations + d, every)), shape=(lost, len(d)))
    of_band = kron(eye_array(groups), np.ones((1, fcs)))
    none = csr_array((len(d), lost))
    found = linprog(
        usd,
        block_array([[eye_array(len(d)), -carried, none], [held, None, None]], format="csr"),  # x ≤ y; storage
        np.concatenate([np.zeros(len(d)), shelves.storage]),
        block_array([[served, None, eye_array(lost)], [None, of_band, None]], format="csr"),
        np.concatenate([np.ones(lost), bands.places]),
        (0, 1), method="highs-ipm",
    )  # fmt: skip
    if found.x is None:
        raise ScenarioError(f"storage of {shelves.storage.sum():,.0f} units: no layout keeps to it; give more storage")
    return float(found.fun * (1 - _TOLERANCE))


def _bands(shelves: Shelves, sku_share: np.ndarray) -> _Bands:
    """Each velocity class in bands of equal ratio of speeds, and the safety stock they need."""
    mean, places, velocity = shelves.mean, shelves.places, shelves.velocity
    band, factor = np.zeros(len(mean), dtype=np.int64), np.zeros(len(mean))
    for c in np.unique(velocity):
        own = velocity == c
        rounding = places[own].sum()
        least = (shelves.units[c] - mean[own].sum() - rounding) / np.sqrt(mean[own] * places[own]).sum()
        factor[own] = least
        speed = np.log(mean[own].max() / mean[own]) / np.log(mean[own].max() / mean[own].min() + 1e-9)
        band[own] = _BANDS * c + np.minimum((speed * _BANDS).astype(int), _BANDS - 1)
    _, band = np.unique(band, return_inverse=True)
    # Where the factor may be negative, levels may lie below mean demand, and nothing is asked of storage.
    counted = np.where(factor >= 0, mean, 0.0)
    slowest = np.sqrt(np.maximum.reduceat(mean, np.unique(band, return_index=True)[1]))
    return _Bands(
        np.bincount(band, sku_share), np.maximum.reduceat(places, np.unique(band, return_index=True)[1]),
        np.bincount(band, counted), np.bincount(band, counted * factor) / slowest,
    )  # fmt: skip


def _marginal_roots(orders: Orders) -> np.ndarray:
    """What each station adds to the root of an FC's share of demand, the nearest first: (D, F)."""
    nearest = np.argsort(orders.package_usd, axis=0, kind="stable")
    total = np.sqrt(np.cumsum(orders.station_share[nearest], axis=0))
    out = np.empty(total.shape)
    np.put_along_axis(out, nearest, np.diff(total, axis=0, prepend=0.0), axis=0)
    return out
