"""How the lines of an order could travel together: the cheapest and the smallest sets of packages that carry it.

There are two plans per order. *Least cost*: standard cost, inevitable lateness, what the lanes are expected to cost
beyond the standard where they are priced, and the price of the units where units are priced; a package is paid once,
however many lines it holds. *Fewest packages*: ties by cost. Both are exact set covers over the lines' candidate
routes, by dynamic programming over the subsets of lines; an order with more than MOST_LINES lines is planned in groups.

`path` is the number of a route in `net.routes`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from regional_dispatch.envs.kernel.clock import earliest_arrival
from regional_dispatch.envs.kernel.compiled import inlined, pasted
from regional_dispatch.envs.kernel.ledger import late_usd
from regional_dispatch.envs.kernel.phases.arrivals import line_at

MOST_LINES = 6  # 64 subsets
LEAST_COST, FEWEST_PACKAGES = range(2)
PLANS = 2
_PER_PACKAGE = 1000.0  # USD; above any difference between routes, so that the number of packages comes first


@inlined
def plan_order(w: Any, s: Any, b: int, r: int, first: int, last: int) -> None:
    """Plans the order in slots first…last−1 of region r, whose candidates are known, as `planned` asks for."""
    if not (s.planned[b, r, LEAST_COST] or s.planned[b, r, FEWEST_PACKAGES]):
        return
    low = first
    while low < last:
        high = min(low + MOST_LINES, last)
        if high - low == 1:
            _plan_line(w, s, b, r, low)
        else:
            _plan_lines(w, s, b, r, low, high)
        low = high


@pasted
def _package_usd(w: Any, s: Any, b: int, r: int, j: int, k: int) -> float:
    """Cost of a package on the k-th candidate of the line in slot j, with the lateness it cannot avoid."""
    path = s.candidate[b, r, j, k]
    late = late_usd(w.rules, earliest_arrival(w, s, b, path) - line_at(s, b, r, j).due)
    return w.net.routes[path].cost + late + surcharge(s, b, r, j, k)


@pasted
def surcharge(s: Any, b: int, r: int, j: int, k: int) -> float:
    """USD that the lanes of the line's k-th candidate are expected to cost beyond the standard; 0 without a price."""
    return float(s.surcharge[b, r, j, k]) if len(s.lane_price.bias) > 0 else 0.0


@pasted
def units_usd(w: Any, s: Any, b: int, r: int, j: int, path: int) -> float:
    """Price of the units that the line in slot j takes off the shelf of the route's FC; 0 where units have no price."""
    if s.row[b].priced == 0:
        return 0.0
    line = line_at(s, b, r, j)
    return float(s.price[b, line.sku, w.net.routes[path].fc]) * line.units


@inlined
def _plan_line(w: Any, s: Any, b: int, r: int, j: int) -> None:
    routes = s.candidate[b, r, j]
    best, least = -1, np.inf
    for k in range(len(routes)):
        if routes[k] >= 0:
            usd = _package_usd(w, s, b, r, j, k) + units_usd(w, s, b, r, j, routes[k])
            if usd < least:
                best, least = routes[k], usd
    s.plan[b, r, j, LEAST_COST] = s.plan[b, r, j, FEWEST_PACKAGES] = best


@inlined
def _plan_lines(w: Any, s: Any, b: int, r: int, low: int, high: int) -> None:
    routes, full = _collect_routes(w, s, b, r, low, high), np.int64(0)
    for i in range(routes):
        full |= s.cover[b, r, i, 1]
    for plan in range(PLANS):
        if not s.planned[b, r, plan]:
            continue
        for j in range(low, high):
            s.plan[b, r, j, plan] = -1
        if plan == LEAST_COST and s.row[b].priced == 1:
            _least_priced_cover(w, s, b, r, low, high, routes, full)
        else:
            _least_cover(s, b, r, routes, full, _PER_PACKAGE if plan == FEWEST_PACKAGES else 0.0)
        mask = full
        while mask > 0:
            i, carried = s.subset_route[b, r, mask], s.subset_carried[b, r, mask]
            for j in range(low, high):
                if carried & (1 << (j - low)):
                    s.plan[b, r, j, plan] = s.cover[b, r, i, 0]
            mask ^= carried


@inlined
def _collect_routes(w: Any, s: Any, b: int, r: int, low: int, high: int) -> int:
    """Fills `cover` with the distinct candidate routes of lines low…high−1, their cost and the lines each can carry."""
    routes = 0
    for j in range(low, high):
        for k in range(s.candidate.shape[3]):
            path, i = s.candidate[b, r, j, k], 0
            if path < 0:
                break
            while i < routes and s.cover[b, r, i, 0] != path:
                i += 1
            if i == routes:
                s.cover[b, r, i, 0], s.cover[b, r, i, 1] = path, 0
                s.cover_usd[b, r, i] = _package_usd(w, s, b, r, j, k)
                routes += 1
            s.cover[b, r, i, 1] |= 1 << (j - low)
    return routes


@inlined
def _least_cover(s: Any, b: int, r: int, routes: int, full: int, per_package: float) -> None:
    """Least cost of carrying each subset of `full`, the first route of the best way to do it, and what it carries."""
    usd = s.subset_usd[b, r]
    usd[0] = 0.0
    for mask in range(1, full + 1):
        usd[mask] = np.inf
        if mask & ~full:
            continue
        for i in range(routes):
            if mask & s.cover[b, r, i, 1]:
                total = s.cover_usd[b, r, i] + per_package + usd[mask & ~s.cover[b, r, i, 1]]
                if total < usd[mask]:
                    usd[mask], s.subset_route[b, r, mask] = total, i
                    s.subset_carried[b, r, mask] = mask & s.cover[b, r, i, 1]


@inlined
def _least_priced_cover(w: Any, s: Any, b: int, r: int, low: int, high: int, routes: int, full: int) -> None:
    """The same with prices of units: a package need not carry every line it could."""
    usd, package = s.subset_usd[b, r], s.package_usd[b, r]
    package[: full + 1] = np.inf
    for i in range(routes):
        path, able = s.cover[b, r, i, 0], s.cover[b, r, i, 1]
        for j in range(low, high):
            s.line_usd[b, r, j - low] = units_usd(w, s, b, r, j, path)
        mask = int(able)
        while mask > 0:  # every set of lines this route can carry
            total = s.cover_usd[b, r, i]
            for j in range(high - low):
                if mask & (1 << j):
                    total += s.line_usd[b, r, j]
            if total < package[mask]:
                package[mask], s.package_route[b, r, mask] = total, i
            mask = (mask - 1) & able
    usd[0] = 0.0
    for mask in range(1, full + 1):
        usd[mask] = np.inf
        if mask & ~full:
            continue
        lowest = mask & -mask
        rest = mask ^ lowest
        with_it = rest
        while True:  # every set with the lowest line in it is the first package
            total = package[lowest | with_it] + usd[rest ^ with_it]
            if total < usd[mask]:
                usd[mask], s.subset_route[b, r, mask] = total, s.package_route[b, r, lowest | with_it]
                s.subset_carried[b, r, mask] = lowest | with_it
            if with_it == 0:
                break
            with_it = (with_it - 1) & rest
