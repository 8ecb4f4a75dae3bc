"""A bare kernel: the least that any simulator of this kind does, as a lower bound on the time of a day.

It draws the same orders from the same tables, looks for stock of each line in the eight fulfillment centers that are
cheapest for its station, and farther away only if they have none, takes the cheapest, adds the line to a counter for
each lane of the route, and sends a truck, which is another counter, when a lane holds a full load. Shelves are filled
up once per review period. There are no packages, promises, trucks on the road, picking, sorting, costs or KPIs. A line
that no center can serve is lost.

Axes: D stations, F FCs, L lanes, S SKUs.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np

from regional_dispatch.envs.kernel.compiled import compiled, inlined
from regional_dispatch.envs.kernel.draws import draw, draw_alias, draw_cdf, mix
from regional_dispatch.envs.kernel.phases.arrivals import draw_station
from regional_dispatch.envs.world.clocks.clock import first_calendar_tick
from regional_dispatch.envs.world.linehaul.routes import MAX_LEGS
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.envs.world.world import World, build_world

CANDIDATES = 8
BATCH = 256  # lines drawn before the first of them is served; their stock rows are fetched at once
MOST_LINES = 16  # of an order
CACHE_LINE_UNITS = 32  # int16 values


class Bare(NamedTuple):
    """State of the bare kernel."""

    base: np.ndarray  # (S, F) int16, units after a review
    stock: np.ndarray  # (S, F) int16, units
    fcs_by_cost: np.ndarray  # (D, F) int16, cheapest first, −1 padded
    usd: np.ndarray  # (D, F) float32, of the cheapest route, in the order of `fcs_by_cost`
    lanes: np.ndarray  # (D, F, MAX_LEGS) int32, the same order, −1 padded
    queue: np.ndarray  # (L,) int64, lines that wait
    trucks: np.ndarray  # (L,) int64, that left, all full
    taken: np.ndarray  # (F,) int64, units
    count: np.ndarray  # (3,) int64: lines placed, lines lost, units lost
    batch: np.ndarray  # (BATCH + MOST_LINES, 3) int32: SKU, station, units


def build_bare(world: World) -> Bare:
    """The state at the start of an episode; shelves are full."""
    net = world.net
    routes = net.routes[np.argsort(net.routes["cost"], kind="stable")]
    fcs = np.full((net.stations, net.fcs), -1, np.int16)
    usd = np.full((net.stations, net.fcs), np.inf, np.float32)
    lanes = np.full((net.stations, net.fcs, MAX_LEGS), -1, np.int32)
    for station in range(net.stations):
        of_station = routes[routes["station"] == station]
        _, first = np.unique(of_station["fc"], return_index=True)
        cheapest = of_station[np.sort(first)]  # each FC's cheapest route, cheapest first
        n = len(cheapest)
        fcs[station, :n], usd[station, :n], lanes[station, :n] = cheapest["fc"], cheapest["cost"], cheapest["lanes"]
    base = world.base_stock[0]
    return Bare(
        base, base.copy(), fcs, usd, lanes, np.zeros(len(net.lanes), np.int64), np.zeros(len(net.lanes), np.int64),
        np.zeros(net.fcs, np.int64), np.zeros(3, np.int64), np.zeros((BATCH + MOST_LINES, 3), np.int32),
    )  # fmt: skip


def run_bare(world: World, bare: Bare, key: int, first_tick: int, last_tick: int, week_tick: int = 0) -> None:
    """Runs ticks first…last−1 of the episode with this key."""
    _run(world.demand, world.rules, bare, np.uint64(key), first_tick, last_tick, week_tick)


@compiled
def _run(demand: Any, rules: Any, bare: Any, key: int, first: int, last: int, week_tick: int) -> None:
    for tick in range(first, last):
        calendar = (week_tick + tick) % len(demand.rate)
        if tick % rules.review_ticks == 0:
            _fill_shelves(bare)
        rate = demand.rate[calendar]
        tick_key = mix(np.uint64(key) + mix(np.uint64(tick)))
        time, i, n = 0.0, np.uint64(0), 0
        while rate > 0:
            order_key = mix(tick_key + i)
            i += np.uint64(1)
            time -= np.log(1.0 - draw(order_key, 0)) / rate
            if time >= 1.0:
                break
            n = _draw_lines(demand, calendar, order_key, bare.batch, n)
            if n >= BATCH:
                _serve(bare, n, rules.truck_packages)
                n = 0
        _serve(bare, n, rules.truck_packages)


@inlined
def _fill_shelves(bare: Any) -> None:
    for sku in range(bare.base.shape[0]):
        for fc in range(bare.base.shape[1]):
            bare.stock[sku, fc] = bare.base[sku, fc]


@inlined
def _draw_lines(demand: Any, calendar: int, order_key: int, batch: np.ndarray, n: int) -> int:
    """Adds an order's lines to the batch, as `envs.kernel.phases.arrivals` draws them; the new number of lines."""
    station = draw_station(demand, calendar, draw(order_key, 1))
    for j in range(draw_cdf(demand.lines_cdf, draw(order_key, 2)) + 1):
        batch[n, 0] = draw_alias(demand.sku_alias, demand.sku_keep, draw(order_key, 4 + 2 * j))
        batch[n, 1] = station
        batch[n, 2] = draw_cdf(demand.units_cdf, draw(order_key, 5 + 2 * j)) + 1
        n += 1
    return n


@inlined
def _serve(bare: Any, n: int, room: int) -> None:
    """Serves the first n lines of the batch. Arrays are indexed, not sliced: a slice costs as much as the choice."""
    _fetch(bare.stock, bare.batch, n, bare.count)
    bare.count[0] += n
    for i in range(n):
        sku, station, units = bare.batch[i, 0], bare.batch[i, 1], bare.batch[i, 2]
        best = _cheapest(bare.stock, bare.fcs_by_cost, bare.usd, sku, station, units)
        if best < 0:
            bare.count[1] += 1
            bare.count[2] += units
            continue
        fc = bare.fcs_by_cost[station, best]
        bare.stock[sku, fc] -= units
        bare.taken[fc] += units
        for leg in range(MAX_LEGS):
            lane = bare.lanes[station, best, leg]
            if lane < 0:
                break
            bare.queue[lane] += 1
            if bare.queue[lane] == room:
                bare.queue[lane] = 0
                bare.trucks[lane] += 1


@inlined
def _fetch(stock: np.ndarray, batch: np.ndarray, n: int, count: np.ndarray) -> None:
    """Reads every cache line of the batch's stock rows: reads that do not depend on each other overlap."""
    seen = 0
    for i in range(n):
        sku = batch[i, 0]
        for fc in range(0, stock.shape[1], CACHE_LINE_UNITS):
            seen |= stock[sku, fc]
    if seen < 0:  # never: keeps the compiler from leaving the reads out
        count[1] += 1


@inlined
def _cheapest(stock: np.ndarray, fcs: np.ndarray, usd: np.ndarray, sku: int, station: int, units: int) -> int:
    """The place, in a station's order of FCs, of the cheapest with enough stock; −1 if there is none.

    The first CANDIDATES are compared without branches; where none of them has the units, the next in order that does.
    """
    best, least = -1, np.float32(np.inf)
    for place in range(min(CANDIDATES, fcs.shape[1])):
        enough = stock[sku, fcs[station, place]] >= units
        cost = usd[station, place] if enough else np.float32(np.inf)
        best = place if cost < least else best
        least = min(cost, least)
    if best >= 0:
        return best
    for place in range(CANDIDATES, fcs.shape[1]):
        fc = fcs[station, place]
        if fc >= 0 and stock[sku, fc] >= units:
            return place
    return -1


def time_bare(scenario: Scenario, key: int, repeats: int) -> dict[str, Any]:
    """CPU seconds of the ticks after the warm-up, per repeat, and the lines in them."""
    world = build_world(scenario, build_network(scenario))
    week_tick = first_calendar_tick(scenario)
    warm, end = world.rules.warmup_tick, world.rules.horizon_tick
    run_bare(world, build_bare(world), key, 0, 1, week_tick)  # compiles
    seconds, lines = [], 0
    for _ in range(repeats):
        bare = build_bare(world)  # with full shelves, which is all that a warm-up would change
        start = time.process_time()
        run_bare(world, bare, key, warm, end, week_tick)
        seconds.append(time.process_time() - start)
        lines = int(bare.count[0])
    return {"cpu_seconds": seconds, "lines": lines, "lost_lines": int(bare.count[1])}
