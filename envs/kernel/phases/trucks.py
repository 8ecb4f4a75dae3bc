"""Phase 1: trucks arrive and return; packages are delivered, or join the queue of a sort center."""

from __future__ import annotations

from typing import Any

from regional_dispatch.envs.kernel.compiled import inlined, pasted
from regional_dispatch.envs.kernel.credit import close_journey
from regional_dispatch.envs.kernel.ledger import USD, book_cash, late_usd
from regional_dispatch.envs.kernel.metrics import N
from regional_dispatch.envs.kernel.phases.arrivals import region_of_station
from regional_dispatch.envs.kernel.phases.reevaluation import leave_siblings
from regional_dispatch.envs.kernel.phases.work import join_site
from regional_dispatch.envs.kernel.prefetch import AHEAD, prefetch


@inlined
def return_trucks(s: Any, b: int) -> None:
    """Trucks that are home again in this tick can leave again."""
    back = s.trucks_back[b, s.row[b].tick % s.trucks_back.shape[1]]
    for site in range(len(back)):
        s.trucks_home[b, site] += back[site]
        back[site] = 0


@inlined
def unload_trucks(w: Any, s: Any, b: int) -> None:
    """Empties the trucks that arrive in this tick."""
    tick = s.row[b].tick
    arriving = s.arriving[b, tick % s.arriving.shape[1]]
    truck = arriving[0]
    arriving[0] = arriving[1] = -1
    while truck >= 0:
        following = s.tag[b, truck].truck
        p = truck
        while p >= 0:
            package = s.package[b, p]
            prefetch(s.package, (b, package.ahead))
            after = package.next
            route = w.net.routes[package.route]
            site = w.net.lanes[route.lanes[package.leg]].dest
            package.leg += 1
            if package.leg == route.legs:
                deliver(w, s, b, p)
            else:
                join_site(s, b, site, p)
            p = after
        truck = following


@inlined
def deliver(w: Any, s: Any, b: int, p: int) -> None:
    package, tick = s.package[b, p], s.row[b].tick
    station = w.net.routes[package.route].station
    usd = late_usd(w.rules, tick - package.due)
    book_cash(s, b, region_of_station(w, station), USD.late, usd)
    close_package(w, s, b, p, tick, usd)


@pasted
def close_package(w: Any, s: Any, b: int, p: int, arrival: int, usd: float) -> None:
    """Counts a package that has arrived, or is settled, at tick `arrival`; `usd` are its last dollars."""
    package, row = s.package[b, p], s.row[b]
    r = region_of_station(w, w.net.routes[package.route].station)
    if package.ordered >= w.rules.warmup_tick:
        s.count[b, r, N.lines_due] += package.lines
        s.count[b, r, N.line_hours] += package.lines * (arrival - package.ordered) * w.rules.tick_hours
        if arrival <= package.due:
            s.count[b, r, N.lines_on_time] += package.lines
    close_journey(s, b, p, usd)
    if row.reevaluate == 1:
        leave_siblings(s, b, p)
    package.next = row.free
    row.free = p
    latest = s.recent[b, s.recent.shape[1] - 1]  # packages are used again in reverse
    package.ahead, latest[row.packages_done & (AHEAD - 1)] = latest[row.packages_done & (AHEAD - 1)], p
    row.packages -= 1
    row.packages_done += 1
