"""Packages that wait for a truck: a queue per lane, first in, first out, and how urgent the packages in it are.

`safe` is the last tick at which a package can leave its lane and be on time.
"""

from __future__ import annotations

from typing import Any

from regional_dispatch.envs.kernel.compiled import inlined, pasted

NEVER = 2**30  # a tick that does not come


@pasted
def append(s: Any, b: int, queue: Any, p: int) -> None:
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
def join_lane(w: Any, s: Any, b: int, lane: int, p: int, safe: int) -> None:
    """Appends a package to a lane's queue, and updates the lane's urgency and expected inflow."""
    queue, row = s.lane[b, lane], s.row[b]
    append(s, b, queue, p)
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
def safe_tick(w: Any, package: Any) -> int:
    """The last tick at which a package can leave its lane and be on time."""
    return package.due - w.net.routes[package.route].rest[package.leg]


@pasted
def _note_safe(queue: Any, safe: int, tick: int) -> None:
    if safe < tick:
        queue.late += 1
    elif safe < queue.safe:
        queue.safe, queue.safe_count = safe, 1
    elif safe == queue.safe:
        queue.safe_count += 1


@pasted
def forget_safe(queue: Any) -> None:
    """Nothing in the queue is late or urgent."""
    queue.late, queue.safe, queue.safe_count = 0, NEVER, 0


@inlined
def rescan_safe(w: Any, s: Any, b: int, lane: int, tick: int) -> None:
    """Recounts the late packages and the most urgent one of a queue, as seen from `tick`."""
    queue = s.lane[b, lane]
    forget_safe(queue)
    p = queue.head
    while p >= 0:
        package = s.package[b, p]
        _note_safe(queue, safe_tick(w, package), tick)
        p = package.next


@pasted
def late_usd_if_held(w: Any, s: Any, b: int, lane: int) -> float:
    """USD of lateness booked if the lane's packages wait one more tick."""
    rules, queue = w.rules, s.lane[b, lane]
    usd = rules.late_usd_per_tick * queue.late
    if queue.safe == s.row[b].tick:
        usd += (rules.costs.late_usd + rules.late_usd_per_tick) * queue.safe_count
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
