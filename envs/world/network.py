"""The network of a scenario as arrays: sites, lanes, routes, capacities.

Sites, lanes and capacities do not depend on the partition; routes do. A `Network` holds the routes of the partition in
force; `repartition` appends another partition's routes, so that packages under way keep theirs. Books and KPIs may
count other regions than those in force (`Partition.counted_by`).

Axes: N sites (FCs, then sort centers, then stations), F FCs, D stations, L lanes, P routes, R regions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.capacity import Capacities, build_capacities
from regional_dispatch.envs.world.lane_kinds import DIRECT, FC_TO_SC, SC_TO_SC, SC_TO_STATION
from regional_dispatch.envs.world.lanes import Lanes, build_lanes
from regional_dispatch.envs.world.partition import Labels, label_sites, one_nation
from regional_dispatch.envs.world.routes import build_routes, routes_by_cost, routes_by_distance
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError
from regional_dispatch.envs.world.sites import (
    SiteCounts,
    air_miles,
    build_sites,
    count_sites,
    fc_shares,
    station_shares,
)

# The kernel imports the kinds of lane from here.
__all__ = [
    "DIRECT",
    "FC_TO_SC",
    "SC_TO_SC",
    "SC_TO_STATION",
    "Net",
    "Network",
    "build_network",
    "repartition",
]


class Net(NamedTuple):
    """What the kernel reads of a network."""

    fcs: int
    scs: int
    stations: int
    regions: int  # counted: each has books and decisions of its own
    divided: int  # 1 if more than one region is in force
    region_of_site: np.ndarray  # (N,) int16, counted
    lanes: np.ndarray  # (L,) LANE
    routes: np.ndarray  # (P,) ROUTE
    by_cost: np.ndarray  # (D, routes of a station) int32, cheapest first, −1 padded
    by_distance: np.ndarray  # (D, F) int32, cheapest route of each FC, nearest FC first, −1 padded
    slot_lane: np.ndarray  # (R, slots) int32, lane of each observation slot, −1 padded
    site_capacity: np.ndarray  # (N,) int32, per tick: FC lines, SC packages
    fleet: np.ndarray  # (N,) int32, trucks based at the site


class Network(NamedTuple):
    """A network with its names, and the arrays that the kernel reads."""

    sites: pd.DataFrame  # name, kind, latitude, longitude, state, population, region
    region_names: tuple[str, ...]
    station_share: np.ndarray  # (D,) float64, share of demand
    fc_share: np.ndarray  # (F,) float64, share of demand an FC is nearest to
    lane_modes: np.ndarray  # (L,) str
    net: Net

    def lane_name(self, lane: int) -> str:
        """A lane's two sites, and its mode where more than one lane joins them: `FC Reno → DS Fresno by air`."""
        names, lanes = self.sites["name"], self.net.lanes
        origin, dest = int(lanes["origin"][lane]), int(lanes["dest"][lane])
        several = int(((lanes["origin"] == origin) & (lanes["dest"] == dest)).sum()) > 1
        return f"{names[origin]} → {names[dest]}" + (f" by {self.lane_modes[lane]}" if several else "")

    def route_modes(self, route: int) -> tuple[str, ...]:
        """The mode of each leg of a route; empty where all lanes have the same mode."""
        if len(set(self.lane_modes.tolist())) < 2:
            return ()
        record = self.net.routes[route]
        return tuple(self.lane_modes[record["lanes"][: record["legs"]]].tolist())


def build_network(scenario: Scenario) -> Network:
    """The network of a scenario, with the routes of its partition.

    Raises:
        ScenarioError: a table is wrong, a station has no route, or a site no region.
    """
    sites = build_sites(scenario)
    lanes = build_lanes(scenario, sites)
    counts, air = count_sites(sites), air_miles(sites)
    station_share = station_shares(sites)
    fc_share = fc_shares(counts, air, station_share)
    national = build_routes(scenario, counts, lanes, air, one_nation(sites))
    _check_reach(scenario, sites, national)
    capacities = build_capacities(scenario, sites, lanes.records, national, station_share, fc_share)
    regions = _regions(scenario, sites)
    routes = build_routes(scenario, counts, lanes, air, regions.in_force)
    return Network(
        sites.assign(region=regions.counted.of_names()),
        regions.counted.names,
        station_share,
        fc_share,
        lanes.modes,
        _net(counts, lanes.records, routes, regions, capacities),
    )


def repartition(network: Network, scenario: Scenario) -> Network:
    """The same sites, lanes, capacities and fleets under another partition, at any tick of an episode.

    Args:
        network: the network in force.
        scenario: the same world with another `partition`.

    Returns:
        A network whose route numbers below the old count mean the same routes as before, so packages keep theirs.
    """
    sites, old = network.sites, network.net
    counts, regions = count_sites(sites), _regions(scenario, sites)
    lanes = Lanes(old.lanes, network.lane_modes)
    routes = build_routes(scenario, counts, lanes, air_miles(sites), regions.in_force)
    new = _net(counts, old.lanes, routes, regions, Capacities(old.site_capacity, old.fleet))
    first = len(old.routes)
    shifted = {
        name: np.where(getattr(new, name) < 0, -1, getattr(new, name) + first).astype(np.int32)
        for name in ("by_cost", "by_distance")
    }
    return network._replace(
        sites=sites.assign(region=regions.counted.of_names()),
        region_names=regions.counted.names,
        net=new._replace(routes=np.concatenate([old.routes, new.routes]), **shifted),  # type: ignore[arg-type]
    )


class _Regions(NamedTuple):
    in_force: Labels
    counted: Labels


def _regions(scenario: Scenario, sites: pd.DataFrame) -> _Regions:
    in_force, counted_by = label_sites(scenario, sites), scenario.partition.counted_by
    return _Regions(in_force, in_force if counted_by is None else label_sites(scenario, sites, counted_by))


def _check_reach(scenario: Scenario, sites: pd.DataFrame, routes: np.ndarray) -> None:
    """Every station must have a route."""
    stations = sites.loc[sites["kind"] == "station", "name"].tolist()
    for d in sorted(set(range(len(stations))) - set(routes["station"].tolist())):
        raise ScenarioError(
            f"{scenario.source_file or scenario.name}: network: no route reaches '{stations[d]}'; add a lane to it"
        )


def _net(counts: SiteCounts, lanes: np.ndarray, routes: np.ndarray, regions: _Regions, capacities: Capacities) -> Net:
    """The kernel's arrays, in the regions that are counted."""
    labels = regions.counted
    home = labels.of_site
    routes["in_region"] = home[routes["fc"]] == home[counts.first_station + routes["station"]]
    lanes, slot_lane = _slotted(lanes, routes, labels)
    return Net(
        *counts,
        regions=len(labels.names),
        divided=int(len(regions.in_force.names) > 1),
        region_of_site=home,
        lanes=lanes,
        routes=routes,
        by_cost=routes_by_cost(counts, routes),
        by_distance=routes_by_distance(counts, routes),
        slot_lane=slot_lane,
        site_capacity=capacities.per_tick,
        fleet=capacities.fleet,
    )


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
