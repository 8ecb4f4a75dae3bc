"""The lane plan of a scenario: which lanes run, what they carry, and what that costs.

Axes: F FCs, D stations, Q promise classes, L lanes.
"""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.planning.lanes.flows import PICK_TICKS, Flows, expected_flows
from regional_dispatch.planning.lanes.paths import MAX_LEGS, Paths, possible_paths
from regional_dispatch.planning.lanes.search import Choice, Options, search

LONGEST_WAIT_HOURS = 72.0  # longer waits count as this long
FEWEST_PACKAGES = 1.0  # per truck of a lane that runs without planned flow


class LatePromise(NamedTuple):
    """A promise that no path from the FC can keep; its packages take the fastest path."""

    fc: str
    station: str
    promise_hours: float
    fastest_hours: float
    packages_per_day: float


class LanePlan(NamedTuple):
    """Which lanes run, with what a day costs at expected flows."""

    running: np.ndarray  # (L,) bool
    packages_per_day: np.ndarray  # (L,)
    trucks_per_day: np.ndarray  # (L,)
    fill: np.ndarray  # (L,) packages per truck ÷ capacity; 1 package per truck where a lane runs without planned flow
    usd_per_day: float  # trucks and sorting
    bound_usd_per_day: float  # no plan costs less
    late_promises: tuple[LatePromise, ...]
    seconds: float

    @property
    def gap(self) -> float:
        """How much more the plan costs than the bound, as a share of the bound."""
        return self.usd_per_day / self.bound_usd_per_day - 1 if self.bound_usd_per_day > 0 else 0.0


def plan_lanes(scenario: Scenario, network: Network, base: np.ndarray, home_first: bool = False) -> LanePlan:
    """Chooses the lanes that run.

    Args:
        scenario: demand, trucks, costs, and the partition in force.
        network: all possible lanes.
        base: (S, F) base-stock levels.
        home_first: stations are served by FCs of their own region first, whatever they cost.

    Raises:
        ScenarioError: no lane reaches a station.
    """
    start = time.perf_counter()
    paths = possible_paths(scenario, network)
    flows = expected_flows(scenario, network, base, paths, standard_usd(scenario, network), home_first)
    options = build_options(scenario, network, flows, paths)
    choice = search(options, paths.kept)
    return _plan(scenario, network, flows, paths, options, choice, time.perf_counter() - start)


def lanes_table(network: Network, plan: LanePlan) -> pd.DataFrame:
    """The lanes that run, as a scenario reads them: origin, destination, mode where there are several, fill, and flows."""
    run, names = np.flatnonzero(plan.running), network.sites["name"].to_numpy()
    records = network.net.lanes[run]
    table = pd.DataFrame({"origin": names[records["origin"]], "destination": names[records["dest"]]})
    if len(set(network.lane_modes.tolist())) > 1:
        table["mode"] = network.lane_modes[run]
    return table.assign(
        fill=plan.fill[run].round(4),
        packages_per_day=plan.packages_per_day[run].round(3),
        trucks_per_day=plan.trucks_per_day[run].round(3),
    )


def build_options(scenario: Scenario, network: Network, flows: Flows, paths: Paths) -> Options:
    """Flows above zero, and the paths that keep their promises; the fastest ones where none does.

    At its first lane a package can wait for all its slack, promise less pick and transit: trucks leave as late as they
    may. Most packages leave earlier, with one that is more urgent, so at each later lane some slack is left; it is
    taken as the slack over the number of lanes.
    """
    rate = flows.packages_per_day * scenario.tick_hours / 24
    fastest = fastest_ticks(paths, len(rate))
    most = np.maximum(flows.promise_ticks - PICK_TICKS, fastest[:, None])
    allowed = (paths.ticks[:, None] <= most[paths.pair]) & (rate[paths.pair] > 0)
    path, promise = np.nonzero(allowed)
    order = np.lexsort((path, promise, paths.pair[path]))
    path, promise = path[order], promise[order]
    flow = paths.pair[path] * len(flows.promise_ticks) + promise
    own, first = np.unique(flow, return_index=True)
    slack = flows.promise_ticks[promise] - PICK_TICKS - paths.ticks[path]
    wait = waits(scenario, slack, paths.legs[path])
    return Options(
        rate.reshape(-1)[own], np.append(first, len(path)), paths.lanes[path], wait,
        scenario.costs.sort_usd * (paths.legs[path] - 1), network.net.lanes["cost"].astype(float),
        scenario.trucks.capacity_packages, int(wait.max(initial=0)) + 1,
    )  # fmt: skip


def waits(scenario: Scenario, slack: np.ndarray, legs: np.ndarray) -> np.ndarray:
    """Ticks that packages can wait at each lane of their path: (K, MAX_LEGS)."""
    own = np.stack([slack, *[slack // legs] * (MAX_LEGS - 1)], axis=1)
    return np.clip(own, 0, round(LONGEST_WAIT_HOURS / scenario.tick_hours))


def standard_usd(scenario: Scenario, network: Network) -> np.ndarray:
    """USD per package of each lane at `trucks.standard_fill`: (L,)."""
    trucks = scenario.trucks
    return np.asarray(network.net.lanes["cost"] / (trucks.capacity_packages * trucks.standard_fill))


def fastest_ticks(paths: Paths, pairs: int) -> np.ndarray:
    """Transit of the fastest path of each pair of FC and station: (F × D,), large where there is none."""
    fastest = np.full(pairs, np.iinfo(np.int32).max, dtype=np.int64)
    np.minimum.at(fastest, paths.pair, paths.ticks)
    return fastest


def _plan(
    scenario: Scenario, network: Network, flows: Flows, paths: Paths, options: Options, choice: Choice, seconds: float
) -> LanePlan:
    days = 24 / scenario.tick_hours
    packages, trucks = choice.rates.sum(axis=1) * days, choice.trucks * days
    used = trucks > 0
    fill = np.where(used, packages / np.where(used, trucks, 1.0), FEWEST_PACKAGES) / options.capacity
    return LanePlan(
        used | paths.kept, packages, trucks, np.minimum(fill, 1.0), choice.usd * days, 0.0,
        _late_promises(scenario, network, flows, paths), seconds,
    )  # fmt: skip


def _late_promises(scenario: Scenario, network: Network, flows: Flows, paths: Paths) -> tuple[LatePromise, ...]:
    """Flows whose promise no path keeps, largest first."""
    net, names, hours = network.net, network.sites["name"].tolist(), scenario.tick_hours
    packages = flows.packages_per_day
    fastest = PICK_TICKS + fastest_ticks(paths, len(packages))
    late = np.argwhere((fastest[:, None] > flows.promise_ticks) & (packages > 0))
    found = [
        LatePromise(
            names[pair // net.stations], names[net.fcs + net.scs + pair % net.stations],
            float(flows.promise_ticks[q] * hours), float(fastest[pair] * hours), float(packages[pair, q]),
        )
        for pair, q in late.tolist()
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda each: -each.packages_per_day))
