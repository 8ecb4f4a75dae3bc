"""What each order pays of each truck: shares that make the relaxed bound count trucks that cannot be full, compiled.

Split the dollars of the truck that may leave on lane l at tick t among the orders that may ride on it: order o pays
π(o, l, t) ≥ 0 for each of its packages aboard. Whatever a policy does, it pays for every truck at least the shares of
what is aboard, if no load of a truck has shares above the truck's dollars:

    the largest sum of π(·, l, t) over a truck's capacity of packages ≤ dollars of a truck on l.

Then the sum over orders of their least cost at these shares is a lower bound (the dual of a linear program with one
column for every possible load of every truck; cf. Desaulniers, Desrosiers & Solomon 2005, *Column Generation*). Equal
shares, dollars / capacity, are always allowed: they are the bound with full trucks. Unequal ones are better where few
orders can share a truck: five packages a day towards another region pay a whole truck, not five twelfths of one.

The search alternates two steps, and the bound never falls (block-coordinate ascent; Globerson & Jaakkola 2007):

- **Orders** give back what they do not need: a share may fall until a way through that truck costs as little as the
  order's best one.
- **Trucks** hand out what is not taken: to all orders that would gain, equally.

Departures that are not listed (`baselines.bounds.ways`) pay no share, only lateness.

A package stands for one FC's lines of an order: two packages of an order from one FC cost no less than the cheaper way
for all their lines. So an order has one package at most on its first lanes, and one a line on later ones.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from regional_dispatch.baselines.bounds.cover import Problem, cover_orders, spare_usd
from regional_dispatch.baselines.bounds.ways import Ways
from regional_dispatch.envs.world.world import World

NEEDED_USD = 0.01  # a way this much above an order's best one gains nothing from a larger share
LEAST_GAIN = 2e-5  # share of the bound that a sweep has to gain for another one
LEAST_SWEEPS = 3


class Rates(NamedTuple):
    """The numbers that ways are priced with."""

    horizon: int
    pick_usd: float
    sort_usd: float
    late_usd: float
    late_usd_per_tick: float


def rates_of(world: World) -> Rates:
    """The numbers of a world that ways are priced with."""
    rules = world.rules
    return Rates(
        rules.horizon_tick, rules.costs.pick_pack_usd, rules.costs.sort_usd, rules.costs.late_usd,
        rules.late_usd_per_tick,
    )  # fmt: skip


class Shared(NamedTuple):
    """The relaxed episode in which each order pays its own shares of trucks."""

    usd: float  # L(λ, π)
    problem: Problem  # with package dollars of its own for each order
    sweeps: int


def share_trucks(world: World, problem: Problem, price: np.ndarray, ways: Ways, until: float) -> Shared:
    """Improves the shares of every truck, at given stock prices, as long as it pays.

    Args:
        world: what the orders are placed in.
        problem: the relaxed episode of the same orders.
        price: λ, (shelves with a price, windows), USD per unit, ≥ 0.
        ways: of the orders; `ways.share_usd` is changed.
        until: `time.perf_counter()` at which to stop.
    """
    net, r = world.net, rates_of(world)
    ticks, cost = net.lanes["ticks"].astype(np.int64), net.lanes["cost"].astype(np.float64)
    longest = int(net.routes["rest"].max(initial=0))
    usd = np.empty((len(ways.due), net.fcs))
    own = problem._replace(group=np.arange(len(ways.due)), package_usd=usd)
    needed, spare, paid = np.ones(len(ways.share_usd), np.bool_), np.empty_like(usd), price * own.priced_base[:, None]
    last, sweeps = -np.inf, 0
    while True:
        package_usd(ways, r, ticks, net.routes, longest, usd)
        now = cover_orders(own, price, np.zeros_like(price)) - paid.sum()
        settled = sweeps >= LEAST_SWEEPS and now - last <= LEAST_GAIN * abs(now)
        if settled or time.perf_counter() > until:
            return Shared(float(now), own, sweeps)
        spare_usd(own, price, spare)
        give_back(ways, r, ticks, net.routes, longest, np.where(np.isfinite(usd), usd - spare, 0.0), needed)
        hand_out(ways, cost, net.lanes["room"].astype(np.int64), r.horizon, needed)
        last, sweeps = now, sweeps + 1


@njit(cache=True)
def _late_usd(r: Rates, ticks: int) -> float:
    return r.late_usd + r.late_usd_per_tick * ticks if ticks > 0 else 0.0


@njit(cache=True)
def _after(r: Rates, route: Any, leg: int, tick: int, due: int) -> float:
    """Least dollars from leg on, past its listed departures: no shares before the horizon, standard fill after it."""
    usd = r.sort_usd * (route.legs - 1 - leg) + _late_usd(r, tick + route.rest[leg] - due)
    return usd + route.rest_cost[leg] if tick >= r.horizon else usd


@njit(cache=True)
def _to_go(w: Ways, r: Rates, ticks: np.ndarray, a: int, route: Any, due: int, go: np.ndarray) -> None:
    """Fills go[leg, t]: least dollars from waiting for a leg at tick t to the door, for its listed departures."""
    for leg in range(route.legs - 1, -1, -1):
        e = w.rides[a, leg]
        transit, sort = ticks[route.lanes[leg]], r.sort_usd if leg + 1 < route.legs else 0.0
        first, start = w.first[e], w.start[e]
        end = start + w.first[e + 1] - first
        least = _after(r, route, leg, end, due)
        for t in range(end - 1, start - 1, -1):
            at = t + transit
            if leg + 1 == route.legs:
                onward = _late_usd(r, at - due)
            else:
                onward = sort + _go_at(w, r, a, route, leg + 1, at, due, go)
            least = min(least, w.share_usd[first + t - start] + onward)
            go[leg, t] = least


@njit(cache=True)
def _go_at(w: Ways, r: Rates, a: int, route: Any, leg: int, t: int, due: int, go: np.ndarray) -> float:
    e = w.rides[a, leg]
    end = w.start[e] + w.first[e + 1] - w.first[e]
    return _after(r, route, leg, t, due) if t >= end else go[leg, max(t, w.start[e])]


@njit(cache=True)
def package_usd(w: Ways, r: Rates, ticks: np.ndarray, routes: np.ndarray, longest: int, out: np.ndarray) -> None:
    """Least dollars of a package of each order from each FC at these shares: out (O, F), inf where there is no way.

    Args:
        w: the ways, with shares.
        r: what they are priced with.
        ticks: (L,) int64, transit.
        routes: (P,) ROUTE.
        longest: ticks of the longest route.
        out: filled.
    """
    go = np.zeros((w.rides.shape[1], r.horizon + longest + 2))
    out[:] = np.inf
    for o in range(len(w.due)):
        for a in range(w.way[o], w.way[o + 1]):
            route = routes[w.route[a]]
            _to_go(w, r, ticks, a, route, w.due[o], go)
            usd = r.pick_usd + _go_at(w, r, a, route, 0, w.decided[o] + 1, w.due[o], go)
            out[o, route.fc] = min(out[o, route.fc], usd)


@njit(cache=True)
def give_back(
    w: Ways, r: Rates, ticks: np.ndarray, routes: np.ndarray, longest: int, target: np.ndarray, needed: np.ndarray
) -> None:
    """Orders give back shares above what their best ways need.

    Args:
        w: the ways; shares fall.
        r: what they are priced with.
        ticks: (L,) int64, transit.
        routes: (P,) ROUTE.
        longest: ticks of the longest route.
        target: (O, F), USD that a package from an FC has to cost.
        needed: (V,) bool, set where a larger share would be of use.
    """
    go = np.zeros((w.rides.shape[1], r.horizon + longest + 2))
    most = 0
    for o in range(len(w.due)):
        most = max(most, w.first[w.ride[o + 1]] - w.first[w.ride[o]])
    slack = np.zeros(most)
    for o in range(len(w.due)):
        first = w.first[w.ride[o]]
        slack[:] = np.inf
        for a in range(w.way[o], w.way[o + 1]):
            route = routes[w.route[a]]
            _to_go(w, r, ticks, a, route, w.due[o], go)
            _spare(w, r, ticks, a, route, w.decided[o], w.due[o], target[o, route.fc], go, first, slack)
        for e in range(w.ride[o], w.ride[o + 1]):
            for v in range(w.first[e], w.first[e + 1]):
                back = min(max(slack[v - first], 0.0) / w.legs[e], w.share_usd[v])
                w.share_usd[v] -= back
                needed[v] = slack[v - first] - back <= NEEDED_USD or (w.legs[e] > 1 and back > 0 and w.share_usd[v] > 0)


@njit(cache=True)
def _spare(
    w: Ways, r: Rates, ticks: np.ndarray, a: int, route: Any, decided: int, due: int, target: float, go: np.ndarray,
    base: int, slack: np.ndarray,
) -> None:  # fmt: skip
    """Lowers slack[v − base] to what a way through each departure costs above the target."""
    before = r.pick_usd - target  # least dollars until it waits for the leg
    came, start_before, transit_before = np.zeros(0), 0, 0
    for leg in range(route.legs):
        e = w.rides[a, leg]
        first, start = w.first[e], w.start[e]
        end = start + w.first[e + 1] - first
        transit, last_leg = ticks[route.lanes[leg]], leg + 1 == route.legs
        sort = 0.0 if last_leg else r.sort_usd
        reached = np.full(max(end - start, 0), np.inf)
        least = np.inf
        for t in range(start, end):
            if leg == 0:
                least = before if t > decided else np.inf
            else:
                from_t = t - transit_before
                if from_t >= start_before and from_t - start_before < len(came):
                    least = min(least, came[from_t - start_before])
            if t == start and leg > 0:
                for i in range(min(t - transit_before - start_before, len(came))):
                    least = min(least, came[i])
            v = first + t - start
            at = t + transit
            onward = _late_usd(r, at - due) if last_leg else sort + _go_at(w, r, a, route, leg + 1, at, due, go)
            through = least + w.share_usd[v] + onward
            slack[v - base] = min(slack[v - base], through)
            reached[t - start] = least + w.share_usd[v] + sort
        came, start_before, transit_before = reached, start, transit


@njit(cache=True)
def hand_out(w: Ways, cost: np.ndarray, room: np.ndarray, horizon: int, needed: np.ndarray) -> float:
    """Trucks hand out what no load takes, equally to the orders that need it, and take back what is too much.

    Returns:
        The largest sum of a load's shares above a truck's dollars that was found and mended.
    """
    over = 0.0
    for lane in range(len(cost)):
        members = w.of_lane[w.first_of_lane[lane] : w.first_of_lane[lane + 1]]
        order = members[np.argsort(w.start[members])]
        begin, largest = 0, np.zeros(room[lane])
        for t in range(horizon):
            while begin < len(order) and _end(w, order[begin]) <= t:
                begin += 1
            stop = begin
            while stop < len(order) and w.start[order[stop]] <= t:
                stop += 1
            if stop > begin:
                over = max(over, _hand_out_one(w, cost[lane], room[lane], t, order[begin:stop], needed, largest))
    return over


@njit(cache=True)
def _end(w: Ways, e: int) -> int:
    return w.start[e] + w.first[e + 1] - w.first[e]


@njit(cache=True)
def _hand_out_one(
    w: Ways, cost: float, room: int, t: int, rides: np.ndarray, needed: np.ndarray, largest: np.ndarray
) -> float:
    largest[:] = 0.0
    wanting = 0
    for e in rides:
        if t < _end(w, e):
            v = w.first[e] + t - w.start[e]
            usd = w.share_usd[v]
            for _ in range(w.packages[e]):
                if usd <= largest[room - 1]:
                    break
                i = room - 1
                while i > 0 and largest[i - 1] < usd:
                    largest[i] = largest[i - 1]
                    i -= 1
                largest[i] = usd
            if needed[v]:
                wanting += w.packages[e]
    total = largest.sum()
    if total > cost:
        scale = cost / total * (1 - 1e-7)
        for e in rides:
            if t < _end(w, e):
                w.share_usd[w.first[e] + t - w.start[e]] *= scale
        return total - cost
    if wanting == 0:
        return 0.0
    least, more = largest[room - 1], (cost - total) / min(wanting, room) * (1 - 1e-6)
    for e in rides:
        if t < _end(w, e):
            v = w.first[e] + t - w.start[e]
            if needed[v]:
                w.share_usd[v] = max(w.share_usd[v], least) + more
    return 0.0
