"""An episode as a stream of what happened, tick by tick: lines decided, packages handled, trucks sent, deliveries.

Watching does not change an episode: arrays are read between the kernel's steps and never written. KPI counters hold
sums; this stream says which line, package, lane and site they came from, so that whatever is added up from it agrees
with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numba import njit

from regional_dispatch.envs.kernel import tick as kernel
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.network import Net


class Departures(NamedTuple):
    """Trucks that left in one half of a tick, after the warm-up, and who rode on them.

    All trucks of a lane have the same load: full ones leave first, then one that may not be.
    """

    lane: np.ndarray  # (n,) lanes with a departure, ascending
    trucks: np.ndarray  # (n,) departures
    hired: np.ndarray  # (n,) of those, on hired trucks
    packages: np.ndarray  # (n,) on board
    boarded: np.ndarray  # (m,) packages that left, by number
    boarded_usd: np.ndarray  # (m,) float64, their shares of the trucks' cost, as far as 32 bits tell


class Happened(NamedTuple):
    """One tick. Packages have a number, which a later one gets again once they are delivered."""

    tick: int
    delivered: np.ndarray  # (n,) packages that reached their station
    deliveries: np.ndarray  # (n,) PACKAGE
    handled: np.ndarray  # (n,) packages that were picked or sorted
    handled_at: np.ndarray  # (n,) the site of each
    full: Departures  # before the tick's decisions
    rest: Departures  # after them
    lines: np.ndarray  # (n,) LINE, those decided on; `package` is −1 for a lost one
    routes: np.ndarray  # (n,) route of each line's package, −1 for a lost one


def watch(sim: Simulator, scorers: Scorers, until: int) -> Iterator[Happened]:
    """Plays row 0 tick by tick.

    Args:
        sim: reset, at its first tick, without re-evaluation.
        scorers: decide for all regions.
        until: tick to stop at. At the horizon the books stay open: `envs.kernel.tick.settle` closes them.
    """
    seen = _Seen(sim)
    while sim.tick(0) < until:
        tick = sim.tick(0)
        seen.start()
        sim.begin(0)
        delivered, deliveries, handled, handled_at = seen.moved()
        full = seen.departures()
        sim.decide(0, scorers)
        up = lines_up(sim)
        kernel.finish_tick(sim.world, sim.state, 0)
        rest = seen.departures()
        if sim.world.clock.instant:  # trucks on lanes that take no time have arrived
            at_once = seen.moved()
            delivered = np.concatenate([delivered, at_once[0]])
            deliveries = np.concatenate([deliveries, at_once[1]])
        lines = sim.state.line[0][up]
        routes = np.where(lines["package"] >= 0, sim.state.package[0]["route"][lines["package"]], -1)
        seen.made(np.unique(lines["package"][lines["package"] >= 0]))
        yield Happened(tick, delivered, deliveries, handled, handled_at, full, rest, lines, routes)


def lines_up(sim: Simulator) -> tuple[np.ndarray, np.ndarray]:
    """Region and position in its ring buffer of every line of row 0 that is up for decision: (n,) each.

    Call it between `begin` and `finish` of a tick. After `finish` the lines are still there, with their package.
    """
    slots, first = sim.state.slots[0], sim.state.line_first[0]
    region = np.repeat(np.arange(len(slots)), slots)
    turn = np.arange(len(region)) - np.repeat(np.cumsum(slots) - slots, slots)
    return region, (first[region] + turn) % sim.state.line.shape[2]


class _Seen:
    """What was seen of packages, lanes and fleets at the last look; a look tells what has changed since."""

    def __init__(self, sim: Simulator) -> None:
        self.sim = sim
        size = sim.state.package.shape[1]
        self.alive = np.zeros(size, np.bool_)
        self.handled = np.zeros(size, np.int32)  # legs whose work at the origin is done
        self.cost = np.zeros(size, np.float32)  # USD
        self.trucks, self.carried, self.home = _lanes(sim)

    def start(self) -> None:
        """Before a tick: trucks that come home in it can leave in it."""
        state = self.sim.state
        back = state.trucks_back[0]
        self.home = state.trucks_home[0] + back[self.sim.tick(0) % len(back)]

    def moved(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Packages delivered, their records, packages handled, and where."""
        self._make_room()
        net, package = self.sim.world.net, self.sim.state.package[0]
        own = np.flatnonzero(self.alive)
        record = package[own]
        done = record["leg"] == net.routes["legs"][record["route"]]
        delivered = own[done]
        self.alive[delivered] = False
        own, record = own[~done], record[~done]
        waiting = np.zeros(len(package), np.bool_)
        _mark_queues(self.sim.state.queue[0]["head"], package["next"], waiting)
        moved = ~waiting[own] & (self.handled[own] <= record["leg"])
        handled, record = own[moved], record[moved]
        self.handled[handled] = record["leg"] + 1
        lane = net.routes["lanes"][record["route"], record["leg"]]
        return delivered, package[delivered], handled, net.lanes["origin"][lane]

    def departures(self) -> Departures:
        """Trucks that have left since the last look."""
        package = self.sim.state.package[0]
        trucks, carried, home = _lanes(self.sim)
        sent, packages = trucks - self.trucks, carried - self.carried
        lane = np.flatnonzero(sent)
        hired = hired_trucks(self.sim.world.net, sent, self.home)[lane]
        own = np.flatnonzero(self.alive)
        cost = package["cost"][own]
        boarded = cost != self.cost[own]
        usd = cost[boarded].astype(float) - self.cost[own[boarded]]
        self.cost[own] = cost
        self.trucks, self.carried, self.home = trucks, carried, home
        return Departures(lane, sent[lane], hired, packages[lane], own[boarded], usd)

    def made(self, packages: np.ndarray) -> None:
        """Notes packages that were made since the last look."""
        self.alive[packages] = True
        self.handled[packages] = 0
        self.cost[packages] = self.sim.state.package[0]["cost"][packages]

    def _make_room(self) -> None:
        more = self.sim.state.package.shape[1] - len(self.alive)
        if more:
            self.alive, self.handled, self.cost = (
                np.concatenate([old, np.zeros(more, old.dtype)]) for old in (self.alive, self.handled, self.cost)
            )


def hired_trucks(net: Net, sent: np.ndarray, home: np.ndarray) -> np.ndarray:
    """How many of the trucks sent on each lane in one half of a tick were hired: (L,).

    Lanes are sorted by site, and take its own trucks in turn.

    Args:
        net: the lanes.
        sent: (L,) departures.
        home: (N,) trucks of the fleet at each site before they left.
    """
    origin = net.lanes["origin"]
    away = net.lanes["ticks"] > 0  # a truck on a lane that takes no time is home again at once
    so_far = np.concatenate([[0], np.cumsum(sent * away)])
    before = so_far[:-1] - so_far[np.searchsorted(origin, origin)]
    left = np.maximum(home[origin] - before, 0)
    return np.where(away, np.maximum(sent - left, 0), sent * (left == 0))


def _lanes(sim: Simulator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Trucks and packages that have left on each lane, (L,) each, and trucks at home at each site, (N,)."""
    lane = sim.state.lane[0]
    return lane["trucks"].copy(), lane["carried"].copy(), sim.state.trucks_home[0].copy()


@njit(cache=True)
def _mark_queues(head: np.ndarray, following: np.ndarray, waiting: np.ndarray) -> None:
    """Marks the packages in the linked queues that start at `head`."""
    for site in range(len(head)):
        p = head[site]
        while p >= 0:
            waiting[p] = True
            p = following[p]
