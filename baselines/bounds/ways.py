"""How each order may travel: its routes, the lanes on them, and the ticks it may leave at; compiled.

Of an order, the departures that keep its promise are listed tick by tick: they can be given a share of a truck's
dollars (`baselines.bounds.truck_shares`). Later departures are not listed. An order that is late on a lane whatever
happens has a day of departures listed there.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from regional_dispatch.baselines.bounds.known_orders import Orders
from regional_dispatch.envs.world.world import World

LATE_TICKS = 24  # departures listed for an order that is late whatever happens
MOST_DEPARTURES = 150_000_000  # that fit in memory, with their shares


class Ways(NamedTuple):
    """How each order may travel, and what it pays on the way.

    Axes: O orders, A ways (a route of an order), E rides (an order on a lane), V departures (a ride at a tick).
    """

    share_usd: np.ndarray  # (V,) float32, π
    first: np.ndarray  # (E + 1,) int64, first departure of each ride
    start: np.ndarray  # (E,) int32, tick of that departure
    lane: np.ndarray  # (E,) int32
    packages: np.ndarray  # (E,) int32, most of the order's that may be aboard
    legs: np.ndarray  # (E,) int32, most legs of a way with this ride
    ride: np.ndarray  # (O + 1,) int64, first ride of each order
    way: np.ndarray  # (O + 1,) int64, first way of each order
    route: np.ndarray  # (A,) int32
    rides: np.ndarray  # (A, 3) int32, −1 padded
    of_lane: np.ndarray  # (E,) int32, rides lane by lane
    first_of_lane: np.ndarray  # (L + 1,) int64
    decided: np.ndarray  # (O,) int64, tick
    due: np.ndarray  # (O,) int64, tick


class _Input(NamedTuple):
    """What ways are listed from; axes as in `Ways`, and N lines, D stations, P routes, L lanes."""

    kept: np.ndarray  # (O,) int64, place of each order among all
    station: np.ndarray  # (orders,)
    due: np.ndarray  # (orders,)
    decided: np.ndarray  # (orders,)
    first: np.ndarray  # (orders + 1,), first line
    sku: np.ndarray  # (N,)
    units: np.ndarray  # (N,)
    route: np.ndarray  # (P,) int64, routes station by station
    first_route: np.ndarray  # (D + 1,)
    routes: np.ndarray  # (P,) ROUTE
    ticks: np.ndarray  # (L,) int64, transit
    base: np.ndarray  # (S, F), base stock
    horizon: int


class _Rides(NamedTuple):
    """Work space: an order's rides."""

    of_lane: np.ndarray  # (L,) int64, −1 for none
    lane: np.ndarray  # (L,) int64
    first: np.ndarray  # (L,) int64, tick of the first departure that is listed
    last: np.ndarray  # (L,) int64
    legs: np.ndarray  # (L,) int64


def list_ways(world: World, orders: Orders, which: np.ndarray, decided: np.ndarray) -> Ways | None:
    """The ways of some orders, with equal shares of every truck; None if they do not fit in memory.

    Args:
        world: what the orders are placed in.
        orders: of the episode.
        which: (orders,) bool, those that are decided on before the horizon.
        decided: (orders,) int64, the tick they are decided on.
    """
    net = world.net
    by_station = np.argsort(net.routes["station"], kind="stable").astype(np.int64)
    known = _Input(
        np.flatnonzero(which), orders.station, orders.due, decided, orders.first, orders.sku, orders.units, by_station,
        np.searchsorted(net.routes["station"][by_station], np.arange(net.stations + 1)), net.routes,
        net.lanes["ticks"].astype(np.int64), world.base_stock[0], world.rules.horizon_tick,
    )  # fmt: skip
    sizes = _count(known, _work_space(len(net.lanes)))
    ways, rides, departures = sizes.sum(axis=0)
    if departures > MOST_DEPARTURES:
        return None
    out = Ways(
        np.zeros(departures, np.float32), np.zeros(rides + 1, np.int64), np.zeros(rides, np.int32),
        np.zeros(rides, np.int32), np.zeros(rides, np.int32), np.zeros(rides, np.int32),
        np.append(0, sizes[:, 1].cumsum()), np.append(0, sizes[:, 0].cumsum()), np.zeros(ways, np.int32),
        np.full((ways, net.routes["lanes"].shape[1]), -1, np.int32), np.zeros(rides, np.int32), np.zeros(0, np.int64),
        decided[known.kept], orders.due[known.kept],
    )  # fmt: skip
    _fill(known, _work_space(len(net.lanes)), out)
    by_lane = np.argsort(out.lane, kind="stable").astype(np.int32)
    each = (net.lanes["cost"] / net.lanes["room"]).astype(np.float32)
    out.share_usd[:] = np.repeat(each[out.lane], np.diff(out.first))
    return out._replace(
        of_lane=by_lane, first_of_lane=np.searchsorted(out.lane[by_lane], np.arange(len(net.lanes) + 1))
    )


def _work_space(lanes: int) -> _Rides:
    return _Rides(np.full(lanes, -1), *np.zeros((4, lanes), np.int64))


@njit(cache=True)
def _serves(known: _Input, o: int, fc: int) -> bool:
    """Can the FC serve a line of order o?"""
    found = False
    for i in range(known.first[o], known.first[o + 1]):
        found |= known.base[known.sku[i], fc] >= known.units[i]
    return found


@njit(cache=True)
def _span(known: _Input, route: Any, leg: int, o: int) -> tuple[int, int]:
    """First departure of a leg, and the last one that keeps the promise."""
    first, last = known.decided[o] + 1, known.due[o]
    for k in range(route.legs):
        ticks = known.ticks[route.lanes[k]]
        if k < leg:
            first += ticks
        else:
            last -= ticks
    return first, last


@njit(cache=True)
def _find_rides(known: _Input, o: int, rides: _Rides) -> tuple[int, int]:
    """Finds the rides of order o with their spans; returns how many ways and rides it has."""
    ways, count, d = 0, 0, known.station[o]
    for i in range(known.first_route[d], known.first_route[d + 1]):
        route = known.routes[known.route[i]]
        if not _serves(known, o, route.fc):
            continue
        ways += 1
        for k in range(route.legs):
            first, last = _span(known, route, k, o)
            e = rides.of_lane[route.lanes[k]]
            if e < 0:
                e, count = count, count + 1
                rides.of_lane[route.lanes[k]], rides.lane[e] = e, route.lanes[k]
                rides.first[e], rides.last[e], rides.legs[e] = first, last, route.legs
            rides.first[e], rides.last[e] = min(rides.first[e], first), max(rides.last[e], last)
            rides.legs[e] = max(rides.legs[e], route.legs)
    for e in range(count):
        rides.of_lane[rides.lane[e]] = -1
        if rides.last[e] < rides.first[e]:
            rides.last[e] = rides.first[e] + LATE_TICKS
        rides.last[e] = min(rides.last[e], known.horizon - 1)
        rides.first[e] = min(rides.first[e], rides.last[e] + 1)
    return ways, count


@njit(cache=True)
def _count(known: _Input, rides: _Rides) -> np.ndarray:
    """Ways, rides and departures of each order: (O, 3)."""
    out = np.zeros((len(known.kept), 3), np.int64)
    for i in range(len(known.kept)):
        out[i, 0], out[i, 1] = _find_rides(known, known.kept[i], rides)
        for e in range(out[i, 1]):
            out[i, 2] += rides.last[e] - rides.first[e] + 1
    return out


@njit(cache=True)
def _fill(known: _Input, rides: _Rides, out: Ways) -> None:
    for i in range(len(known.kept)):
        o = known.kept[i]
        _, count = _find_rides(known, o, rides)
        before, a, d = out.ride[i], out.way[i], known.station[o]
        for e in range(count):
            ride = before + e
            out.lane[ride], out.start[ride], out.legs[ride] = rides.lane[e], rides.first[e], rides.legs[e]
            out.first[ride + 1] = out.first[ride] + rides.last[e] - rides.first[e] + 1
            out.packages[ride] = known.first[o + 1] - known.first[o]
            rides.of_lane[rides.lane[e]] = ride
        for j in range(known.first_route[d], known.first_route[d + 1]):
            route = known.routes[known.route[j]]
            if _serves(known, o, route.fc):
                out.route[a] = known.route[j]
                for k in range(route.legs):
                    out.rides[a, k] = rides.of_lane[route.lanes[k]]
                out.packages[out.rides[a, 0]] = 1  # from one FC it is one package
                a += 1
        for e in range(count):
            rides.of_lane[rides.lane[e]] = -1
