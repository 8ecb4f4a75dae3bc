"""What every decision was and what became of it: the ledger's returns, decision by decision.

A line's decision is open until all packages of its order are delivered or settled; then its return is the order's
realised cost. The whole order's, because lines of one order share packages: a line that leaves its sister behind
costs a second package, and with each line paying for its own journey alone neither would feel that in full. A lane's
decisions form a chain over ticks; each gets what the lane accrued until its next decision, and the last of a chain
waits for its successor. So no return is guessed, and no end of a rollout is mistaken for the end of the world.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from regional_dispatch.envs.kernel.features import DISPATCH_COUNT, SOURCE_COUNT
from regional_dispatch.envs.kernel.lane_price import LANE_PRICE_FEATURES
from regional_dispatch.envs.kernel.observe import pack_lanes, pack_lines, unpack_lanes, unpack_lines
from regional_dispatch.envs.kernel.score import Scorer
from regional_dispatch.envs.kernel.scorers import linear
from regional_dispatch.envs.simulator import Simulator

BACKLOG_HOURS = 12.0  # one of the price's feature of queued work


class Charges(NamedTuple):
    """What decisions are charged with beyond the ledger's dollars, so that each feels what it does to others."""

    load_credit: float = 0.0  # of a lane, per package it sends: share of a full truck's cost per package
    handover: float = 0.0  # of a lane: share of the next lanes' price of what it sends
    marginal_trucks: bool = False  # trucks less than full are paid by who made them leave (`envs.kernel.tick._charge`)
    congestion_usd_per_hour: float = 0.0  # of a line, for the work queued at the FC and sort centers it goes through
    units: float = 1.0  # of a line: share of the shadow price of the units it takes
    settlement: bool = True  # what is under way at the horizon is charged at standard cost; else it is free

    def with_congestion(self, price: Scorer) -> Scorer:
        """A price of lanes that has the charge for work queued at their origin on top."""
        if not self.congestion_usd_per_hour:
            return price
        if not price.bias.size:
            price = linear(LANE_PRICE_FEATURES)
        weight = price.weight.copy()
        weight[:, LANE_PRICE_FEATURES.index("backlog")] += np.float32(BACKLOG_HOURS * self.congestion_usd_per_hour)
        return price._replace(weight=weight)


class Lines(NamedTuple):
    """Sourcing decisions, one per row."""

    x: np.ndarray  # (n, K, features) float32
    mask: np.ndarray  # (n, K) bool
    region: np.ndarray  # (n,) int64
    action: np.ndarray  # (n,) int64
    log_prob: np.ndarray  # (n,) float32
    reward: np.ndarray  # (n,) float32, minus USD


class Lanes(NamedTuple):
    """Dispatch decisions, one per row."""

    x: np.ndarray  # (n, features) float32
    region: np.ndarray  # (n,) int64
    action: np.ndarray  # (n,) int64
    log_prob: np.ndarray  # (n,) float32
    value: np.ndarray  # (n,) float32, of the critic at the time
    chain: np.ndarray  # (n,) int64, episode × lane
    tick: np.ndarray  # (n,) int64
    cost: np.ndarray  # (n,) float64, USD the lane is charged with since its decision before this one

    def take(self, index: np.ndarray) -> Lanes:
        return Lanes(*(array[index] for array in self))


def join(parts: list[Any]) -> Any:
    """Concatenates records of the same kind."""
    return type(parts[0])(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


class LineBook:
    """Open sourcing decisions of every network copy, and the closed ones not yet taken.

    Args:
        sim: the copies; their journeys are kept at this book's size.
        room: decisions a copy can have open; grows when needed.
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
        self._kept = Lines(
            np.zeros((copies, room, k, SOURCE_COUNT), np.float32), np.zeros((copies, room, k), np.bool_),
            np.zeros((copies, room), np.int64), np.zeros((copies, room), np.int64),
            np.zeros((copies, room), np.float32), np.zeros((copies, room), np.float32),
        )  # fmt: skip
        self._order_of = np.zeros((copies, room), np.int64)
        self._open = np.zeros((copies, room), np.bool_)
        self._closed: list[Lines] = []
        self._decided = np.zeros(0, np.int64), np.zeros(0, np.float32)
        sim.keep_journeys(room)

    def pack(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """All copies' lines: x (n, K, features), mask (n, K), region (n,). Views, good until the next call."""
        n, sim = 0, self.sim
        for copy in range(sim.copies):
            self._starts[copy] = n
            arrays = (a[n:] for a in (self._x, self._mask, self._region, self._price, self._backlog, self._order))
            n += pack_lines(sim.world, sim.state, copy, *arrays)
        self._starts[sim.copies] = n
        return self._x[:n], self._mask[:n], self._region[:n]

    def unpack(self, action: np.ndarray, log_prob: np.ndarray) -> None:
        """Applies the choices of the lines just packed, and opens their journeys."""
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
        """The decisions applied last, without a reward, and the copy of each."""
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
        """USD for the units that the chosen candidates take, and for the work queued on their way: (n,)."""
        chosen = action[:, None]
        price, hours = (np.take_along_axis(a[rows], chosen, axis=1)[:, 0] for a in (self._price, self._backlog))
        return self.charges.units * price + self.charges.congestion_usd_per_hour * hours

    def harvest(self, copy: int) -> None:
        """Closes the decisions whose order has arrived or been settled; call before a copy starts anew."""
        journeys = self.sim.state.journey[copy]
        index = np.flatnonzero(self._open[copy])
        orders, order = np.unique(self._order_of[copy, index], return_inverse=True)
        leads = journeys["leader"][index] == index  # one line of every package holds its cost
        pending = np.bincount(order, leads & (journeys["done"][index] == 0), len(orders)) > 0
        usd = np.bincount(order, np.where(leads, journeys["cost"][index], 0.0), len(orders))[order]
        done = ~pending[order]
        self._open[copy, index[done]] = False
        fair = done & (journeys["void"][index] == 0)  # served as chosen
        closed = Lines(*(kept[copy, index[fair]] for kept in self._kept))
        self._closed.append(closed._replace(reward=(closed.reward - usd[fair]).astype(np.float32)))

    def end_episode(self, copy: int) -> None:
        """Closes what is open in a copy that has reached its horizon, before it starts anew."""
        if self.charges.settlement:
            self.harvest(copy)
            return
        index = np.flatnonzero(self._open[copy])
        self._open[copy, index] = False
        fair = index[self.sim.state.journey["void"][copy, index] == 0]  # served as chosen
        self._closed.append(Lines(*(kept[copy, fair] for kept in self._kept)))

    def take(self) -> Lines:
        """All decisions closed since the last call."""
        for copy in range(self.sim.copies):
            self.harvest(copy)
        taken = join(self._closed)
        self._closed = []
        return taken

    def forget(self) -> None:
        """Drops everything; call when the copies are started anew."""
        self._open[:] = False
        self._closed = []

    def snapshot(self) -> dict[str, np.ndarray]:
        """The open decisions; between two updates there are no others."""
        kept = {f"kept.{name}": array[self._open] for name, array in self._kept._asdict().items()}
        return {"open": self._open, "order_of": self._order_of[self._open], **kept}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Goes on from a snapshot.

        Raises:
            KeyError: an array is missing.
            ValueError, IndexError: an array has not the size the others ask for.
        """
        while self.room < arrays["open"].shape[1]:
            self._grow()
        self._open[:] = arrays["open"]
        self._order_of[self._open] = arrays["order_of"]
        for name, array in self._kept._asdict().items():
            array[self._open] = arrays[f"kept.{name}"]
        self._closed = []

    def _grow(self) -> None:
        self._kept = Lines(*(np.concatenate([a, np.zeros_like(a)], axis=1) for a in self._kept))
        self._open = np.concatenate([self._open, np.zeros_like(self._open)], axis=1)
        self._order_of = np.concatenate([self._order_of, np.zeros_like(self._order_of)], axis=1)
        self.room *= 2
        self.sim.keep_journeys(self.room)


class LaneBook:
    """Dispatch decisions of every copy, chained lane by lane.

    Args:
        sim: the copies.
        charges: what lanes are charged with. `load_credit`: what arrives at a lane is hardly its own doing, so over
            time the credit changes no comparison between its choices; but without it, discounting makes every truck
            cheaper by being late. At 1 a lane pays for the air it sends.
    """

    def __init__(self, sim: Simulator, charges: Charges = Charges()) -> None:  # noqa: B008
        self.sim = sim
        self.charges = charges
        self._handed = np.zeros(sim.copies * len(sim.world.net.lanes))
        self._sent = np.zeros(sim.copies * len(sim.world.net.lanes))
        rows = sim.copies * len(sim.world.net.lanes)
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
        """All copies' lanes up for decision: x (n, features), region (n,). Views, good until the next."""
        n, sim = 0, self.sim
        lanes = len(sim.world.net.lanes)
        for copy in range(sim.copies):
            self._starts[copy] = n
            arrays = (a[n:] for a in (self._x, self._lane, self._region, self._cost, self._sent, self._handed))
            found = pack_lanes(sim.world, sim.state, copy, *arrays)
            self._cost[n : n + found] -= self.charges.load_credit * self._sent[n : n + found]
            self._cost[n : n + found] += self.charges.handover * self._handed[n : n + found]
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
                self._chain[:n].copy(), self._tick[:n].copy(), self._cost[:n].copy(),
            )
        )  # fmt: skip

    def latest(self) -> tuple[Lanes, np.ndarray]:
        """The decisions applied last, and the copy of each."""
        copy = np.repeat(np.arange(self.sim.copies), np.diff(self._starts))
        return self._kept[-1], copy

    def end_episode(self, copy: int) -> None:
        """Cuts the copy's chains: what follows belongs to another episode."""
        self._episode[copy] += 1

    def take(self, gamma: float, gae_lambda: float) -> tuple[Lanes, np.ndarray, np.ndarray]:
        """All decisions that have a successor, with their advantages and returns, both (n,) float32.

        The last decision of every chain stays for the next call; those of ended episodes are dropped: their future was
        cut off, and calling it an end would teach lanes to hold.
        """
        every: Lanes = join(self._kept)
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

    def forget(self) -> None:
        """Drops everything; call when the copies are started anew."""
        self._kept = []
        self._episode[:] = 0

    def snapshot(self) -> dict[str, np.ndarray]:
        """The decisions that wait for a successor, and the number of each copy's episode."""
        waiting = join(self._kept)._asdict() if self._kept else {}
        return {"episode": self._episode, **{f"kept.{name}": array for name, array in waiting.items()}}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Goes on from a snapshot.

        Raises:
            KeyError: an array is missing.
            ValueError: the snapshot is of another number of copies.
        """
        self._episode[:] = arrays["episode"]
        waiting = any(name.startswith("kept.") for name in arrays)
        self._kept = [Lanes(*(arrays[f"kept.{name}"] for name in Lanes._fields))] if waiting else []


class PriceBook:
    """What packages have cost their lanes, for a network that prices lanes.

    Args:
        sim: the copies; samples are taken from now on.
        room: samples kept of each copy between two calls of `take`.
    """

    def __init__(self, sim: Simulator, room: int = 8192) -> None:
        self.sim = sim
        self._kept: list[tuple[np.ndarray, np.ndarray]] = []
        sim.sample_lanes(room)

    def harvest(self, copy: int) -> None:
        """Keeps a copy's samples; call before it starts anew."""
        state = self.sim.state
        n = min(state.row["samples"][copy], state.sample_usd.shape[1])
        self._kept.append((state.sample[copy, :n].copy(), state.sample_usd[copy, :n].copy()))
        state.row["samples"][copy] = 0

    def take(self) -> tuple[np.ndarray, np.ndarray]:
        """The samples since the last call: features (n, LANE_PRICE_COUNT), USD beyond the standard (n,), float32."""
        for copy in range(self.sim.copies):
            self.harvest(copy)
        x, usd = (np.concatenate(arrays) for arrays in zip(*self._kept, strict=True))
        self._kept = []
        return x, usd


@njit(cache=True)
def _chained_advantages(
    chain: np.ndarray, tick: np.ndarray, cost: np.ndarray, value: np.ndarray, gamma: float, gae_lambda: float
) -> tuple[np.ndarray, np.ndarray]:
    """Generalised advantage estimation along chains sorted by (chain, tick), over gaps of any length.

    Returns:
        Advantages (n,), zero where there is no successor, and which decisions have one (n,) bool.
    """
    advantage, has_next = np.zeros(len(chain)), np.zeros(len(chain), np.bool_)
    for i in range(len(chain) - 2, -1, -1):
        if chain[i] == chain[i + 1]:
            gap = tick[i + 1] - tick[i]
            delta = -cost[i + 1] + gamma**gap * value[i + 1] - value[i]
            advantage[i] = delta + (gamma * gae_lambda) ** gap * advantage[i + 1]
            has_next[i] = True
    return advantage, has_next
