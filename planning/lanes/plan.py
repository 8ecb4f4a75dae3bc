"""The lane plan of a scenario: which lanes run, what they carry, and what that costs.

Axes: F FCs, D stations, Q promise classes, L lanes.
"""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError
from regional_dispatch.planning.lanes.charges import play
from regional_dispatch.planning.lanes.fleet import lane_usd
from regional_dispatch.planning.lanes.flows import PICK_TICKS, Flows, expected_flows
from regional_dispatch.planning.lanes.options import build_options, fastest_ticks
from regional_dispatch.planning.lanes.paths import Paths, possible_paths
from regional_dispatch.planning.lanes.search import Choice, Options, evaluate, improve, slope_scaling
from regional_dispatch.planning.lanes.trucks import trucks_per_tick

_HIRE_ROUNDS = 3  # of search
_ONE_MORE = 1e-3  # share of a lane's packages that are added to see what trucks that takes


class LatePromise(NamedTuple):
    """A promise to a station that no path from any FC can keep."""

    station: str
    promise_hours: float
    fastest_hours: float  # picking included
    packages_per_day: float


class LanePlan(NamedTuple):
    """Which lanes run, with what a day costs at expected flows."""

    running: np.ndarray  # (L,) bool
    packages_per_day: np.ndarray  # (L,)
    trucks_per_day: np.ndarray  # (L,)
    fill: np.ndarray  # (L,) packages per truck ÷ capacity; that of one package where a lane runs without planned flow
    priced_fill: np.ndarray  # (L,) fill at which a package's standard cost on the lane guides policies best
    usd_per_day: float  # trucks, hired ones at their premium, and sorting
    bound_usd_per_day: float  # no choice of paths costs less at the plan's share of hired trucks
    late_promises: tuple[LatePromise, ...]  # largest first
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
        home_first: stations are served by FCs of their own region first, whatever they cost, as by `regional_nearest`.

    Raises:
        ScenarioError: no lanes lead to a station, or nothing is ordered.
    """
    began = time.perf_counter()
    if not scenario.demand.orders_per_day:
        raise ScenarioError(
            f"{scenario.source_file or scenario.name}: demand.orders_per_day = 0: must be above 0 to plan lanes"
        )
    paths = possible_paths(scenario, network)
    flows = expected_flows(scenario, network, base, paths, _standard_usd(scenario, network), home_first)
    options, choice = _searched(scenario, network, build_options(scenario, network, flows, paths))
    per_day = 24 / scenario.tick_hours
    packages, trucks = choice.rates.sum(axis=1) * per_day, choice.trucks * per_day
    used = trucks > 0
    fill = np.where(used, packages / np.where(used, trucks, 1.0), 1.0) / options.capacity
    running = used | paths.kept | _fastest_lanes(scenario, network, flows, paths, used | paths.kept)
    return LanePlan(
        running, packages, trucks, np.minimum(fill, 1.0), _priced_fill(scenario, network, options, choice),
        choice.usd * per_day,
        play(options, choice).bound_usd * per_day, _late_promises(scenario, network, flows, paths),
        time.perf_counter() - began,
    )  # fmt: skip


def _searched(scenario: Scenario, network: Network, options: Options) -> tuple[Options, Choice]:
    """The choice of paths, and the options with a truck's USD as it is with the trucks that this choice hires.

    Trucks cost more at sites that hire, flows then move, and others hire: prices go half the way in each round, and
    the round that costs least at its own prices is taken.
    """
    options = options._replace(lane_usd=_hired_usd(scenario, network, slope_scaling(options)))
    option = play(options, slope_scaling(options)).option
    found = []
    for _ in range(_HIRE_ROUNDS):
        choice = improve(options, evaluate(options, option))
        option = choice.option
        hired = options._replace(lane_usd=_hired_usd(scenario, network, choice))
        found.append((hired, evaluate(hired, option)))
        options = options._replace(lane_usd=(options.lane_usd + hired.lane_usd) / 2)
    return min(found, key=lambda each: each[1].usd)


def _hired_usd(scenario: Scenario, network: Network, choice: Choice) -> np.ndarray:
    return lane_usd(scenario, network, choice.trucks * 24 / scenario.tick_hours)


def lanes_table(network: Network, plan: LanePlan) -> pd.DataFrame:
    """The lanes that run, as a scenario's `lanes` file.

    Columns origin, destination, mode where there are several, fill, packages_per_day, trucks_per_day. `fill` sets a
    package's standard cost and is `LanePlan.priced_fill`; how full trucks are planned to be is the ratio of the last
    two over the capacity. A lane that runs without planned flow has 0 in both.
    """
    run, names = np.flatnonzero(plan.running), network.sites["name"].to_numpy()
    records = network.net.lanes[run]
    table = pd.DataFrame({"origin": names[records["origin"]], "destination": names[records["dest"]]})
    if len(set(network.lane_modes.tolist())) > 1:
        table["mode"] = network.lane_modes[run]
    return table.assign(
        fill=plan.priced_fill[run].round(4),
        packages_per_day=plan.packages_per_day[run].round(3),
        trucks_per_day=plan.trucks_per_day[run].round(3),
    )


def _standard_usd(scenario: Scenario, network: Network) -> np.ndarray:
    """USD per package of each lane at `trucks.standard_fill`: (L,)."""
    trucks = scenario.trucks
    return np.asarray(network.net.lanes["cost"] / (trucks.capacity_packages * trucks.standard_fill))


def _priced_fill(scenario: Scenario, network: Network, options: Options, choice: Choice) -> np.ndarray:
    """Half the way, on a logarithmic scale, from `trucks.standard_fill` to packages per truck at the margin: (L,).

    One more package on a lane whose trucks leave anyway costs little, and a truck of its own where none does; trucks
    that are hired cost more. That marginal cost is the right price at the plan's flows, but policies answer a price all
    at once, and the flows move; so the step to it is halved. On us8 and national that beat the whole step, and the mean
    cost of a lane's packages, on simulated cost of tuning orders.
    """
    packages = choice.rates.sum(axis=1)
    more = np.array([trucks_per_tick(rates, options.capacity) for rates in choice.rates * (1 + _ONE_MORE)])
    per_package = np.ones(len(packages))
    used = packages > 0
    per_package[used] = (more - choice.trucks)[used] / (packages[used] * _ONE_MORE)
    per_package *= options.lane_usd / network.net.lanes["cost"]
    marginal = np.clip(1 / (options.capacity * np.maximum(per_package, 1e-9)), 1 / options.capacity, 1.0)
    return np.asarray(np.sqrt(scenario.trucks.standard_fill * marginal))


def _fastest_lanes(scenario: Scenario, network: Network, flows: Flows, paths: Paths, running: np.ndarray) -> np.ndarray:
    """Lanes of the fastest path to each station that would lose a promise without them: (L,) bool.

    No expected flow needs them, as where the only FC near enough carries nothing.
    """
    stations, promises = network.net.stations, flows.promise_ticks
    runs = np.asarray(((paths.lanes < 0) | running[paths.lanes]).all(axis=1))
    station = paths.pair % stations
    added = np.zeros(len(running), dtype=bool)
    for d in range(stations):
        own = np.flatnonzero(station == d)
        could = PICK_TICKS + paths.ticks[own].min()
        does = PICK_TICKS + paths.ticks[own[runs[own]]].min(initial=np.iinfo(np.int32).max)
        if ((could <= promises) & (does > promises)).any():
            lanes = paths.lanes[own[paths.ticks[own].argmin()]]
            added[lanes[lanes >= 0]] = True
    return added


def _late_promises(scenario: Scenario, network: Network, flows: Flows, paths: Paths) -> tuple[LatePromise, ...]:
    net, names, hours = network.net, network.sites["name"].tolist(), scenario.tick_hours
    packages = flows.packages_per_day.reshape(net.fcs, net.stations, -1).sum(axis=0)
    fastest = PICK_TICKS + fastest_ticks(paths, net.fcs * net.stations).reshape(net.fcs, net.stations).min(axis=0)
    found = [
        LatePromise(
            names[net.fcs + net.scs + d], float(flows.promise_ticks[q] * hours), float(fastest[d] * hours),
            float(packages[d, q]),
        )
        for d, q in np.argwhere(fastest[:, None] > flows.promise_ticks).tolist()
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda each: -each.packages_per_day))
