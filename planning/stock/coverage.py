"""Which SKU in which region, and how many units: the most demand served in region that storage allows, and its bound.

A region covers a SKU if an FC of it carries the SKU. Stations are served by the FCs of their own region first, nearest
first, else by the nearest that carries it; levels follow from that by the formula of `envs.world.stock`. No FC holds
more units than its storage, and every SKU is in some FC. Thinner levels would cover more, and run dry more often.

**Bound.** A linear program decides shares x of (SKU, region) pairs. If a region covers a SKU, its FCs hold at least the
level of the region's own demand, and of the spill t they take on: √ is concave, so mean + factor × √mean of several FCs
is no less than that of one with all their demand, and √(own + t) is no less than its chord. Storage is counted by
region. All three only loosen, so no placement with these levels covers more.

**Placement.** The pairs that the program takes are placed SKU by SKU, the fastest first, each in the FC of the region
that is nearest to most demand and has room. Pairs that are left over fill what room is left, most demand first.

Axes: S SKUs, F FCs, D stations, R regions.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, repeat
from typing import NamedTuple

import numpy as np

from regional_dispatch.envs.world.demand import sku_units_per_day
from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError, Stock
from regional_dispatch.envs.world.stock import base_stock, nearest_fcs

MOST_UNITS = np.iinfo(np.int16).max  # of a SKU in one FC, as in `envs.world.stock.place_stock`
_ROUNDING = 1e-9  # units, subtracted before a level is rounded up
_TOLERANCE = 1e-7  # of the solver, share of lines, added to the bound


class Market(NamedTuple):
    """Demand, distances and stock rules that a placement is made for."""

    stock: Stock
    daily: np.ndarray  # (S,) units a day
    station_share: np.ndarray  # (D,) share of demand
    near: np.ndarray  # (D, F) int32, FCs of a station, its own region's first, −1 padded
    region_of_station: np.ndarray  # (D,)
    region_of_fc: np.ndarray  # (F,)
    fcs_of: tuple[np.ndarray, ...]  # FCs of each region, those nearest to most demand first
    lines: np.ndarray  # share of orders with 1, 2, … lines

    @property
    def regions(self) -> int:
        return len(self.fcs_of)

    @property
    def mean(self) -> np.ndarray:
        """Units that each SKU sells in a review period and a lead time: (S,)."""
        return self.daily * (self.stock.review_hours + self.stock.lead_time_hours) / 24

    @property
    def demand(self) -> np.ndarray:
        """Share of demand per region: (R,)."""
        return np.bincount(self.region_of_station, self.station_share, self.regions)


def build_market(scenario: Scenario, network: Network) -> Market:
    """The market of a scenario, by the regions that its network counts.

    Raises:
        ScenarioError: the safety factor is negative, nothing is ordered, or an FC cannot reach a station.
    """
    net, where, sites = network.net, scenario.source_file or scenario.name, network.sites["name"]
    if scenario.stock.safety_factor < 0:
        raise ScenarioError(
            f"{where}: stock.safety_factor = {scenario.stock.safety_factor:g}: must be 0 or more to make a new "
            "placement"
        )
    if not scenario.demand.orders_per_day:
        raise ScenarioError(f"{where}: demand.orders_per_day = 0: must be above 0 to make a new placement")
    of_fc, of_station = net.region_of_site[: net.fcs], net.region_of_site[net.fcs + net.scs :]
    near = nearest_fcs(network)
    cut_off = np.argwhere(near < 0)
    if len(cut_off):
        d = int(cut_off[0, 0])
        fc = np.setdiff1d(np.arange(net.fcs), near[d])[0]
        station = sites.iloc[net.fcs + net.scs + d]
        raise ScenarioError(
            f"{where}: network: no route from '{sites.iloc[fc]}' to '{station}'; add lanes, so that every FC reaches "
            "every station"
        )
    foreign = of_fc[near] != of_station[:, None]
    shares = np.array(getattr(scenario.demand, "lines_per_order", (1.0,)))
    largest = np.argsort(-network.fc_share, kind="stable")
    return Market(
        scenario.stock, sku_units_per_day(scenario), network.station_share,
        np.take_along_axis(near, np.argsort(foreign, axis=1, kind="stable"), axis=1),
        of_station, of_fc, tuple(largest[of_fc[largest] == r] for r in range(net.regions)), shares / shares.sum(),
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------------------- coverage


def covered_lines(carried: np.ndarray, region_of_fc: np.ndarray, daily: np.ndarray, regions: int) -> np.ndarray:
    """Share of each region's lines whose SKU stands in the region: (R,).

    Args:
        carried: (S, F) bool.
        region_of_fc: (F,).
        daily: (S,) units a day.
        regions: R.
    """
    own = region_of_fc[:, None] == np.arange(regions)
    return np.asarray(daily @ (carried @ own > 0) / daily.sum())


def line_coverage(market: Market, base: np.ndarray) -> float:
    """Share of lines whose SKU stands in the customer's region; `base` are levels, (S, F)."""
    return float(market.demand @ region_coverage(market, base))


def order_coverage(market: Market, base: np.ndarray) -> float:
    """Share of orders of which every line's SKU stands in the customer's region.

    The lines of an order are drawn independently, so in a region that covers the share c of lines it is Σ share of
    orders with n lines × cⁿ.
    """
    covered = region_coverage(market, base)
    return float(market.demand @ sum(share * covered ** (n + 1) for n, share in enumerate(market.lines)))


def region_coverage(market: Market, base: np.ndarray) -> np.ndarray:
    """Share of each region's lines whose SKU stands in it: (R,)."""
    return covered_lines(base > 0, market.region_of_fc, market.daily, market.regions)


# -------------------------------------------------------------------------------------------------------------- bound


class Bound(NamedTuple):
    """The result of the linear program."""

    lines: float  # no placement with the formula's levels covers a larger share of lines
    wanted: np.ndarray  # (S, R) bool, the pairs it takes


def coverage_bound(market: Market, storage: np.ndarray) -> Bound:
    """The most lines that any placement with the formula's levels can cover.

    Args:
        market: demand, distances and stock rules.
        storage: (F,) units an FC may hold.

    Raises:
        ScenarioError: not even one place of every SKU fits.
    """
    from scipy.optimize import linprog  # slow to load
    from scipy.sparse import block_array, csr_array, diags_array, eye_array, kron

    skus, regions = len(market.daily), market.regions
    pairs = skus * regions
    mean, demand, factor = market.mean[:, None], market.demand, market.stock.safety_factor
    own = mean * demand
    level = own + factor * np.sqrt(own)
    per_spill = mean + factor * mean / np.maximum(np.sqrt(mean) + np.sqrt(own), _ROUNDING)  # for the whole SKU's demand
    # Columns: x, the pair is taken; t, share of the SKU's demand that spills to the region; u, units of the pair.
    share = np.tile(demand, skus)
    each, of_sku = eye_array(pairs), kron(eye_array(skus), np.ones((1, regions)))
    of_region = kron(np.ones((1, skus)), eye_array(regions))
    at_most = block_array(
        [
            [diags_array(share - 1), each, None],  # t ≤ (1 − share) x
            [diags_array(np.ceil(level - _ROUNDING).ravel()), None, -each],  # u ≥ ⌈level⌉ x
            [diags_array(level.ravel()), diags_array(per_spill.ravel()), -each],  # u ≥ level x + per_spill t
            [None, None, of_region],  # Σ u ≤ storage
        ],
        format="csr",
    )
    none = csr_array((skus, pairs))
    everything = block_array([[of_sku @ diags_array(share), of_sku, none]], format="csr")  # Σ share x + t = 1
    found = linprog(
        -np.concatenate([(mean / mean.sum() * demand).ravel(), np.zeros(2 * pairs)]),
        at_most, np.concatenate([np.zeros(3 * pairs), np.bincount(market.region_of_fc, storage, regions)]),
        everything, np.ones(skus), np.repeat([[0.0, 1.0], [0.0, np.inf]], [pairs, 2 * pairs], axis=0),
        method="highs-ipm",
    )  # fmt: skip
    if found.x is None:
        raise ScenarioError(_no_room(storage))
    x = found.x[:pairs].reshape(skus, regions)
    return Bound(min(1.0, -found.fun + _TOLERANCE), x >= np.minimum(0.5, x.max(axis=1, keepdims=True)))


def _no_room(storage: np.ndarray) -> str:
    return f"storage of {storage.sum():,.0f} units: found no place for every SKU; give more storage or fewer stock.skus"


# --------------------------------------------------------------------------------------------------------- placements


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
        raise ScenarioError(_no_room(storage))
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
        raise ScenarioError(_no_room(storage))
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
