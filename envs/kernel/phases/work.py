"""Phase 2: picking and sorting, first in, first out, within each site's capacity."""

from __future__ import annotations

import math
from typing import Any

from regional_dispatch.envs.kernel.clock import is_working
from regional_dispatch.envs.kernel.compiled import inlined, pasted
from regional_dispatch.envs.kernel.ledger import USD, book_accrual, book_cash, late_increase_usd
from regional_dispatch.envs.kernel.phases.arrivals import region_of_station
from regional_dispatch.envs.kernel.phases.lane_queue import append, join_lane
from regional_dispatch.envs.kernel.phases.reevaluation import drop_items
from regional_dispatch.envs.kernel.prefetch import prefetch

_ROUNDING = 1e-6  # what sums of decimal fractions may lack of a whole number


@pasted
def join_site(s: Any, b: int, site: int, p: int) -> None:
    """Appends a package to a site's queue for picking or sorting."""
    queue = s.queue[b, site]
    append(s, b, site, queue, p)
    queue.packages += 1
    queue.lines += s.package[b, p].lines


@inlined
def pick_and_sort(w: Any, s: Any, b: int) -> None:
    """Works through every site's queue; packages that are done join the queue of their next lane.

    A package with more lines than a site works off in a tick is worked on for several.
    """
    net = w.net
    for site in range(net.fcs + net.scs):
        queue = s.queue[b, site]
        room = full = capacity_now(w, s, b, site)
        while queue.head >= 0:
            p = queue.head
            package = s.package[b, p]
            prefetch(s.package, (b, package.ahead))
            work = (package.lines if site < net.fcs else 1) - queue.progress
            if work > room:
                if work > full or queue.progress > 0:
                    queue.progress += room
                break
            queue.progress = 0
            room -= work
            queue.head = package.next
            queue.packages -= 1
            queue.lines -= package.lines
            finish_work(w, s, b, site, p)


@pasted
def capacity_now(w: Any, s: Any, b: int, site: int) -> int:
    """Whole lines or packages that a site works off in this tick; over many ticks they add up to its rate."""
    if not is_working(w, s, b, site):
        return 0
    rate, tick = s.site_capacity[b, site], s.row[b].tick
    return math.floor((tick + 1) * rate + _ROUNDING) - math.floor(tick * rate + _ROUNDING)


@inlined
def finish_work(w: Any, s: Any, b: int, site: int, p: int) -> None:
    """Books a pick or sort, and any lateness that waiting for it has made inevitable."""
    rules, package, tick = w.rules, s.package[b, p], s.row[b].tick
    route = w.net.routes[package.route]
    r = region_of_station(w, route.station)
    is_pick = site < w.net.fcs
    if is_pick:
        book_cash(s, b, r, USD.pick, rules.costs.pick_pack_usd)
        if s.row[b].reevaluate == 1:
            drop_items(s, b, p)
    else:
        book_cash(s, b, r, USD.sort, rules.costs.sort_usd)
    ready = package.joined + (1 if is_pick else 0)  # the first tick it could have been here
    rest = route.rest[package.leg]
    usd = late_increase_usd(rules, ready + rest - package.due, tick + rest - package.due)
    book_accrual(s, b, r, USD.late, usd)
    join_lane(w, s, b, route.lanes[package.leg], p, package.due - rest)
