"""Phase 4: the candidates of every line up for decision: routes with an FC that has the units.

`path` is the number of a route in `net.routes`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from regional_dispatch.envs.kernel.compiled import inlined, pasted, subroutine
from regional_dispatch.envs.kernel.decisions.lane_price import route_surcharge
from regional_dispatch.envs.kernel.decisions.order_plan import plan_orders
from regional_dispatch.envs.kernel.decisions.outlook import backlog_hours
from regional_dispatch.envs.kernel.ledger import late_usd
from regional_dispatch.envs.kernel.phases.arrivals import line_at
from regional_dispatch.envs.kernel.phases.closures import is_cut, uncut

NO_BACKLOG, UNCUT = 1, 2  # flags: what is asked of a route beside units
MOST_OUTSIDE = 8  # routes from other regions that are priced for a line


@subroutine
def prepare_lines(w: Any, s: Any, b: int, r: int) -> None:
    """Finds the candidates of every line up for decision in region r, and plans how each order could travel."""
    for j in range(s.slots[b, r]):
        _find_candidates(w, s, b, r, j)
        due = line_at(s, b, r, j).due
        for k in range(w.rules.candidates):
            path = s.candidate[b, r, j, k]
            s.surcharge[b, r, j, k] = route_surcharge(w, s, b, path, due) if path >= 0 else 0.0
    plan_orders(w, s, b, r)


@pasted
def candidates_found(w: Any, s: Any, b: int, r: int, j: int) -> int:
    """How many candidates `prepare_lines` found for the line in slot j."""
    found = 0
    while found < w.rules.candidates and s.candidate[b, r, j, found] >= 0:
        found += 1
    return found


@inlined
def _find_candidates(w: Any, s: Any, b: int, r: int, j: int) -> None:
    """Fills `candidate[b, r, j]` with routes that can serve the line in slot j.

    In-region routes come first, each group cheapest first. Two places are kept for other regions where there are any.
    The nearest FC anywhere and the nearest in the region are always among them if K ≥ 5. FCs with too long a backlog
    are left out unless no other FC has the units; routes that an event has cut, unless there is no other route at all.
    So less and less is asked of a route until there is one.
    """
    asked = np.int64(NO_BACKLOG)
    if s.row[b].some_cut == 1:
        asked |= UNCUT
    found = np.int64(0)
    while True:
        found = _collect(w, s, b, r, j, asked)
        if found > 0 or asked == 0:
            break
        asked = np.int64(UNCUT) if asked > UNCUT else np.int64(0)
    for k in range(found, w.rules.candidates):
        s.candidate[b, r, j, k] = -1


@inlined
def _collect(w: Any, s: Any, b: int, r: int, j: int, asked: int) -> int:
    """Fills the line's candidates with routes that have what is asked; returns how many."""
    net, top = w.net, w.rules.candidates
    line, out = line_at(s, b, r, j), s.candidate[b, r, j]
    stock = s.stock[b, line.sku]
    divided = net.divided[s.row[b].setting]
    inside_top = max(1, top - 2) if divided else top
    inside = _collect_cheapest(w, s, b, line, asked, 1, out, np.int64(0), inside_top)
    found = inside
    if divided and len(s.lane_price.bias) > 0:
        found = _collect_cheapest_priced(w, s, b, line, asked, out, inside, top)
    elif divided:
        found = _collect_cheapest(w, s, b, line, asked, 0, out, inside, top)
    if found < 3:
        return found
    nearest, nearest_inside = -1, -1
    near = net.by_distance[s.row[b].setting, line.station]
    for i in range(len(near)):
        if near[i] < 0 or (nearest >= 0 and (nearest_inside >= 0 or inside == 0)):
            break
        path = uncut(w, s, b, near[i]) if asked & UNCUT else near[i]
        if _can_serve(w, s, b, stock, path, line.units, asked):
            if nearest < 0:
                nearest = path
            if nearest_inside < 0 and net.routes[path].local == 1:
                nearest_inside = path
    if inside > 0 and not _has_fc(w, out, inside, net.routes[nearest_inside].fc):
        out[inside - 1] = nearest_inside
    if not _has_fc(w, out, found, net.routes[nearest].fc):
        out[found - 1] = nearest
    return found


@pasted
def _collect_cheapest(
    w: Any, s: Any, b: int, line: Any, asked: int, local: int, out: np.ndarray, found: int, top: int
) -> int:
    """Appends the station's cheapest routes that can serve, in the region or outside, up to `top`; returns how many."""
    net, routes = w.net, w.net.by_cost[s.row[b].setting, line.station]
    for i in range(len(routes)):
        path = routes[i]
        if path < 0 or found == top:
            break
        if net.routes[path].local == local and _can_serve(w, s, b, s.stock[b, line.sku], path, line.units, asked):
            out[found] = path
            found += 1
    return found


@inlined
def _collect_cheapest_priced(
    w: Any, s: Any, b: int, line: Any, asked: int, out: np.ndarray, inside: int, top: int
) -> int:
    """Appends the routes from other regions that cost least where lanes are priced, of the MOST_OUTSIDE cheapest."""
    routes, found, seen = w.net.by_cost[s.row[b].setting, line.station], inside, 0
    usd = s.outside_usd[b]
    for i in range(len(routes)):
        path = routes[i]
        if path < 0 or seen == MOST_OUTSIDE:
            break
        if w.net.routes[path].local == 1:
            continue
        if not _can_serve(w, s, b, s.stock[b, line.sku], path, line.units, asked):
            continue
        seen += 1
        late = late_usd(w.rules, s.row[b].tick + 1 + w.net.routes[path].rest[0] - line.due)
        value = w.net.routes[path].cost + late + route_surcharge(w, s, b, path, line.due)
        if found == top and value >= usd[top - 1]:
            continue
        at = min(found, top - 1)
        while at > inside and usd[at - 1] > value:
            out[at], usd[at] = out[at - 1], usd[at - 1]
            at -= 1
        out[at], usd[at] = path, value
        found = min(found + 1, top)
    return found


@pasted
def _has_fc(w: Any, routes: np.ndarray, count: int, fc: int) -> bool:
    has = False
    for k in range(count):
        has = has or w.net.routes[routes[k]].fc == fc
    return has


@inlined
def _can_serve(w: Any, s: Any, b: int, stock: np.ndarray, path: int, units: int, asked: int) -> bool:
    """The route's FC has the units and, if asked, the route is not cut, and no backlog beyond the limit."""
    fc = w.net.routes[path].fc
    return (
        stock[fc] >= units
        and (asked & UNCUT == 0 or not is_cut(w, s, b, path))
        and (asked & NO_BACKLOG == 0 or backlog_hours(w, s, b, fc) <= w.rules.backlog_limit_hours)
    )
