"""Where each line is served from, and distributions of packages and trucks, of which KPI counters hold only sums.

The same lines, packages and trucks count as for KPIs, so spill share, truck fill and click-to-delivery hours agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from regional_dispatch.baselines.pricing import simulator_for
from regional_dispatch.data import events
from regional_dispatch.data.events import Happened
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
    loads: np.ndarray  # (kinds of lanes, most packages a truck holds + 1) departures by packages on board
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
        files = tuple(Path(file).read_bytes() for file in (__file__, str(events.__file__)))
        self.digest = digest(files, policy.scorers, policy.pricing, until)

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
    shape = (len(LANE_KINDS), int(net.lanes["room"].max()) + 1)
    flows = Flows(
        np.zeros((net.regions, net.regions), np.int64), 0, np.zeros(net.fcs, np.int64), np.zeros(shape, np.int64),
        np.zeros(rules.horizon_tick + 1, np.int64), np.zeros(MILES_STEPS, np.int64),
    )  # fmt: skip
    lost = 0
    for happened in events.watch(sim, scorers, until):
        _note_deliveries(sim, happened, flows)
        for left in (happened.full, happened.rest):
            np.add.at(flows.loads, (net.lanes["kind"][left.lane], left.packages // left.trucks), left.trucks)
        lost += _note_lines(sim, happened, flows)
    return flows._replace(lost=lost)


def _note_lines(sim: Simulator, happened: Happened, flows: Flows) -> int:
    """Where a tick's lines were served from, and the packages they travel in. Returns how many were lost."""
    net, counted = sim.world.net, happened.lines["ordered"] >= sim.world.rules.warmup_tick
    served = counted & (happened.routes >= 0)
    lines, routes = happened.lines[served], happened.routes[served]
    fc = net.routes["fc"][routes]
    home = net.region_of_site[net.fcs + net.scs + lines["station"]]
    np.add.at(flows.lines, (net.region_of_site[fc], home), 1)
    np.add.at(flows.fc_lines, fc, 1)
    _, first = np.unique(lines["package"], return_index=True)
    steps = (net.routes["miles"][routes[first]] / MILES_STEP).astype(np.int64)
    np.add.at(flows.miles, np.minimum(steps, MILES_STEPS - 1), 1)
    return int(counted.sum() - served.sum())


def _note_deliveries(sim: Simulator, happened: Happened, flows: Flows) -> None:
    """Lines that reached their station, by the ticks it took."""
    package = happened.deliveries
    done = package[package["ordered"] >= sim.world.rules.warmup_tick]
    np.add.at(flows.ticks, happened.tick - done["ordered"], done["lines"])
