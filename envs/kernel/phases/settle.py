"""The end of an episode: work under way is valued at standard cost-to-go, and the ledger is closed.

The same values are taken out of the KPIs' dollars where the warm-up ends.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from regional_dispatch.envs.kernel.compiled import compiled, inlined, subroutine
from regional_dispatch.envs.kernel.ledger import (
    USD,
    book_accrual,
    book_handling,
    late_increase_usd,
    late_usd,
    value_handling,
)
from regional_dispatch.envs.kernel.phases.arrivals import line_at, region_of_station
from regional_dispatch.envs.kernel.phases.lane_queue import forget_safe
from regional_dispatch.envs.kernel.phases.trucks import close_package


@compiled
def value_work_under_way(w: Any, s: Any, b: int, usd: np.ndarray) -> None:
    """Adds to usd (R, components) what work under way will still be paid at standard cost; changes nothing else."""
    _visit_work(w, s, b, usd, np.int64(0))


@compiled
def settle(w: Any, s: Any, b: int) -> None:
    """Closes the books at the horizon: everything under way is booked at standard cost-to-go, in both views."""
    paid, settled = s.cash[b], s.settled[b]
    for r in range(len(paid)):
        for component in range(paid.shape[1]):
            settled[r, component] = -paid[r, component]
    _visit_work(w, s, b, paid, np.int64(1))
    for r in range(len(paid)):
        for component in range(paid.shape[1]):
            settled[r, component] += paid[r, component]
    s.row[b].settled = 1


@subroutine
def _visit_work(w: Any, s: Any, b: int, usd: np.ndarray, close: int) -> None:
    """Values, and if asked closes, every package and waiting line, place by place."""
    _visit_sites(w, s, b, usd, close)
    _visit_lanes(w, s, b, usd, close)
    _visit_trucks(w, s, b, usd, close)
    _visit_waiting_lines(w, s, b, usd, close)


@inlined
def _visit_sites(w: Any, s: Any, b: int, usd: np.ndarray, close: int) -> None:
    tick, fcs = s.row[b].tick, w.net.fcs
    for site in range(fcs + w.net.scs):
        queue = s.queue[b, site]
        picks = np.int64(site < fcs)
        p = queue.head
        while p >= 0:
            package = s.package[b, p]
            after, route = package.next, w.net.routes[package.route]
            rest = route.rest[package.leg]
            sorts = route.legs - 1 if site < fcs else route.legs - package.leg
            booked = package.joined + picks + rest
            _value_package(w, s, b, p, np.int64(package.leg), picks, sorts, tick + rest, booked, usd, close)
            p = after
        if close:
            queue.head = queue.tail = -1
            queue.packages = queue.lines = 0


@inlined
def _visit_lanes(w: Any, s: Any, b: int, usd: np.ndarray, close: int) -> None:
    row = s.row[b]
    for i in range(row.active):
        lane = s.active[b, i]
        queue = s.lane[b, lane]
        p = queue.head
        while p >= 0:
            package = s.package[b, p]
            after, route = package.next, w.net.routes[package.route]
            arrival = row.tick + route.rest[package.leg]
            sorts = route.legs - 1 - package.leg
            _value_package(w, s, b, p, np.int64(package.leg), np.int64(0), sorts, arrival, arrival, usd, close)
            p = after
        if close:
            queue.head = queue.tail = -1
            queue.count = queue.active = 0
            forget_safe(s, b, lane)
    if close:
        row.active = 0


@inlined
def _visit_trucks(w: Any, s: Any, b: int, usd: np.ndarray, close: int) -> None:
    tick, length = s.row[b].tick, s.arriving.shape[1]
    for ahead in range(length):
        arriving = s.arriving[b, (tick + ahead) % length]
        truck = arriving[0]
        while truck >= 0:
            following = s.tag[b, truck].truck
            p = truck
            while p >= 0:
                package = s.package[b, p]
                after, route, leg = package.next, w.net.routes[package.route], package.leg + 1
                arrival = tick + ahead + route.rest[leg]
                _value_package(w, s, b, p, leg, np.int64(0), route.legs - leg, arrival, arrival, usd, close)
                p = after
            truck = following
        if close:
            arriving[0] = arriving[1] = -1


@inlined
def _value_package(
    w: Any, s: Any, b: int, p: int, leg: int, picks: int, sorts: int, arrival: int, booked: int, usd: np.ndarray,
    close: int,
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
    r = region_of_station(w, route.station)
    trucks, late = route.rest_cost[leg], late_usd(rules, arrival - package.due)
    value_handling(w, usd, r, picks, sorts)
    usd[r, USD.truck] += trucks
    usd[r, USD.late] += late
    if close:
        book_accrual(s, b, r, USD.truck, trucks)
        book_accrual(s, b, r, USD.late, late_increase_usd(rules, booked - package.due, arrival - package.due))
        close_package(w, s, b, p, arrival, trucks + late)


@inlined
def _visit_waiting_lines(w: Any, s: Any, b: int, usd: np.ndarray, close: int) -> None:
    """Lines not yet decided on are valued as packages of their own on their station's cheapest route."""
    rules, tick = w.rules, s.row[b].tick
    for r in range(w.net.regions):
        for i in range(s.line_count[b, r]):
            line = line_at(s, b, r, i)
            route = w.net.routes[w.net.by_cost[s.row[b].setting, line.station, 0]]
            late = late_usd(rules, tick + 1 + route.rest[0] - line.due)
            value_handling(w, usd, r, 1, route.legs - 1)
            usd[r, USD.truck] += route.rest_cost[0]
            usd[r, USD.late] += late
            if close:
                book_handling(w, s, b, r, route.legs - 1, 1)
                book_accrual(s, b, r, USD.truck, route.rest_cost[0])
                book_accrual(s, b, r, USD.late, late)
        if close:
            s.line_count[b, r] = 0
