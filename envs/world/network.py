"""The network of a scenario as arrays: sites, lanes, routes, capacities.

Sites, lanes and capacities do not depend on the partition, nor on which lanes run; routes do. A `Network` holds the
routes of every setting that is in force at some time of an episode (`envs.world.settings`). Books and KPIs may count
other regions than those in force (`Partition.counted_by`).

Axes: N sites (FCs, then sort centers, then stations), F FCs, D stations, L lanes, P routes, R regions, G settings.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.capacity import Capacities, build_capacities
from regional_dispatch.envs.world.clocks.clock import Calendars, Clock, build_calendars, build_clock
from regional_dispatch.envs.world.linehaul.lane_plan import priced_fill
from regional_dispatch.envs.world.linehaul.lanes import build_lanes
from regional_dispatch.envs.world.linehaul.reach import check_plan, check_reach
from regional_dispatch.envs.world.linehaul.routes import (
    build_routes,
    kept_ways,
    pair_lanes,
    routes_by_cost,
    routes_by_distance,
    ways,
)
from regional_dispatch.envs.world.needs import build_seconds, check_memory, say_if_long, world_parts
from regional_dispatch.envs.world.partition import Labels, label_sites, one_nation
from regional_dispatch.envs.world.scenario import Scenario, TraceDemand
from regional_dispatch.envs.world.settings import settings_of
from regional_dispatch.envs.world.sites import (
    SiteCounts,
    air_miles,
    build_sites,
    count_sites,
    fc_shares,
    station_shares,
)
from regional_dispatch.envs.world.trace import fitted, trace_station_shares
from regional_dispatch.envs.world.what_if import apply_what_if, before
from regional_dispatch.envs.world.what_if.capacities import kept_capacities


class Net(NamedTuple):
    """What the kernel reads of a network."""

    fcs: int
    scs: int
    stations: int
    regions: int  # counted: each has books and decisions of its own
    first_tick: np.ndarray  # (G,) int64, from which each setting is in force; the first is 0
    divided: np.ndarray  # (G,) int8, 1 if more than one region is in force
    region_of_site: np.ndarray  # (N,) int16, counted
    lanes: np.ndarray  # (L,) LANE
    routes: np.ndarray  # (P,) ROUTE, of all settings
    by_cost: np.ndarray  # (G, D, routes of a station) int32, cheapest first, −1 padded
    inside: np.ndarray  # (G, D, most) WAY, those of them whose FC shares the station's region, cheapest first
    outside: np.ndarray  # (G, D, most) WAY, the others
    by_distance: np.ndarray  # (G, D, F) WAY, cheapest route of each FC, nearest FC first
    pairs: np.ndarray  # (pairs,) PAIR, lanes that a package rides one after the other, by lane
    first_pair: np.ndarray  # (L + 1,) int32, first pair of each lane
    slot_lane: np.ndarray  # (R, slots) int32, lane of each observation slot, −1 padded
    site_capacity: np.ndarray  # (N,) float64, per tick: FC lines, SC packages
    fleet: np.ndarray  # (N,) int32, trucks based at the site


class Network(NamedTuple):
    """A network with its names, and the arrays that the kernel reads."""

    sites: pd.DataFrame  # name, kind, latitude, longitude, state, population, region
    region_names: tuple[str, ...]
    station_share: np.ndarray  # (D,) float64, share of demand
    fc_share: np.ndarray  # (F,) float64, share of demand an FC is nearest to
    lane_modes: np.ndarray  # (L,) str
    net: Net
    calendars: Calendars
    clock: Clock

    def lane_name(self, lane: int) -> str:
        """A lane's two sites, and its mode where more than one lane joins them: `FC Reno → DS Fresno by air`."""
        names, lanes = self.sites["name"], self.net.lanes
        origin, dest = int(lanes["origin"][lane]), int(lanes["dest"][lane])
        several = int(((lanes["origin"] == origin) & (lanes["dest"] == dest)).sum()) > 1
        return f"{names[origin]} → {names[dest]}" + (f" by {self.lane_modes[lane]}" if several else "")

    @property
    def serving(self) -> np.ndarray:
        """FCs that some route starts from: (F,) bool. The others change nothing."""
        return np.isin(np.arange(self.net.fcs), self.net.routes["fc"])

    def route_modes(self, route: int) -> tuple[str, ...]:
        """The mode of each leg of a route; empty where all lanes have the same mode."""
        if len(set(self.lane_modes.tolist())) < 2:
            return ()
        record = self.net.routes[route]
        return tuple(self.lane_modes[record["lanes"][: record["legs"]]].tolist())


def build_network(scenario: Scenario) -> Network:
    """The network of a scenario, with the routes of every setting of its levers.

    Raises:
        ScenarioError: a table is wrong, a station has no route, a plan of lanes loses a promise that could be kept, a
            site has no region, or the machine has too little memory.
    """
    scenario = fitted(scenario)
    sites = build_sites(scenario)
    _check_needs(scenario, count_sites(sites))
    lanes = build_lanes(scenario, sites)
    if scenario.what_if is not None:
        sites, lanes = apply_what_if(scenario, sites, lanes)
    counts, air = count_sites(sites), air_miles(sites)
    traced = isinstance(scenario.demand, TraceDemand)
    station_share = trace_station_shares(scenario, sites) if traced else station_shares(sites)
    every = np.full(len(lanes.modes), scenario.trucks.standard_fill)
    possible = build_routes(scenario, counts, lanes, air, one_nation(sites), every)
    check_reach(scenario, sites, possible)
    fc_share = fc_shares(counts, air, station_share, np.isin(np.arange(counts.fcs), possible["fc"]))
    capacities = build_capacities(scenario, sites, lanes.records, possible, station_share, fc_share)
    if scenario.what_if is not None:
        capacities = kept_capacities(scenario, sites, capacities, build_network(before(scenario)))
    counted = label_sites(scenario, sites, scenario.partition.counted_by)
    in_force = []
    for setting in settings_of(scenario):
        labels = label_sites(scenario, sites, setting.partition)
        fill = priced_fill(scenario, sites, lanes, setting.lanes)
        planned = setting.lanes.path is not None
        routes = build_routes(scenario, counts, lanes, air, labels, fill, planned)
        if planned:
            over_all = build_routes(scenario, counts, lanes, air, labels, every, planned)
            check_plan(scenario, sites, over_all, routes, scenario.resolve(str(setting.lanes.path)))
        in_force.append(_InForce(setting.first_tick, len(labels.names) > 1, routes))
    calendars = build_calendars(scenario, sites)
    clock = build_clock(scenario, calendars, sites, lanes.records, lanes.departures, counted.of_site)
    return Network(
        sites.assign(region=counted.of_names()),
        counted.names,
        station_share,
        fc_share,
        lanes.modes,
        _net(counts, lanes.records, in_force, counted, capacities),
        calendars,
        clock,
    )


def _check_needs(scenario: Scenario, counts: SiteCounts) -> None:
    """Before anything large is made: is there the memory, and does it take long?"""
    check_memory(world_parts(scenario, counts), scenario, "the network with its stock")
    say_if_long(f"building '{scenario.name}'", build_seconds(scenario, counts))


class _InForce(NamedTuple):
    """What the kernel needs of a setting."""

    first_tick: int
    divided: bool
    routes: np.ndarray  # (P,) ROUTE


def _net(
    counts: SiteCounts, lanes: np.ndarray, in_force: list[_InForce], counted: Labels, capacities: Capacities
) -> Net:
    """The kernel's arrays, in the regions that are counted. The routes of all settings stand in one table, so packages
    keep theirs when a lever changes."""
    home = counted.of_site
    routes = np.concatenate([setting.routes for setting in in_force])
    routes["in_region"] = home[routes["fc"]] == home[counts.first_station + routes["station"]]
    first = np.cumsum([0, *(len(setting.routes) for setting in in_force[:-1])])
    lanes, slot_lane = _slotted(lanes, routes, counted)
    pairs = pair_lanes(routes)
    by_cost = _stacked([routes_by_cost(counts, setting.routes) for setting in in_force], first)
    by_distance = _stacked([routes_by_distance(counts, setting.routes) for setting in in_force], first)
    all_ways = ways(routes, by_cost)
    real, local = all_ways["path"] >= 0, all_ways["local"] == 1
    return Net(
        *counts,
        regions=len(counted.names),
        first_tick=np.array([setting.first_tick for setting in in_force]),
        divided=np.array([setting.divided for setting in in_force], dtype=np.int8),
        region_of_site=home,
        lanes=lanes,
        routes=routes,
        by_cost=by_cost,
        inside=kept_ways(all_ways, real & local),
        outside=kept_ways(all_ways, real & ~local),
        by_distance=ways(routes, by_distance),
        pairs=pairs,
        first_pair=np.searchsorted(pairs["lane"], np.arange(len(lanes) + 1)).astype(np.int32),
        slot_lane=slot_lane,
        site_capacity=capacities.per_tick,
        fleet=capacities.fleet,
    )


def _stacked(tables: list[np.ndarray], first: np.ndarray) -> np.ndarray:
    """Tables of route numbers (D, n), numbered on from each setting's first route: (G, D, most n) int32, −1 padded."""
    most = max(table.shape[1] for table in tables)
    out = np.full((len(tables), len(tables[0]), most), -1, dtype=np.int32)
    for g, table in enumerate(tables):
        out[g, :, : table.shape[1]] = np.where(table < 0, -1, table + first[g])
    return out


def _slotted(lanes: np.ndarray, routes: np.ndarray, labels: Labels) -> tuple[np.ndarray, np.ndarray]:
    """Lanes with region and observation slot, and the lane of each slot: (L,) LANE and (R, slots) int32, −1 padded."""
    lanes = lanes.copy()
    lanes["region"] = labels.of_site[lanes["origin"]]
    lanes["slot"] = -1
    in_use = np.unique(routes["lanes"][routes["lanes"] >= 0])
    of_region = [in_use[lanes["region"][in_use] == r] for r in range(len(labels.names))]
    slot_lane = np.full((len(of_region), max(1, max(len(own) for own in of_region))), -1, dtype=np.int32)
    for r, own in enumerate(of_region):
        slot_lane[r, : len(own)] = own
        lanes["slot"][own] = np.arange(len(own))
    return lanes, slot_lane
