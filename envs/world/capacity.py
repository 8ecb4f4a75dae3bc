"""How much each site can do per tick, and how many trucks are based there.

Axes: N sites, F FCs, C sort centers, D stations, L lanes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.linehaul.routes import routes_by_distance
from regional_dispatch.envs.world.order_size import largest_order, mean_lines_per_order
from regional_dispatch.envs.world.scenario import GeneratedDemand, Scenario, ScenarioError
from regional_dispatch.envs.world.sites import SiteCounts
from regional_dispatch.envs.world.trace import orders_per_day, trace_of

MOST_TRUCKS = 100_000_000
_FEEDING_FCS = 4  # nearest FCs that mean flows come from
_SMALLEST_SHARE = 0.5  # an FC is sized for at least this share of the mean FC's demand
_SMALLEST_FLEET = 2  # trucks of an FC or sort center


class Capacities(NamedTuple):
    """What the sites can do."""

    per_tick: np.ndarray  # (N,) float64: FC lines picked, SC packages sorted, whole on average; 0 for stations
    fleet: np.ndarray  # (N,) int32, trucks based at the site


def build_capacities(
    scenario: Scenario,
    sites: pd.DataFrame,
    lanes: np.ndarray,
    routes: np.ndarray,
    station_share: np.ndarray,
    fc_share: np.ndarray,
) -> Capacities:
    """Picking and sorting per tick and trucks per site: the table's where it gives them, else from mean flows.

    They do not depend on the partition, so a change of partition leaves buildings and fleets as they are.

    Args:
        scenario: headrooms, demand and trucks.
        sites: by number; columns `per_hour` and `trucks` replace what is computed.
        lanes: (L,) LANE.
        routes: (P,) ROUTE of one nation.
        station_share: (D,) share of demand.
        fc_share: (F,) share of demand to which an FC is the nearest.
    """
    counts = SiteCounts(len(fc_share), len(sites) - len(fc_share) - len(station_share), len(station_share))
    flow = _mean_flow(scenario, counts, lanes, routes, station_share)
    joined = np.isin(np.arange(len(sites)), [lanes["origin"], lanes["dest"]])
    joined[: counts.fcs] = np.isin(np.arange(counts.fcs), routes["fc"])
    capacity = _capacity(scenario, counts, np.bincount(lanes["dest"], flow, len(sites)), fc_share, joined)
    fleet = _fleet(scenario, counts, lanes, flow)
    capacity = np.maximum(capacity, np.repeat([_smallest_pick(scenario), 1.0, 0.0], counts)).astype(float)
    if "per_hour" in sites:
        capacity = np.where(sites["per_hour"].notna(), sites["per_hour"] * scenario.tick_hours, capacity)
    if "trucks" in sites:
        fleet = np.where(sites["trucks"].notna(), sites["trucks"], fleet)
    return Capacities(capacity, whole_fleet(scenario, sites, fleet))


def whole_fleet(scenario: Scenario, sites: pd.DataFrame, fleet: np.ndarray) -> np.ndarray:
    """Trucks per site as the kernel counts them: (N,) int32.

    Raises:
        ScenarioError: a site has more than can be counted.
    """
    if fleet.max(initial=0) > MOST_TRUCKS:
        name = sites["name"].iloc[int(fleet.argmax())]
        raise ScenarioError(
            f"{scenario.source_file or scenario.name}: trucks.fleet_headroom = {scenario.trucks.fleet_headroom:g}: "
            f"gives '{name}' {fleet.max():,.0f} trucks; at most {MOST_TRUCKS:,} can be counted; lower it, or raise "
            "trucks.capacity_packages or trucks.standard_fill"
        )
    return np.floor(fleet + 1e-9).astype(np.int32)


def _mean_flow(
    scenario: Scenario, counts: SiteCounts, lanes: np.ndarray, routes: np.ndarray, station_share: np.ndarray
) -> np.ndarray:
    """Orders per tick on each lane if every station is served evenly from its four nearest FCs: (L,)."""
    per_tick = _orders_per_tick(scenario)
    flow = np.zeros(len(lanes))
    for d, row in enumerate(routes_by_distance(counts, routes)[:, :_FEEDING_FCS]):
        near = row[row >= 0]
        for p in near:
            legs = routes["lanes"][p]
            flow[legs[legs >= 0]] += per_tick * station_share[d] / len(near)
    return flow


def _smallest_pick(scenario: Scenario) -> float:
    """Lines a tick that an FC picks at least: of generated orders the largest; of a trace, 99 in 100 in an hour."""
    if isinstance(scenario.demand, GeneratedDemand):
        return largest_order(scenario)
    lines = np.diff(trace_of(scenario).first_line)
    return float(np.ceil(np.percentile(lines, 99))) * scenario.tick_hours


def _orders_per_tick(scenario: Scenario) -> float:
    return orders_per_day(scenario) / 24 * scenario.tick_hours


def _capacity(
    scenario: Scenario, counts: SiteCounts, inbound: np.ndarray, fc_share: np.ndarray, joined: np.ndarray
) -> np.ndarray:
    """Lines picked and packages sorted per tick, from shares of demand and packages that come in: (N,).

    Means are over sites that are `joined` (N,) bool to others, so that a site without lanes changes nothing.
    """
    capacity = np.zeros(sum(counts), dtype=np.int64)
    share = np.maximum(fc_share, _SMALLEST_SHARE / joined[: counts.fcs].sum())
    lines = scenario.capacity.pick_headroom * _orders_per_tick(scenario) * mean_lines_per_order(scenario)
    capacity[: counts.fcs] = np.ceil(lines * share)
    if counts.scs:
        middle = slice(counts.fcs, counts.first_station)
        load = np.maximum(inbound[middle], inbound[middle][joined[middle]].mean() if joined[middle].any() else 0.0)
        capacity[middle] = np.ceil(scenario.capacity.sort_headroom * load)
    return capacity


def _fleet(scenario: Scenario, counts: SiteCounts, lanes: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Trucks that mean flows keep busy, there and back, times the headroom: (N,)."""
    trucks = scenario.trucks
    busy = flow * (2 * lanes["ticks"] + 1) / (lanes["room"] * trucks.standard_fill)
    fleet = np.ceil(trucks.fleet_headroom * np.bincount(lanes["origin"], busy, sum(counts)))
    fleet[: counts.first_station] = np.maximum(fleet[: counts.first_station], _SMALLEST_FLEET)
    return fleet
