"""How each order may travel: its routes, the lanes on them, and the ticks it may leave at; compiled.

Of an order, the departures that keep its promise are listed tick by tick: they can be given a share of a truck's
dollars (`baselines.bounds.truck_shares`). Later departures are not listed. An order that is late on a lane whatever
happens has a day of departures listed there.
"""

from __future__ import annotations

from typing import NamedTuple

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


def list_ways(world: World, orders: Orders, which: np.ndarray, decided: np.ndarray) -> Ways | None:
    """The ways of some orders, with equal shares of every truck; None if they do not fit in memory.

    Args:
        world: what the orders are placed in.
        orders: of the episode.
        which: (orders,) bool, those that are decided on before the horizon.
        decided: (orders,) int64, the tick they are decided on.
    """
    net, last = world.net, world.rules.horizon_tick
    kept = np.flatnonzero(which)
    of_station = np.argsort(net.routes["station"], kind="stable").astype(np.int64)
    first_route = np.searchsorted(net.routes["station"][of_station], np.arange(net.stations + 1))
    ticks = net.lanes["ticks"].astype(np.int64)
    sizes = _count(
        kept, orders.station, orders.due, orders.first, orders.sku, orders.units, decided, of_station, first_route,
        net.routes, ticks, world.base_stock[0], last,
    )  # fmt: skip
    ways, rides, departures = sizes.sum(axis=0)
    if departures > MOST_DEPARTURES:
        return None
    w = Ways(
        np.zeros(departures, np.float32), np.zeros(rides + 1, np.int64), np.zeros(rides, np.int32),
        np.zeros(rides, np.int32), np.zeros(rides, np.int32), np.zeros(rides, np.int32),
        np.append(0, sizes[:, 1].cumsum()), np.append(0, sizes[:, 0].cumsum()), np.zeros(ways, np.int32),
        np.full((ways, net.routes["lanes"].shape[1]), -1, np.int32), np.zeros(rides, np.int32), np.zeros(0, np.int64),
        decided[kept].astype(np.int64), orders.due[kept].astype(np.int64),
    )  # fmt: skip
    _fill(
        w, kept, orders.station, orders.first, orders.sku, orders.units, of_station, first_route, net.routes, ticks,
        world.base_stock[0], last,
    )  # fmt: skip
    order = np.argsort(w.lane, kind="stable").astype(np.int32)
    by_lane = np.searchsorted(w.lane[order], np.arange(len(net.lanes) + 1))
    each = (net.lanes["cost"] / world.rules.truck_packages).astype(np.float32)
    w.share_usd[:] = np.repeat(each[w.lane], np.diff(w.first))
    return w._replace(of_lane=order, first_of_lane=by_lane.astype(np.int64))


@njit(cache=True)
def _serves(o, fc, first, sku, units, base):
    found = False
    for i in range(first[o], first[o + 1]):
        found |= base[sku[i], fc] >= units[i]
    return found


@njit(cache=True)
def _span(route, leg, ticks, decided, due, last):
    """First and last departure on time of a leg."""
    lo = decided + 1
    for k in range(leg):
        lo += ticks[route["lanes"][k]]
    rest = 0
    for k in range(leg, route["legs"]):
        rest += ticks[route["lanes"][k]]
    return lo, due - rest


@njit(cache=True)
def _order_rides(o, d, due, decided, first, sku, units, of_station, first_route, routes, ticks, base, last, ride_of,
                 lanes, lo, hi, legs):  # fmt: skip
    """The distinct lanes of an order's ways with their spans; returns ways and rides."""
    ways, rides = 0, 0
    for i in range(first_route[d], first_route[d + 1]):
        route = routes[of_station[i]]
        if not _serves(o, route["fc"], first, sku, units, base):
            continue
        ways += 1
        for k in range(route["legs"]):
            lane = route["lanes"][k]
            a, z = _span(route, k, ticks, decided, due, last)
            if ride_of[lane] < 0:
                ride_of[lane], lanes[rides], lo[rides], hi[rides], legs[rides] = rides, lane, a, z, route["legs"]
                rides += 1
            else:
                e = ride_of[lane]
                lo[e], hi[e], legs[e] = min(lo[e], a), max(hi[e], z), max(legs[e], route["legs"])
    for e in range(rides):
        ride_of[lanes[e]] = -1
        if hi[e] < lo[e]:
            hi[e] = lo[e] + LATE_TICKS
        hi[e] = min(hi[e], last - 1)
        lo[e] = min(lo[e], hi[e] + 1)
    return ways, rides


@njit(cache=True)
def _count(kept, station, due, first, sku, units, decided, of_station, first_route, routes, ticks, base, last):
    out = np.zeros((len(kept), 3), np.int64)
    ride_of = np.full(len(ticks), -1)
    lanes, lo, hi, legs = np.zeros((4, len(ticks)), np.int64)
    for i in range(len(kept)):
        o = kept[i]
        ways, rides = _order_rides(
            o, station[o], due[o], decided[o], first, sku, units, of_station, first_route, routes, ticks, base, last,
            ride_of, lanes, lo, hi, legs,
        )  # fmt: skip
        out[i, 0], out[i, 1] = ways, rides
        for e in range(rides):
            out[i, 2] += hi[e] - lo[e] + 1
    return out


@njit(cache=True)
def _fill(w, kept, station, first, sku, units, of_station, first_route, routes, ticks, base, last):
    ride_of = np.full(len(ticks), -1)
    lanes, lo, hi, legs = np.zeros((4, len(ticks)), np.int64)
    for i in range(len(kept)):
        o = kept[i]
        d = station[o]
        _, rides = _order_rides(
            o, d, w.due[i], w.decided[i], first, sku, units, of_station, first_route, routes, ticks, base, last,
            ride_of, lanes, lo, hi, legs,
        )  # fmt: skip
        e0, a = w.ride[i], w.way[i]
        for e in range(rides):
            w.lane[e0 + e], w.start[e0 + e], w.legs[e0 + e] = lanes[e], lo[e], legs[e]
            w.first[e0 + e + 1] = w.first[e0 + e] + hi[e] - lo[e] + 1
            w.packages[e0 + e] = first[o + 1] - first[o]
            ride_of[lanes[e]] = e0 + e
        for j in range(first_route[d], first_route[d + 1]):
            route = routes[of_station[j]]
            if _serves(o, route["fc"], first, sku, units, base):
                w.route[a] = of_station[j]
                for k in range(route["legs"]):
                    w.rides[a, k] = ride_of[route["lanes"][k]]
                w.packages[w.rides[a, 0]] = 1  # packages from one FC may as well be one
                a += 1
        for e in range(rides):
            ride_of[lanes[e]] = -1
