"""Phase 4: the candidates of every line up for decision: routes with an FC that has the units.

`path` is the number of a route in `net.routes`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from regional_dispatch.envs.kernel.clock import earliest_arrival
from regional_dispatch.envs.kernel.compiled import inlined, pasted
from regional_dispatch.envs.kernel.decisions.features import S
from regional_dispatch.envs.kernel.decisions.lane_price import forget_lane_prices, route_surcharge
from regional_dispatch.envs.kernel.decisions.order_plan import plan_order
from regional_dispatch.envs.kernel.decisions.outlook import backlog_hours
from regional_dispatch.envs.kernel.ledger import late_usd
from regional_dispatch.envs.kernel.phases.arrivals import line_at
from regional_dispatch.envs.kernel.phases.closures import is_cut, uncut
from regional_dispatch.envs.kernel.prefetch import AHEAD, prefetch

NO_BACKLOG, UNCUT = 1, 2  # flags: what is asked of a route beside units
MOST_OUTSIDE = 8  # routes from other regions that are priced for a line
_SHELVES_FETCHED = 32  # at once: int16 in a line of the processor's cache


@inlined
def open_region(w: Any, s: Any, b: int, r: int) -> None:
    """Notes what holds for all lines of region r in this tick: which FCs have too long a backlog, and no prices yet."""
    for fc in range(w.net.fcs):
        s.busy[b, r, fc] = backlog_hours(w, s, b, fc) > w.rules.backlog_limit_hours
    forget_lane_prices(s, b, r)


@inlined
def prepare_order(w: Any, s: Any, b: int, r: int, low: int) -> int:
    """Finds the candidates of the order whose first line is in slot `low` of region r, and plans how it could travel.

    `open_region` must have been called in this tick, and `weighed[b, r]` must say which features are asked for.

    Returns:
        The slot after the order's last line.
    """
    order, high = line_at(s, b, r, low).order, low
    while high < s.slots[b, r] and line_at(s, b, r, high).order == order:
        _fetch_shelves(w, s, b, r, line_at(s, b, r, high + AHEAD).sku)
        _find_candidates(w, s, b, r, high)
        high += 1
    plan_order(w, s, b, r, low, high)
    return high


@pasted
def _fetch_shelves(w: Any, s: Any, b: int, r: int, sku: int) -> None:
    """Fetches what is on hand of a SKU at all FCs, and its levels where they are asked for."""
    levels = s.weighed[b, r, S.cover] or s.weighed[b, r, S.shadow_price]
    for fc in range(0, s.stock.shape[2], _SHELVES_FETCHED):
        prefetch(s.stock, (b, sku, fc))
        if levels:
            prefetch(w.base_stock, (s.row[b].setting, sku, fc))


@pasted
def candidates_found(w: Any, s: Any, b: int, r: int, j: int) -> int:
    """How many candidates `prepare_order` found for the line in slot j."""
    found = 0
    while found < w.rules.candidates and s.candidate[b, r, j, found] >= 0:
        found += 1
    return found


@inlined
def _find_candidates(w: Any, s: Any, b: int, r: int, j: int) -> None:
    """Fills `candidate[b, r, j]` with routes that can serve the line in slot j, and prices their lanes.

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
    if len(s.lane_price.bias) > 0:
        due = line_at(s, b, r, j).due
        for k in range(found):
            s.surcharge[b, r, j, k] = route_surcharge(w, s, b, r, s.candidate[b, r, j, k], due)


@inlined
def _collect(w: Any, s: Any, b: int, r: int, j: int, asked: int) -> int:
    """Fills the line's candidates with routes that have what is asked; returns how many."""
    net, top, setting = w.net, w.rules.candidates, s.row[b].setting
    line, out = line_at(s, b, r, j), s.candidate[b, r, j]
    stock = s.stock[b, line.sku]
    divided = net.divided[setting]
    inside_top = max(1, top - 2) if divided else top
    inside = _collect_cheapest(
        w, s, b, r, net.inside[setting, line.station], stock, line.units, asked, out, np.int64(0), inside_top
    )
    found = inside
    if divided:
        outside = net.outside[setting, line.station]
        if len(s.lane_price.bias) > 0:
            found = _collect_cheapest_priced(w, s, b, r, outside, stock, line, asked, out, inside, top)
        else:
            found = _collect_cheapest(w, s, b, r, outside, stock, line.units, asked, out, inside, top)
    if found < 3:
        return found
    nearest, nearest_inside = -1, -1
    near = net.by_distance[setting, line.station]
    for i in range(len(near)):
        if near[i].path < 0 or (nearest >= 0 and (nearest_inside >= 0 or inside == 0)):
            break
        if stock[near[i].fc] < line.units:
            continue
        path = uncut(w, s, b, near[i].path) if asked & UNCUT else near[i].path
        if _is_open(w, s, b, r, path, near[i].fc, asked):
            if nearest < 0:
                nearest = path
            if nearest_inside < 0 and near[i].local == 1:
                nearest_inside = path
    if inside > 0 and not _has_fc(w, out, inside, net.routes[nearest_inside].fc):
        out[inside - 1] = nearest_inside
    if not _has_fc(w, out, found, net.routes[nearest].fc):
        out[found - 1] = nearest
    return found


@pasted
def _collect_cheapest(
    w: Any, s: Any, b: int, r: int, ways: np.ndarray, stock: np.ndarray, units: int, asked: int, out: np.ndarray,
    found: int, top: int,
) -> int:  # fmt: skip
    """Appends those of a station's ways, cheapest first, that can serve, up to `top`; returns how many there are."""
    for i in range(len(ways)):
        if ways[i].path < 0 or found == top:
            break
        if stock[ways[i].fc] >= units and _is_open(w, s, b, r, ways[i].path, ways[i].fc, asked):
            out[found] = ways[i].path
            found += 1
    return found


@inlined
def _collect_cheapest_priced(
    w: Any, s: Any, b: int, r: int, ways: np.ndarray, stock: np.ndarray, line: Any, asked: int, out: np.ndarray,
    inside: int, top: int,
) -> int:  # fmt: skip
    """Appends the ways from other regions that cost least where lanes are priced, of the MOST_OUTSIDE cheapest."""
    found, seen = inside, 0
    usd = s.outside_usd[b, r]
    for i in range(len(ways)):
        path = ways[i].path
        if path < 0 or seen == MOST_OUTSIDE:
            break
        if stock[ways[i].fc] < line.units or not _is_open(w, s, b, r, path, ways[i].fc, asked):
            continue
        seen += 1
        late = late_usd(w.rules, earliest_arrival(w, s, b, path) - line.due)
        value = w.net.routes[path].cost + late + route_surcharge(w, s, b, r, path, line.due)
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


@pasted
def _is_open(w: Any, s: Any, b: int, r: int, path: int, fc: int, asked: int) -> bool:
    """If asked: the route is not cut, and its FC has no backlog beyond the limit."""
    return (asked & NO_BACKLOG == 0 or s.busy[b, r, fc] == 0) and (asked & UNCUT == 0 or not is_cut(w, s, b, path))
