"""Dispatch decisions and what they have cost their lanes.

The decisions of a lane form a chain over ticks. Each gets what the lane was charged with until its next decision. The
last decision of a chain has no successor yet and waits for one, so the end of a rollout is never treated as an end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numba import njit

from regional_dispatch.agents.credit.charges import Charges
from regional_dispatch.agents.credit.checked import checked
from regional_dispatch.agents.credit.concatenate import concatenate
from regional_dispatch.envs.kernel.decisions.features import DISPATCH_COUNT
from regional_dispatch.envs.kernel.decisions.observe import pack_lanes, unpack_lanes
from regional_dispatch.envs.simulator import Simulator, part


class Lanes(NamedTuple):
    """Dispatch decisions, one per row."""

    x: np.ndarray  # (n, features) float32
    region: np.ndarray  # (n,) int64
    action: np.ndarray  # (n,) int64, 1 for go and 0 for hold
    log_prob: np.ndarray  # (n,) float32, of the choice under the policy that made it
    value: np.ndarray  # (n,) float32, of the critic at that time
    chain: np.ndarray  # (n,) int64, number of the lane's chain: one per episode, copy and lane
    tick: np.ndarray  # (n,) int64
    cost: np.ndarray  # (n,) float64, what the lane was charged with since its previous decision, in the recorder's unit

    def take(self, index: np.ndarray) -> Lanes:
        """The decisions at an index, or where a mask is True."""
        return Lanes(*(array[index] for array in self))


class LaneRecorder:
    """Keeps the dispatch decisions of every copy of a network, chained lane by lane.

    Args:
        sim: the network copies.
        charges: what lanes are charged with. On `load_credit`: the packages that come to a lane rarely depend on what
            it does, so over time the credit changes no comparison between its choices. Without it, discounting makes
            every truck cheaper the later it leaves. At 1 a lane pays only for the empty room on its trucks.
        unit: costs are divided by this. Unit: USD.
    """

    def __init__(self, sim: Simulator, charges: Charges = Charges(), unit: float = 1.0) -> None:  # noqa: B008
        self.sim = sim
        self.unit = unit
        self.charges = charges
        rows = sim.copies * len(sim.world.net.lanes)
        self._handed = np.zeros(rows)
        self._sent = np.zeros(rows)
        self._x = np.zeros((rows, DISPATCH_COUNT), np.float32)
        self._lane = np.zeros(rows, np.int64)
        self._region = np.zeros(rows, np.int64)
        self._cost = np.zeros(rows)
        self._chain = np.zeros(rows, np.int64)
        self._tick = np.zeros(rows, np.int64)
        self._starts = np.zeros(sim.copies + 1, np.int64)
        self._episode = np.zeros(sim.copies, np.int64)
        self._kept: list[Lanes] = []

    def pack(self) -> tuple[np.ndarray, np.ndarray]:
        """Lanes up for decision in all copies: x (n, features), region (n,).

        The arrays are views that the next call overwrites.
        """
        n, sim = 0, self.sim
        lanes = len(sim.world.net.lanes)
        for copy in range(sim.copies):
            self._starts[copy] = n
            arrays = (a[n:] for a in (self._x, self._lane, self._region, self._cost, self._sent, self._handed))
            found = pack_lanes(sim.world, sim.state, copy, *arrays)
            self._cost[n : n + found] -= self.charges.load_credit * self._sent[n : n + found]
            self._cost[n : n + found] += self.charges.handover_charge * self._handed[n : n + found]
            base = (self._episode[copy] * sim.copies + copy) * lanes
            self._chain[n : n + found] = base + self._lane[n : n + found]
            self._tick[n : n + found] = sim.tick(copy)
            n += found
        self._starts[sim.copies] = n
        return self._x[:n], self._region[:n]

    def unpack(self, action: np.ndarray, log_prob: np.ndarray, value: np.ndarray) -> None:
        """Applies go or hold to the lanes just packed."""
        n = len(action)
        for copy in range(self.sim.copies):
            rows = slice(self._starts[copy], self._starts[copy + 1])
            unpack_lanes(self.sim.state, copy, self._lane[rows], action[rows])
        self._kept.append(
            Lanes(
                self._x[:n].copy(), self._region[:n].copy(), action, log_prob, value,
                self._chain[:n].copy(), self._tick[:n].copy(), self._cost[:n] / self.unit,
            )
        )  # fmt: skip

    def latest(self) -> tuple[Lanes, np.ndarray]:
        """The decisions applied last, and the copy of each."""
        copy = np.repeat(np.arange(self.sim.copies), np.diff(self._starts))
        return self._kept[-1], copy

    def end_episode(self, copy: int) -> None:
        """Ends the copy's chains; later decisions belong to the next episode."""
        self._episode[copy] += 1

    def take(self, gamma: float, gae_lambda: float) -> tuple[Lanes, np.ndarray, np.ndarray]:
        """All decisions that have a successor, with their advantages and returns, both (n,) float32.

        The last decision of every chain is kept for the next call. Those of ended episodes are dropped: the horizon cut
        their costs off, and a policy trained on them as if nothing followed learns to hold trucks.
        """
        every = concatenate(self._kept)
        every = every.take(np.lexsort((every.tick, every.chain)))
        advantage, has_next = _chained_advantages(
            every.chain, every.tick, every.cost, every.value.astype(np.float64), gamma, gae_lambda
        )
        lanes, copies = len(self.sim.world.net.lanes), self.sim.copies
        episode, copy = np.divmod(every.chain // lanes, copies)
        self._kept = [every.take(~has_next & (episode == self._episode[copy]))]
        advantage = advantage[has_next].astype(np.float32)
        taken = every.take(has_next)
        return taken, advantage, advantage + taken.value

    def clear(self) -> None:
        """Drops everything; call when the copies are reset."""
        self._kept = []
        self._episode[:] = 0

    def snapshot(self) -> dict[str, np.ndarray]:
        """The decisions without a successor, and the number of each copy's episode, as arrays."""
        waiting = concatenate(self._kept)._asdict() if self._kept else {}
        return {"episode": self._episode, **{f"kept.{name}": array for name, array in waiting.items()}}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Continues from a snapshot.

        Raises:
            KeyError: an array is missing.
            ValueError: an array is of another size or kind, or out of bounds.
        """
        self._episode[:] = checked("episode", arrays["episode"], np.int64, self._episode.shape, low=0)
        waiting = any(name.startswith("kept.") for name in arrays)
        self._kept = [checked_lanes(part(arrays, "kept."), self.sim.regions)] if waiting else []


def checked_lanes(arrays: Mapping[str, np.ndarray], regions: int) -> Lanes:
    """Decisions from a checkpoint.

    Raises:
        KeyError: an array is missing.
        ValueError: an array is of another size or kind, or out of bounds.
    """
    n, below = len(arrays["x"]), {"region": regions, "action": 2}
    kinds = {"x": np.float32, "log_prob": np.float32, "value": np.float32, "cost": np.float64}
    shapes = {"x": (n, DISPATCH_COUNT)}
    return Lanes(**{
        name: checked(
            f"lanes.{name}", arrays[name], kinds.get(name, np.int64), shapes.get(name, (n,)),
            None if name in kinds else 0, below.get(name),
        )
        for name in Lanes._fields
    })  # fmt: skip


@njit(cache=True)
def _chained_advantages(
    chain: np.ndarray, tick: np.ndarray, cost: np.ndarray, value: np.ndarray, gamma: float, gae_lambda: float
) -> tuple[np.ndarray, np.ndarray]:
    """Generalised advantage estimation along chains sorted by (chain, tick), over gaps of any length.

    Returns:
        Advantages (n,), zero for decisions without a successor, and which decisions have one (n,) bool.
    """
    advantage, has_next = np.zeros(len(chain)), np.zeros(len(chain), np.bool_)
    for i in range(len(chain) - 2, -1, -1):
        if chain[i] == chain[i + 1]:
            gap = tick[i + 1] - tick[i]
            delta = -cost[i + 1] + gamma**gap * value[i + 1] - value[i]
            advantage[i] = delta + (gamma * gae_lambda) ** gap * advantage[i + 1]
            has_next[i] = True
    return advantage, has_next
