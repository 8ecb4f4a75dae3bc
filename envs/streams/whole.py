"""Whole streams: each makes all decisions of one network copy, one after the other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.streams.tick import TickDecisions, blank
from regional_dispatch.envs.vector_env import RegionRows
from regional_dispatch.envs.world.errors import ScenarioError


class StreamStep(NamedTuple):
    """What a step brings each stream."""

    usd: np.ndarray  # (rows,) float64, charged
    terminated: np.ndarray  # (rows,) bool
    truncated: np.ndarray  # (rows,) bool
    idle: np.ndarray  # (rows,) bool, the stream had no decision, and its action did nothing


class WholeStreams:
    """Row i makes every decision of copy i: its lines, then its lanes, tick by tick.

    A decision is charged at once with what is known: a line with its standard route cost; a truck that leaves with its
    empty room, at the lane's cost; a truck that stays with the lateness this makes inevitable. The last decision of a
    tick is charged with the rest, up to what the ledger has booked by the next tick's decisions. So an episode's
        charges
    sum to the ledger's dollars.

    Args:
        sim: the network copies.
        seed: of the training stream.
        base: rule that action 0 stands for.
    """

    credit = "whole"

    def __init__(self, sim: Simulator, seed: int = 0, base: Scorers | None = None) -> None:
        self.sim = sim
        self.region_rows = RegionRows(sim, seed)
        self.tick = TickDecisions(sim, base)
        self.rows, self.actions = sim.copies, self.tick.actions
        self._copies = np.arange(self.rows)
        self._at = np.zeros(self.rows, np.int64)  # the decision that each stream makes next
        self._charged = np.zeros(self.rows)  # since the episode began
        self._choice = np.zeros(self.tick.order.shape, np.int64)
        self._go = np.zeros(self.tick.lane.shape, np.int64)

    def start(self, seed: int | None = None) -> None:
        """Starts every copy from its first episode, under a new seed if one is given."""
        self.region_rows.restart(seed)
        for copy in range(self.rows):
            self._begin_episode(copy)

    def restart(self, row: int) -> None:
        """Starts the stream's next episode."""
        self.region_rows.start(row)
        self._begin_episode(row)

    def observe(self) -> np.ndarray:
        """What every stream decides next: (rows, actions, COLUMN_COUNT); blank at the end of an episode."""
        out = blank(self.rows, self.actions)
        open_rows = np.flatnonzero(self._at < self.tick.count)
        shown = np.zeros((len(open_rows), *out.shape[1:]), out.dtype)
        self.tick.show(self._copies[open_rows], self._at[open_rows], shown)
        out[open_rows] = shown
        return out

    def step(self, actions: np.ndarray, skip: np.ndarray | None = None) -> StreamStep:
        """Makes every stream's decision; ticks whose decisions are all made pass.

        Args:
            actions: (rows,) int64 in 0…actions − 1; an illegal one stands for 0.
            skip: (rows,) bool, streams that are left as they are; default, none.
        """
        rows = self._copies if skip is None else np.flatnonzero(~skip)
        usd, truncated = np.zeros(self.rows), np.zeros(self.rows, bool)
        usd[rows] = self._decide(rows, self._at[rows], actions[rows])
        self._charged[rows] += usd[rows]
        self._at[rows] += 1
        for copy in rows[self._at[rows] == self.tick.count[rows]]:
            truncated[copy] = self._pass_tick(int(copy))
            rest = float(self.sim.state.accrual[copy].sum()) - self._charged[copy]
            usd[copy] += rest
            self._charged[copy] += rest
        idle = np.zeros(self.rows, bool) if skip is None else skip
        return StreamStep(usd, np.zeros(self.rows, bool), truncated, idle)

    def _decide(self, copy: np.ndarray, decision: np.ndarray, actions: np.ndarray) -> np.ndarray:
        """Keeps decisions until their tick is complete; returns what they are charged with at once."""
        own = self.tick.legal_action(copy, decision, actions)
        lines = self.tick.lines[copy]
        line, lane = np.flatnonzero(decision < lines), np.flatnonzero(decision >= lines)
        usd = np.zeros(len(copy))
        of = copy[line], decision[line]
        self._choice[of] = own[line]
        usd[line] = self.tick.standard_cost_usd(*of, own[line])
        of = copy[lane], decision[lane] - lines[lane]
        self._go[of] = own[lane]
        usd[lane] = np.where(own[lane] == 1, self.tick.empty_room_usd(*of), self.tick.late_usd_if_held(*of))
        return usd

    def _pass_tick(self, copy: int) -> bool:
        """Applies the tick's decisions and goes on to the next tick with any; True at the horizon."""
        lines, lanes = self.tick.lines[copy], self.tick.lanes[copy]
        self.tick.write(copy, self._choice[copy, :lines], self._go[copy, :lanes], np.arange(lanes))
        while not self.sim.finish(copy):
            self.sim.begin(copy)
            self._at[copy] = 0
            if self.tick.read(copy):
                return False
        self._at[copy] = self.tick.count[copy]
        return True

    def _begin_episode(self, copy: int) -> None:
        self._charged[copy] = 0.0
        self._at[copy] = 0
        if not self.tick.read(copy) and self._pass_tick(copy):
            raise ScenarioError("no order line and no lane is up for decision in the whole episode; give it demand")
