"""What was really chosen, under the same trucks: a trace replayed with every line served by the FC on record.

The source of a line is forced, over the cheapest route from its FC; trucks leave as the policy says that it is compared
with. So the difference of the two is what other sources would have cost, and not what other trucks would have.

A unit that was on the real shelf and is not on the simulated one is put there, in the same tick for the record and for
the policy, so that neither has units that the other has not.

Axes: N order lines of the trace, n lines up for decision in a tick, F FCs, D stations.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regional_dispatch.data.events import lines_up
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.tables.orders import Orders


class Forced(NamedTuple):
    """How far the record could be followed."""

    lines: int  # decided on
    recorded: int  # of those, with an FC on record
    served: int  # of those, served by it
    no_route: int  # of those, whose FC has no route to the station; the policy chose for them
    lent_units: int  # units that were there in reality and not on the simulated shelf; they were put there


# Tick → SKUs, FCs and units that are put on shelves.
Loans = dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]]


class Replay:
    """Plays row 0 of a simulator with sources on record.

    Args:
        sim: reset, at its first tick.
        policy: decides about trucks, and about the source of lines without a record.
        orders: of the simulator's trace.

    Raises:
        ValueError: the orders are not those that the simulator replays.
    """

    def __init__(self, sim: Simulator, policy: ScorerPolicy, orders: Orders) -> None:
        played = sim.world.demand.trace_orders
        if len(played) != len(orders.station) + 1 or (played[:-1, 0] != orders.station).any():
            raise ValueError("the orders are not those that the simulator replays")
        self.sim, self.policy, self.orders = sim, policy, orders
        self.forced = Forced(0, 0, 0, 0, 0)
        self.loans: Loans = {}
        self._routes: dict[int, np.ndarray] = {}

    def advance(self, until: int) -> None:
        """Plays up to a tick."""
        while self.sim.tick(0) < until:
            self.sim.begin(0)
            self.sim.decide(0, self.policy.scorers)
            region, position = lines_up(self.sim)
            wanted, recorded, lent = self._force(region, position)
            self.sim.finish(0)
            self._count(region, position, wanted, recorded, lent)

    def _force(self, region: np.ndarray, position: np.ndarray) -> tuple[np.ndarray, int, int]:
        """Writes the sources on record into the tick's decisions.

        Returns:
            The FC that each line shall come from, −1 for the policy's (n,), how many have one on record, units lent.
        """
        state, net = self.sim.state, self.sim.world.net
        if not len(region):
            return np.zeros(0, np.int64), 0, 0
        lines = state.line[0, region, position]
        source = self.orders.source[self._numbers(lines["order"])].astype(np.int64)
        route = np.where(source >= 0, self._cheapest()[source, lines["station"]], -1)
        wanted = np.where(route >= 0, source, -1)
        own = np.flatnonzero(wanted >= 0)
        slot = np.arange(len(region)) - np.searchsorted(region, region)
        candidates = state.candidate[0, region[own], slot[own]]
        same = (candidates >= 0) & (net.routes["fc"][candidates] == wanted[own][:, None])
        among = same.any(axis=1)
        choice = np.where(among, same.argmax(axis=1), 0)
        other = own[~among]
        state.candidate[0, region[other], slot[other], 0] = route[other]
        state.line[0]["choice"][region[own], position[own]] = choice
        return wanted, int((source >= 0).sum()), self._lend(lines[own], wanted[own])

    def _numbers(self, order: np.ndarray) -> np.ndarray:
        """The line of the trace that each line up for decision is: an order is decided on as a whole, in its order."""
        at = np.arange(len(order))
        first = np.maximum.accumulate(np.where(np.append(True, order[1:] != order[:-1]), at, 0))
        return np.asarray(self.orders.first_line[order] + at - first)

    def _cheapest(self) -> np.ndarray:
        """The cheapest route of every FC to every station in the setting in force: (F, D), −1 where there is none."""
        setting, net = self.sim.setting(0), self.sim.world.net
        if setting not in self._routes:
            ways = net.by_distance[setting]["path"]  # (D, F)
            table = np.full((net.fcs, net.stations), -1, np.int64)
            station, at = np.nonzero(ways >= 0)
            path = ways[station, at]
            table[net.routes["fc"][path], station] = path
            self._routes[setting] = table
        return self._routes[setting]

    def _lend(self, lines: np.ndarray, fc: np.ndarray) -> int:
        """Puts units on shelves that lack them: in reality they were there."""
        stock, fcs = self.sim.state.stock[0], self.sim.world.net.fcs
        shelf, first = np.unique(lines["sku"].astype(np.int64) * fcs + fc, return_inverse=True)
        needed = np.bincount(first, lines["units"], len(shelf)).astype(np.int64)
        sku, at = shelf // fcs, shelf % fcs
        short = np.maximum(needed - stock[sku, at], 0)
        own = short > 0
        if own.any():
            self.loans[self.sim.tick(0)] = sku[own], at[own], short[own].astype(stock.dtype)
            _put(self.sim, self.loans)
        return int(short.sum())

    def _count(self, region: np.ndarray, position: np.ndarray, wanted: np.ndarray, recorded: int, lent: int) -> None:
        state, net = self.sim.state, self.sim.world.net
        package = state.line[0]["package"][region, position]
        fc = np.where(package >= 0, net.routes["fc"][state.package[0]["route"][np.maximum(package, 0)]], -1)
        own = wanted >= 0
        new = (len(region), recorded, int((fc[own] == wanted[own]).sum()), recorded - int(own.sum()), lent)
        self.forced = Forced(*(a + b for a, b in zip(self.forced, new, strict=True)))


class Lent:
    """Plays row 0 of a simulator with the units on its shelves that a replay of the record had to put there.

    Args:
        sim: reset, at its first tick.
        policy: decides about everything.
        loans: of a `Replay`.
    """

    def __init__(self, sim: Simulator, policy: ScorerPolicy, loans: Loans) -> None:
        self.sim, self.policy, self.loans = sim, policy, loans

    def advance(self, until: int) -> None:
        """Plays up to a tick."""
        while self.sim.tick(0) < until:
            self.sim.begin(0)
            _put(self.sim, self.loans)
            self.sim.decide(0, self.policy.scorers)
            self.sim.finish(0)


def _put(sim: Simulator, loans: Loans) -> None:
    """Puts the units of the present tick on their shelves."""
    if sim.tick(0) in loans:
        sku, fc, units = loans[sim.tick(0)]
        sim.state.stock[0][sku, fc] += units
