"""The compiled transitions: the only dynamics there are.

A tick is `begin_tick` (replenishment, arrivals of trucks, picking, sorting, full loads, new orders), decisions, and
`finish_tick` (sourcing, partial loads, books). Full loads leave before the decisions are asked for: nothing else of the
tick depends on when in it they leave, and policies see the rest they decide about.

Every function works on row b of a batch; rows share nothing but the constant world.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from regional_dispatch.envs.kernel import metrics as m
from regional_dispatch.envs.kernel.compiled import compiled, inlined, pasted
from regional_dispatch.envs.kernel.features import (
    DISPATCH_COUNT,
    SOURCE_COUNT,
    dispatch_features,
    hour_of_day,
    source_features,
)
from regional_dispatch.envs.kernel.lane_price import price_departure, price_handover, price_package, route_surcharge
from regional_dispatch.envs.kernel.ledger import (
    LATE,
    LOST,
    PICK,
    SORT,
    SPOT,
    TRUCK,
    book_accrual,
    book_both,
    book_cash,
    late_increase_usd,
    late_usd,
)
from regional_dispatch.envs.kernel.order_plan import plan_orders
from regional_dispatch.envs.kernel.outlook import backlog_hours
from regional_dispatch.envs.kernel.reevaluation import drop_items, keep_item, leave_siblings, link_siblings, reevaluate
from regional_dispatch.envs.kernel.score import Scorer, score
from regional_dispatch.envs.kernel.scorers import Scorers
from regional_dispatch.envs.kernel.state import NEVER
from regional_dispatch.envs.world.demand import draw, draw_alias, draw_cdf, mix, rate_at
from regional_dispatch.envs.world.events import enter_period, is_cut, uncut
from regional_dispatch.envs.world.network import DIRECT

READY, GROW_PACKAGES, GROW_LINES, GROW_ITEMS = range(4)
NO_BACKLOG, UNCUT = 1, 2  # flags: what is asked of a route beside units
_NEVER = int(NEVER)
_ONE = np.uint64(1)
MOST_OUTSIDE = 8  # routes from other regions that are priced for a line


@compiled
def begin_tick(w: Any, s: Any, b: int) -> int:
    """Steps 1–3 of a tick, up to the decisions.

    Returns:
        READY; or GROW_PACKAGES, GROW_LINES or GROW_ITEMS, with nothing changed: make room and call again.
    """
    row = s.row[b]
    if row.packages + w.net.regions * w.rules.order_slots > s.package.shape[1]:
        return GROW_PACKAGES
    if row.reevaluate == 1 and row.items + w.net.regions * w.rules.order_slots > s.item.shape[1]:
        return GROW_ITEMS
    # Orders come first here because they alone can ask for room; they meet nothing of the steps below.
    if not _place_orders(w, s, b):
        return GROW_LINES
    enter_period(w, s, b)
    _admit_lines(w, s, b)
    _replenish(w, s, b)
    _return_trucks(w, s, b)
    _unload_trucks(w, s, b)
    _pick_and_sort(w, s, b)
    if row.reevaluate == 1 and row.tick % w.rules.reevaluate_ticks == 0:
        reevaluate(w, s, b)
    _sort_active(s, b)
    _send_full_loads(w, s, b)
    row.waiting_for_decisions = 1
    return READY


@compiled
def finish_tick(w: Any, s: Any, b: int) -> None:
    """Steps 5–7: applies the decisions in `line.choice` and `go`, books, and moves the clock."""
    row = s.row[b]
    _source_lines(w, s, b)
    _send_partial_loads(w, s, b)
    _hold_lanes(w, s, b)
    row.waiting_for_decisions = 0
    row.tick += 1
    if row.tick == w.rules.warmup_tick:
        for r in range(w.net.regions):
            for component in range(s.cash.shape[2]):
                s.opening[b, r, component] = s.cash[b, r, component]
        value_work_under_way(w, s, b, s.opening[b])


@inlined
def _place_orders(w: Any, s: Any, b: int) -> bool:
    """Draws the tick's orders into their regions' waiting lines; False, with nothing changed, if one lacks room."""
    row, d = s.row[b], w.demand
    for r in range(w.net.regions):
        s.undo_lines[b, r], s.undo_orders[b, r, 0] = s.line_count[b, r], s.count[b, r, m.ORDERS]
        s.undo_orders[b, r, 1] = s.count[b, r, m.EPISODE_ORDERS]
    orders, lines = row.orders, row.lines
    if len(d.trace_first) > 0:
        enough = _replay_orders(w, s, b)
    else:
        enough = _draw_orders(w, s, b)
    if not enough:
        for r in range(w.net.regions):
            s.line_count[b, r], s.count[b, r, m.ORDERS] = s.undo_lines[b, r], s.undo_orders[b, r, 0]
            s.count[b, r, m.EPISODE_ORDERS] = s.undo_orders[b, r, 1]
        row.orders, row.lines = orders, lines
        return False
    return True


@inlined
def _draw_orders(w: Any, s: Any, b: int) -> bool:
    row, d = s.row[b], w.demand
    rate = rate_at(d, (row.week_tick + row.tick) % len(d.rate), row.tick)
    if rate <= 0:
        return True
    tick_key = mix(np.uint64(row.key) + mix(np.uint64(row.tick)))
    time, i = 0.0, np.uint64(0)
    while True:
        order_key = mix(tick_key + i)
        time -= np.log(1.0 - draw(order_key, 0)) / rate  # exponential gaps within the tick
        if time >= 1.0:
            return True
        station = draw_alias(d.station_alias, d.station_keep, draw(order_key, 1))
        lines = draw_cdf(d.lines_cdf, draw(order_key, 2)) + 1
        promise = d.promise_ticks[draw_cdf(d.promise_cdf, draw(order_key, 3))]
        if not _room_for(w, s, b, station, lines):
            return False
        for n in range(lines):
            sku = draw_alias(d.sku_alias, d.sku_keep, draw(order_key, 4 + 2 * n))
            units = draw_cdf(d.units_cdf, draw(order_key, 5 + 2 * n)) + 1
            _add_line(w, s, b, station, promise, sku, units)
        _count_order(w, s, b, station, lines)
        i += _ONE


@inlined
def _replay_orders(w: Any, s: Any, b: int) -> bool:
    tick, d = s.row[b].tick, w.demand
    if tick + 1 >= len(d.trace_first):
        return True
    for i in range(d.trace_first[tick], d.trace_first[tick + 1]):
        station, promise, first = d.trace_orders[i]
        last = d.trace_orders[i + 1, 2]
        if not _room_for(w, s, b, station, last - first):
            return False
        for n in range(first, last):
            _add_line(w, s, b, station, promise, d.trace_lines[n, 0], d.trace_lines[n, 1])
        _count_order(w, s, b, station, last - first)
    return True


@pasted
def _region_of_station(w: Any, station: int) -> int:
    return w.net.region_of_site[w.net.fcs + w.net.scs + station]


@pasted
def _room_for(w: Any, s: Any, b: int, station: int, lines: int) -> bool:
    return s.line_count[b, _region_of_station(w, station)] + lines <= s.line.shape[2]


@pasted
def _add_line(w: Any, s: Any, b: int, station: int, promise: int, sku: int, units: int) -> None:
    row, r = s.row[b], _region_of_station(w, station)
    size = s.line.shape[2]
    line = s.line[b, r, (s.line_first[b, r] + s.line_count[b, r]) % size]
    line.sku, line.units, line.station = sku, units, station
    line.order, line.ordered, line.due = row.orders, row.tick, row.tick + promise
    line.journey, line.choice = -1, 0
    s.line_count[b, r] += 1


@pasted
def _count_order(w: Any, s: Any, b: int, station: int, lines: int) -> None:
    row = s.row[b]
    row.orders += 1
    row.lines += lines
    count = s.count[b, _region_of_station(w, station)]
    count[m.EPISODE_ORDERS] += 1
    if row.tick >= w.rules.warmup_tick:
        count[m.ORDERS] += 1


@inlined
def _admit_lines(w: Any, s: Any, b: int) -> None:
    """Whole orders up to the region's slots, oldest first; the rest waits for the next tick."""
    size = s.line.shape[2]
    for r in range(w.net.regions):
        count, first = s.line_count[b, r], s.line_first[b, r]
        slots = min(count, w.rules.order_slots)
        if slots < count:
            cut = s.line[b, r, (first + slots) % size].order
            while slots > 0 and s.line[b, r, (first + slots - 1) % size].order == cut:
                slots -= 1
        s.slots[b, r] = slots


@inlined
def _replenish(w: Any, s: Any, b: int) -> None:
    """Base-stock reviews, a share of the SKUs each tick, then the arrival of what was ordered a lead time ago."""
    rules, row = w.rules, s.row[b]
    tick, review = row.tick, rules.review_ticks
    outstanding = s.pipeline.shape[1]
    skus, fcs = w.base_stock.shape
    slot = (tick // review) % outstanding
    for sku in range(tick % review, skus, review):
        for fc in range(fcs):
            base = w.base_stock[sku, fc]
            if base > 0:
                position = int(s.stock[b, sku, fc]) + int(s.road[b, sku, fc])
                for n in range(outstanding):
                    position += s.pipeline[b, n, sku, fc]
                s.pipeline[b, slot, sku, fc] = max(base - position, 0)  # transfers may have brought more than it
    placed = tick - rules.lead_ticks
    if placed < 0:
        return
    slot = (placed // review) % outstanding
    for sku in range(placed % review, skus, review):
        for fc in range(fcs):
            units = s.pipeline[b, slot, sku, fc]
            if units > 0:
                s.stock[b, sku, fc] += units
                s.pipeline[b, slot, sku, fc] = 0
                row.units_arrived += units


@inlined
def _return_trucks(w: Any, s: Any, b: int) -> None:
    back = s.trucks_back[b, s.row[b].tick % s.trucks_back.shape[1]]
    for site in range(len(back)):
        s.trucks_home[b, site] += back[site]
        back[site] = 0


@inlined
def _unload_trucks(w: Any, s: Any, b: int) -> None:
    """Trucks that arrive now: packages are delivered at a station, or queue for sorting at a sort center."""
    tick = s.row[b].tick
    arriving = s.arriving[b, tick % s.arriving.shape[1]]
    truck = arriving[0]
    arriving[0] = arriving[1] = -1
    while truck >= 0:
        following = s.package[b, truck].truck
        p = truck
        while p >= 0:
            package = s.package[b, p]
            after = package.next
            route = w.net.routes[package.route]
            site = w.net.lanes[route.lanes[package.leg]].dest
            package.leg += 1
            if package.leg == route.legs:
                _deliver(w, s, b, p)
            else:
                _join_site(s, b, site, p)
            p = after
        truck = following


@inlined
def _deliver(w: Any, s: Any, b: int, p: int) -> None:
    package, tick = s.package[b, p], s.row[b].tick
    station = w.net.routes[package.route].station
    usd = late_usd(w.rules, tick - package.due)
    book_cash(s, b, _region_of_station(w, station), LATE, usd)
    _close_package(w, s, b, p, tick, usd)


@pasted
def _close_package(w: Any, s: Any, b: int, p: int, arrival: int, usd: float) -> None:
    """Counts a package that has arrived, or is settled, at tick `arrival`; `usd` are its last dollars."""
    package, row = s.package[b, p], s.row[b]
    r = _region_of_station(w, w.net.routes[package.route].station)
    if package.ordered >= w.rules.warmup_tick:
        s.count[b, r, m.LINES_DUE] += package.lines
        s.count[b, r, m.LINE_HOURS] += package.lines * (arrival - package.ordered) * w.rules.tick_hours
        if arrival <= package.due:
            s.count[b, r, m.LINES_ON_TIME] += package.lines
    if package.journey >= 0:
        journey = s.journey[b, package.journey]
        journey.cost = package.cost + usd
        journey.done = 1
    leave_siblings(s, b, p)
    package.next = row.free
    row.free = p
    row.packages -= 1
    row.packages_done += 1


@pasted
def _join_site(s: Any, b: int, site: int, p: int) -> None:
    """Appends a package to a site's queue for picking or sorting."""
    queue = s.queue[b, site]
    _append(s, b, queue, p)
    queue.packages += 1
    queue.lines += s.package[b, p].lines


@pasted
def _append(s: Any, b: int, queue: Any, p: int) -> None:
    """Puts a package at the end of a linked queue, and notes when."""
    package = s.package[b, p]
    package.next = -1
    package.joined = s.row[b].tick
    if queue.head < 0:
        queue.head = p
    else:
        s.package[b, queue.tail].next = p
    queue.tail = p


@inlined
def _pick_and_sort(w: Any, s: Any, b: int) -> None:
    """First in, first out, within each site's capacity; what is done joins the queue of its next lane."""
    net = w.net
    for site in range(net.fcs + net.scs):
        queue = s.queue[b, site]
        room = s.site_capacity[b, site]
        while queue.head >= 0:
            p = queue.head
            package = s.package[b, p]
            work = package.lines if site < net.fcs else 1
            if work > room:
                break
            room -= work
            queue.head = package.next
            queue.packages -= 1
            queue.lines -= package.lines
            _finish_work(w, s, b, site, p)


@inlined
def _finish_work(w: Any, s: Any, b: int, site: int, p: int) -> None:
    """Books a pick or sort, and any lateness that waiting for it has made inevitable."""
    rules, package, tick = w.rules, s.package[b, p], s.row[b].tick
    route = w.net.routes[package.route]
    r = _region_of_station(w, route.station)
    is_pick = site < w.net.fcs
    if is_pick:
        book_cash(s, b, r, PICK, rules.pick_pack_usd)
        drop_items(s, b, p)
    else:
        book_cash(s, b, r, SORT, rules.sort_usd)
    ready = package.joined + (1 if is_pick else 0)  # the first tick it could have been here
    rest = route.rest[package.leg]
    usd = late_increase_usd(rules, ready + rest - package.due, tick + rest - package.due)
    book_accrual(s, b, r, LATE, usd)
    _join_lane(w, s, b, route.lanes[package.leg], p, package.due - rest)


@inlined
def _join_lane(w: Any, s: Any, b: int, lane: int, p: int, safe: int) -> None:
    """Appends a package to a lane's queue; `safe` is the last tick it can leave at and still be on time."""
    queue, row = s.lane[b, lane], s.row[b]
    _append(s, b, queue, p)
    queue.count += 1
    queue.inbound -= 1
    _note_safe(queue, safe, row.tick)
    decay = w.rules.inflow_decay
    week = (row.week_tick + row.tick) % len(w.demand.season)
    season = max(w.demand.season[week], 0.25)  # a parcel at night weighs more, but not without bound
    queue.inflow *= decay[min(row.tick - queue.inflow_tick, len(decay) - 1)]
    queue.inflow += (1 - decay[1]) / season
    queue.inflow_tick = row.tick
    if queue.active == 0:
        queue.active = 1
        s.active[b, row.active] = lane
        row.active += 1


@pasted
def _note_safe(queue: Any, safe: int, tick: int) -> None:
    if safe < tick:
        queue.late += 1
    elif safe < queue.safe:
        queue.safe, queue.safe_count = safe, 1
    elif safe == queue.safe:
        queue.safe_count += 1


@inlined
def _rescan_safe(w: Any, s: Any, b: int, lane: int, tick: int) -> None:
    """Recounts the late packages and the most urgent one of a queue, as seen from `tick`."""
    queue = s.lane[b, lane]
    queue.late, queue.safe, queue.safe_count = 0, _NEVER, 0
    p = queue.head
    while p >= 0:
        package = s.package[b, p]
        _note_safe(queue, package.due - w.net.routes[package.route].rest[package.leg], tick)
        p = package.next


@inlined
def _sort_active(s: Any, b: int) -> None:
    """Lanes in ascending order, so that who gets the last truck of a site does not hang on history."""
    for i in range(1, s.row[b].active):  # by insertion: all but this tick's newcomers are in order already
        lane, j = s.active[b, i], i
        while j > 0 and s.active[b, j - 1] > lane:
            s.active[b, j] = s.active[b, j - 1]
            j -= 1
        s.active[b, j] = lane


@pasted
def can_send(w: Any, s: Any, b: int, lane: int) -> bool:
    """The lane is open, and a truck of the fleet is at its origin or one may be hired."""
    return (s.trucks_home[b, w.net.lanes[lane].origin] > 0 or w.rules.spot_allowed) and s.shut[b, lane] == 0


@inlined
def _send_full_loads(w: Any, s: Any, b: int) -> None:
    row, room = s.row[b], w.rules.truck_packages
    for i in range(row.active):
        lane = s.active[b, i]
        while s.lane[b, lane].count >= room and can_send(w, s, b, lane):
            _send_truck(w, s, b, lane, room)
    _drop_empty(s, b)


@inlined
def _send_partial_loads(w: Any, s: Any, b: int) -> None:
    for i in range(s.row[b].active):
        lane = s.active[b, i]
        waiting = min(s.lane[b, lane].count, w.rules.truck_packages)
        if s.go[b, lane] == 1 and can_send(w, s, b, lane):
            _send_truck(w, s, b, lane, waiting)
        s.go[b, lane] = 0
    _drop_empty(s, b)


@inlined
def _drop_empty(s: Any, b: int) -> None:
    row, kept = s.row[b], 0
    for i in range(row.active):
        lane = s.active[b, i]
        if s.lane[b, lane].count > 0:
            s.active[b, kept] = lane
            kept += 1
        else:
            s.lane[b, lane].active = 0
    row.active = kept


@compiled
def _send_truck(w: Any, s: Any, b: int, index: int, load: int) -> None:
    """A truck leaves with the first `load` packages of the queue."""
    row, lane, queue = s.row[b], w.net.lanes[index], s.lane[b, index]
    hired = s.trucks_home[b, lane.origin] == 0
    premium = lane.cost * w.rules.spot_premium if hired else 0.0
    book_both(s, b, lane.region, TRUCK, lane.cost)
    book_both(s, b, lane.region, SPOT, premium)
    queue.cost += lane.cost + premium
    queue.sent += load
    if not hired:
        s.trucks_home[b, lane.origin] -= 1
        s.trucks_back[b, (row.tick + 2 * lane.ticks) % s.trucks_back.shape[1], lane.origin] += 1
    _count_truck(w, s, b, index, load, hired)

    first, p, last = queue.head, queue.head, queue.head
    usd, safe = _charge(w, s, b, index, load, lane.cost + premium)
    for _ in range(load):
        package = s.package[b, p]
        charged = usd if _safe(w, package) <= safe else 0.0
        package.cost += charged
        price_departure(w, s, b, p, charged)
        price_handover(w, s, b, p, index)
        route = w.net.routes[package.route]
        if package.leg + 1 < route.legs:
            s.lane[b, route.lanes[package.leg + 1]].inbound += 1
        last, p = p, package.next
    s.package[b, last].next = -1
    queue.head = p
    queue.count -= load
    if p < 0:
        queue.tail, queue.late, queue.safe, queue.safe_count = -1, 0, _NEVER, 0
    else:
        _rescan_safe(w, s, b, index, row.tick)

    s.package[b, first].truck = -1
    arriving = s.arriving[b, (row.tick + lane.ticks) % s.arriving.shape[1]]
    if arriving[0] < 0:
        arriving[0] = first
    else:
        s.package[b, arriving[1]].truck = first
    arriving[1] = first


@inlined
def _safe(w: Any, package: Any) -> int:
    """The last tick at which a package can leave its lane and be on time."""
    return package.due - w.net.routes[package.route].rest[package.leg]


@inlined
def _charge(w: Any, s: Any, b: int, index: int, load: int, usd: float) -> tuple[float, int]:
    """How a truck's cost is charged: USD each, to those of its packages whose last safe tick is not after the second.

    Everybody's share is the cost over the load. Where marginal costs are asked for, a truck that leaves less than full
    is charged to those alone who could wait least, who made it leave: together they pay one share, and the others ride
    along. If packages come at rate λ and the first that cannot wait sends the truck after W, one more package adds
    cost / (λW + 1)² to the cost of an hour: one share, cost / (λW + 1), times the chance that it is the one.
    """
    if s.row[b].marginal == 0 or load == w.rules.truck_packages:
        return usd / load, _NEVER
    first, count, p = _NEVER, 0, s.lane[b, index].head
    for _ in range(load):
        safe = _safe(w, s.package[b, p])
        if safe < first:
            first, count = safe, 0
        count += safe == first
        p = s.package[b, p].next
    return usd / load / count, first


@inlined
def _count_truck(w: Any, s: Any, b: int, index: int, load: int, hired: bool) -> None:
    if s.row[b].tick < w.rules.warmup_tick:
        return
    lane, queue = w.net.lanes[index], s.lane[b, index]
    count = s.count[b, lane.region]
    count[m.TRUCKS] += 1
    count[m.TRUCK_PACKAGES] += load
    count[m.TRUCK_ROOM] += w.rules.truck_packages
    count[m.TRUCK_MILES] += lane.miles
    count[m.SPOT_TRUCKS] += hired
    if lane.kind == DIRECT:
        count[m.DIRECT_TRUCKS] += 1
        count[m.DIRECT_PACKAGES] += load
    if queue.trucks == 0:
        count[m.LANES_USED] += 1
    queue.trucks += 1
    queue.carried += load


@inlined
def _hold_lanes(w: Any, s: Any, b: int) -> None:
    """Packages that stay one more tick: books the lateness this makes inevitable, to the lane and its region."""
    rules, tick = w.rules, s.row[b].tick
    for i in range(s.row[b].active):
        index = s.active[b, i]
        queue = s.lane[b, index]
        if queue.safe > tick and queue.late == 0:
            continue
        usd = rules.late_usd_per_tick * queue.late
        if queue.safe == tick:
            usd += (rules.late_usd + rules.late_usd_per_tick) * queue.safe_count
            _rescan_safe(w, s, b, index, tick + 1)
        book_accrual(s, b, w.net.lanes[index].region, LATE, usd)
        queue.cost += usd


# ---------------------------------------------------------------------------------------------------- sourcing


@compiled
def prepare_lines(w: Any, s: Any, b: int, r: int) -> None:
    """Finds the candidates of every line up for decision in region r, and plans how each order could travel."""
    for j in range(s.slots[b, r]):
        find_candidates(w, s, b, r, j)
        _price_candidates(w, s, b, r, j)
    plan_orders(w, s, b, r)


@pasted
def _price_candidates(w: Any, s: Any, b: int, r: int, j: int) -> None:
    due = s.line[b, r, (s.line_first[b, r] + j) % s.line.shape[2]].due
    for k in range(w.rules.candidates):
        p = s.candidate[b, r, j, k]
        s.surcharge[b, r, j, k] = route_surcharge(w, s, b, p, due) if p >= 0 else 0.0


@pasted
def candidates_found(w: Any, s: Any, b: int, r: int, j: int) -> int:
    """How many candidates `prepare_lines` found for the line in slot j."""
    found = 0
    while found < w.rules.candidates and s.candidate[b, r, j, found] >= 0:
        found += 1
    return found


@pasted
def find_candidates(w: Any, s: Any, b: int, r: int, j: int) -> int:
    """Fills `candidate[b, r, j]` with routes that can serve the line in slot j; returns how many.

    In-region routes come first, each group cheapest first. Two places are kept for other regions where there are any.
    The nearest FC anywhere and the nearest in the region are always among them if K ≥ 5. FCs with too long a backlog
    are left out unless no other FC has the units; routes that an event has cut, unless there is no other route at all.
    """
    if s.row[b].some_cut == 1:
        found = _collect_uncut(w, s, b, r, j)
    else:
        found = _collect(w, s, b, r, j, NO_BACKLOG)
        if found == 0:
            found = _collect(w, s, b, r, j, 0)
    for k in range(found, w.rules.candidates):
        s.candidate[b, r, j, k] = -1
    return found


@compiled
def _collect_uncut(w: Any, s: Any, b: int, r: int, j: int) -> int:
    """The same while routes are cut: asks less and less of them, until there is one."""
    found, asked = 0, NO_BACKLOG | UNCUT
    while found == 0:
        found = _collect(w, s, b, r, j, asked)
        if asked == 0:
            break
        asked = UNCUT if asked > UNCUT else 0
    return found


@inlined
def _collect(w: Any, s: Any, b: int, r: int, j: int, asked: int) -> int:
    net, top = w.net, w.rules.candidates
    ring = s.line[b, r]
    line = ring[(s.line_first[b, r] + j) % len(ring)]
    sku, units, station = line.sku, line.units, line.station
    stock, out = s.stock[b, sku], s.candidate[b, r, j]
    inside_top = max(1, top - 2) if net.divided else top
    inside = _collect_side(w, s, b, station, sku, units, asked, 1, out, 0, inside_top)
    found = inside
    if net.divided and len(s.lane_price.bias) > 0:
        found = _collect_cheapest(w, s, b, station, sku, units, asked, line.due, out, inside, top)
    elif net.divided:
        found = _collect_side(w, s, b, station, sku, units, asked, 0, out, inside, top)
    if found < 3:
        return found
    nearest, nearest_inside = -1, -1
    near = net.by_distance[station]
    for i in range(len(near)):
        if near[i] < 0 or (nearest >= 0 and (nearest_inside >= 0 or inside == 0)):
            break
        p = uncut(w, s, b, near[i]) if asked & UNCUT else near[i]
        if _can_serve(w, s, b, stock, p, units, asked):
            if nearest < 0:
                nearest = p
            if nearest_inside < 0 and net.routes[p].local == 1:
                nearest_inside = p
    if inside > 0 and not _has_fc(w, out, inside, net.routes[nearest_inside].fc):
        out[inside - 1] = nearest_inside
    if not _has_fc(w, out, found, net.routes[nearest].fc):
        out[found - 1] = nearest
    return found


@inlined
def _collect_side(
    w: Any, s: Any, b: int, station: int, sku: int, units: int, asked: int, local: int, out: np.ndarray,
    found: int, top: int,
) -> int:  # fmt: skip
    """Appends the station's cheapest routes that can serve, in the region or outside, up to `top`; returns how many."""
    net, routes = w.net, w.net.by_cost[station]
    for i in range(len(routes)):
        p = routes[i]
        if p < 0 or found == top:
            break
        if net.routes[p].local == local and _can_serve(w, s, b, s.stock[b, sku], p, units, asked):
            out[found] = p
            found += 1
    return found


@inlined
def _collect_cheapest(
    w: Any, s: Any, b: int, station: int, sku: int, units: int, asked: int, due: int, out: np.ndarray, inside: int,
    top: int,
) -> int:  # fmt: skip
    """Appends the routes from other regions that cost least where lanes are priced, of the MOST_OUTSIDE cheapest."""
    routes, found, seen = w.net.by_cost[station], inside, 0
    usd = s.outside_usd[b]
    for i in range(len(routes)):
        p = routes[i]
        if p < 0 or seen == MOST_OUTSIDE:
            break
        if w.net.routes[p].local == 1:
            continue
        if not _can_serve(w, s, b, s.stock[b, sku], p, units, asked):
            continue
        seen += 1
        late = late_usd(w.rules, s.row[b].tick + 1 + w.net.routes[p].rest[0] - due)
        value = w.net.routes[p].cost + late + route_surcharge(w, s, b, p, due)
        if found == top and value >= usd[top - 1]:
            continue
        at = min(found, top - 1)
        while at > inside and usd[at - 1] > value:
            out[at], usd[at] = out[at - 1], usd[at - 1]
            at -= 1
        out[at], usd[at] = p, value
        found = min(found + 1, top)
    return found


@pasted
def _has_fc(w: Any, routes: np.ndarray, count: int, fc: int) -> bool:
    has = False
    for k in range(count):
        has = has or w.net.routes[routes[k]].fc == fc
    return has


@pasted
def _can_serve(w: Any, s: Any, b: int, stock: np.ndarray, p: int, units: int, asked: int) -> bool:
    """The FC of route p has the units and, if asked, the route is not cut, and there is no backlog beyond the limit."""
    fc = w.net.routes[p].fc
    return (
        stock[fc] >= units
        and (asked & UNCUT == 0 or not is_cut(w, s, b, p))
        and (asked & NO_BACKLOG == 0 or backlog_hours(w, s, b, fc) <= w.rules.backlog_limit_hours)
    )


@inlined
def _source_lines(w: Any, s: Any, b: int) -> None:
    """Applies the choices of all regions in order of arrival, order by order."""
    regions, size = w.net.regions, s.line.shape[2]
    done = s.sourced[b]
    for r in range(regions):
        done[r] = 0
    while True:
        region, oldest = -1, 0
        for r in range(regions):
            if done[r] < s.slots[b, r]:
                order = s.line[b, r, (s.line_first[b, r] + done[r]) % size].order
                if region < 0 or order < oldest:
                    region, oldest = r, order
        if region < 0:
            break
        done[region] += _source_order(w, s, b, region, done[region])
    for r in range(regions):
        s.line_first[b, r] = (s.line_first[b, r] + done[r]) % size
        s.line_count[b, r] -= done[r]
        s.slots[b, r] = 0


@inlined
def _source_order(w: Any, s: Any, b: int, r: int, first: int) -> int:
    """Serves the lines of one order; lines on the same route travel as one package. Returns how many lines it has."""
    ring, start = s.line[b, r], s.line_first[b, r]
    size = len(ring)
    order = ring[(start + first) % size].order
    row = s.row[b]
    counted = ring[(start + first) % size].ordered >= w.rules.warmup_tick
    packages = row.packages_made
    outside, lines = 0, 0
    while first + lines < s.slots[b, r] and ring[(start + first + lines) % size].order == order:
        j = first + lines
        line = ring[(start + j) % size]
        p = _reserve(w, s, b, r, j, counted)
        if p >= 0:
            outside += w.net.routes[p].in_region == 0
            _pack(w, s, b, r, first, j, p, counted)
        else:
            outside += 1
            line.package = -1
        lines += 1
    if row.reevaluate == 1:
        link_siblings(s, b, r, first, lines, outside)
    if counted:
        count = s.count[b, r]
        count[m.ORDERS_SOURCED] += 1
        count[m.ORDERS_IN_REGION] += outside == 0
        count[m.LINES] += lines
        count[m.PACKAGES] += row.packages_made - packages
    return lines


@inlined
def _reserve(w: Any, s: Any, b: int, r: int, j: int, counted: bool) -> int:
    """Takes the line's units off the chosen candidate's shelf, else the next one's. Returns the route, −1 if lost."""
    ring, row = s.line[b, r], s.row[b]
    line = ring[(s.line_first[b, r] + j) % len(ring)]
    stock, candidates = s.stock[b, line.sku], s.candidate[b, r, j]
    p = candidates[line.choice]
    if p < 0 or stock[w.net.routes[p].fc] < line.units:
        p = _next_feasible(w, s, b, stock, candidates, line.station, line.units)
        if line.journey >= 0:
            s.journey[b, line.journey].void = 1
        if counted and p >= 0:
            s.count[b, r, m.LINES_REPLANNED] += 1
    if p < 0:
        book_both(s, b, r, LOST, w.rules.lost_usd)
        row.lines_lost += 1
        if line.journey >= 0:
            s.journey[b, line.journey].done = 1
        if counted:
            s.count[b, r, m.LINES_LOST] += 1
        return -1
    stock[w.net.routes[p].fc] -= line.units
    row.units_shipped += line.units
    if counted and w.net.routes[p].in_region == 0:
        s.count[b, r, m.LINES_SPILLED] += 1
    return p


@inlined
def _next_feasible(w: Any, s: Any, b: int, stock: np.ndarray, candidates: np.ndarray, station: int, units: int) -> int:
    """The line's first candidate with units, else the station's cheapest route with units, cut ones last, else −1."""
    for p in candidates:
        if p >= 0 and stock[w.net.routes[p].fc] >= units:
            return p
    last_resort = -1
    for p in w.net.by_cost[station]:
        if p >= 0 and stock[w.net.routes[p].fc] >= units:
            if not is_cut(w, s, b, p):
                return p
            if last_resort < 0:
                last_resort = p
    return last_resort


@inlined
def _pack(w: Any, s: Any, b: int, r: int, first: int, j: int, p: int, counted: bool) -> None:
    """Puts the line into the package of an earlier line of its order on the same route, or into a new one."""
    ring, start = s.line[b, r], s.line_first[b, r]
    size = len(ring)
    line = ring[(start + j) % size]
    for i in range(first, j):
        index = ring[(start + i) % size].package
        if index >= 0 and s.package[b, index].route == p:
            package = s.package[b, index]
            package.lines += 1
            s.queue[b, w.net.routes[p].fc].lines += 1
            line.package = index
            if line.journey >= 0 and package.journey >= 0:
                s.journey[b, line.journey].leader = package.journey
            if s.row[b].reevaluate == 1:
                keep_item(s, b, index, line.sku, line.units)
            return
    _new_package(w, s, b, r, line, p, counted)


@inlined
def _new_package(w: Any, s: Any, b: int, r: int, line: Any, p: int, counted: bool) -> None:
    """A package joins the picking queue of its FC; its handling is inevitable from now on."""
    row, rules, route = s.row[b], w.rules, w.net.routes[p]
    index = row.free
    package = s.package[b, index]
    row.free = package.next
    row.packages += 1
    row.packages_made += 1
    handling = rules.pick_pack_usd + rules.sort_usd * (route.legs - 1)
    package.route, package.leg, package.lines = p, 0, 1
    package.ordered, package.due = line.ordered, line.due
    package.journey, package.cost = line.journey, handling
    package.order, package.items = -1, -1
    if row.reevaluate == 1:
        keep_item(s, b, index, line.sku, line.units)
    line.package = index
    price_package(w, s, b, index)
    book_accrual(s, b, r, PICK, rules.pick_pack_usd)
    book_accrual(s, b, r, SORT, rules.sort_usd * (route.legs - 1))
    book_accrual(s, b, r, LATE, late_usd(rules, row.tick + 1 + route.rest[0] - line.due))
    s.lane[b, route.lanes[0]].inbound += 1
    _join_site(s, b, route.fc, index)
    if counted:
        count = s.count[b, r]
        count[m.PACKAGES_DIRECT] += route.legs == 1
        count[m.PACKAGE_MILES] += route.miles
        count[m.PACKAGE_SORTS] += route.legs - 1


# -------------------------------------------------------------------------------------------------- settlement


@compiled
def value_work_under_way(w: Any, s: Any, b: int, usd: np.ndarray) -> None:
    """Adds to usd (R, components) what work under way will still be paid at standard cost; changes nothing else."""
    _visit_work(w, s, b, usd, False)


@compiled
def settle(w: Any, s: Any, b: int) -> None:
    """Closes the books at the horizon: everything under way is booked at standard cost-to-go, in both views."""
    _visit_work(w, s, b, s.cash[b], True)
    s.row[b].settled = 1


@compiled
def _visit_work(w: Any, s: Any, b: int, usd: np.ndarray, close: bool) -> None:
    """Values, and if asked closes, every package and waiting line, place by place."""
    _visit_sites(w, s, b, usd, close)
    _visit_lanes(w, s, b, usd, close)
    _visit_trucks(w, s, b, usd, close)
    _visit_waiting_lines(w, s, b, usd, close)


@inlined
def _visit_sites(w: Any, s: Any, b: int, usd: np.ndarray, close: bool) -> None:
    tick, fcs = s.row[b].tick, w.net.fcs
    for site in range(fcs + w.net.scs):
        queue = s.queue[b, site]
        picks = 1 if site < fcs else 0
        p = queue.head
        while p >= 0:
            package = s.package[b, p]
            after, route = package.next, w.net.routes[package.route]
            rest = route.rest[package.leg]
            sorts = route.legs - 1 if site < fcs else route.legs - package.leg
            booked = package.joined + picks + rest
            _value_package(w, s, b, p, package.leg, picks, sorts, tick + rest, booked, usd, close)
            p = after
        if close:
            queue.head = queue.tail = -1
            queue.packages = queue.lines = 0


@inlined
def _visit_lanes(w: Any, s: Any, b: int, usd: np.ndarray, close: bool) -> None:
    row = s.row[b]
    for i in range(row.active):
        queue = s.lane[b, s.active[b, i]]
        p = queue.head
        while p >= 0:
            package = s.package[b, p]
            after, route = package.next, w.net.routes[package.route]
            arrival = row.tick + route.rest[package.leg]
            sorts = route.legs - 1 - package.leg
            _value_package(w, s, b, p, package.leg, 0, sorts, arrival, arrival, usd, close)
            p = after
        if close:
            queue.head = queue.tail = -1
            queue.count = queue.late = queue.safe_count = queue.active = 0
            queue.safe = _NEVER
    if close:
        row.active = 0


@inlined
def _visit_trucks(w: Any, s: Any, b: int, usd: np.ndarray, close: bool) -> None:
    tick, length = s.row[b].tick, s.arriving.shape[1]
    for ahead in range(length):
        arriving = s.arriving[b, (tick + ahead) % length]
        truck = arriving[0]
        while truck >= 0:
            following = s.package[b, truck].truck
            p = truck
            while p >= 0:
                package = s.package[b, p]
                after, route, leg = package.next, w.net.routes[package.route], package.leg + 1
                arrival = tick + ahead + route.rest[leg]
                _value_package(w, s, b, p, leg, 0, route.legs - leg, arrival, arrival, usd, close)
                p = after
            truck = following
        if close:
            arriving[0] = arriving[1] = -1


@inlined
def _value_package(
    w: Any, s: Any, b: int, p: int, leg: int, picks: int, sorts: int, arrival: int, booked: int, usd: np.ndarray,
    close: bool,
) -> None:  # fmt: skip
    """Standard cost-to-go of one package.

    Args:
        leg: first leg still to be paid.
        picks: 1 if it is still to be picked.
        sorts: sorts still to come.
        arrival: earliest tick it can arrive.
        booked: the earliest arrival its accrued lateness stands for.
    """
    rules, package = w.rules, s.package[b, p]
    route = w.net.routes[package.route]
    r = _region_of_station(w, route.station)
    trucks, late = route.rest_cost[leg], late_usd(rules, arrival - package.due)
    usd[r, PICK] += rules.pick_pack_usd * picks
    usd[r, SORT] += rules.sort_usd * sorts
    usd[r, TRUCK] += trucks
    usd[r, LATE] += late
    if close:
        book_accrual(s, b, r, TRUCK, trucks)
        book_accrual(s, b, r, LATE, late_increase_usd(rules, booked - package.due, arrival - package.due))
        _close_package(w, s, b, p, arrival, trucks + late)


@inlined
def _visit_waiting_lines(w: Any, s: Any, b: int, usd: np.ndarray, close: bool) -> None:
    """Lines not yet decided on are valued as packages of their own on their station's cheapest route."""
    rules, size, tick = w.rules, s.line.shape[2], s.row[b].tick
    for r in range(w.net.regions):
        for i in range(s.line_count[b, r]):
            line = s.line[b, r, (s.line_first[b, r] + i) % size]
            route = w.net.routes[w.net.by_cost[line.station, 0]]
            late = late_usd(rules, tick + 1 + route.rest[0] - line.due)
            usd[r, PICK] += rules.pick_pack_usd
            usd[r, SORT] += rules.sort_usd * (route.legs - 1)
            usd[r, TRUCK] += route.rest_cost[0]
            usd[r, LATE] += late
            if close:
                book_accrual(s, b, r, PICK, rules.pick_pack_usd)
                book_accrual(s, b, r, SORT, rules.sort_usd * (route.legs - 1))
                book_accrual(s, b, r, TRUCK, route.rest_cost[0])
                book_accrual(s, b, r, LATE, late)
        if close:
            s.line_count[b, r] = 0


# --------------------------------------------------------------------------------------------------- decisions


@njit(cache=True)
def decide(w: Any, s: Any, b: int, scorers: Scorers, only: int, skip: int) -> None:
    """Lets compiled scorers decide for region `only` (−1: all), leaving out region `skip` (−1: none)."""
    size = max(1, scorers.source.b1.shape[1], scorers.dispatch.b1.shape[1])
    scratch = np.empty((2, size), np.float32)
    lines = np.empty((w.rules.candidates, SOURCE_COUNT), np.float32)
    _decide_lines(w, s, b, scorers.source, only, skip, lines, scratch)
    _decide_lanes(w, s, b, scorers.dispatch, only, skip, np.empty(DISPATCH_COUNT, np.float32), scratch)


@compiled
def _decide_lines(
    w: Any, s: Any, b: int, scorer: Scorer, only: int, skip: int, x: np.ndarray, scratch: np.ndarray
) -> None:
    for r in range(w.net.regions):
        if (only >= 0 and r != only) or r == skip:
            continue
        g = min(r, len(scorer.bias) - 1)
        size = s.line.shape[2]
        prepare_lines(w, s, b, r)
        for j in range(s.slots[b, r]):
            found = candidates_found(w, s, b, r, j)
            choice, best = 0, -np.inf
            source_features(w, s, b, r, j, found, x)
            for k in range(found):
                value = score(scorer, g, x[k], scratch)
                if value > best:
                    choice, best = k, value
            s.line[b, r, (s.line_first[b, r] + j) % size].choice = choice


@compiled
def _decide_lanes(
    w: Any, s: Any, b: int, scorer: Scorer, only: int, skip: int, x: np.ndarray, scratch: np.ndarray
) -> None:
    hour = hour_of_day(w, s, b)
    for i in range(s.row[b].active):
        lane = s.active[b, i]
        r = w.net.lanes[lane].region
        if (only >= 0 and r != only) or r == skip or not can_send(w, s, b, lane):
            continue
        g = min(r, len(scorer.bias) - 1)
        dispatch_features(w, s, b, i, hour, x)
        s.go[b, lane] = score(scorer, g, x, scratch) > 0


@njit(nogil=True, cache=True)
def run(w: Any, s: Any, scorers: Scorers, first: int, last: int, until: int) -> int:
    """Runs rows first…last−1 with compiled scorers up to tick `until`, settling those that reach the horizon.

    Returns:
        READY, or what `begin_tick` asked for: make room and call again.
    """
    for b in range(first, last):
        while s.row[b].tick < min(until, w.rules.horizon_tick):
            need = begin_tick(w, s, b)
            if need != READY:
                return need
            decide(w, s, b, scorers, -1, -1)
            finish_tick(w, s, b)
        if s.row[b].tick >= w.rules.horizon_tick and s.row[b].settled == 0:
            settle(w, s, b)
    return READY
