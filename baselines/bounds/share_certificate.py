"""What packages cost at given shares of trucks, in plain numpy: the part of the certificate that is about trucks.

Any shares ≥ 0 give a valid bound once no load of a truck has shares above the truck's dollars. That is made so here:
where a load has more, all shares of that lane and tick are scaled down.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from regional_dispatch.baselines.bounds.bound import BoundError
from regional_dispatch.baselines.bounds.known_orders import Orders
from regional_dispatch.baselines.bounds.ways import Ways
from regional_dispatch.envs.world.world import World


def certified_packages(world: World, orders: Orders, decided: np.ndarray, ways: Ways) -> np.ndarray:
    """Least dollars of a package of each order from each FC, inf where there is no route: (orders, F).

    Args:
        world: what the orders are placed in.
        orders: of the episode.
        decided: (orders,) tick of each order's decision.
        ways: with the shares, of the orders that are decided on before the horizon.

    Raises:
        BoundError: a share is negative or not finite.
    """
    if not (np.isfinite(ways.share_usd).all() and (ways.share_usd >= 0).all()):
        raise BoundError("shares of trucks must be finite and at least 0")
    order = np.flatnonzero(decided < world.rules.horizon_tick)
    of_ride = np.repeat(order, np.diff(ways.ride))
    scale = _scales(world, orders, ways, of_ride)
    out = np.full((len(orders.tick), world.net.fcs), np.inf)
    by_station = np.argsort(orders.station[order], kind="stable")
    for mine in np.split(order[by_station], np.flatnonzero(np.diff(orders.station[order][by_station])) + 1):
        if len(mine):
            _station(world, orders, decided, ways, scale, np.searchsorted(order, mine), mine, out)
    return out


def _scales(world: World, orders: Orders, ways: Ways, of_ride: np.ndarray) -> np.ndarray:
    """By how much the shares of each lane and tick are scaled so that no load has too many: (L, T), at most 1."""
    lanes = world.net.lanes
    lines = np.diff(orders.first)[of_ride]
    packages = np.where(lanes["origin"][ways.lane] < world.net.fcs, 1, lines)
    out = np.ones((len(lanes), world.rules.horizon_tick))
    for lane in np.unique(ways.lane):
        rides = np.flatnonzero(ways.lane == lane)
        heaviest = _heaviest_loads(ways, rides, packages[rides], int(lanes["room"][lane]), out.shape[1])
        out[lane] = np.minimum(1.0, lanes["cost"][lane] / np.maximum(heaviest, 1e-12))
    return out


def _heaviest_loads(ways: Ways, rides: np.ndarray, packages: np.ndarray, room: int, ticks: int) -> np.ndarray:
    """The largest sum of shares of `room` packages, tick by tick: (T,)."""
    count = ways.first[rides + 1] - ways.first[rides]
    within = np.arange(count.sum()) - np.repeat(count.cumsum() - count, count)
    tick = np.repeat(ways.start[rides], count) + within
    usd = ways.share_usd[np.repeat(ways.first[rides], count) + within].astype(float)
    times = np.repeat(packages, count)
    ranked = np.lexsort((-usd, tick))
    tick, usd, times = tick[ranked], usd[ranked], times[ranked]
    before = times.cumsum() - times
    before -= before[np.searchsorted(tick, tick)] if len(tick) else 0  # packages of this tick with larger shares
    aboard = np.clip(room - before, 0, times)
    return np.bincount(tick, usd * aboard, minlength=ticks)


def _station(
    world: World, orders: Orders, decided: np.ndarray, ways: Ways, scale: np.ndarray, rows: np.ndarray,
    mine: np.ndarray, out: np.ndarray,
) -> None:  # fmt: skip
    """Fills the rows of one station's orders: `rows` among the decided ones, `mine` among all."""
    net = world.net
    dense = _dense_shares(world, ways, scale, rows)
    waits: dict[tuple[float, ...], list[np.ndarray]] = {}  # by the lanes that are left
    for p in np.flatnonzero(net.routes["station"] == orders.station[mine[0]]):
        route = net.routes[p]
        onward = _to_go(world, route, orders.due[mine], dense, waits)
        first = np.minimum(decided[mine] + 1, len(onward) - 1)
        usd = world.rules.costs.pick_pack_usd + np.array(onward)[first, np.arange(len(mine))]
        out[mine, route["fc"]] = np.minimum(out[mine, route["fc"]], usd)


def _dense_shares(world: World, ways: Ways, scale: np.ndarray, rows: np.ndarray) -> Callable[[int, int], np.ndarray]:
    """Shares of a station's orders by lane and tick; zero where none is listed."""
    ticks = world.rules.horizon_tick
    tables: dict[int, np.ndarray] = {}
    for i, row in enumerate(rows):
        for e in range(ways.ride[row], ways.ride[row + 1]):
            lane, a = int(ways.lane[e]), int(ways.start[e])
            usd = ways.share_usd[ways.first[e] : ways.first[e + 1]]
            table = tables.setdefault(lane, np.zeros((ticks, len(rows)), np.float32))
            table[a : a + len(usd), i] = usd
    none = np.zeros(len(rows))
    return lambda lane, t: tables[lane][t] * scale[lane, t] if lane in tables else none


def _to_go(
    world: World, route: np.void, due: np.ndarray, dense: Callable[[int, int], np.ndarray],
    waits: dict[tuple[float, ...], list[np.ndarray]],
) -> list[np.ndarray]:  # fmt: skip
    """Least dollars along a route after picking, by the tick it waits from: departures in every tick, or settlement.

    What is left of a route after some leg may be left of others too, so it is kept in `waits`.
    """
    rules, lanes = world.rules, world.net.lanes
    last, legs, longest = rules.horizon_tick, int(route["legs"]), int(world.net.routes["rest"].max())
    onward = waits.setdefault((), [_late(world, t - due) for t in range(last + longest + 1)])  # at the door in tick t
    for leg in range(legs - 1, -1, -1):
        lane, rest, transit = (
            int(route["lanes"][leg]),
            int(route["rest"][leg]),
            int(lanes["ticks"][route["lanes"][leg]]),
        )
        key = (*route["lanes"][leg:legs].tolist(), float(route["rest_cost"][leg]))
        if key not in waits:
            sort = rules.costs.sort_usd if leg + 1 < legs else 0.0
            settled = rules.costs.sort_usd * (legs - 1 - leg) + float(route["rest_cost"][leg])
            here = [settled + _late(world, t + rest - due) for t in range(last + longest - rest + 1)]
            for t in range(last - 1, -1, -1):
                here[t] = np.minimum(here[t + 1], sort + dense(lane, t) + onward[t + transit])
            waits[key] = here
        onward = waits[key]
    return onward


def _late(world: World, ticks: np.ndarray) -> np.ndarray:
    return (ticks > 0) * (world.rules.costs.late_usd + world.rules.late_usd_per_tick * ticks)
