"""Which FCs carry a SKU when stock follows the regions: places in every region, near its customers.

The places of a SKU are divided over regions by demand, with the highest averages of Sainte-Laguë: first places go to
different regions, in order of demand, and a fast mover has several in each. Inside a region the next place goes to the
FC that saves the region's customers most demand-weighted miles (greedy p-median) per unit of fullness, which is what it
holds relative to its share of the region's buildings; so storage fills in proportion to size, more or less. A region
without FC gets no place: its customers count for the region of the FC nearest to them.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from regional_dispatch.envs.world.geography import great_circle_miles
from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.stock.levels import nearest_fcs, own_region_first

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
        self.miles = _miles_to_stations(network)
        self.home = _region_that_serves(network, self.region_of_fc)
        demand = np.bincount(self.home, self.share, net.regions)
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
            self.seats[places], units, self.share, self.home, self.region_of_fc, self.miles, self.near, self.size,
            self.held, draw,
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


@njit(cache=True)
def _choose(
    seats: np.ndarray,
    units: np.ndarray,
    share: np.ndarray,
    home: np.ndarray,
    region_of_fc: np.ndarray,
    miles: np.ndarray,
    near: np.ndarray,
    size: np.ndarray,
    held: np.ndarray,
    draw: np.ndarray,
) -> np.ndarray:
    """Greedy choice of FCs: (SKUs, F) bool; `held` (F,) grows by what the FCs take.

    Args:
        seats: (SKUs, R) places.
        units: (SKUs,) in all.
        share: (D,) share of demand.
        home: (D,) region of a station.
        region_of_fc: (F,).
        miles: (F, D).
        near: (D, F) FCs in the order in which a station tries them, −1 padded.
        size: (F,) share of the buildings of the region.
        held: (F,) units.
        draw: (SKUs, F) in 0…1.
    """
    skus, fcs = draw.shape
    stations, regions = len(home), seats.shape[1]
    placed = np.zeros((skus, fcs), dtype=np.bool_)
    closest = np.empty(stations)
    farthest = np.zeros(stations)  # within the region: what the first place saves is counted from there
    for f in range(fcs):
        for d in range(stations):
            if region_of_fc[f] == home[d]:
                farthest[d] = max(farthest[d], miles[f, d])
    for s in range(skus):
        closest[:] = farthest
        of_region = np.zeros(regions)
        for f in range(fcs):
            of_region[region_of_fc[f]] += held[f]
        for r in range(regions):
            for _ in range(seats[s, r]):
                best, best_worth = -1, -1.0
                for f in range(fcs):
                    if region_of_fc[f] != r or placed[s, f]:
                        continue
                    saved = 0.0
                    for d in range(stations):
                        if home[d] == r:
                            saved += share[d] * max(closest[d] - miles[f, d], 0.0)
                    fullness = held[f] / (size[f] * of_region[r])
                    worth = saved * (1 + _DRAW * draw[s, f]) / fullness
                    if worth > best_worth:
                        best, best_worth = f, worth
                placed[s, best] = True
                for d in range(stations):
                    if home[d] == r:
                        closest[d] = min(closest[d], miles[best, d])
        for d in range(stations):
            for f in near[d]:
                if f >= 0 and placed[s, f]:
                    held[f] += units[s] * share[d]
                    break
    return placed
