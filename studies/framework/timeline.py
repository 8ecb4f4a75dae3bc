"""One long episode, with KPIs by day, by region and by phase. The levers that change in it are the scenario's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from regional_dispatch.baselines.pricing import simulator_for
from regional_dispatch.envs.kernel.metrics import Totals, compute_kpis, difference
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.cells import Rows, digest

Kpis = dict[str, float]
# Counted at the midnight that ends a day or a phase, in the whole network.
UNDER_WAY = "packages_under_way"
ON_SHELVES = "units_on_shelves"


class Phase(NamedTuple):
    """Days whose KPIs are wanted as a whole."""

    name: str
    first: int
    end: int  # exclusive


class _Mark(NamedTuple):
    """Totals at a midnight."""

    whole: Totals
    regions: list[Totals]
    lane_trucks: np.ndarray  # (L,) departures counted
    under_way: int  # packages
    on_shelves: int  # units on hand


class Timeline:
    """Plays a policy for days on end; a player of `evaluation.cells`.

    Args:
        policy: decides in every tick.
        phases: periods whose KPIs are wanted as a whole.
    """

    def __init__(self, policy: ScorerPolicy, phases: Sequence[Phase]) -> None:
        self.policy, self.phases = policy, tuple(phases)
        self.digest = digest(Path(__file__).read_bytes(), policy.scorers, policy.pricing, self.phases)

    def rollout(self, scenario: Scenario, keys: Sequence[int]) -> Rows:
        """One row per key.

        Returns:
            `days`: KPI → one number per day after the warm-up; `regions`: the same by region; `phases`: name → KPIs.
            `lanes_used` counts the lanes with a departure in the day or phase. `UNDER_WAY` and `ON_SHELVES` are for the
            whole network only.
        """
        return [self._play(scenario, key) for key in keys]

    def _play(self, scenario: Scenario, key: int) -> dict[str, Any]:
        sim = simulator_for(scenario, self.policy.pricing)
        sim.reset(0, key)
        a_day = round(24 / scenario.tick_hours)
        first, end = scenario.warmup_ticks // a_day, scenario.horizon_ticks // a_day
        marks: dict[int, _Mark] = {}
        for day in range(end):
            if day >= first:
                marks[day] = _mark(sim)
            sim.run(self.policy.scorers, min((day + 1) * a_day, scenario.horizon_ticks - 1))
        marks[end] = _mark(sim)  # a tick before the horizon, where what is under way is not settled yet
        names = sim.network.region_names
        return {
            "days": _columns([_between(marks[day], marks[day + 1]) for day in range(first, end)]),
            "regions": {
                name: _columns([_between(marks[day], marks[day + 1], r) for day in range(first, end)])
                for r, name in enumerate(names)
            },
            "phases": {phase.name: _between(marks[phase.first], marks[phase.end]) for phase in self.phases},
        }


def _mark(sim: Simulator) -> _Mark:
    def copied(totals: Totals) -> Totals:
        return totals._replace(count=totals.count.copy(), usd=totals.usd.copy())

    regions = [copied(sim.totals(0, [r])) for r in range(sim.regions)]
    return _Mark(
        copied(sim.totals(0)), regions, sim.state.lane["trucks"][0].copy(), sim.packages_under_way(0),
        int(sim.state.stock[0].sum(dtype=np.int64)),
    )  # fmt: skip


def _between(before: _Mark, after: _Mark, region: int | None = None) -> Kpis:
    """KPIs of what happened between two midnights, in all or in one region."""
    a, b = (mark.whole if region is None else mark.regions[region] for mark in (before, after))
    kpis = compute_kpis(difference(b, a))
    if region is None:
        kpis["lanes_used"] = float((after.lane_trucks > before.lane_trucks).sum())
        kpis[UNDER_WAY], kpis[ON_SHELVES] = float(after.under_way), float(after.on_shelves)
    return kpis


def _columns(days: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    return {kpi: [day[kpi] for day in days] for kpi in days[0]}
