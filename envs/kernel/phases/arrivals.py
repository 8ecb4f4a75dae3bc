"""Phase 3: orders arrive, drawn from the episode's random stream or replayed from a trace.

Lines wait in a ring per region; as many whole orders as the region has slots are up for decision, oldest first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from regional_dispatch.envs.kernel.clock import calendar_tick
from regional_dispatch.envs.kernel.compiled import inlined, pasted
from regional_dispatch.envs.kernel.draws import LARGEST_UNIFORM, draw, draw_alias, draw_cdf, mix
from regional_dispatch.envs.kernel.metrics import N

_ONE = np.uint64(1)


@pasted
def line_at(s: Any, b: int, r: int, j: int) -> Any:
    """The record of the j-th waiting line of region r, oldest first; the first `slots` of them are up for decision."""
    return s.line[b, r, (s.line_first[b, r] + j) % s.line.shape[2]]


@pasted
def region_of_station(w: Any, station: int) -> int:
    """The counted region of a station."""
    return w.net.region_of_site[w.net.fcs + w.net.scs + station]


@inlined
def place_orders(w: Any, s: Any, b: int) -> bool:
    """Places the tick's orders in their regions' rings; False, with nothing changed, if a ring lacks room."""
    row = s.row[b]
    for r in range(w.net.regions):
        s.undo_lines[b, r], s.undo_orders[b, r, 0] = s.line_count[b, r], s.count[b, r, N.orders]
        s.undo_orders[b, r, 1] = s.count[b, r, N.episode_orders]
    orders, lines = row.orders, row.lines
    if len(w.demand.trace_first) > 0:
        enough = _replay_orders(w, s, b)
    else:
        enough = _draw_orders(w, s, b)
    if not enough:
        for r in range(w.net.regions):
            s.line_count[b, r], s.count[b, r, N.orders] = s.undo_lines[b, r], s.undo_orders[b, r, 0]
            s.count[b, r, N.episode_orders] = s.undo_orders[b, r, 1]
        row.orders, row.lines = orders, lines
    return enough


@inlined
def _draw_orders(w: Any, s: Any, b: int) -> bool:
    row, d = s.row[b], w.demand
    calendar = calendar_tick(w, s, b, row.tick)
    rate = _rate_at(d, calendar, row.tick)
    if rate <= 0:
        return True
    tick_key = mix(np.uint64(row.key) + mix(np.uint64(row.tick)))
    time, i = 0.0, np.uint64(0)
    while True:
        order_key = mix(tick_key + i)
        time -= np.log(1.0 - draw(order_key, 0)) / rate  # exponential gaps within the tick
        if time >= 1.0:
            return True
        station = draw_station(d, calendar, draw(order_key, 1))
        lines = draw_cdf(d.lines_cdf, draw(order_key, 2)) + 1
        zone = w.clock.zone[w.net.fcs + w.net.scs + station]
        promise = d.promise_ticks[draw_cdf(d.promise_cdf, draw(order_key, 3)), zone, calendar]
        if not _room_for(w, s, b, station, lines):
            return False
        for n in range(lines):
            sku = draw_alias(d.sku_alias, d.sku_keep, draw(order_key, 4 + 2 * n))
            units = draw_cdf(d.units_cdf, draw(order_key, 5 + 2 * n)) + 1
            add_line(w, s, b, station, promise, sku, units)
        count_order(w, s, b, station, lines)
        i += _ONE


@pasted
def draw_station(demand: Any, calendar: int, u: float) -> int:
    """A station by a single uniform: its zone by the zone's share of demand at the hour, then its share of the zone."""
    zone, low = 0, 0.0
    share = demand.zone_cdf[calendar]
    while zone < len(share) - 1 and u >= share[zone]:
        low = share[zone]
        zone += 1
    if len(share) > 1:
        u = min((u - low) / (share[zone] - low), LARGEST_UNIFORM)
    return draw_alias(demand.station_alias[zone], demand.station_keep[zone], u)


@pasted
def _rate_at(demand: Any, calendar: int, tick: int) -> float:
    """Mean orders of a tick, surges included."""
    rate = demand.rate[calendar]
    for i in range(demand.surge.shape[0]):
        if demand.surge[i, 0] <= tick < demand.surge[i, 1]:
            rate *= demand.surge[i, 2]
    return rate


@inlined
def _replay_orders(w: Any, s: Any, b: int) -> bool:
    tick, d = s.row[b].tick, w.demand
    if tick + 1 >= len(d.trace_first):
        return True
    for i in range(d.trace_first[tick], d.trace_first[tick + 1]):
        station, first = d.trace_orders[i]
        last = d.trace_orders[i + 1, 1]
        if not _room_for(w, s, b, station, last - first):
            return False
        for n in range(first, last):
            add_line(w, s, b, station, d.trace_lines[n, 2], d.trace_lines[n, 0], d.trace_lines[n, 1])
        count_order(w, s, b, station, last - first)
    return True


@pasted
def _room_for(w: Any, s: Any, b: int, station: int, lines: int) -> bool:
    return s.line_count[b, region_of_station(w, station)] + lines <= s.line.shape[2]


@pasted
def add_line(w: Any, s: Any, b: int, station: int, promise: int, sku: int, units: int) -> None:
    row, r = s.row[b], region_of_station(w, station)
    line = line_at(s, b, r, s.line_count[b, r])
    line.sku, line.units, line.station = sku, units, station
    line.order, line.ordered, line.due = row.orders, row.tick, row.tick + promise
    line.journey, line.choice = -1, 0
    s.line_count[b, r] += 1


@pasted
def count_order(w: Any, s: Any, b: int, station: int, lines: int) -> None:
    row = s.row[b]
    row.orders += 1
    row.lines += lines
    count = s.count[b, region_of_station(w, station)]
    count[N.episode_orders] += 1
    if row.tick >= w.rules.warmup_tick:
        count[N.orders] += 1


@inlined
def admit_lines(w: Any, s: Any, b: int) -> None:
    """Puts whole orders up for decision, oldest first, up to the region's slots; the rest waits for the next tick."""
    for r in range(w.net.regions):
        count = s.line_count[b, r]
        slots = min(count, w.rules.order_slots)
        if slots < count:
            cut = line_at(s, b, r, slots).order
            while slots > 0 and line_at(s, b, r, slots - 1).order == cut:
                slots -= 1
        s.slots[b, r] = slots
