"""Phases 2 and 6: trucks leave. Full loads leave by themselves; the agent decides about the rest."""

from __future__ import annotations

from typing import Any

from regional_dispatch.envs.kernel.clock import is_departure
from regional_dispatch.envs.kernel.compiled import inlined, pasted, subroutine
from regional_dispatch.envs.kernel.credit import charge_departure, charge_lane, charge_package, truck_shares
from regional_dispatch.envs.kernel.ledger import USD, book_accrual, book_both
from regional_dispatch.envs.kernel.metrics import N
from regional_dispatch.envs.kernel.phases.lane_queue import (
    drop_empty,
    find_safe,
    grow_late,
    late_usd_if_held,
    leave_lane,
)
from regional_dispatch.envs.kernel.prefetch import prefetch
from regional_dispatch.envs.world.linehaul.lane_kinds import DIRECT


@pasted
def can_send(w: Any, s: Any, b: int, lane: int) -> bool:
    """The lane is open, a truck leaves now by its timetable, and one of the fleet is there or may be hired."""
    truck = s.trucks_home[b, w.net.lanes[lane].origin] > 0 or w.rules.spot_allowed
    return truck and s.shut[b, lane] == 0 and is_departure(w, s, b, lane)


@inlined
def send_full_loads(w: Any, s: Any, b: int) -> None:
    """Sends a truck for every full load, as long as there are trucks."""
    row = s.row[b]
    for i in range(row.active):
        lane = s.active[b, i]
        room = w.net.lanes[lane].room
        while s.lane[b, lane].count >= room and can_send(w, s, b, lane):
            send_truck(w, s, b, lane, room)
    drop_empty(s, b)


@inlined
def send_partial_loads(w: Any, s: Any, b: int) -> None:
    """Applies the dispatch decisions in `go`."""
    for i in range(s.row[b].active):
        lane = s.active[b, i]
        waiting = min(s.lane[b, lane].count, w.net.lanes[lane].room)
        if s.go[b, lane] == 1 and can_send(w, s, b, lane):
            send_truck(w, s, b, lane, waiting)
        s.go[b, lane] = 0
    drop_empty(s, b)


@subroutine
def send_truck(w: Any, s: Any, b: int, index: int, load: int) -> None:
    """A truck leaves with the first `load` packages of the queue of lane `index`."""
    row, lane, queue = s.row[b], w.net.lanes[index], s.lane[b, index]
    hired = s.trucks_home[b, lane.origin] == 0
    premium = lane.cost * w.rules.spot_premium if hired else 0.0
    book_both(s, b, lane.region, USD.truck, lane.cost)
    book_both(s, b, lane.region, USD.spot, premium)
    charge_departure(queue, load, lane.cost + premium)
    if not hired and lane.ticks > 0:
        s.trucks_home[b, lane.origin] -= 1
        s.trucks_back[b, (row.tick + 2 * lane.ticks) % s.trucks_back.shape[1], lane.origin] += 1
    _count_truck(w, s, b, index, load, hired)
    _board(w, s, b, index, load, lane.cost + premium)
    if queue.head < 0:
        queue.tail = -1
    find_safe(s, b, index)


@inlined
def _board(w: Any, s: Any, b: int, index: int, load: int, usd: float) -> None:
    """The first `load` packages leave the queue of lane `index` on a truck that costs `usd`."""
    row, queue = s.row[b], s.lane[b, index]
    first, p, last = queue.head, queue.head, queue.head
    share, last_charged = truck_shares(w, s, b, index, load, usd)
    for _ in range(load):
        package = s.package[b, p]
        prefetch(s.package, (b, package.ahead))
        charge_package(w, s, b, p, index, share, last_charged)
        leave_lane(w, s, b, index, p)
        route = w.net.routes[package.route]
        if package.leg + 1 < route.legs:
            s.lane[b, route.lanes[package.leg + 1]].inbound += 1
        last, p = p, package.next
    s.package[b, last].next = -1
    queue.head = p
    s.tag[b, first].truck = -1
    arriving = s.arriving[b, (row.tick + w.net.lanes[index].ticks) % s.arriving.shape[1]]
    if arriving[0] < 0:
        arriving[0] = first
    else:
        s.tag[b, arriving[1]].truck = first
    arriving[1] = first


@inlined
def _count_truck(w: Any, s: Any, b: int, index: int, load: int, hired: bool) -> None:
    if s.row[b].tick < w.rules.warmup_tick:
        return
    lane, queue = w.net.lanes[index], s.lane[b, index]
    count = s.count[b, lane.region]
    count[N.trucks] += 1
    count[N.truck_packages] += load
    count[N.truck_room] += lane.room
    count[N.truck_miles] += lane.miles
    count[N.spot_trucks] += hired
    if lane.kind == DIRECT:
        count[N.direct_packages] += load
        count[N.direct_room] += lane.room
    if queue.trucks == 0:
        count[N.lanes_used] += 1
    queue.trucks += 1
    queue.carried += load


@inlined
def hold_lanes(w: Any, s: Any, b: int) -> None:
    """Packages that stay one more tick: books the lateness this makes inevitable, to the lane and its region."""
    tick = s.row[b].tick
    for i in range(s.row[b].active):
        index = s.active[b, i]
        queue = s.lane[b, index]
        if queue.safe > tick and queue.late == 0:
            continue
        usd = late_usd_if_held(w, s, b, index)
        if queue.safe == tick:
            grow_late(s, b, index)
        book_accrual(s, b, w.net.lanes[index].region, USD.late, usd)
        charge_lane(queue, usd)
