"""The decisions of a tick of every network copy: read from the kernel, shown as tables, and written back."""

from __future__ import annotations

import numpy as np

from regional_dispatch.envs.kernel.decisions.features import DISPATCH_COUNT, SOURCE_COUNT, D, S
from regional_dispatch.envs.kernel.decisions.observe import pack_lanes, pack_lines
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.streams.compiled import read_choices, write_choices
from regional_dispatch.envs.streams.layout import (
    BASE,
    COLUMN_COUNT,
    DISPATCH_COLUMNS,
    GO,
    HOLD_GO,
    LANE,
    LEGAL,
    SOURCE_COLUMNS,
)

_COST_USD, _LATE_USD = 10.0, 5.0  # units of the features `cost` and `late_usd_if_held`


class TickDecisions:
    """Decisions 0…n−1 of each copy: its lines that have a candidate, region by region, then its lanes.

    All are seen as the tick begins: a decision does not see another one of its tick, as in `RegionalDispatch-v0`.

    Args:
        sim: the network copies.
        base: rule that action 0 stands for; None, actions are the kernel's candidates in their own order.
    """

    def __init__(self, sim: Simulator, base: Scorers | None = None) -> None:
        self.sim, self.base = sim, base
        rules, copies, lanes = sim.world.rules, sim.copies, len(sim.world.net.lanes)
        self.actions = max(rules.candidates, HOLD_GO)
        shape = copies, sim.regions * rules.order_slots
        self._x = np.zeros((*shape, rules.candidates, SOURCE_COUNT), np.float32)
        self._mask = np.zeros((*shape, rules.candidates), np.bool_)
        self._region, self.order = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self.price = np.zeros((*shape, rules.candidates), np.float32)  # USD, shadow price of the units
        self._backlog = np.zeros(self.price.shape[1:], np.float32)
        self._lane_x = np.zeros((copies, lanes, DISPATCH_COUNT), np.float32)
        self.lane, self._lane_region = np.zeros((copies, lanes), np.int64), np.zeros(lanes, np.int64)
        self._account = [np.zeros(lanes) for _ in range(3)]  # not used: `pack_lanes` takes the lanes' accounts
        self._base_choice, self._base_go = np.zeros(shape, np.int64), np.zeros((copies, lanes), np.int64)
        self.lines = np.zeros(copies, np.int64)  # of each copy
        self.lanes = np.zeros(copies, np.int64)

    @property
    def count(self) -> np.ndarray:
        """Decisions of each copy: (copies,)."""
        return self.lines + self.lanes

    def read(self, copy: int) -> int:
        """Lists the decisions of a copy that waits for them; returns how many."""
        sim = self.sim
        beside = self._x, self._mask, self._region, self.price
        rows = [array[copy] for array in beside]
        self.lines[copy] = pack_lines(sim.world, sim.state, copy, *rows, self._backlog, self.order[copy])
        kept = self._lane_x[copy], self.lane[copy], self._lane_region, *self._account
        self.lanes[copy] = pack_lanes(sim.world, sim.state, copy, *kept)
        if self.base is not None:
            sim.decide(copy, self.base)
            read_choices(sim.world, sim.state, copy, self._base_choice[copy])
            self._base_go[copy] = sim.state.go[copy, self.lane[copy]]
        return int(self.count[copy])

    def show(self, copy: np.ndarray, decision: np.ndarray, out: np.ndarray) -> None:
        """Writes decisions into blank tables.

        Args:
            copy, decision: (rows,) which decision each row shows.
            out: (rows, actions, COLUMN_COUNT) float32, zeros.
        """
        line = np.flatnonzero(decision < self.lines[copy])
        at = copy[line], decision[line]
        candidates = self._x.shape[2]
        out[line, :candidates, LEGAL] = self._mask[at]
        out[line, :candidates, SOURCE_COLUMNS] = self._x[at]
        lane, of = self._lanes_among(copy, decision)
        out[lane, :HOLD_GO, LEGAL] = out[lane, :HOLD_GO, LANE] = out[lane, 1, GO] = 1
        out[lane, :HOLD_GO, DISPATCH_COLUMNS] = self._lane_x[of][:, None]
        if self.base is not None:
            self._put_base_first(copy, decision, out)

    def _put_base_first(self, copy: np.ndarray, decision: np.ndarray, out: np.ndarray) -> None:
        order = self.own_actions(copy, decision)
        out[:] = np.take_along_axis(out, order[:, :, None], axis=1)
        out[:, 0, BASE] = 1

    def own_actions(self, copy: np.ndarray, decision: np.ndarray) -> np.ndarray:
        """The kernel's action behind each action of some decisions: (rows, actions) int64."""
        own = np.tile(np.arange(self.actions), (len(copy), 1))
        if self.base is None:
            return own
        lane, of = self._lanes_among(copy, decision)
        first = self._base_choice[copy, np.minimum(decision, self._base_choice.shape[1] - 1)]
        first[lane] = self._base_go[of]
        return np.argsort(own != first[:, None], axis=1, kind="stable")

    def legal_action(self, copy: np.ndarray, decision: np.ndarray, actions: np.ndarray) -> np.ndarray:
        """The kernel's action that streams have chosen, (rows,) int64; an illegal one stands for action 0."""
        own = self.own_actions(copy, decision)
        rows = np.arange(len(own))
        chosen = own[rows, actions]
        lines = decision < self.lines[copy]
        legal = chosen < HOLD_GO
        legal[lines] = self._mask[copy[lines], decision[lines]][
            np.arange(int(lines.sum())), np.minimum(chosen[lines], self._mask.shape[2] - 1)
        ] & (chosen[lines] < self._mask.shape[2])
        return np.where(legal, chosen, own[:, 0])

    def _lanes_among(self, copy: np.ndarray, decision: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """Which of some decisions are about lanes, and the copy and number among its lanes of each."""
        lane = np.flatnonzero(decision >= self.lines[copy])
        return lane, (copy[lane], decision[lane] - self.lines[copy[lane]])

    def write(self, copy: int, choice: np.ndarray, go: np.ndarray, lanes: np.ndarray) -> None:
        """Applies decisions of a copy.

        Args:
            copy: that waits for its decisions.
            choice: (lines,) int64, the kernel's candidate of each line; −1 leaves a line as it is.
            go: (n,) hold (0) or go (1).
            lanes: (n,) int64, numbers among the copy's lanes.
        """
        write_choices(self.sim.world, self.sim.state, copy, choice)
        self.sim.state.go[copy, self.lane[copy, lanes]] = go

    def standard_cost_usd(self, copy: np.ndarray, line: np.ndarray, candidate: np.ndarray) -> np.ndarray:
        """Standard cost of candidates' routes, up to 100 USD, where the feature ends: (n,)."""
        return _COST_USD * self._x[copy, line, candidate, S.cost].astype(float)

    def empty_room_usd(self, copy: np.ndarray, lane: np.ndarray) -> np.ndarray:
        """Cost of the room that stays empty on trucks that leave now: (n,)."""
        index = self.lane[copy, lane]
        record, waiting = self.sim.world.net.lanes[index], self.sim.state.lane["count"][copy, index]
        return record["cost"] * np.maximum(0.0, 1 - waiting / record["room"])

    def late_usd_if_held(self, copy: np.ndarray, lane: np.ndarray) -> np.ndarray:
        """Lateness that holding a tick longer adds on lanes, up to 50 USD, where the feature ends: (n,)."""
        return _LATE_USD * self._lane_x[copy, lane, D.late_usd_if_held].astype(float)


def blank(rows: int, actions: int) -> np.ndarray:
    """Tables without a decision: (rows, actions, COLUMN_COUNT) float32; action 0 alone is legal."""
    out = np.zeros((rows, actions, COLUMN_COUNT), np.float32)
    out[:, 0, LEGAL] = 1
    return out
