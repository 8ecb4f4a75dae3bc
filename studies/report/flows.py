"""Where each line is served from, and distributions of packages and trucks, of which KPI counters hold only sums.

Watching does not change an episode: arrays are read between the kernel's steps and never written. The same lines,
packages and trucks count as for KPIs, so spill share, truck fill and click-to-delivery hours agree with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from regional_dispatch.baselines.pricing import simulator_for
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.linehaul.lane_kinds import LANE_KINDS
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.cells import Rows, digest

MILES_STEP = 25.0  # of the distribution of a package's road miles
MILES_STEPS = 240  # to 6,000 miles; the last holds all beyond


class Flows(NamedTuple):
    """Flows of one episode after the warm-up. Regions are those of the counted partition."""

    lines: np.ndarray  # (R, R) lines served, from the FC's region to the customer's
    lost: int  # lines no FC had units for
    fc_lines: np.ndarray  # (F,) lines served
    loads: np.ndarray  # (kinds of lanes, truck_packages + 1) departures by packages on board
    ticks: np.ndarray  # (horizon ticks + 1,) lines delivered, by ticks from click to delivery
    miles: np.ndarray  # (MILES_STEPS,) packages, by road miles of their route in steps of MILES_STEP

    @property
    def spill_share(self) -> float:
        """Lines served from another region / lines."""
        served = float(self.lines.sum())
        return (served - float(np.trace(self.lines))) / max(1.0, served + self.lost)


class Watch:
    """Plays a policy and records its flows; a player of `evaluation.cells`.

    Args:
        policy: decides in every tick.
        until: tick to stop at, before the horizon, where what is under way is settled.
    """

    def __init__(self, policy: ScorerPolicy, until: int) -> None:
        self.policy, self.until = policy, until
        self.digest = digest(Path(__file__).read_bytes(), policy.scorers, policy.pricing, until)

    def rollout(self, scenario: Scenario, keys: Sequence[int]) -> Rows:
        """The fields of `Flows` as lists, one row per key; `flows_of` reads them back."""
        return [self._play(scenario, key) for key in keys]

    def _play(self, scenario: Scenario, key: int) -> dict[str, Any]:
        sim = simulator_for(scenario, self.policy.pricing)
        sim.reset(0, key)
        found = watch(sim, self.policy.scorers, self.until)
        return {name: value if isinstance(value, int) else value.tolist() for name, value in found._asdict().items()}


def flows_of(row: dict[str, Any]) -> Flows:
    """The flows in a row that `Watch` made."""
    fields: Any = {name: np.array(value) if isinstance(value, list) else value for name, value in row.items()}
    return Flows(**fields)


def watch(sim: Simulator, scorers: Scorers, until: int) -> Flows:
    """Plays row 0 up to a tick and records its flows.

    Args:
        sim: reset, at its first tick.
        scorers: decide for all regions.
        until: tick to stop at, before the horizon.
    """
    net, rules = sim.world.net, sim.world.rules
    shape = (len(LANE_KINDS), rules.truck_packages + 1)
    flows = Flows(
        np.zeros((net.regions, net.regions), np.int64), 0, np.zeros(net.fcs, np.int64), np.zeros(shape, np.int64),
        np.zeros(rules.horizon_tick + 1, np.int64), np.zeros(MILES_STEPS, np.int64),
    )  # fmt: skip
    alive, lost = np.zeros(sim.state.package.shape[1], np.bool_), 0
    trucks, carried = _departures(sim)
    while sim.tick(0) < until:
        sim.begin(0)
        alive = np.concatenate([alive, np.zeros(sim.state.package.shape[1] - len(alive), np.bool_)])
        _note_deliveries(sim, alive, flows)
        trucks, carried = _note_departures(sim, trucks, carried, flows)
        sim.decide(0, scorers)
        up = lines_up(sim)
        sim.finish(0)
        trucks, carried = _note_departures(sim, trucks, carried, flows)
        lost += _note_lines(sim, sim.state.line[0][up], alive, flows)
    return flows._replace(lost=lost)


def lines_up(sim: Simulator) -> tuple[np.ndarray, np.ndarray]:
    """Region and position in its ring buffer of every line of row 0 that is up for decision: (n,) each.

    Call it between `begin` and `finish` of a tick. After `finish` the lines are still there, with their package.
    """
    slots, first = sim.state.slots[0], sim.state.line_first[0]
    region = np.repeat(np.arange(len(slots)), slots)
    turn = np.arange(len(region)) - np.repeat(np.cumsum(slots) - slots, slots)
    return region, (first[region] + turn) % sim.state.line.shape[2]


def _departures(sim: Simulator) -> tuple[np.ndarray, np.ndarray]:
    """Trucks and packages that have left on each lane: (L,) each."""
    lane = sim.state.lane[0]
    return lane["trucks"].copy(), lane["carried"].copy()


def _note_departures(
    sim: Simulator, trucks: np.ndarray, carried: np.ndarray, flows: Flows
) -> tuple[np.ndarray, np.ndarray]:
    """Loads of the trucks that have left since the last call.

    Within one step of a tick all trucks of a lane have the same load: full ones leave first, then one that may not be.
    """
    now = _departures(sim)
    left = now[0] - trucks
    own = np.flatnonzero(left)
    load = (now[1] - carried)[own] // left[own]
    np.add.at(flows.loads, (sim.world.net.lanes["kind"][own], load), left[own])
    return now


def _note_lines(sim: Simulator, lines: np.ndarray, alive: np.ndarray, flows: Flows) -> int:
    """Where a tick's lines were served from, and the packages they travel in. Returns how many were lost."""
    net, s = sim.world.net, sim.state
    made = np.unique(lines["package"][lines["package"] >= 0])
    alive[made] = True
    counted = lines[lines["ordered"] >= sim.world.rules.warmup_tick]
    served = counted[counted["package"] >= 0]
    fc = net.routes["fc"][s.package[0]["route"][served["package"]]]
    home = net.region_of_site[net.fcs + net.scs + served["station"]]
    np.add.at(flows.lines, (net.region_of_site[fc], home), 1)
    np.add.at(flows.fc_lines, fc, 1)
    package = s.package[0][np.unique(served["package"])]
    steps = (net.routes["miles"][package["route"]] / MILES_STEP).astype(np.int64)
    np.add.at(flows.miles, np.minimum(steps, MILES_STEPS - 1), 1)
    return len(counted) - len(served)


def _note_deliveries(sim: Simulator, alive: np.ndarray, flows: Flows) -> None:
    """Packages that have reached their station in this tick, as they have no leg left."""
    package = sim.state.package[0]
    under_way = np.flatnonzero(alive)
    own = package[under_way]
    arrived = own["leg"] == sim.world.net.routes["legs"][own["route"]]
    alive[under_way[arrived]] = False
    done = own[arrived & (own["ordered"] >= sim.world.rules.warmup_tick)]
    np.add.at(flows.ticks, sim.tick(0) - done["ordered"], done["lines"])
