"""Events of a scenario: sites with less capacity, closed lanes, regions cut off, each for a number of ticks.

The episode is divided into periods, within which no event begins or ends. The state of a row holds the tables of the
period it is in, so rows of a batch may be at different ticks; without events there is one period.

Axes: E periods, N sites, L lanes.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from math import ceil, floor
from typing import NamedTuple

import numpy as np

from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.order_size import largest_order
from regional_dispatch.envs.world.partition import label_sites
from regional_dispatch.envs.world.scenario import (
    CapacityEvent,
    GeneratedDemand,
    LaneEvent,
    RegionEvent,
    Scenario,
    ScenarioError,
)


class Events(NamedTuple):
    """What the kernel reads of a scenario's events."""

    first: np.ndarray  # (E,) int64, tick each period begins with; the first is 0
    capacity: np.ndarray  # (E, N) float64, per tick: FC lines, SC packages
    shut: np.ndarray  # (E, L) int8, 1 where no truck leaves
    cut: np.ndarray  # (E, L) int8, 1 where a route leads nowhere: the lane is shut, or the site it starts from is down
    some_cut: np.ndarray  # (E,) int8, 1 if any lane is cut

    def period_at(self, tick: int) -> int:
        """The period a tick lies in."""
        return int(np.searchsorted(self.first, tick, side="right")) - 1

    def route_cut(self, period: int, route_lanes: np.ndarray) -> np.ndarray:
        """Which routes, given by their lanes (P, legs) with −1 padding, are cut in a period: (P,) bool."""
        found: np.ndarray = ((route_lanes >= 0) & (self.cut[period][route_lanes] == 1)).any(axis=1)
        return found


def build_events(scenario: Scenario, network: Network) -> Events:
    """The tables of a scenario's events.

    Raises:
        ScenarioError: an event names a site, lane, mode or region that does not exist.
    """
    net, hours = network.net, scenario.tick_hours
    spans = [
        (floor(e.start_hour / hours + 1e-9), ceil((e.start_hour + e.hours) / hours - 1e-9)) for e in scenario.events
    ]
    first = np.array(sorted({0, *(tick for span in spans for tick in span)}), dtype=np.int64)
    capacity = np.tile(net.site_capacity, (len(first), 1))
    shut = np.zeros((len(first), len(net.lanes)), np.int8)
    for i, (event, (begin, end)) in enumerate(zip(scenario.events, spans, strict=True)):
        hit = (first >= begin) & (first < end)
        if isinstance(event, CapacityEvent):
            site = _site(scenario, network, i, event)
            left = _capacity_left(scenario, network, site, event.share)
            capacity[hit, site] = np.minimum(capacity[hit, site], left)
        elif isinstance(event, LaneEvent):
            shut[np.ix_(hit, _lanes_between(scenario, network, i, event))] = 1
        else:
            shut[np.ix_(hit, _border(scenario, network, i, event))] = 1
    works = np.arange(len(net.site_capacity)) < net.fcs + net.scs
    cut = ((shut == 1) | (works & (capacity == 0))[:, net.lanes["origin"]]).astype(np.int8)
    return Events(first, capacity, shut, cut, cut.max(axis=1, initial=0))


def _capacity_left(scenario: Scenario, network: Network, site: int, share: float) -> float:
    """Whole lines or packages a tick; a site that is not down can take an order of any size, as without events."""
    if share == 0:
        return 0
    generated = isinstance(scenario.demand, GeneratedDemand)
    smallest = largest_order(scenario) if site < network.net.fcs and generated else 1
    left = share * float(network.net.site_capacity[site])
    return max(floor(left + 1e-9), smallest) if generated else left


def _site(scenario: Scenario, network: Network, i: int, event: CapacityEvent) -> int:
    fcs, scs = network.net.fcs, network.net.scs
    names = network.sites["name"].tolist()[: fcs + scs]
    if event.site is not None:
        return _named(scenario, f"events.{i}.site", event.site, names, "an FC or sort center")
    low, high = (0, fcs) if event.draw == "fc" else (fcs, fcs + scs)
    if low == high:
        raise _error(scenario, f"events.{i}.draw", event.draw, "this network has none; name a site")
    return int(np.random.default_rng(event.seed).integers(low, high))


def _lanes_between(scenario: Scenario, network: Network, i: int, event: LaneEvent) -> np.ndarray:
    """Lanes from origin to destination, of the mode named or of all: (n,) indices."""
    names, lanes = network.sites["name"].tolist(), network.net.lanes
    origin = _named(scenario, f"events.{i}.origin", event.origin, names, "a site")
    destination = _named(scenario, f"events.{i}.destination", event.destination, names, "a site")
    found = np.flatnonzero((lanes["origin"] == origin) & (lanes["dest"] == destination))
    if not len(found):
        leads_to = ", ".join(names[d] for d in np.unique(lanes["dest"][lanes["origin"] == origin])) or "none"
        fix = f"no lane leads there from '{event.origin}'; lanes from it lead to: {leads_to}"
        raise _error(scenario, f"events.{i}.destination", event.destination, fix)
    if event.mode is None:
        return found
    modes = network.lane_modes[found]
    if event.mode not in modes:
        fix = f"no such lane from '{event.origin}' to '{event.destination}'; there is: {', '.join(modes)}"
        raise _error(scenario, f"events.{i}.mode", event.mode, fix)
    return found[modes == event.mode]


def _border(scenario: Scenario, network: Network, i: int, event: RegionEvent) -> np.ndarray:
    """Lanes with one end in the region: (n,) indices."""
    boundary = event.boundary or scenario.partition.counted_by
    labels = label_sites(scenario, network.sites, boundary)
    if event.region not in labels.names:
        fix = f"no such region; there are: {', '.join(labels.names)}"
        raise _error(scenario, f"events.{i}.region", event.region, fix)
    inside = labels.of_site == labels.names.index(event.region)
    found = np.flatnonzero(inside[network.net.lanes["origin"]] != inside[network.net.lanes["dest"]])
    if not len(found):
        fix = "no lane crosses its border; give the boundary of smaller regions as `boundary`"
        raise _error(scenario, f"events.{i}.region", event.region, fix)
    return found


def _named(scenario: Scenario, field: str, name: str, names: Sequence[str], what: str) -> int:
    if name not in names:
        close = get_close_matches(name, names, 1, cutoff=0.0)
        raise _error(scenario, field, name, f"must be the name of {what}; the closest is '{close[0]}'")
    return names.index(name)


def _error(scenario: Scenario, field: str, value: object, fix: str) -> ScenarioError:
    return ScenarioError(f"{scenario.source_file or scenario.name}: {field} = {value!r}: {fix}")
