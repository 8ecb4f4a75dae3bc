"""Packages that wait for a truck: a queue per lane, first in, first out, and how urgent the packages in it are.

`safe` is the last tick at which a package can leave its lane and be on time. `urgent[b, lane]` counts the packages of
a queue by that tick, modulo its length, which no promise exceeds. So what joins or leaves is noted in constant time,
however long the queue, and the queue is never searched for its most urgent package.
"""

from __future__ import annotations

from typing import Any

from regional_dispatch.envs.kernel.clock import calendar_tick
from regional_dispatch.envs.kernel.compiled import inlined, pasted
from regional_dispatch.envs.kernel.prefetch import AHEAD

NEVER = 2**30  # a tick that does not come


@pasted
def append(s: Any, b: int, q: int, queue: Any, p: int) -> None:
    """Puts a package at the end of linked queue number q, sites first, then lanes; and notes when."""
    package = s.package[b, p]
    package.next = -1
    package.joined = s.row[b].tick
    if queue.head < 0:
        queue.head = p
    else:
        s.package[b, queue.tail].next = p
    queue.tail = p
    _point_ahead(s, b, q, queue, p)


@pasted
def _point_ahead(s: Any, b: int, q: int, queue: Any, p: int) -> None:
    """Lets the package that joined the queue AHEAD places before p point at p.

    Packages lie in memory in no order, and the next one of a queue is only known once this one has been read. Jump
    pointers (Luk & Mowry 1996) let a loop through a queue fetch several at once. They are hints: one that is out
    of date costs time and changes nothing.
    """
    at = queue.joined & (AHEAD - 1)
    s.package[b, s.recent[b, q, at]].ahead = p
    s.recent[b, q, at] = p
    queue.joined += 1


@inlined
def join_lane(w: Any, s: Any, b: int, lane: int, p: int, safe: int) -> None:
    """Appends a package to a lane's queue, and updates the lane's urgency and expected inflow."""
    queue, row = s.lane[b, lane], s.row[b]
    append(s, b, s.queue.shape[1] + lane, queue, p)
    queue.count += 1
    queue.inbound -= 1
    _count_onward(w, s, b, p, 1)
    if safe < row.tick:
        queue.late += 1
    else:
        s.urgent[b, lane, safe % s.urgent.shape[2]] += 1
        queue.safe = min(queue.safe, safe)
    decay = w.rules.inflow_decay
    zone = w.clock.zone[w.net.lanes[lane].dest]
    season = max(
        w.demand.season[zone, calendar_tick(w, s, b, row.tick)], 0.25
    )  # a parcel at night weighs more, but not without bound
    queue.inflow *= decay[min(row.tick - queue.inflow_tick, len(decay) - 1)]
    queue.inflow += (1 - decay[1]) / season
    queue.inflow_tick = row.tick
    if queue.active == 0:
        queue.active = 1
        s.active[b, row.active] = lane
        row.active += 1


@pasted
def safe_tick(w: Any, package: Any) -> int:
    """The last tick at which a package can leave its lane and be on time."""
    return package.due - w.net.routes[package.route].rest[package.leg]


@pasted
def _count_onward(w: Any, s: Any, b: int, p: int, more: int) -> None:
    """Counts a package that waits, or waits no more, under the lane it rides next."""
    package = s.package[b, p]
    pair = w.net.routes[package.route].onward[package.leg]
    if pair >= 0:
        s.onward[b, pair] += more


@pasted
def leave_lane(w: Any, s: Any, b: int, lane: int, p: int) -> None:
    """Package p leaves a lane's queue: it counts no longer. `find_safe` must follow when all have left."""
    queue, safe = s.lane[b, lane], safe_tick(w, s.package[b, p])
    queue.count -= 1
    _count_onward(w, s, b, p, -1)
    if safe < s.row[b].tick:
        queue.late -= 1
    else:
        s.urgent[b, lane, safe % s.urgent.shape[2]] -= 1


@inlined
def find_safe(s: Any, b: int, lane: int) -> None:
    """Finds the most urgent package that can still be on time, none of them more urgent than `safe` says."""
    queue, urgent = s.lane[b, lane], s.urgent[b, lane]
    if queue.count == queue.late:
        queue.safe = NEVER
        return
    for _ in range(len(urgent)):
        if urgent[queue.safe % len(urgent)] > 0:
            break
        queue.safe += 1


@pasted
def grow_late(s: Any, b: int, lane: int) -> None:
    """The lane's most urgent packages stay beyond the last tick at which they could leave and be on time."""
    queue, urgent = s.lane[b, lane], s.urgent[b, lane]
    most_urgent = queue.safe % len(urgent)
    queue.late += urgent[most_urgent]
    urgent[most_urgent] = 0
    find_safe(s, b, lane)


@pasted
def forget_safe(s: Any, b: int, lane: int) -> None:
    """Nothing in the queue is late or urgent."""
    queue = s.lane[b, lane]
    queue.late, queue.safe = 0, NEVER
    s.urgent[b, lane, :] = 0


@pasted
def late_usd_if_held(w: Any, s: Any, b: int, lane: int) -> float:
    """USD of lateness booked if the lane's packages wait one more tick."""
    rules, queue = w.rules, s.lane[b, lane]
    usd = rules.late_usd_per_tick * queue.late
    if queue.safe == s.row[b].tick:
        usd += (rules.costs.late_usd + rules.late_usd_per_tick) * s.urgent[b, lane, queue.safe % s.urgent.shape[2]]
    return usd


@inlined
def sort_active(s: Any, b: int) -> None:
    """Puts the lanes with packages in ascending order, so that lane numbers decide which lane gets a last truck."""
    for i in range(1, s.row[b].active):  # by insertion: all but this tick's newcomers are in order already
        lane, j = s.active[b, i], i
        while j > 0 and s.active[b, j - 1] > lane:
            s.active[b, j] = s.active[b, j - 1]
            j -= 1
        s.active[b, j] = lane


@inlined
def drop_empty(s: Any, b: int) -> None:
    """Takes lanes without packages off the list of lanes with packages."""
    row, kept = s.row[b], 0
    for i in range(row.active):
        lane = s.active[b, i]
        if s.lane[b, lane].count > 0:
            s.active[b, kept] = lane
            kept += 1
        else:
            s.lane[b, lane].active = 0
    row.active = kept
