"""What a lane and a site expect: packages to come, work queued."""

from __future__ import annotations

from typing import Any

from envs.compiled import inlined


@inlined
def expected_inflow(w: Any, s: Any, b: int, lane: int, horizon: int) -> float:
    """Packages expected on a lane within horizon 0, 1, 2 (1, 3, 6 h): its moving average × the season ahead."""
    row, state = s.row[b], s.lane[b, lane]
    decay = w.rules.inflow_decay
    age = min(row.tick - state.inflow_tick, len(decay) - 1)
    week = (row.week_tick + row.tick) % len(w.demand.season)
    return state.inflow * decay[age] * w.demand.season_next[week, horizon]


@inlined
def backlog_hours(w: Any, s: Any, b: int, site: int) -> float:
    """Hours of work queued at an FC (lines to pick) or sort center (packages to sort)."""
    queued = s.queue[b, site].lines if site < w.net.fcs else s.queue[b, site].packages
    return queued / w.net.site_capacity[site] * w.rules.tick_hours
