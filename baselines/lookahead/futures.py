"""Tries decisions: what they cost in many futures."""

from __future__ import annotations

import numpy as np

from regional_dispatch.baselines.lookahead.changes import Change
from regional_dispatch.envs.kernel import tick as kernel
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import Scenario


class Futures:
    """What may follow a tick, played by a base policy.

    Args:
        scenario: the world.
        copies: futures that are played together; more are played one batch after the other.
        scorers: the base policy.
        hours: length of a future; inf, to the end of the episode.
        known_hours: of the episode's own orders that every future begins with.
    """

    def __init__(
        self, scenario: Scenario, copies: int, scorers: Scorers, hours: float, known_hours: float = 0.0
    ) -> None:
        self.scenario, self.scorers = scenario, scorers
        self.ticks, self.known = (length / scenario.tick_hours for length in (hours, known_hours))
        self._trial, self._futures = Simulator(scenario), Simulator(scenario, copies)

    def dollars(self, sim: Simulator, changed: list[Change], draws: np.ndarray) -> np.ndarray:
        """What each region has paid at the end of each future, with some decisions of row 0 changed: (futures, R) USD.

        Args:
            sim: the episode, after `decide`; stays as it is.
            changed: decisions to change.
            draws: (futures,) uint64, keys of the orders to come.
        """
        if not len(draws):
            return np.zeros((0, sim.regions))
        self._trial.copy_from(sim, 1)
        for change in changed:
            change.apply(self._trial)
        if self._trial.finish(0):
            return np.repeat(self._trial.state.cash.sum(axis=2), len(draws), axis=0)
        size = self._futures.copies
        return np.concatenate([self._batch(sim, draws[i : i + size]) for i in range(0, len(draws), size)])

    def _batch(self, sim: Simulator, draws: np.ndarray) -> np.ndarray:
        """Plays the trial on in some futures: (futures, R) USD."""
        self._futures.copy_from(self._trial, len(draws))
        if self.known:
            self._run(len(draws), sim.tick(0) + 1 + self.known)
        self._futures.state.row["key"][: len(draws)] = draws
        self._run(len(draws), sim.tick(0) + max(1.0, self.ticks))
        return self._paid(len(draws))

    def _run(self, rows: int, until: float) -> None:
        """Plays rows up to a tick, or to the horizon if that is earlier."""
        sim = self._futures
        stop = int(min(until, sim.world.rules.horizon_tick))
        for row in range(rows):
            while (need := sim.advance(row, self.scorers, stop)) != kernel.READY:
                sim.make_room(need)

    def _paid(self, rows: int) -> np.ndarray:
        """Dollars so far, with what work under way will still be paid at standard cost: (rows, R)."""
        sim = self._futures
        usd = sim.state.cash[:rows].copy()
        for row in range(rows):
            if not sim.state.row["settled"][row]:
                kernel.value_work_under_way(sim.world, sim.state, row, usd[row])
        paid: np.ndarray = usd.sum(axis=2)
        return paid
