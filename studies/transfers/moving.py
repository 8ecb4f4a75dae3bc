"""Episodes in which a policy decides and a rule moves stock between regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from regional_dispatch.baselines.pricing import simulator_for
from regional_dispatch.baselines.transfers.rules import transfer_rule
from regional_dispatch.envs.kernel.metrics import N
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.simulator import Simulator, TransferRule
from regional_dispatch.envs.transfers import Moves
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.cells import Rows, digest

FLOW, STOCK, ORDERS_A_DAY = "units_a_day", "stock_units", "orders_a_day"


class Moving:
    """Plays a policy under a transfer rule, and records how much stock went where; a player of `evaluation.cells`.

    Args:
        policy: makes the decisions of every tick.
        rule: name of a rule of `baselines.transfers.rules`; None, nothing moves.
        settings: values of its parameters; those left out have their defaults.

    Raises:
        BaselineError: unknown rule or parameter, or a value out of bounds.
    """

    def __init__(self, policy: ScorerPolicy, rule: str | None = None, settings: Mapping[str, float] | None = None):
        self.policy = policy
        self.transfers = None if rule is None else transfer_rule(rule, settings)
        about = (rule, tuple(sorted((settings or {}).items())))
        self.digest = digest(Path(__file__).read_bytes(), policy.scorers, policy.pricing, about)

    def rollout(self, scenario: Scenario, keys: Sequence[int]) -> Rows:
        """One row per key: its KPIs; FLOW, (R, R) units a day from region to region; STOCK, mean units on shelves and
        on the road at midnight; ORDERS_A_DAY. All are of the time after the warm-up."""
        return [self._play(scenario, key) for key in keys]

    def _play(self, scenario: Scenario, key: int) -> dict[str, Any]:
        noted = None if self.transfers is None else _Noted(self.transfers, scenario.warmup_ticks)
        sim = simulator_for(scenario, self.policy.pricing, transfers=noted)
        sim.reset(0, key)
        a_day, held = round(24 / scenario.tick_hours), []
        for midnight in range(scenario.warmup_ticks, scenario.horizon_ticks, a_day):
            sim.run(self.policy.scorers, midnight)
            held.append(int(sim.state.stock[0].sum(dtype=np.int64) + sim.state.road[0].sum(dtype=np.int64)))
        sim.run(self.policy.scorers)
        days = (scenario.horizon_ticks - scenario.warmup_ticks) / a_day
        units = np.zeros((sim.regions, sim.regions)) if noted is None else noted.units(sim.regions)
        orders = float(sim.totals(0).count[N.orders]) / days
        return {
            **sim.kpis(0), FLOW: (units / days).tolist(), STOCK: float(np.mean(held)), ORDERS_A_DAY: orders,
        }  # fmt: skip


class _Noted:
    """A rule whose moves after the warm-up are summed by region."""

    def __init__(self, rule: TransferRule, warmup_tick: int) -> None:
        self.rule, self.warmup_tick = rule, warmup_tick
        self.every_hours, self.hour = rule.every_hours, rule.hour
        self._moved: list[np.ndarray] = []

    def __call__(self, sim: Simulator, row: int) -> Moves:
        moves = self.rule(sim, row)
        if sim.tick(row) >= self.warmup_tick:
            region = sim.world.net.region_of_site
            self._moved.append(np.stack([region[moves.origin], region[moves.dest], moves.units]))
        return moves

    def units(self, regions: int) -> np.ndarray:
        """Units moved from region (row) to region (column)."""
        found = np.zeros((regions, regions))
        for origin, dest, units in self._moved:
            np.add.at(found, (origin, dest), units)
        return found
