"""Covering orders with packages at least cost: the part of the relaxation that is solved exactly, compiled.

An order's lines may leave together or apart. A package costs its FC's dollars for the order's station and slack,
independent of its contents; a line adds its units at the shelf's price; a line may also be lost. Only an FC whose base
stock holds a line's units can serve it, since stock never exceeds its base.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

MOST_EXACT_LINES = 8  # orders with more lines get a lighter bound
_LOST = -1


class Problem(NamedTuple):
    """A relaxed episode.

    Axes: O orders, N lines, G groups (station and slack), F FCs, S SKUs, P carried (SKU, FC) pairs ("shelves"),
    Q shelves with a price (the others never run out).
    """

    group: np.ndarray  # (O,) int64
    first: np.ndarray  # (O + 1,) int64, first line of each order
    sku: np.ndarray  # (N,) int64
    units: np.ndarray  # (N,) int64
    window: np.ndarray  # (N, 2) int64, first and last stock window that the line's units count in
    package_usd: np.ndarray  # (G, F) float64, least dollars of a package, inf where there is no route
    pair_first: np.ndarray  # (S + 1,) int64, first pair of each SKU
    pair_fc: np.ndarray  # (P,) int64
    pair_base: np.ndarray  # (P,) int64, units
    pair_row: np.ndarray  # (P,) int64, row of its prices, −1 for none
    priced_base: np.ndarray  # (Q,) int64, units
    windows: int
    lost_usd: float
    fixed_usd: float  # of orders that are not decided before the horizon


class _Scratch(NamedTuple):
    """Work space for one order at a time; subsets of its lines are bit masks."""

    line_usd: np.ndarray  # (lines, F) float64, a line's units at the shelf's price
    lines_of: np.ndarray  # (F,) int64, lines the FC can serve
    best: np.ndarray  # (subsets,) float64, cheapest single package with these lines
    fc: np.ndarray  # (subsets,) int64, where that package leaves
    least: np.ndarray  # (subsets,) float64, cheapest set of packages that covers these lines
    package: np.ndarray  # (subsets,) int64, lines in one package of that set


@njit(cache=True)
def cover_orders(p: Problem, price: np.ndarray, used: np.ndarray) -> float:
    """The orders' least cost.

    Args:
        p: the relaxed episode.
        price: (Q, windows) float64, USD per unit.
        used: (Q, windows) float64; the units taken are added.
    """
    subsets, fcs = 1 << MOST_EXACT_LINES, p.package_usd.shape[1]
    work = _Scratch(
        np.zeros((MOST_EXACT_LINES, fcs)), np.zeros(fcs, np.int64), np.empty(subsets), np.empty(subsets, np.int64),
        np.empty(subsets), np.empty(subsets, np.int64),
    )  # fmt: skip
    total = p.fixed_usd
    for o in range(len(p.group)):
        lines = p.first[o + 1] - p.first[o]
        if lines == 1 or lines > MOST_EXACT_LINES:
            total += _cover_by_shares(p, price, o, used, work.lines_of)
        else:
            total += _cover_exactly(p, price, o, used, work)
    return total


@njit(cache=True)
def _unit_usd(price: np.ndarray, row: int, window: np.ndarray) -> float:
    """A unit's price over the windows it counts in; it has none where the shelf never runs out."""
    usd = 0.0
    if row >= 0:
        for k in range(window[0], window[1] + 1):
            usd += price[row, k]
    return usd


@njit(cache=True)
def _take(used: np.ndarray, row: int, window: np.ndarray, units: int) -> None:
    """Counts a line's units in every window they leave the shelf in."""
    if row >= 0:
        for k in range(window[0], window[1] + 1):
            used[row, k] += units


@njit(cache=True)
def _cover_by_shares(p: Problem, price: np.ndarray, o: int, used: np.ndarray, lines_of: np.ndarray) -> float:
    """Line by line: each pays its package's dollars over all lines of the order that the FC could serve.

    Exact for one line; for more a lower bound, since no package holds more lines than those.
    """
    usd, total = p.package_usd[p.group[o]], 0.0
    lines_of[:] = 0
    for i in range(p.first[o], p.first[o + 1]):
        for pair in range(p.pair_first[p.sku[i]], p.pair_first[p.sku[i] + 1]):
            lines_of[p.pair_fc[pair]] += p.pair_base[pair] >= p.units[i]
    for i in range(p.first[o], p.first[o + 1]):
        least, chosen = p.lost_usd, _LOST
        for pair in range(p.pair_first[p.sku[i]], p.pair_first[p.sku[i] + 1]):
            share = usd[p.pair_fc[pair]] / max(lines_of[p.pair_fc[pair]], 1)
            if p.pair_base[pair] >= p.units[i] and share < least:  # prices only add
                cost = share + p.units[i] * _unit_usd(price, p.pair_row[pair], p.window[i])
                if cost < least:
                    least, chosen = cost, pair
        if chosen != _LOST:
            _take(used, p.pair_row[chosen], p.window[i], p.units[i])
        total += least
    return total


@njit(cache=True)
def _cover_exactly(p: Problem, price: np.ndarray, o: int, used: np.ndarray, work: _Scratch) -> float:
    """Dynamic programming over subsets of the order's lines."""
    start, lines = p.first[o], p.first[o + 1] - p.first[o]
    everything = (1 << lines) - 1
    _cheapest_packages(p, price, o, work)
    work.least[0] = 0.0
    for subset in range(1, everything + 1):
        lowest = subset & -subset
        rest = subset ^ lowest
        left, least = rest, np.inf  # lines that do not travel with the lowest one
        while True:
            cost = work.best[subset ^ left] + work.least[left]
            if cost < least:
                least, work.package[subset] = cost, subset ^ left
            if left == 0:
                break
            left = (left - 1) & rest
        work.least[subset] = least
    subset = everything
    while subset > 0:
        together = work.package[subset]
        for i in range(lines):
            if together >> i & 1 and work.fc[together] != _LOST:
                pair = _pair(p, p.sku[start + i], work.fc[together])
                _take(used, p.pair_row[pair], p.window[start + i], p.units[start + i])
        subset ^= together
    return work.least[everything]


@njit(cache=True)
def _cheapest_packages(p: Problem, price: np.ndarray, o: int, work: _Scratch) -> None:
    """Fills `best` and `fc` for every subset of the order's lines; a line alone may be lost."""
    start, lines, usd = p.first[o], p.first[o + 1] - p.first[o], p.package_usd[p.group[o]]
    work.lines_of[:] = 0
    for i in range(lines):
        sku, units, window = p.sku[start + i], p.units[start + i], p.window[start + i]
        for pair in range(p.pair_first[sku], p.pair_first[sku + 1]):
            if p.pair_base[pair] >= units:
                work.lines_of[p.pair_fc[pair]] |= 1 << i
                work.line_usd[i, p.pair_fc[pair]] = units * _unit_usd(price, p.pair_row[pair], window)
    work.best[: 1 << lines], work.fc[: 1 << lines] = np.inf, _LOST
    for i in range(lines):
        work.best[1 << i] = p.lost_usd
    for fc in range(len(usd)):
        subset = work.lines_of[fc] if usd[fc] < np.inf else 0
        while subset > 0:
            cost = usd[fc]
            for i in range(lines):
                if subset >> i & 1:
                    cost += work.line_usd[i, fc]
            if cost < work.best[subset]:
                work.best[subset], work.fc[subset] = cost, fc
            subset = (subset - 1) & work.lines_of[fc]


@njit(cache=True)
def _pair(p: Problem, sku: int, fc: int) -> int:
    """The shelf of a SKU that the FC carries."""
    pair = p.pair_first[sku]
    while p.pair_fc[pair] != fc:
        pair += 1
    return pair


@njit(cache=True)
def spare_usd(p: Problem, price: np.ndarray, out: np.ndarray) -> None:
    """By how much all packages of an order may become cheaper at once, and its least cost stays: out (O, F), USD.

    A package from an FC has a reduced cost: what the order costs more if it is used. Of as many packages as an order
    has lines, each may fall by that over the number of lines. Nothing for orders whose cover is not exact.
    """
    subsets, fcs = 1 << MOST_EXACT_LINES, p.package_usd.shape[1]
    work = _Scratch(
        np.zeros((MOST_EXACT_LINES, fcs)), np.zeros(fcs, np.int64), np.empty(subsets), np.empty(subsets, np.int64),
        np.empty(subsets), np.empty(subsets, np.int64),
    )  # fmt: skip
    used = np.zeros_like(price)
    for o in range(len(p.group)):
        lines, usd = p.first[o + 1] - p.first[o], p.package_usd[p.group[o]]
        out[o] = 0.0
        if lines > MOST_EXACT_LINES:
            continue
        least = _cover_exactly(p, price, o, used, work)
        everything = (1 << lines) - 1
        for fc in range(fcs):
            subset = work.lines_of[fc] if usd[fc] < np.inf else 0
            lowest = np.inf if subset else least
            while subset > 0:
                cost = usd[fc] + work.least[everything ^ subset]
                for i in range(lines):
                    if subset >> i & 1:
                        cost += work.line_usd[i, fc]
                lowest = min(lowest, cost)
                subset = (subset - 1) & work.lines_of[fc]
            out[o, fc] = max(lowest - least, 0.0) / lines
