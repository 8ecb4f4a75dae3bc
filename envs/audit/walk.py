"""Follows every linked list of a row, and counts what it finds. No index is followed that was not checked before.

Axes: N sites, L lanes, R regions, T ticks of trucks on the road.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from regional_dispatch.envs.kernel.compiled import compiled, pasted, subroutine
from regional_dispatch.envs.kernel.state import State
from regional_dispatch.envs.world.world import World

_NEVER = 2**30  # of the kernel: a tick that does not come
# What can be wrong with a list: where it was found, and its number there.
FAULTS = (
    "", "has a member that is no package", "has a package that is in another place, or in the list twice",
    "has a package without a route or past its end", "does not end where its tail says",
    "has an item that is none", "has an item that is in another place, or in the list twice",
)  # fmt: skip
NO_FAULT, NO_PACKAGE, TWICE, NO_ROUTE, TAIL, NO_ITEM, ITEM_TWICE = range(len(FAULTS))
PLACES = ("site", "lane", "trucks that arrive in slot", "packages given back, from", "package")
SITE, LANE, ROAD, FREE, PACKAGE = range(len(PLACES))


class Tally(NamedTuple):
    """What was counted in one row."""

    seen: np.ndarray  # (packages,) uint8, scratch
    item_seen: np.ndarray  # (items,) uint8, scratch
    fault: np.ndarray  # (4,) int64: which of FAULTS, which of PLACES, its number, the member
    wrong_place: np.ndarray  # (4,) int64: packages whose route does not lead there; the first's place, number, itself
    overloaded: np.ndarray  # (3,) int64: trucks with more than their room; then the first: lane, packages
    totals: np.ndarray  # (4,) int64: packages that queue, that ride, that were given back, items given back
    site_packages: np.ndarray  # (N,) int64
    site_lines: np.ndarray  # (N,) int64
    site_new: np.ndarray  # (N,) int64, lines of packages made in the last tick, by FC
    waiting: np.ndarray  # (L,) int64
    late: np.ndarray  # (L,) int64, whose last safe tick has passed
    safe: np.ndarray  # (L,) int64, last safe tick of the most urgent of the others
    inbound: np.ndarray  # (L,) int64, upstream of the lane
    onward: np.ndarray  # (pairs,) int64
    picks: np.ndarray  # (R,) int64, packages still to be picked, by the customer's region
    sorts: np.ndarray  # (R,) int64, sorts still to come
    made: np.ndarray  # (R,) int64, packages made in the last tick
    made_sorts: np.ndarray  # (R,) int64, sorts on their routes
    lines: np.ndarray  # (R,) int64, lines of packages ordered since the warm-up
    late_usd: np.ndarray  # (1,) float64, lateness that is accrued for packages under way, and not yet paid
    arriving_usd: np.ndarray  # (R,) float64, lateness of packages that are delivered in the tick that comes
    arriving_at: np.ndarray  # (N,) int64, packages that trucks bring to a sort center in the tick that comes
    truck_usd: np.ndarray  # (R,) float64, of the trucks that left in the last tick, by the lane's region


def empty_tally(world: World, state: State) -> Tally:
    """Room for what is counted in one row."""
    net = world.net
    sites, lanes, regions = len(net.fleet), len(net.lanes), net.regions
    by_site, by_lane, by_region = (np.zeros((4, size), np.int64) for size in (sites, lanes, regions))
    more, usd = np.zeros((2, regions), np.int64), np.zeros((2, regions))
    return Tally(
        seen=np.zeros(state.package.shape[1], np.uint8), item_seen=np.zeros(state.item.shape[1], np.uint8),
        fault=np.zeros(4, np.int64), wrong_place=np.zeros(4, np.int64), overloaded=np.zeros(3, np.int64),
        totals=np.zeros(4, np.int64),
        site_packages=by_site[0], site_lines=by_site[1], site_new=by_site[2], arriving_at=by_site[3],
        waiting=by_lane[0], late=by_lane[1], safe=by_lane[2], inbound=by_lane[3],
        onward=np.zeros(len(net.pairs), np.int64),
        picks=by_region[0], sorts=by_region[1], made=by_region[2], made_sorts=by_region[3], lines=more[0],
        late_usd=np.zeros(1), arriving_usd=usd[0], truck_usd=usd[1],
    )  # fmt: skip


class _Place(NamedTuple):
    """What the walk reads of a world: few arrays, so that it is compiled in seconds."""

    fcs: int
    first_station: int
    lanes: np.ndarray  # (L,) LANE
    routes: np.ndarray  # (P,) ROUTE
    region_of_site: np.ndarray  # (N,) int16
    warmup_tick: int
    late_usd: float
    late_usd_per_tick: float


class _Lists(NamedTuple):
    """What the walk reads of a state."""

    row: np.ndarray
    package: np.ndarray
    tag: np.ndarray
    item: np.ndarray
    queue: np.ndarray
    lane: np.ndarray
    arriving: np.ndarray


def walk_row(world: World, state: State, row: int) -> Tally:
    """Counts a row as it stands between two ticks, or while it waits for decisions.

    Where `fault[0]` is not NO_FAULT a list is broken: the walk has stopped there, and the other counts mean nothing.
    """
    net, rules, tally = world.net, world.rules, empty_tally(world, state)
    place = _Place(
        net.fcs, net.fcs + net.scs, net.lanes, net.routes, net.region_of_site, rules.warmup_tick,
        float(rules.costs.late_usd), float(rules.late_usd_per_tick),
    )  # fmt: skip
    lists = _Lists(*(getattr(state, name) for name in _Lists._fields))
    walk(place, lists, row, tally)
    return tally


@compiled
def walk(w: Any, s: Any, b: int, t: Any) -> None:
    """Fills an empty tally."""
    row = s.row[b]
    for site in range(s.queue.shape[1]):
        queue = s.queue[b, site]
        last = _walk_queue(w, s, b, t, SITE, site, queue.head)
        if t.fault[0] == NO_FAULT and queue.head >= 0 and last != queue.tail:
            _fail(t, TAIL, SITE, site, last)
    for lane in range(s.lane.shape[1]):
        queue, t.safe[lane] = s.lane[b, lane], _NEVER
        last = _walk_queue(w, s, b, t, LANE, lane, queue.head)
        if t.fault[0] == NO_FAULT and last != queue.tail:
            _fail(t, TAIL, LANE, lane, last)
    length = s.arriving.shape[1]
    for ahead in range(length):
        _walk_road(w, s, b, t, (row.tick + ahead) % length, row.tick + ahead)
    p = row.free
    while p >= 0 and _is_new(s, b, t, FREE, row.free, p):
        t.totals[2] += 1
        p = s.package[b, p].next
    if row.reevaluate == 1:
        _walk_free_items(s, b, t)


@pasted
def _fail(t: Any, fault: int, place: int, number: int, member: int) -> None:
    if t.fault[0] == NO_FAULT:
        t.fault[0], t.fault[1], t.fault[2], t.fault[3] = fault, place, number, member


@pasted
def _is_new(s: Any, b: int, t: Any, place: int, number: int, p: int) -> bool:
    """Is p a package that has not been seen yet? Else notes the fault, once."""
    if t.fault[0] != NO_FAULT:
        return False
    if p < 0 or p >= min(s.row[b].fresh, len(t.seen)):
        _fail(t, NO_PACKAGE, place, number, p)
        return False
    if t.seen[p] == 1:
        _fail(t, TWICE, place, number, p)
        return False
    t.seen[p] = 1
    return True


@pasted
def _has_route(w: Any, s: Any, b: int, t: Any, place: int, number: int, p: int) -> bool:
    package = s.package[b, p]
    if 0 <= package.route < len(w.routes) and 0 <= package.leg < w.routes[package.route].legs:
        return True
    _fail(t, NO_ROUTE, place, number, p)
    return False


@subroutine
def _walk_queue(w: Any, s: Any, b: int, t: Any, place: int, number: int, head: int) -> int:
    """Walks a site's or a lane's queue; returns its last package, −1 if there is none."""
    last: Any = np.int64(-1)
    p: Any = np.int64(head)
    while p >= 0 and _is_new(s, b, t, place, number, p) and _has_route(w, s, b, t, place, number, p):
        if place == SITE:
            _count_at_site(w, s, b, t, number, p)
        else:
            _count_on_lane(w, s, b, t, number, p)
        t.totals[0] += 1
        last, p = p, np.int64(s.package[b, p].next)
    return last


@pasted
def _late_usd(w: Any, late_ticks: int) -> float:
    """What a package that is so late costs."""
    return w.late_usd + w.late_usd_per_tick * late_ticks if late_ticks > 0 else 0.0


@pasted
def _region(w: Any, station: int) -> int:
    return w.region_of_site[w.first_station + station]


@subroutine
def _count_at_site(w: Any, s: Any, b: int, t: Any, site: int, p: int) -> None:
    package, tick = s.package[b, p], s.row[b].tick
    route = w.routes[package.route]
    r, is_fc = _region(w, route.station), site < w.fcs
    here = package.leg == 0 and route.fc == site if is_fc else w.lanes[route.lanes[package.leg]].origin == site
    if not here or (not is_fc and package.leg == 0):
        _misplace(t, SITE, site, p)
    t.site_packages[site] += 1
    t.site_lines[site] += package.lines
    t.inbound[route.lanes[package.leg]] += 1
    t.picks[r] += is_fc
    t.sorts[r] += route.legs - 1 if is_fc else route.legs - package.leg
    # Lateness is booked for the first tick at which the package could have left.
    t.late_usd[0] += _late_usd(w, package.joined + is_fc + route.rest[package.leg] - package.due)
    if is_fc and package.joined == tick - 1:
        t.site_new[site] += package.lines
        t.made[r] += 1
        t.made_sorts[r] += route.legs - 1
    _count_lines(w, s, b, t, r, p)


@subroutine
def _count_on_lane(w: Any, s: Any, b: int, t: Any, lane: int, p: int) -> None:
    package, tick = s.package[b, p], s.row[b].tick
    route = w.routes[package.route]
    r, rest = _region(w, route.station), route.rest[package.leg]
    if route.lanes[package.leg] != lane:
        _misplace(t, LANE, lane, p)
    safe = package.due - rest
    t.waiting[lane] += 1
    if safe < tick:
        t.late[lane] += 1
    elif safe < t.safe[lane]:
        t.safe[lane] = safe
    pair = route.onward[package.leg]
    if pair >= 0:
        t.onward[pair] += 1
    t.sorts[r] += route.legs - 1 - package.leg
    t.late_usd[0] += _late_usd(w, tick + rest - package.due)
    _count_lines(w, s, b, t, r, p)


@subroutine
def _walk_road(w: Any, s: Any, b: int, t: Any, slot: int, arrival: int) -> None:
    """Walks the trucks that arrive at a tick."""
    tick = s.row[b].tick
    truck, last = np.int64(s.arriving[b, slot, 0]), np.int64(-1)
    while truck >= 0:
        load, lane, p = 0, np.int64(-1), truck
        while p >= 0 and _is_new(s, b, t, ROAD, slot, p) and _has_route(w, s, b, t, ROAD, slot, p):
            package = s.package[b, p]
            route, leg = w.routes[package.route], np.int64(package.leg)
            if lane < 0:
                lane = np.int64(route.lanes[leg])
            if route.lanes[leg] != lane:
                _misplace(t, ROAD, slot, p)
            _count_riding(w, s, b, t, p, arrival)
            load += 1
            p = np.int64(package.next)
        if t.fault[0] != NO_FAULT:
            return
        if load > w.lanes[lane].room:
            if t.overloaded[0] == 0:
                t.overloaded[1], t.overloaded[2] = lane, load
            t.overloaded[0] += 1
        if arrival - w.lanes[lane].ticks == tick - 1:  # it left in the last tick
            t.truck_usd[w.lanes[lane].region] += w.lanes[lane].cost
        last, truck = truck, np.int64(s.tag[b, truck].truck)
    if last >= 0 and last != s.arriving[b, slot, 1]:
        _fail(t, TAIL, ROAD, slot, last)


@subroutine
def _count_riding(w: Any, s: Any, b: int, t: Any, p: int, arrival: int) -> None:
    package, tick = s.package[b, p], s.row[b].tick
    route, leg = w.routes[package.route], np.int64(package.leg)
    r, late = _region(w, route.station), arrival + route.rest[leg + 1] - package.due
    t.totals[1] += 1
    t.sorts[r] += route.legs - 1 - leg
    t.late_usd[0] += _late_usd(w, late)
    if leg + 1 < route.legs:
        t.inbound[route.lanes[leg + 1]] += 1
        if arrival == tick:
            t.arriving_at[w.lanes[route.lanes[leg]].dest] += 1
    elif arrival == tick:
        t.arriving_usd[r] += _late_usd(w, late)
    _count_lines(w, s, b, t, r, p)


@pasted
def _count_lines(w: Any, s: Any, b: int, t: Any, r: int, p: int) -> None:
    if s.package[b, p].ordered >= w.warmup_tick:
        t.lines[r] += s.package[b, p].lines


@pasted
def _misplace(t: Any, place: int, number: int, p: int) -> None:
    if t.wrong_place[0] == 0:
        t.wrong_place[1], t.wrong_place[2], t.wrong_place[3] = place, number, p
    t.wrong_place[0] += 1


@subroutine
def _walk_free_items(s: Any, b: int, t: Any) -> None:
    """Walks the items of packages that wait to be picked, and those given back."""
    row = s.row[b]
    for p in range(min(row.fresh, len(t.seen))):
        if s.tag[b, p].order >= 0:
            i = np.int64(s.tag[b, p].items)
            while i >= 0 and _is_new_item(s, b, t, PACKAGE, p, i):
                i = np.int64(s.item[b, i].next)
    i = row.free_item
    while i >= 0 and _is_new_item(s, b, t, FREE, row.free_item, i):
        t.totals[3] += 1
        i = np.int64(s.item[b, i].next)


@pasted
def _is_new_item(s: Any, b: int, t: Any, place: int, number: int, i: int) -> bool:
    if t.fault[0] != NO_FAULT:
        return False
    if i < 0 or i >= min(s.row[b].fresh_item, len(t.item_seen)):
        _fail(t, NO_ITEM, place, number, i)
        return False
    if t.item_seen[i] == 1:
        _fail(t, ITEM_TWICE, place, number, i)
        return False
    t.item_seen[i] = 1
    return True
