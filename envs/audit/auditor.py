"""The auditor of a simulator: keeps the moment before each tick, and stops at the first violation after it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from regional_dispatch.envs.audit.laws import (
    ALWAYS,
    BY_TICK,
    SETTLED,
    Decided,
    Moment,
    Row,
    lists,
    units_by_sku,
    violations,
)
from regional_dispatch.envs.audit.violation import save_violation
from regional_dispatch.envs.audit.walk import NO_FAULT, Tally, walk_row
from regional_dispatch.envs.kernel.decisions.scorers import Scorers

if TYPE_CHECKING:
    from regional_dispatch.envs.simulator import Simulator

AUDIT_VARIABLE = "REGIONAL_DISPATCH_AUDIT"  # folder of violations: all simulators of the process and its children audit
DEFAULT_FOLDER = Path("runs/audit")


class AuditError(ValueError):
    """A law does not hold. The text names law, tick, copy and numbers, and the file that plays the tick again.

    Args:
        law: the law, and the numbers that break it.
        message: the whole text.
    """

    def __init__(self, law: str, message: str) -> None:
        super().__init__(message)
        self.law = law


def audit_folder(audit: bool | str | Path | None) -> Path | None:
    """Where an auditor puts what it finds; None: there is none.

    Args:
        audit: True, False, a folder, or None, for what the environment variable says.
    """
    if audit is None:
        audit = os.environ.get(AUDIT_VARIABLE) or False
    if isinstance(audit, bool):
        return DEFAULT_FOLDER if audit else None
    return Path(audit)


class _Left(NamedTuple):
    """What a tick has left behind, and only the next one may change."""

    units: np.ndarray  # (S,) int64
    cash: np.ndarray  # (R, components)
    accrual: np.ndarray  # (R, components)

    def violations(self, now: Row) -> Iterator[str]:
        """What has changed between two ticks; transfers move units, and cost dollars in both books."""
        there = units_by_sku(now)
        wrong = np.flatnonzero(there != self.units)
        if len(wrong):
            sku = wrong[0]
            yield f"SKU {sku} has {there[sku]} units, and had {self.units[sku]}; {len(wrong)} such"
        cash, accrual = now["cash"] - self.cash, now["accrual"] - self.accrual
        if not (np.abs(cash - accrual) <= 1e-6 * (1.0 + np.abs(now["cash"]).max(initial=0))).all():
            yield "dollars were booked in one of the two books only"


class Auditor:
    """Checks every law of `envs.audit.laws` after every tick of a simulator.

    Args:
        sim: the simulator.
        folder: for the files of violations; it is made when there is one. None: no file is written.
    """

    def __init__(self, sim: Simulator, folder: Path | None) -> None:
        self.sim, self.folder = sim, folder
        self.ticks = 0  # audited so far, of all rows
        self._before: list[Row | None] = [None] * sim.copies
        self._tally: list[Tally | None] = [None] * sim.copies  # of the state that the last tick left
        self._left: list[_Left | None] = [None] * sim.copies
        self._decided: list[Decided | None] = [None] * sim.copies
        self._decisions: list[Row] = [{} for _ in range(sim.copies)]
        self._kept: list[Row] = [{} for _ in range(sim.copies)]  # memory that is used in every tick again

    def forget(self, row: int) -> None:
        """The row starts an episode, or goes on from elsewhere: the tick before says nothing about the next one."""
        self._before[row] = self._tally[row] = self._left[row] = None

    def before(self, row: int) -> None:
        """A tick begins: stock has been moved and priced, and nothing else has happened."""
        self._before[row] = kept = self._copied(row)
        self._decisions[row] = {}
        left = self._left[row]
        if left is not None:
            for text in left.violations(kept):
                self._stop(row, f"between ticks: {text}")
        if self._tally[row] is None:
            self._tally[row] = tally = walk_row(self.sim.world, self.sim.state, row)
            if tally.fault[0] != NO_FAULT:
                self._stop(row, "lists: " + next(lists(self._moment(row, tally))))

    def decided(self, row: int) -> None:
        """All decisions of the tick are made."""
        state = self.sim.state
        slots = state.slots[row]
        region = np.repeat(np.arange(len(slots)), slots)
        number = np.arange(len(region)) - np.repeat(np.cumsum(slots) - slots, slots)
        at = (state.line_first[row][region] + number) % state.line.shape[2]
        self._decided[row] = Decided(region, at)
        chosen = state.line["choice"][row][region, at]
        self._decisions[row] = {"choice": chosen, "candidate": state.candidate[row].copy(), "go": state.go[row].copy()}

    def after(self, row: int) -> None:
        """The tick has passed.

        Raises:
            AuditError: a law does not hold.
        """
        tally = walk_row(self.sim.world, self.sim.state, row)
        moment = self._moment(row, tally)
        laws = (lists,) if tally.fault[0] != NO_FAULT else (*ALWAYS, *BY_TICK)
        for text in violations(moment, laws):
            self._stop(row, text)
        self._tally[row] = tally
        self._left[row] = _Left(units_by_sku(moment.row), moment.row["cash"].copy(), moment.row["accrual"].copy())
        self.ticks += 1

    def settled(self, row: int) -> None:
        """The books are closed.

        Raises:
            AuditError: a law does not hold.
        """
        tally = walk_row(self.sim.world, self.sim.state, row)
        laws = (lists,) if tally.fault[0] != NO_FAULT else SETTLED
        for text in violations(self._moment(row, tally), laws):
            self._stop(row, f"at the horizon, {text}")
        self.forget(row)

    @contextmanager
    def watching(self, row: int, scorers: Scorers | None = None) -> Iterator[None]:
        """Has an index out of bounds, which the debug build notices, leave a file too."""
        try:
            yield
        except IndexError as error:
            self._stop(row, f"bounds: {error}", scorers)

    def _copied(self, row: int) -> Row:
        """A copy of the row's state; it holds until the next one of this row."""
        kept = self._kept[row]
        for name, array in self.sim._arrays().items():
            one = array[row : row + 1]  # a row of scalars would be no array
            if name not in kept or kept[name].shape != one.shape:
                kept[name] = np.empty_like(one)
            kept[name].view(np.uint8)[...] = one.view(np.uint8)  # records would be copied field by field
        return {name: array[0] for name, array in kept.items()}

    def _moment(self, row: int, tally: Tally) -> Moment:
        now = {name: array[row] for name, array in self.sim._arrays().items()}
        nothing = np.zeros(0, np.int64)
        before, decided = self._before[row] or now, self._decided[row] or Decided(nothing, nothing)
        return Moment(self.sim.world, now, tally, before, self._tally[row] or tally, decided)

    def _stop(self, row: int, text: str, scorers: Scorers | None = None) -> None:
        before = self._before[row]
        assert before is not None
        tick = int(before["row"]["tick"])
        self.forget(row)
        where = f"scenario {self.sim.scenario.name}, copy {row}, tick {tick}, episode key {int(before['row']['key'])}"
        again = ""
        if self.folder is not None:
            file = save_violation(self.folder, self.sim, before, self._decisions[row], text, scorers)
            again = f"; play it again: evaluate.py replay {file}"
        raise AuditError(text, f"audit: {text} ({where}){again}")
