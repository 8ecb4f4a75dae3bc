"""Which FCs carry a SKU when stock follows the regions: places in every region, near its customers.

The places of a SKU are divided over regions by demand, with the highest averages of Sainte-Laguë: first places go to
different regions, in order of demand, and a fast mover has several in each. Inside a region the next place goes to the
FC that saves the region's customers most demand-weighted miles (greedy p-median) per unit of fullness, which is what it
holds relative to its share of the region's buildings; so storage fills in proportion to size, more or less. A region
without FC gets no place: its customers count for the region of the FC nearest to them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from regional_dispatch.envs.world.geography import great_circle_miles
from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.stock.levels import nearest_fcs, own_region_first
from regional_dispatch.envs.world.stock.nearest import first_ranks, ranks

_DRAW = 0.1  # most by which a draw raises what a place is worth, so that SKUs differ where FCs are about as good


class RegionalPlaces:
    """Chooses FCs, SKU by SKU, the fastest first, and keeps count of what each FC holds.

    Args:
        network: sites and counted regions.
        rng: of the draws.
        size: (F,) of each building, above 0.
        largest: units of the fastest SKU, more or less; the count starts with as many, by size.
    """

    def __init__(self, network: Network, rng: np.random.Generator, size: np.ndarray, largest: float) -> None:
        net = network.net
        self.region_of_fc = net.region_of_site[: net.fcs].astype(np.int64)
        self.share = network.station_share
        self.near = own_region_first(network)
        self.rank = ranks(self.near, net.fcs)
        home = _region_that_serves(network, self.region_of_fc)
        self.regions = _by_region(self.region_of_fc, home, self.share, _miles_to_stations(network), net.regions)
        demand = np.bincount(home, self.share, net.regions)
        self.seats = highest_averages(demand, np.bincount(self.region_of_fc, minlength=net.regions))
        self.size = size / np.bincount(self.region_of_fc, size, net.regions)[self.region_of_fc]
        self.held = max(largest, 1.0) * size / size.sum()
        self.rng = rng

    def choose(self, places: np.ndarray, units: np.ndarray) -> np.ndarray:
        """FCs of the next SKUs: (SKUs, F) bool.

        Args:
            places: (SKUs,) FCs per SKU.
            units: (SKUs,) units of each SKU in all, more or less.
        """
        draw = self.rng.random((len(places), len(self.size)))
        return _choose(
            self.seats[places], units, self.share, self.near, self.rank, self.regions, self.size, self.held, draw,
        )  # fmt: skip


def highest_averages(demand: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Seats of each region for every number of seats in all, by the method of Sainte-Laguë: (Σ most + 1, R).

    The next seat goes to the largest demand / (2 × seats + 1) among regions that have fewer than their most.

    Args:
        demand: (R,) share of demand.
        most: (R,) seats that a region can take.
    """
    region = np.repeat(np.arange(len(most)), most)
    turn = np.concatenate([np.arange(n) for n in most])
    order = np.argsort(-demand[region] / (2 * turn + 1), kind="stable")
    seats = np.zeros((len(region) + 1, len(most)), dtype=np.int64)
    seats[np.arange(1, len(region) + 1), region[order]] = 1
    return seats.cumsum(axis=0)


def _miles_to_stations(network: Network) -> np.ndarray:
    """Great-circle miles from FCs to stations: (F, D)."""
    net, sites = network.net, network.sites
    lat, lon = sites["latitude"].to_numpy(float), sites["longitude"].to_numpy(float)
    first = net.fcs + net.scs
    return great_circle_miles(lat[: net.fcs], lon[: net.fcs], lat[first:], lon[first:])


def _region_that_serves(network: Network, region_of_fc: np.ndarray) -> np.ndarray:
    """Region of every station, or where that has no FC, of the nearest FC: (D,)."""
    own = network.net.region_of_site[network.net.fcs + network.net.scs :].astype(np.int64)
    return np.where(np.isin(own, region_of_fc), own, region_of_fc[nearest_fcs(network)[:, 0]])


class _Regions(NamedTuple):
    """FCs and stations by region, so that a region's own are found without a search."""

    fcs: np.ndarray  # (F,) by region
    first_fc: np.ndarray  # (R + 1,) where a region's begin in `fcs`
    stations: np.ndarray  # (D,) by region
    first_station: np.ndarray  # (R + 1,) where a region's begin in `stations`
    share: np.ndarray  # (D,) share of demand, by region
    miles: np.ndarray  # (F, D) to stations by region
    farthest: np.ndarray  # (D,) by region: miles to the farthest FC of the region


def _by_region(
    region_of_fc: np.ndarray, home: np.ndarray, share: np.ndarray, miles: np.ndarray, regions: int
) -> _Regions:
    """FCs and stations by region, in the order of their numbers within each."""
    fcs, stations = (np.argsort(own, kind="stable") for own in (region_of_fc, home))
    first_fc, first_station = (
        np.searchsorted(own, np.arange(regions + 1)) for own in (region_of_fc[fcs], home[stations])
    )
    own = region_of_fc[:, None] == home[stations]
    ordered = np.ascontiguousarray(miles[:, stations])
    farthest = np.where(own, ordered, 0.0).max(axis=0)
    return _Regions(fcs, first_fc, stations, first_station, share[stations], ordered, farthest)


@njit(cache=True)
def _choose(
    seats: np.ndarray,
    units: np.ndarray,
    share: np.ndarray,
    near: np.ndarray,
    rank: np.ndarray,
    regions: _Regions,
    size: np.ndarray,
    held: np.ndarray,
    draw: np.ndarray,
) -> np.ndarray:
    """Greedy choice of FCs: (SKUs, F) bool; `held` (F,) grows by what the FCs take.

    Args:
        seats: (SKUs, R) places.
        units: (SKUs,) in all.
        share: (D,) share of demand.
        near: (D, F) FCs in the order in which a station tries them, −1 padded.
        rank: (F, D), see `ranks`.
        regions: FCs and stations by region.
        size: (F,) share of the buildings of the region.
        held: (F,) units.
        draw: (SKUs, F) in 0…1.
    """
    skus, fcs = draw.shape
    placed = np.zeros((skus, fcs), dtype=np.bool_)
    closest = regions.farthest.copy()  # what the first place of a region saves is counted from there
    first_saved = np.empty(fcs)  # it is the same for every SKU
    for r in range(seats.shape[1]):
        for f in regions.fcs[regions.first_fc[r] : regions.first_fc[r + 1]]:
            first_saved[f] = _saved(regions, r, f, closest)
    first = np.empty(len(share), np.int16)
    for s in range(skus):
        for r in range(seats.shape[1]):
            _place(regions, r, seats[s, r], first_saved, size, held, draw[s], closest, placed[s])
        first_ranks(placed[s], rank, first)
        for d in range(len(share)):
            if first[d] < fcs:
                held[near[d, first[d]]] += units[s] * share[d]
    return placed


@njit(cache=True)
def _place(
    regions: _Regions,
    region: int,
    seats: int,
    first_saved: np.ndarray,
    size: np.ndarray,
    held: np.ndarray,
    draw: np.ndarray,
    closest: np.ndarray,
    placed: np.ndarray,
) -> None:
    """Chooses a region's FCs for one SKU, see `_choose`: writes them into `placed` (F,). `closest` (D,) is scratch."""
    own = regions.fcs[regions.first_fc[region] : regions.first_fc[region + 1]]
    stations = slice(regions.first_station[region], regions.first_station[region + 1])
    closest[stations] = regions.farthest[stations]
    in_region = 0.0
    for f in own:
        in_region += held[f]
    for seat in range(seats):
        best, best_worth = -1, -1.0
        for f in own:
            if placed[f]:
                continue
            saved = first_saved[f] if seat == 0 else _saved(regions, region, f, closest)
            worth = saved * (1 + _DRAW * draw[f]) / (held[f] / (size[f] * in_region))
            if worth > best_worth:
                best, best_worth = f, worth
        placed[best] = True
        for d in range(stations.start, stations.stop):
            closest[d] = min(closest[d], regions.miles[best, d])


@njit(cache=True)
def _saved(regions: _Regions, region: int, fc: int, closest: np.ndarray) -> float:
    """Demand-weighted miles that a place in an FC saves its region, with `closest` (D,) miles so far."""
    saved = 0.0
    for d in range(regions.first_station[region], regions.first_station[region + 1]):
        saved += regions.share[d] * max(closest[d] - regions.miles[fc, d], 0.0)
    return saved
