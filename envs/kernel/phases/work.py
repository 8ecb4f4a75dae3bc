"""Phase 2: picking and sorting, first in, first out, within each site's capacity."""

from __future__ import annotations

from typing import Any

from regional_dispatch.envs.kernel.compiled import inlined, pasted
from regional_dispatch.envs.kernel.ledger import USD, book_accrual, book_cash, late_increase_usd
from regional_dispatch.envs.kernel.phases.arrivals import region_of_station
from regional_dispatch.envs.kernel.phases.lane_queue import append, join_lane
from regional_dispatch.envs.kernel.phases.reevaluation import drop_items
from regional_dispatch.envs.kernel.prefetch import prefetch


@pasted
def join_site(s: Any, b: int, site: int, p: int) -> None:
    """Appends a package to a site's queue for picking or sorting."""
    queue = s.queue[b, site]
    append(s, b, site, queue, p)
    queue.packages += 1
    queue.lines += s.package[b, p].lines


@inlined
def pick_and_sort(w: Any, s: Any, b: int) -> None:
    """Works through every site's queue; packages that are done join the queue of their next lane."""
    net = w.net
    for site in range(net.fcs + net.scs):
        queue = s.queue[b, site]
        room = s.site_capacity[b, site]
        while queue.head >= 0:
            p = queue.head
            package = s.package[b, p]
            prefetch(s.package, (b, package.ahead))
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
