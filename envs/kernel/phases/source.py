"""Phase 5: source choices are applied, order by order in order of arrival; lines become packages.

`path` is the number of a route in `net.routes`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from regional_dispatch.envs.kernel.compiled import inlined, pasted
from regional_dispatch.envs.kernel.credit import join_journey, lose_journey, note_package, open_package, replan_journey
from regional_dispatch.envs.kernel.ledger import (
    USD,
    book_accrual,
    book_both,
    book_handling,
    late_increase_usd,
    late_usd,
)
from regional_dispatch.envs.kernel.metrics import N
from regional_dispatch.envs.kernel.phases.arrivals import line_at
from regional_dispatch.envs.kernel.phases.closures import is_cut
from regional_dispatch.envs.kernel.phases.reevaluation import keep_item, link_siblings
from regional_dispatch.envs.kernel.phases.work import join_site
from regional_dispatch.envs.kernel.prefetch import AHEAD, prefetch


@inlined
def source_lines(w: Any, s: Any, b: int) -> None:
    """Applies the choices of all regions in order of arrival, order by order."""
    regions, size = w.net.regions, s.line.shape[2]
    done = s.sourced[b]
    for r in range(regions):
        done[r] = 0
    while True:
        region: Any = np.int64(-1)
        oldest = 0
        for r in range(regions):
            if done[r] < s.slots[b, r]:
                order = line_at(s, b, r, done[r]).order
                if region < 0 or order < oldest:
                    region, oldest = r, order
        if region < 0:
            break
        done[region] += _source_order(w, s, b, region, done[region])
    for r in range(regions):
        s.line_first[b, r] = (s.line_first[b, r] + done[r]) % size
        s.line_count[b, r] -= done[r]
        s.slots[b, r] = 0
        if s.line_count[b, r] == 0:
            s.line_first[b, r] = 0  # so that the ring stays in the memory it has used


@inlined
def _source_order(w: Any, s: Any, b: int, r: int, first: int) -> int:
    """Serves the lines of one order; lines on the same route travel as one package. Returns how many lines it has."""
    row, head = s.row[b], line_at(s, b, r, first)
    order, counted = head.order, head.ordered >= w.rules.warmup_tick
    packages = row.packages_made
    outside: Any = np.int64(0)
    lines: Any = np.int64(0)
    while first + lines < s.slots[b, r] and line_at(s, b, r, first + lines).order == order:
        j = first + lines
        _fetch_shelf(w, s, b, r, j + AHEAD)
        path = _reserve(w, s, b, r, j, counted)
        if path >= 0:
            outside += w.net.routes[path].in_region == 0
            _pack(w, s, b, r, first, j, path, counted)
        else:
            outside += 1
            line_at(s, b, r, j).package = -1
        lines += 1
    if row.reevaluate == 1:
        link_siblings(s, b, r, first, lines, outside)
    if counted:
        count = s.count[b, r]
        count[N.orders_sourced] += 1
        count[N.orders_in_region] += outside == 0
        count[N.lines] += lines
        count[N.packages] += row.packages_made - packages
    return lines


@pasted
def _fetch_shelf(w: Any, s: Any, b: int, r: int, j: int) -> None:
    """Fetches the shelf that the line in slot j will be taken from."""
    line = line_at(s, b, r, j)
    path = s.candidate[b, r, min(j, s.candidate.shape[2] - 1), line.choice]
    prefetch(s.stock, (b, line.sku, w.net.routes[max(path, 0)].fc))


@inlined
def _reserve(w: Any, s: Any, b: int, r: int, j: int, counted: bool) -> int:
    """Takes the line's units off the chosen candidate's shelf, else the next one's. Returns the route, −1 if lost."""
    row, line = s.row[b], line_at(s, b, r, j)
    stock, candidates = s.stock[b, line.sku], s.candidate[b, r, j]
    path = candidates[line.choice]
    if path < 0 or stock[w.net.routes[path].fc] < line.units:
        path = _next_feasible(w, s, b, stock, candidates, line.station, line.units)
        replan_journey(s, b, line)
        if counted and path >= 0:
            s.count[b, r, N.lines_replanned] += 1
    if path < 0:
        book_both(s, b, r, USD.lost, w.rules.costs.lost_line_usd)
        row.lines_lost += 1
        lose_journey(s, b, line)
        if counted:
            s.count[b, r, N.lines_lost] += 1
        return -1
    stock[w.net.routes[path].fc] -= line.units
    s.moved[b, line.sku] = 1
    row.units_shipped += line.units
    if counted and w.net.routes[path].in_region == 0:
        s.count[b, r, N.lines_spilled] += 1
    return path


@inlined
def _next_feasible(w: Any, s: Any, b: int, stock: np.ndarray, candidates: np.ndarray, station: int, units: int) -> int:
    """The line's first candidate with units, else the station's cheapest route with units, cut ones last, else −1."""
    for path in candidates:
        if path >= 0 and stock[w.net.routes[path].fc] >= units:
            return path
    last_resort = -1
    for path in w.net.by_cost[s.row[b].setting, station]:
        if path >= 0 and stock[w.net.routes[path].fc] >= units:
            if not is_cut(w, s, b, path):
                return path
            if last_resort < 0:
                last_resort = path
    return last_resort


@inlined
def _pack(w: Any, s: Any, b: int, r: int, first: int, j: int, path: int, counted: bool) -> None:
    """Puts the line into the package of an earlier line of its order on the same route, or into a new one."""
    line = line_at(s, b, r, j)
    for i in range(first, j):
        p = line_at(s, b, r, i).package
        if p >= 0 and s.package[b, p].route == path:
            package = s.package[b, p]
            package.lines += 1
            if line.due < package.due:
                _promise_earlier(w, s, b, r, package, line.due)
            s.queue[b, w.net.routes[path].fc].lines += 1
            line.package = p
            join_journey(s, b, line, p)
            if s.row[b].reevaluate == 1:
                keep_item(s, b, p, line.sku, line.units)
            return
    _new_package(w, s, b, r, line, path, counted)


@inlined
def _promise_earlier(w: Any, s: Any, b: int, r: int, package: Any, due: int) -> None:
    """A package is due when the most urgent of its lines is; books the lateness that this makes inevitable."""
    arrival = s.row[b].tick + 1 + w.net.routes[package.route].rest[0]
    usd = late_increase_usd(w.rules, arrival - package.due, arrival - due)
    book_accrual(s, b, r, USD.late, usd)
    package.due = due


@inlined
def _new_package(w: Any, s: Any, b: int, r: int, line: Any, path: int, counted: bool) -> None:
    """A package joins the picking queue of its FC; its handling is inevitable from now on."""
    row, rules, route = s.row[b], w.rules, w.net.routes[path]
    p = row.free
    if p < 0:
        p = row.fresh
        row.fresh += 1
    else:
        row.free = s.package[b, p].next
        prefetch(s.package, (b, s.package[b, p].ahead))
    package = s.package[b, p]
    row.packages += 1
    row.packages_made += 1
    package.route, package.leg, package.lines = path, 0, 1
    package.ordered, package.due = line.ordered, line.due
    open_package(w, s, b, p, line, route.legs - 1)
    if row.reevaluate == 1:
        s.tag[b, p].order = s.tag[b, p].items = -1
        keep_item(s, b, p, line.sku, line.units)
    line.package = p
    note_package(w, s, b, p)
    book_handling(w, s, b, r, route.legs - 1, 1)
    book_accrual(s, b, r, USD.late, late_usd(rules, row.tick + 1 + route.rest[0] - line.due))
    s.lane[b, route.lanes[0]].inbound += 1
    join_site(s, b, route.fc, p)
    if counted:
        count = s.count[b, r]
        count[N.packages_direct] += route.legs == 1
        count[N.package_miles] += route.miles
        count[N.package_sorts] += route.legs - 1
