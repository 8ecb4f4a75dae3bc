"""Which SKU in which FC, and how many units: placements that cover as much demand as storage allows, and simple rules.

A region covers a SKU if an FC of it carries the SKU. Stations are served by the FCs of their own region first, nearest
first, else by the nearest that carries it; levels follow from that by the formula of `envs.world.stock`. No FC holds
more units than its storage, and every SKU is in some FC. Thinner levels would cover more, and run dry more often.

The pairs that the program takes are placed SKU by SKU, the fastest first, each in the FC of the region
that is nearest to most demand and has room. Pairs that are left over fill what room is left, most demand first.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, repeat
from typing import NamedTuple

import numpy as np

from regional_dispatch.envs.world.scenario import ScenarioError
from regional_dispatch.envs.world.stock import base_stock
from regional_dispatch.planning.stock.bound import Bound, coverage_bound, no_room
from regional_dispatch.planning.stock.market import Market, line_coverage

MOST_UNITS = np.iinfo(np.int16).max  # of a SKU in one FC, as in `envs.world.stock.place_stock`


class Optimum(NamedTuple):
    """A placement, and the bound on all placements."""

    base: np.ndarray  # (S, F) int64, base-stock levels, units
    bound: Bound


def optimise(market: Market, storage: np.ndarray) -> Optimum:
    """Places stock to cover as many lines as it can.

    Lines, not orders: each FC has its own storage, so regions rarely compete for it, and within a region more lines
    covered means more whole orders. The share of whole orders is not concave and is not optimised itself.

    Args:
        market: demand, distances and stock rules.
        storage: (F,) units an FC may hold.

    Raises:
        ScenarioError: not every SKU finds a place.
    """
    bound = coverage_bound(market, storage)
    found = [base for corners in (0, 1) if (base := _placed(market, storage, bound.wanted, corners)) is not None]
    if not found:
        raise ScenarioError(no_room(storage))
    return Optimum(max(found, key=lambda base: line_coverage(market, base)), bound)


def _placed(market: Market, storage: np.ndarray, wanted: np.ndarray, corners: int) -> np.ndarray | None:
    """None if a SKU finds no place."""
    shelves = _Shelves(market, storage)
    if not shelves.put_all(wanted, corners):
        return None
    shelves.fill()
    return shelves.base


def fastest_everywhere(market: Market, storage: np.ndarray) -> np.ndarray:
    """As many of the fastest SKUs as fit stand in every region, all others in one place, where there is most room.

    Returns:
        (S, F) int64, base-stock levels, units.

    Raises:
        ScenarioError: not every SKU finds a place.
    """
    best = _fastest_in_every_region(market, storage, 0)
    if best is None:
        raise ScenarioError(no_room(storage))
    fits, too_many = 0, len(market.daily) + 1
    while fits + 1 < too_many:
        count = (fits + too_many) // 2
        found = _fastest_in_every_region(market, storage, count)
        if found is None:
            too_many = count
        else:
            best, fits = found, count
    return best


def _fastest_in_every_region(market: Market, storage: np.ndarray, count: int) -> np.ndarray | None:
    """None if it does not fit."""
    shelves = _Shelves(market, storage)
    every = np.array([len(own) > 0 for own in market.fcs_of])
    wanted = np.zeros((len(market.daily), market.regions), dtype=bool)
    wanted[_fastest_first(market)[:count]] = every
    if not shelves.put_all(wanted) or (shelves.covered() < wanted).any():
        return None
    return shelves.base


def in_proportion(market: Market, storage: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Every SKU keeps its units, which are split over all regions in proportion to demand.

    The fastest come first; units without room in their region go where there is most. Levels are the units that an FC
    receives, not those of the formula.

    Args:
        market: demand, distances and stock rules.
        storage: (F,) units an FC may hold, in all no fewer than those of `base`.
        base: (S, F) levels whose sums are kept.

    Returns:
        (S, F) int64, base-stock levels, units.
    """
    room, out = storage.astype(np.int64), np.zeros(base.shape, dtype=np.int64)

    def take(s: int, fcs: Iterable[int], units: int) -> int:
        """Takes units into FCs in this order; returns those without room."""
        for f in fcs:
            taken = min(units, int(room[f]))
            out[s, f] += taken
            room[f] -= taken
            units -= taken
        return units

    for s in _fastest_first(market):
        quota = _whole_shares(int(base[s].sum()), market.demand)
        left = sum(take(s, fcs, units) for fcs, units in zip(market.fcs_of, quota, strict=True))
        take(s, np.argsort(-room, kind="stable"), left)
    return out


def _whole_shares(units: int, shares: np.ndarray) -> list[int]:
    """Units split by shares, the largest remainders rounded up (Hamilton's method)."""
    exact = units * shares / shares.sum()
    whole = np.floor(exact).astype(int)
    whole[np.argsort(whole - exact, kind="stable")[: units - whole.sum()]] += 1
    return [int(n) for n in whole]


def _fastest_first(market: Market) -> list[int]:
    return [int(s) for s in np.argsort(-market.daily, kind="stable")]


class _Shelves:
    """Storage while it is filled; levels always follow the formula."""

    def __init__(self, market: Market, storage: np.ndarray) -> None:
        self.market = market
        self.room = storage.astype(np.int64)
        self.base = np.zeros((len(market.daily), len(storage)), dtype=np.int64)

    def put_all(self, wanted: np.ndarray, corners: int = 0) -> bool:
        """Places every SKU in its wanted regions, (S, R) bool, as far as there is room; False if one has no place.

        While fast movers are placed, room is kept for one place of each SKU that follows, and in each FC for `corners`
        more of the slowest, as small remainders of room cannot be used.
        """
        order = _fastest_first(self.market)
        mean = self.market.mean[order]
        once = np.ceil(mean + self.market.stock.safety_factor * np.sqrt(mean))
        later = once.sum() - once.cumsum() + corners * len(self.room) * once[-1]
        return all(self._put(s, np.flatnonzero(wanted[s]), keep) for s, keep in zip(order, later, strict=True))

    def _put(self, s: int, wanted: np.ndarray, keep: float) -> bool:
        """Places a SKU in the wanted regions, in fewer of them to keep that much room, or else where there is room."""
        market = self.market
        wanted = wanted[np.argsort(-market.demand[wanted], kind="stable")]
        free = np.bincount(market.region_of_fc, self.room, market.regions)
        fewer = (wanted[:n] for n in range(len(wanted), 0, -1))
        single = ([int(r)] for r in np.argsort(-free, kind="stable"))
        last = [range(market.regions)]  # no FC holds all of a fast mover
        for regions, least in chain(zip(fewer, repeat(keep)), zip(chain(single, last), repeat(0.0))):
            levels = self._fit(s, regions)
            if levels is not None and self.room.sum() - levels.sum() >= least:
                self._set(s, levels)
                return True
        return False

    def covered(self) -> np.ndarray:
        """Which regions carry which SKU: (S, R) bool."""
        return np.stack([(self.base[:, own] > 0).any(axis=1) for own in self.market.fcs_of], axis=1)

    def fill(self) -> None:
        """Adds pairs while there is room for one, most demand first."""
        market, added = self.market, True
        while added:
            pairs = np.argwhere(~self.covered())
            worth = market.daily[pairs[:, 0]] * market.demand[pairs[:, 1]]
            added = sum(self._add(int(s), int(r)) for s, r in pairs[np.argsort(-worth, kind="stable")]) > 0

    def _add(self, s: int, region: int) -> bool:
        """Adds a region to a SKU; the others' levels can only fall."""
        for f in self.market.fcs_of[region]:
            levels = self._levels(s, [*np.flatnonzero(self.base[s]), f])
            if levels[f] <= min(self.room[f], MOST_UNITS):
                self._set(s, levels)
                return True
        return False

    def _fit(self, s: int, regions: Iterable[int]) -> np.ndarray | None:
        """Levels with one FC a region, the first that has room; a region without room is left out. None: no region."""
        fcs_of = self.market.fcs_of
        turn = {int(r): 0 for r in regions if len(fcs_of[r])}
        while turn:
            fcs = [int(fcs_of[r][i]) for r, i in turn.items()]
            levels = self._levels(s, fcs)
            full = [r for r, f in zip(turn, fcs, strict=True) if levels[f] > min(self.room[f], MOST_UNITS)]
            if not full:
                return levels
            turn = {r: i + (r in full) for r, i in turn.items() if i + (r in full) < len(fcs_of[r])}
        return None

    def _levels(self, s: int, fcs: list[int]) -> np.ndarray:
        market, placed = self.market, np.zeros((1, len(self.room)), dtype=bool)
        placed[0, fcs] = True
        levels = base_stock(market.stock, market.daily[s : s + 1], market.station_share, market.near, placed)
        return levels[0].astype(np.int64)

    def _set(self, s: int, levels: np.ndarray) -> None:
        self.room += self.base[s] - levels
        self.base[s] = levels
