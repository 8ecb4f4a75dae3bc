"""Routes: chains of one to three lanes from an FC to a station.

Routes depend on the partition. Inside a region a package may go direct or over one sort center of the region; between
regions it goes over a sort center of each. Where there are several modes, a pair of FC and station has a route of each
kind for every combination of modes along the chain.

Axes: N sites, F FCs, C sort centers, D stations, L lanes, P routes, M modes.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np

from regional_dispatch.envs.world.linehaul.lanes import Lanes
from regional_dispatch.envs.world.partition import Labels
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.envs.world.sites import SiteCounts

MAX_LEGS = 3
_SUMS_AT_ONCE = 4_000_000  # costs over a stop held at once, 32 MB

# One row per route, an FC, a station, and one to three lanes ("legs") between them.
ROUTE = np.dtype(
    [
        ("fc", "i4"),
        ("station", "i4"),
        ("legs", "i4"),
        ("local", "i4"),  # 1 if FC and station share a region of those in force
        ("in_region", "i4"),  # 1 if they share a region of those that are counted
        ("lanes", "i4", (MAX_LEGS,)),  # −1 where there is none
        ("onward", "i4", (MAX_LEGS,)),  # number of the pair of a leg's lane and the next leg's, −1 for a last leg
        ("rest", "i4", (MAX_LEGS + 1,)),  # transit ticks still to go from leg i on
        ("rest_cost", "f8", (MAX_LEGS + 1,)),  # standard truck USD per package from leg i on
        ("cost", "f8"),  # standard USD per package: trucks, sorting, pick and pack
        ("miles", "f8"),  # by road
        ("air_miles", "f8"),  # great circle FC → station
    ],
    align=True,
)


# Two lanes that a package rides one after the other on some route.
PAIR = np.dtype([("lane", "i4"), ("following", "i4")], align=True)

# A route as the search for candidates passes it: what decides whether it is one, side by side.
WAY = np.dtype([("path", "i4"), ("fc", "i2"), ("local", "i2")], align=True)  # path: number of the route, −1 padded


class _LaneTables(NamedTuple):
    """Lanes by mode, origin and destination."""

    counts: SiteCounts
    number: np.ndarray  # (M, N, N) int32, −1 where there is no lane
    cost: np.ndarray  # (M, N, N) standard USD per package, infinite where there is no lane

    @property
    def to_sc(self) -> np.ndarray:
        """(M, F, C)."""
        return self.cost[:, : self.counts.fcs, self.counts.fcs : self.counts.first_station]

    @property
    def between(self) -> np.ndarray:
        """(M, C, C)."""
        middle = slice(self.counts.fcs, self.counts.first_station)
        return self.cost[:, middle, middle]

    @property
    def last(self) -> np.ndarray:
        """(M, C, D)."""
        return self.cost[:, self.counts.fcs : self.counts.first_station, self.counts.first_station :]

    @property
    def direct(self) -> np.ndarray:
        """(M, F, D)."""
        return self.cost[:, : self.counts.fcs, self.counts.first_station :]

    def lanes(self, modes: tuple[int, ...], *stops: np.ndarray) -> np.ndarray:
        """Lanes along chains of stops, each stop a site number per FC and station: (F, D, MAX_LEGS), −1 padded."""
        legs = np.full((self.counts.fcs, self.counts.stations, MAX_LEGS), -1, dtype=np.int32)
        for leg, mode in enumerate(modes):
            legs[..., leg] = self.number[mode, stops[leg], stops[leg + 1]]
        return legs


class _Ways(NamedTuple):
    """The cheapest chain of every FC and station, of one kind and one combination of modes."""

    cost: np.ndarray  # (F, D) trucks alone, standard USD per package; infinite where there is none
    lanes: np.ndarray  # (F, D, MAX_LEGS)


def build_routes(
    scenario: Scenario,
    counts: SiteCounts,
    lanes: Lanes,
    air: np.ndarray,
    labels: Labels,
    fill: np.ndarray,
    planned: bool = False,
) -> np.ndarray:
    """All routes of the regions in force: direct and over one sort center inside a region, over two between regions.

    A station is fed by one sort center of its region, the one with the cheapest lane to it. Of each kind, and of each
    combination of modes, a pair of FC and station has the cheapest route at standard cost. A pair that has none by
    these rules (a region without sort center, say) may use any sort centers, so that national coverage stays.

    Where lanes are planned, an FC need not feed every sort center of its region: inside a region too a package may go
    over two, if that is cheaper than over one or there is no such chain.

    Args:
        scenario: costs.
        counts: sites of each kind.
        lanes: all lanes.
        air: (N, N) great-circle miles.
        labels: regions in force.
        fill: (L,) share of a truck's room at which packages are priced, 0 where a lane does not run (`lane_plan`).
        planned: whether the lanes that run come from a plan.

    Returns:
        (P,) ROUTE, sorted by FC, station and kind; `in_region` and `onward` are not filled in.
    """
    per_package = np.full(len(fill), np.inf)
    runs = fill > 0
    per_package[runs] = lanes.records["cost"][runs] / (lanes.records["room"][runs] * fill[runs])
    same = labels.of_site[: counts.fcs, None] == labels.of_site[None, counts.first_station :]
    found = _chosen(scenario, _lane_tables(counts, lanes, per_package), labels, same, planned)
    fc, station, legs = found
    routes = np.zeros(len(fc), dtype=ROUTE)
    routes["fc"], routes["station"], routes["lanes"] = fc, station, legs
    routes["legs"] = (legs >= 0).sum(axis=1)
    routes["local"] = same[fc, station]
    routes["rest"][:, :MAX_LEGS] = _still_to_go(np.where(legs >= 0, lanes.records["ticks"][legs], 0))
    routes["rest_cost"][:, :MAX_LEGS] = _still_to_go(np.where(legs >= 0, per_package[legs], 0.0))
    sorting = scenario.costs.sort_usd * (routes["legs"] - 1)
    routes["cost"] = routes["rest_cost"][:, 0] + sorting + scenario.costs.pick_pack_usd
    routes["miles"] = np.where(legs >= 0, lanes.records["miles"][legs], 0.0).sum(axis=1)
    routes["air_miles"] = air[fc, counts.first_station + station]
    return routes


def routes_by_cost(counts: SiteCounts, routes: np.ndarray) -> np.ndarray:
    """Routes of each station, cheapest first: (D, routes of a station) int32, −1 padded."""
    order = np.lexsort((routes["cost"], routes["station"]))
    station = routes["station"][order]
    place = np.arange(len(order)) - np.searchsorted(station, station)
    table = np.full((counts.stations, int(place.max()) + 1), -1, dtype=np.int32)
    table[station, place] = order
    return table


def ways(routes: np.ndarray, table: np.ndarray) -> np.ndarray:
    """A table of route numbers, (…) int32 with −1 for none, as WAY records of the same shape."""
    out = np.zeros(table.shape, WAY)
    out["path"] = table
    out["fc"], out["local"] = (np.where(table >= 0, routes[name][table], 0) for name in ("fc", "local"))
    return out


def kept_ways(table: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """Those of each row's ways (…, n) that `keep` marks, in order and as narrow as they fit: (…, most), −1 padded."""
    order = np.argsort(~keep, axis=-1, kind="stable")[..., : max(1, int(keep.sum(axis=-1).max()))]
    out = np.take_along_axis(table, order, axis=-1)
    out["path"][~np.take_along_axis(keep, order, axis=-1)] = -1
    return out


def routes_by_distance(counts: SiteCounts, routes: np.ndarray) -> np.ndarray:
    """The cheapest route of each FC to each station, nearest FC first: (D, F) int32, −1 padded."""
    table = np.full((counts.stations, counts.fcs), -1, dtype=np.int32)
    cheapest = np.full((counts.stations, counts.fcs), -1, dtype=np.int64)
    order = np.argsort(routes["cost"], kind="stable")[::-1]
    cheapest[routes["station"][order], routes["fc"][order]] = order  # the last one assigned stays, so the cheapest
    for d in range(counts.stations):
        own = cheapest[d][cheapest[d] >= 0]
        own = own[np.lexsort((own, routes["air_miles"][own]))]
        table[d, : len(own)] = own
    return table


def pair_lanes(routes: np.ndarray) -> np.ndarray:
    """Numbers the pairs of lanes that follow each other on some route, in place: `onward` of the routes (P,) ROUTE.

    Returns:
        (pairs,) PAIR, sorted by lane.
    """
    legs = routes["lanes"]
    following = np.concatenate([legs[:, 1:], np.full((len(legs), 1), -1, legs.dtype)], axis=1)
    found, number = np.unique(np.stack([legs, following], axis=-1)[following >= 0], axis=0, return_inverse=True)
    onward = np.full(legs.shape, -1, np.int32)
    onward[following >= 0] = number.ravel()
    routes["onward"] = onward
    pairs = np.zeros(len(found), PAIR)
    pairs["lane"], pairs["following"] = found[:, 0], found[:, 1]
    return pairs


def _still_to_go(per_leg: np.ndarray) -> np.ndarray:
    """Sums from each leg to the last: (P, legs) → (P, legs)."""
    return per_leg[:, ::-1].cumsum(axis=1)[:, ::-1]


# ------------------------------------------------------------------------------------------------ which chains run


def _lane_tables(counts: SiteCounts, lanes: Lanes, per_package: np.ndarray) -> _LaneTables:
    names, mode = np.unique(lanes.modes, return_inverse=True)
    sites = sum(counts)
    number = np.full((max(1, len(names)), sites, sites), -1, dtype=np.int32)
    number[mode, lanes.records["origin"], lanes.records["dest"]] = np.arange(len(mode), dtype=np.int32)
    return _LaneTables(counts, number, np.where(number >= 0, per_package[number], np.inf))


def _chosen(
    scenario: Scenario, tables: _LaneTables, labels: Labels, same: np.ndarray, planned: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """FC (P,), station (P,) and lanes (P, MAX_LEGS) of all routes.

    Args:
        scenario: cost of sorting.
        tables: lanes.
        labels: regions in force.
        same: (F, D), FC and station share a region.
        planned: inside a region a package may go over two sort centers.
    """
    sort_usd = scenario.costs.sort_usd
    own_first, own_last = _own_sort_centers(tables, labels)
    free_first, free_last = np.zeros_like(own_first), np.zeros_like(own_last)
    direct = _direct(tables)
    own_one, any_one = _over_one(tables, own_first, own_last), _over_one(tables, free_first, free_last)
    own_two, any_two = _over_two(tables, own_first, own_last), _over_two(tables, free_first, free_last)
    over_two = planned & same & (_best(own_two) + sort_usd < _best(own_one))
    inside = [
        (direct, same & np.isfinite(_best(direct))),
        (own_one, same & ~over_two & np.isfinite(_best(own_one))),
        (own_two, over_two),
    ]
    open_pairs = ~np.logical_or.reduce([taken for _, taken in inside])
    cheaper_over_one = _best(any_one) + sort_usd <= _best(any_two) + 2 * sort_usd
    steps = [(own_two, None), (any_one, cheaper_over_one), (any_two, None), (direct, None)]
    groups = list(inside)
    for ways, condition in steps:
        taken = open_pairs & np.isfinite(_best(ways)) & (True if condition is None else condition)
        groups.append((ways, taken))
        open_pairs = open_pairs & ~taken
    return _listed(groups)


def _own_sort_centers(tables: _LaneTables, labels: Labels) -> tuple[np.ndarray, np.ndarray]:
    """0 where a leg keeps to its region's sort centers, infinite elsewhere: (F, C) and (C, D).

    An FC uses the sort centers of its region; a station only the one with the cheapest lane to it.
    """
    counts, region = tables.counts, labels.of_site
    fc_region, sc_region, station_region = np.split(region, [counts.fcs, counts.first_station])
    first = np.where(fc_region[:, None] == sc_region[None], 0.0, np.inf)
    home = np.where(sc_region[:, None] == station_region[None], tables.last.min(axis=0), np.inf)
    last = np.where((home == home.min(axis=0, initial=np.inf)) & np.isfinite(home), 0.0, np.inf)
    return first, last


def _direct(tables: _LaneTables) -> list[_Ways]:
    fc, station = _end_sites(tables.counts)
    return [_Ways(cost, tables.lanes((m,), fc, station)) for m, cost in enumerate(tables.direct)]


def _over_one(tables: _LaneTables, first: np.ndarray, last: np.ndarray) -> list[_Ways]:
    """Chains over one sort center; `first` (F, C) and `last` (C, D) are added to the costs of the legs."""
    fc, station = _end_sites(tables.counts)
    found = []
    for m, n in product(range(len(tables.cost)), repeat=2):
        cost, via = _cheapest_via(tables.to_sc[m] + first, tables.last[n] + last)
        found.append(_Ways(cost, tables.lanes((m, n), fc, tables.counts.fcs + via, station)))
    return found


def _over_two(tables: _LaneTables, first: np.ndarray, last: np.ndarray) -> list[_Ways]:
    """Chains over two sort centers; `first` (F, C) and `last` (C, D) are added to the costs of the outer legs."""
    fc, station = _end_sites(tables.counts)
    fcs, rows = tables.counts.fcs, np.arange(tables.counts.fcs)[:, None]
    found = []
    for m, n, o in product(range(len(tables.cost)), repeat=3):
        to_second, via = _cheapest_via(tables.to_sc[m] + first, tables.between[n])
        cost, second = _cheapest_via(to_second, tables.last[o] + last)
        stops = via[rows, second] if tables.counts.scs else second
        found.append(_Ways(cost, tables.lanes((m, n, o), fc, fcs + stops, fcs + second, station)))
    return found


def _end_sites(counts: SiteCounts) -> tuple[np.ndarray, np.ndarray]:
    """Site numbers of FC and station, shaped so that they span (F, D)."""
    return np.arange(counts.fcs)[:, None], counts.first_station + np.arange(counts.stations)[None]


def _cheapest_via(first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cheapest stop on the way: (A, C) and (C, B) → cost (A, B), infinite where there is none, and stop (A, B)."""
    if first.shape[1] == 0:
        empty = np.full((first.shape[0], last.shape[1]), np.inf)
        return empty, np.zeros(empty.shape, dtype=int)
    cost = np.empty((len(first), last.shape[1]))
    stop = np.empty(cost.shape, dtype=int)
    rows = max(1, _SUMS_AT_ONCE // last.size)
    for start in range(0, len(first), rows):
        some = slice(start, start + rows)
        total = first[some, :, None] + last[None]
        stop[some] = total.argmin(axis=1)
        cost[some] = total.min(axis=1)
    return cost, stop


def _best(ways: list[_Ways]) -> np.ndarray:
    """The lowest cost over all combinations of modes: (F, D)."""
    return np.minimum.reduce([each.cost for each in ways])


def _listed(groups: list[tuple[list[_Ways], np.ndarray]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """FC, station and lanes of the ways that are taken, sorted by FC, station and group.

    Args:
        groups: ways, and the pairs (F, D) that take them.
    """
    found = []
    for ways, taken in groups:
        for each in ways:
            f, d = np.nonzero(taken & np.isfinite(each.cost))
            found.append((f, d, each.lanes[f, d]))
    fc, station, legs = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((station, fc))  # stable, so the groups of a pair stay in order
    return fc[order], station[order], legs[order]
