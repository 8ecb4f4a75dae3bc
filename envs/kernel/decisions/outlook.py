"""Packages expected on a lane, and work queued at a site."""

from __future__ import annotations

import math
from typing import Any

from regional_dispatch.envs.kernel.clock import calendar_tick
from regional_dispatch.envs.kernel.compiled import pasted

MOST_BACKLOG_HOURS = 60.0  # of a site, in features and charges


@pasted
def expected_inflow(w: Any, s: Any, b: int, lane: int, horizon: int) -> float:
    """Packages expected on a lane within horizon 0, 1, 2 (1, 3, 6 h): its moving average × the season ahead."""
    row, state = s.row[b], s.lane[b, lane]
    decay = w.rules.inflow_decay
    age = min(row.tick - state.inflow_tick, len(decay) - 1)
    zone = w.clock.zone[w.net.lanes[lane].dest]
    return state.inflow * decay[age] * w.demand.season_next[zone, calendar_tick(w, s, b, row.tick), horizon]


@pasted
def backlog_hours(w: Any, s: Any, b: int, site: int) -> float:
    """Hours of work queued at an FC (lines to pick) or sort center (packages to sort); infinite if the site is down."""
    queued = s.queue[b, site].lines if site < w.net.fcs else s.queue[b, site].packages
    capacity = s.site_capacity[b, site]
    return queued / capacity * w.rules.tick_hours if capacity > 0 else math.inf


@pasted
def route_backlog_hours(w: Any, s: Any, b: int, path: int) -> float:
    """Hours of work queued at the FC of a route and at every sort center on it, MOST_BACKLOG_HOURS at most each."""
    route, hours = w.net.routes[path], 0.0
    for leg in range(route.legs):
        hours += min(backlog_hours(w, s, b, w.net.lanes[route.lanes[leg]].origin), MOST_BACKLOG_HOURS)
    return hours
