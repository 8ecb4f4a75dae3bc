"""What a policy did in some hours of an episode, lane by lane and site by site: what a map shows.

Watching does not change an episode: counters are read between the kernel's steps and never written, so packages, trucks
and dollars are those of the KPIs. Axes: T ticks, L lanes, N sites.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from regional_dispatch.baselines.pricing import simulator_for
from regional_dispatch.data.events import hired_trucks
from regional_dispatch.envs.kernel.metrics import Totals, compute_kpis, difference
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.linehaul.lane_kinds import KINDS
from regional_dispatch.envs.world.network import Net, Network
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.kpis import EPISODE_COST
from regional_dispatch.evaluation.rollouts import evaluation_keys

WEEK_HOURS = 168.0


class Played(NamedTuple):
    """Some hours of one episode under one policy."""

    scenario: str  # name
    policy: str  # name
    regions: tuple[str, ...]
    sites: pd.DataFrame  # (N) name, kind, latitude, longitude, state, population, region
    lanes: pd.DataFrame  # (L) name, origin, destination, kind, mode, region, miles, transit_hours, truck_packages
    tick_hours: float
    hour_of_week: np.ndarray  # (T,) at the start of each tick, on the scenario's clock; Monday midnight is 0
    date: np.ndarray  # (T,) datetime64[D], likewise; NaT without a calendar
    trucks: np.ndarray  # (T, L) int, departures
    packages: np.ndarray  # (T, L) int, on them
    usd: np.ndarray  # (T, L) float, what these trucks cost, hired ones at their premium
    worked: np.ndarray  # (T, N) int, lines picked at an FC, packages sorted at a sort center
    capacity: np.ndarray  # (T, N) float, of the same, at the site's rate while it is open
    kpis: dict[str, float]  # of these hours (`envs.kernel.metrics`), without the whole episode's cost
    money: str = "USD"  # currency of all amounts

    @property
    def fill(self) -> np.ndarray:
        """Share of their room that trucks used, NaN where none left: (T, L)."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.packages / (self.trucks * self.lanes["truck_packages"].to_numpy()))


def play(
    scenario: Scenario,
    policy: ScorerPolicy,
    key: int | None = None,
    first_hour: float | None = None,
    hours: float | None = None,
) -> Played:
    """Plays one episode, and counts trucks, packages, dollars and work in some of its hours.

    Args:
        scenario: the world.
        policy: of all regions.
        key: of the episode; default, the first held-out one of seed 0 (`evaluation.rollouts.evaluation_keys`).
        first_hour: the first hour that counts, from the start of the episode. Default: the end of the warm-up.
        hours: how many count. Default: a week, or to the horizon where that is sooner.

    Raises:
        InputError: no hour, hours within the warm-up, which has no KPIs, or beyond the horizon.
    """
    first, until = _ticks(scenario, first_hour, hours)
    sim = simulator_for(scenario, policy.pricing)
    sim.reset(0, evaluation_keys(1, 0)[0] if key is None else key)
    sim.run(policy.scorers, first)
    before, counts = _totals(sim), []
    while sim.tick(0) < until:
        counts.append(_watched_tick(sim, policy))
    hour, trucks, packages, usd, worked, capacity = (np.array(part) for part in zip(*counts, strict=True))
    kpis = compute_kpis(difference(_totals(sim), before))
    del kpis[EPISODE_COST]  # which is not of these hours
    network = sim.network
    return Played(
        scenario.name, policy.name, network.region_names, _sites(network), _lanes(network, scenario.tick_hours),
        scenario.tick_hours, hour % WEEK_HOURS, _dates(scenario, first, until), trucks, packages, usd, worked, capacity,
        kpis, scenario.money,
    )  # fmt: skip


def _dates(scenario: Scenario, first: int, until: int) -> np.ndarray:
    """The day of each tick on the scenario's clock, (T,) datetime64[D]; NaT without a calendar."""
    calendar = scenario.calendar
    if calendar is None:
        return np.full(until - first, np.datetime64("NaT", "D"))
    times = [calendar.starts_at + dt.timedelta(hours=tick * scenario.tick_hours) for tick in range(first, until)]
    return np.array([time.astimezone(ZoneInfo(calendar.time_zone)).date() for time in times], dtype="datetime64[D]")


def _ticks(scenario: Scenario, first_hour: float | None, hours: float | None) -> tuple[int, int]:
    """The first tick that counts, and the one after the last."""
    tick_hours = scenario.tick_hours
    first_hour = scenario.warmup_ticks * tick_hours if first_hour is None else first_hour
    hours = min(WEEK_HOURS, scenario.horizon_hours - first_hour) if hours is None else hours
    first, until = round(first_hour / tick_hours), round((first_hour + hours) / tick_hours)
    if not scenario.warmup_ticks <= first < until <= scenario.horizon_ticks:
        raise InputError(
            f"hours {first_hour:g} to {first_hour + hours:g} of the episode: must be at least a tick, between "
            f"warmup_hours = {scenario.warmup_hours:g} and horizon_hours = {scenario.horizon_hours:g}"
        )
    return first, until


def _totals(sim: Simulator) -> Totals:
    now = sim.totals(0)
    return now._replace(count=now.count.copy(), usd=now.usd.copy())


def _watched_tick(sim: Simulator, policy: ScorerPolicy) -> tuple[Any, ...]:
    """Plays a tick: its hour, departures, packages and dollars of the lanes, work and capacity of the sites."""
    s, net = sim.state, sim.world.net
    lane, queue = s.lane[0].copy(), s.queue[0].copy()
    tick, hour = sim.tick(0), sim.hour_of_week(0)
    home = s.trucks_home[0] + s.trucks_back[0, tick % s.trucks_back.shape[1]]
    sim.begin(0)
    s = sim.state  # which may have grown
    full = s.lane["trucks"][0] - lane["trucks"]
    worked, capacity = _worked(net, queue, s.queue[0]), _capacity(sim)
    left = s.trucks_home[0].copy()
    sim.decide(0, policy.scorers)
    sim.finish(0)
    now = sim.state.lane[0]
    partial = now["trucks"] - lane["trucks"] - full
    hired = hired_trucks(net, full, home) + hired_trucks(net, partial, left)
    trucks = full + partial
    usd = net.lanes["cost"] * (trucks + sim.world.rules.spot_premium * hired)
    return hour, trucks, now["carried"] - lane["carried"], usd, worked, capacity


def _capacity(sim: Simulator) -> np.ndarray:
    """Lines or packages that each site can work off in the present tick: (N,), 0 for stations."""
    clock = sim.world.clock
    now = (int(sim.state.row["week_tick"][0]) + sim.tick(0)) % clock.works.shape[1]
    return np.asarray(sim.state.site_capacity[0] * clock.works[clock.opening, now])


def _worked(net: Net, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Lines picked at FCs and packages sorted at sort centers by the first half of a tick: (N,).

    Nothing joins an FC's queue in it, and what joins a sort center's is counted.
    """
    worked = after["joined"] - before["joined"] + before["packages"] - after["packages"]
    worked[: net.fcs] = (before["lines"] - after["lines"])[: net.fcs]
    return worked


def _sites(network: Network) -> pd.DataFrame:
    columns = ["name", "kind", "latitude", "longitude", "state", "population", "region"]
    return network.sites[columns].reset_index(drop=True)


def _lanes(network: Network, tick_hours: float) -> pd.DataFrame:
    lanes, names = network.net.lanes, network.sites["name"].to_numpy()
    return pd.DataFrame(
        {
            "name": [network.lane_name(lane) for lane in range(len(lanes))],
            "origin": names[lanes["origin"]],
            "destination": names[lanes["dest"]],
            "kind": np.array([kind.name for kind in KINDS])[lanes["kind"]],
            "mode": network.lane_modes,
            "region": np.array(network.region_names)[lanes["region"]],
            "miles": lanes["miles"],
            "transit_hours": lanes["ticks"] * tick_hours,
            "truck_packages": lanes["room"],
        }
    )
