"""Sourcing decisions and what their orders have cost.

A decision is open until all packages of its order are delivered or settled at the horizon; then its return is minus the
realised cost of the whole order. The whole order's, because lines of one order share packages: a line that leaves
alone costs a second package, which the cost of its own journey shows only in part.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from regional_dispatch.agents.credit.charges import Charges
from regional_dispatch.agents.credit.checked import checked
from regional_dispatch.envs.kernel.decisions.features import SOURCE_COUNT
from regional_dispatch.envs.kernel.decisions.observe import pack_lines, unpack_lines
from regional_dispatch.envs.simulator import Simulator


class Lines(NamedTuple):
    """Sourcing decisions, one per row."""

    x: np.ndarray  # (n, K, features) float32
    mask: np.ndarray  # (n, K) bool, True for candidates that exist
    region: np.ndarray  # (n,) int64
    action: np.ndarray  # (n,) int64, the candidate chosen
    log_prob: np.ndarray  # (n,) float32, of the choice under the policy that made it
    reward: np.ndarray  # (n,) float32, minus USD


class LineRecorder:
    """Keeps the sourcing decisions of every copy of a network: open ones, and closed ones until they are taken.

    Args:
        sim: the network copies; `sim.keep_journeys` is called with the recorder's size.
        room: open decisions that a copy has room for; doubled when needed.
        charges: what lines are charged with.
    """

    def __init__(self, sim: Simulator, room: int, charges: Charges = Charges()) -> None:  # noqa: B008
        self.sim = sim
        self.charges = charges
        self.room = room
        rules = sim.world.rules
        rows = sim.copies * sim.regions * rules.order_slots
        k = rules.candidates
        self._x = np.zeros((rows, k, SOURCE_COUNT), np.float32)
        self._mask = np.zeros((rows, k), np.bool_)
        self._region = np.zeros(rows, np.int64)
        self._price = np.zeros((rows, k), np.float32)
        self._backlog = np.zeros((rows, k), np.float32)
        self._order = np.zeros(rows, np.int64)
        self._starts = np.zeros(sim.copies + 1, np.int64)
        copies = sim.copies
        self._kept = _room(k, copies, room)
        self._order_of = np.zeros((copies, room), np.int64)
        self._open = np.zeros((copies, room), np.bool_)
        self._closed = _room(k, room)  # since the last `take`
        self._closed_count = 0
        self._decided = np.zeros(0, np.int64), np.zeros(0, np.float32)
        sim.keep_journeys(room)

    def pack(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Lines up for decision in all copies: x (n, K, features), mask (n, K), region (n,).

        The arrays are views that the next call overwrites.
        """
        n, sim = 0, self.sim
        for copy in range(sim.copies):
            self._starts[copy] = n
            arrays = (a[n:] for a in (self._x, self._mask, self._region, self._price, self._backlog, self._order))
            n += pack_lines(sim.world, sim.state, copy, *arrays)
        self._starts[sim.copies] = n
        return self._x[:n], self._mask[:n], self._region[:n]

    def unpack(self, action: np.ndarray, log_prob: np.ndarray) -> None:
        """Applies choices to the lines just packed, and opens their decisions."""
        self._decided = action, log_prob
        for copy in range(self.sim.copies):
            rows = slice(self._starts[copy], self._starts[copy + 1])
            count = rows.stop - rows.start
            while (free := np.flatnonzero(~self._open[copy])[:count]).size < count:
                self._grow()
            self._open[copy, free] = True
            price = self._charged(rows, action[rows])
            values = (self._x[rows], self._mask[rows], self._region[rows], action[rows], log_prob[rows], -price)
            for kept, value in zip(self._kept, values, strict=True):
                kept[copy, free] = value
            self._order_of[copy, free] = self._order[rows]
            unpack_lines(self.sim.world, self.sim.state, copy, action[rows], free)

    def latest(self) -> tuple[Lines, np.ndarray]:
        """The decisions applied last, with reward 0, and the copy of each."""
        n = int(self._starts[-1])
        copy = np.repeat(np.arange(self.sim.copies), np.diff(self._starts))
        action, log_prob = self._decided
        kept = Lines(
            self._x[:n].copy(),
            self._mask[:n].copy(),
            self._region[:n].copy(),
            action,
            log_prob,
            np.zeros(n, np.float32),
        )
        return kept, copy

    def _charged(self, rows: slice, action: np.ndarray) -> np.ndarray:
        """USD that the chosen candidates pay for their units and for the work queued on their way: (n,)."""
        chosen = action[:, None]
        price, hours = (np.take_along_axis(a[rows], chosen, axis=1)[:, 0] for a in (self._price, self._backlog))
        return self.charges.unit_charge * price + self.charges.congestion_usd_per_hour * hours

    def close_finished(self, copy: int) -> None:
        """Closes the decisions whose order has arrived or been settled; call before the copy starts a new episode."""
        journeys = self.sim.state.journey[copy]
        index = np.flatnonzero(self._open[copy])
        orders, order = np.unique(self._order_of[copy, index], return_inverse=True)
        leads = journeys["leader"][index] == index  # one line of every package holds its cost
        pending = np.bincount(order, leads & (journeys["done"][index] == 0), len(orders)) > 0
        usd = np.bincount(order, np.where(leads, journeys["cost"][index], 0.0), len(orders))[order]
        done = ~pending[order]
        self._open[copy, index[done]] = False
        as_chosen = done & (journeys["void"][index] == 0)  # not served by another candidate than the one chosen
        self._close(copy, index[as_chosen], usd[as_chosen])

    def end_episode(self, copy: int) -> None:
        """Closes what is open in a copy that has reached its horizon; call before it starts a new episode."""
        if self.charges.settlement:
            self.close_finished(copy)
            return
        index = np.flatnonzero(self._open[copy])
        self._open[copy, index] = False
        as_chosen = index[self.sim.state.journey["void"][copy, index] == 0]
        self._close(copy, as_chosen, 0.0)

    def _close(self, copy: int, index: np.ndarray, usd: np.ndarray | float) -> None:
        """Moves decisions to those that are closed, charged with what they have cost."""
        low, high = self._closed_count, self._closed_count + len(index)
        while high > len(self._closed.x):
            self._closed = _doubled(self._closed, axis=0)
        for closed, kept in zip(self._closed, self._kept, strict=True):
            np.take(kept[copy], index, axis=0, out=closed[low:high], mode="clip")  # the fastest mode; all are in range
        self._closed.reward[low:high] -= usd
        self._closed_count = high

    def take(self) -> Lines:
        """All decisions closed since the last call, with their returns.

        The arrays are views that are overwritten once decisions are closed again.
        """
        for copy in range(self.sim.copies):
            self.close_finished(copy)
        taken = Lines(*(array[: self._closed_count] for array in self._closed))
        self._closed_count = 0
        return taken

    def clear(self) -> None:
        """Drops everything; call when the copies are reset."""
        self._open[:] = False
        self._closed_count = 0

    def snapshot(self) -> dict[str, np.ndarray]:
        """The open decisions, as arrays; call between two updates, when no others are kept."""
        kept = {f"kept.{name}": array[self._open] for name, array in self._kept._asdict().items()}
        return {"open": self._open, "order_of": self._order_of[self._open], **kept}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Continues from a snapshot.

        Raises:
            KeyError: an array is missing.
            ValueError: an array is of another size or kind, or out of bounds.
        """
        room = arrays["open"].shape[-1]
        while self.room < room and room % self.room == 0:
            self._grow()
        self._open[:] = checked("open", arrays["open"], bool, (self.sim.copies, self.room))
        n = int(self._open.sum())
        self._order_of[self._open] = checked("order_of", arrays["order_of"], np.int64, (n,))
        below = {"region": self.sim.regions, "action": self._mask.shape[1]}
        for name, array in self._kept._asdict().items():
            low = 0 if name in below else None
            array[self._open] = checked(
                f"kept.{name}", arrays[f"kept.{name}"], array.dtype.type, (n, *array.shape[2:]), low, below.get(name)
            )
        self._closed_count = 0

    def _grow(self) -> None:
        self._kept = _doubled(self._kept, axis=1)
        self._open = np.concatenate([self._open, np.zeros_like(self._open)], axis=1)
        self._order_of = np.concatenate([self._order_of, np.zeros_like(self._order_of)], axis=1)
        self.room *= 2
        self.sim.keep_journeys(self.room)


def _room(candidates: int, *rows: int) -> Lines:
    """Room for so many decisions."""
    return Lines(
        np.zeros((*rows, candidates, SOURCE_COUNT), np.float32), np.zeros((*rows, candidates), np.bool_),
        np.zeros(rows, np.int64), np.zeros(rows, np.int64), np.zeros(rows, np.float32), np.zeros(rows, np.float32),
    )  # fmt: skip


def _doubled(lines: Lines, axis: int) -> Lines:
    """The same with twice the room."""
    return Lines(*(np.concatenate([array, np.zeros_like(array)], axis=axis) for array in lines))
