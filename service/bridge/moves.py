"""Packages and trucks move in the kernel's state when an event says so, by the kernel's own phase functions.

Here a queue may be left from its middle: real sites do not always work first in, first out. Finding a package takes
time in proportion to the queue.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from regional_dispatch.envs.kernel.compiled import compiled, inlined
from regional_dispatch.envs.kernel.ledger import book_handling
from regional_dispatch.envs.kernel.phases.arrivals import region_of_station
from regional_dispatch.envs.kernel.phases.dispatch import hold_lanes, send_truck
from regional_dispatch.envs.kernel.phases.lane_queue import drop_empty, find_safe, leave_lane
from regional_dispatch.envs.kernel.phases.levers import enter_setting
from regional_dispatch.envs.kernel.phases.trucks import close_package, deliver
from regional_dispatch.envs.kernel.phases.work import finish_work, join_site


@compiled
def pass_ticks(w: Any, s: Any, b: int, tick: int) -> None:
    """Moves the clock to a tick; packages that wait meanwhile become late as in the simulation."""
    while s.row[b].tick < tick:
        hold_lanes(w, s, b)
        s.row[b].tick += 1
        enter_setting(w, s, b)


@inlined
def _site_of(w: Any, s: Any, b: int, p: int) -> int:
    """The site whose queue package p waits in to be picked or sorted."""
    package = s.package[b, p]
    return w.net.lanes[w.net.routes[package.route].lanes[package.leg]].origin


@inlined
def _unlink(s: Any, b: int, queue: Any, p: int) -> None:
    """Takes package p out of a linked queue, wherever it stands."""
    before, at = -1, queue.head
    while at != p:
        before, at = at, s.package[b, at].next
    after = s.package[b, p].next
    if before < 0:
        queue.head = after
    else:
        s.package[b, before].next = after
    if queue.tail == p:
        queue.tail = before
    s.package[b, p].next = -1


@inlined
def _leave_site(w: Any, s: Any, b: int, site: int, p: int) -> None:
    queue = s.queue[b, site]
    if queue.head == p:
        queue.progress = 0
    _unlink(s, b, queue, p)
    queue.packages -= 1
    queue.lines -= s.package[b, p].lines


@compiled
def work_done(w: Any, s: Any, b: int, p: int) -> None:
    """Package p has been picked, or sorted: it joins the queue of its next lane."""
    site = _site_of(w, s, b, p)
    _leave_site(w, s, b, site, p)
    finish_work(w, s, b, site, p)


@compiled
def depart(w: Any, s: Any, b: int, lane: int, packages: np.ndarray) -> None:
    """A truck leaves on a lane with these packages, (n ≥ 1,) int64, which wait there."""
    queue = s.lane[b, lane]
    for i in range(len(packages) - 1, -1, -1):  # they come first in the queue, in the order given
        p = packages[i]
        _unlink(s, b, queue, p)
        s.package[b, p].next = queue.head
        if queue.head < 0:
            queue.tail = p
        queue.head = p
    send_truck(w, s, b, lane, len(packages))
    s.arriving[b, :, :] = -1  # real trucks arrive when an event says so
    drop_empty(s, b)


@compiled
def unload(w: Any, s: Any, b: int, packages: np.ndarray) -> None:
    """These packages, (n,) int64, arrive at the end of the lane they ride on: sorted next, or delivered."""
    for p in packages:
        package = s.package[b, p]
        route = w.net.routes[package.route]
        site = w.net.lanes[route.lanes[package.leg]].dest
        package.leg += 1
        if package.leg == route.legs:
            deliver(w, s, b, p)
        else:
            join_site(s, b, site, p)


@compiled
def cancel(w: Any, s: Any, b: int, p: int) -> None:
    """Package p, not yet picked, is not made; its units are put back by the caller."""
    row, package = s.row[b], s.package[b, p]
    route = w.net.routes[package.route]
    _leave_site(w, s, b, route.fc, p)
    book_handling(w, s, b, region_of_station(w, route.station), route.legs - 1, -1)
    s.lane[b, route.lanes[0]].inbound -= 1
    package.next = row.free
    row.free = p
    row.packages -= 1
    row.packages_made -= 1


@compiled
def lose_at_site(w: Any, s: Any, b: int, p: int) -> None:
    """Package p is gone while it waited to be picked or sorted."""
    package = s.package[b, p]
    route = w.net.routes[package.route]
    _leave_site(w, s, b, _site_of(w, s, b, p), p)
    s.lane[b, route.lanes[package.leg]].inbound -= 1
    _lose(w, s, b, p)


@compiled
def lose_on_lane(w: Any, s: Any, b: int, p: int) -> None:
    """Package p is gone while it waited for a truck."""
    package = s.package[b, p]
    lane = w.net.routes[package.route].lanes[package.leg]
    _unlink(s, b, s.lane[b, lane], p)
    leave_lane(w, s, b, lane, p)
    find_safe(s, b, lane)
    drop_empty(s, b)
    _lose(w, s, b, p)


@compiled
def lose_on_truck(w: Any, s: Any, b: int, p: int) -> None:
    """Package p is gone while it rode on a truck."""
    package = s.package[b, p]
    route = w.net.routes[package.route]
    if package.leg + 1 < route.legs:
        s.lane[b, route.lanes[package.leg + 1]].inbound -= 1
    _lose(w, s, b, p)


@inlined
def _lose(w: Any, s: Any, b: int, p: int) -> None:
    close_package(w, s, b, p, s.row[b].tick, 0.0)
