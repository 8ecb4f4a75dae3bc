"""One tick, phase by phase: the only dynamics there are.

A tick is `begin_tick` (replenishment, arrivals of trucks, picking, sorting, full loads, new orders), decisions, and
`finish_tick` (sourcing, partial loads, accruals, the clock). Full loads leave before the decisions are asked for:
nothing else of the tick depends on when in it they leave, and policies see the rest they decide about.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from regional_dispatch.envs.kernel.compiled import compiled, compiled_with_memory
from regional_dispatch.envs.kernel.decisions.decide import decide
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.kernel.phases.arrivals import admit_lines, place_orders
from regional_dispatch.envs.kernel.phases.closures import enter_period
from regional_dispatch.envs.kernel.phases.dispatch import hold_lanes, send_full_loads, send_partial_loads
from regional_dispatch.envs.kernel.phases.lane_queue import sort_active
from regional_dispatch.envs.kernel.phases.levers import enter_setting
from regional_dispatch.envs.kernel.phases.reevaluation import reevaluate
from regional_dispatch.envs.kernel.phases.replenish import replenish
from regional_dispatch.envs.kernel.phases.settle import settle, value_work_under_way
from regional_dispatch.envs.kernel.phases.source import source_lines
from regional_dispatch.envs.kernel.phases.trucks import return_trucks, unload_trucks
from regional_dispatch.envs.kernel.phases.work import pick_and_sort

EVERY = np.int64(-1)  # region: all of them; none left out
READY, GROW_PACKAGES, GROW_LINES, GROW_ITEMS = range(4)


@compiled
def begin_tick(w: Any, s: Any, b: int) -> int:
    """Steps 1–3 of a tick, up to the decisions.

    Returns:
        READY; or GROW_PACKAGES, GROW_LINES or GROW_ITEMS, with nothing changed: make room and call again.
    """
    row = s.row[b]
    if row.packages + w.net.regions * w.rules.order_slots > s.package.shape[1]:
        return GROW_PACKAGES
    if row.reevaluate == 1 and row.items + w.net.regions * w.rules.order_slots > s.item.shape[1]:
        return GROW_ITEMS
    # Orders come first here because they alone can ask for room; they meet nothing of the steps below.
    if not place_orders(w, s, b):
        return GROW_LINES
    enter_period(w, s, b)
    enter_setting(w, s, b)
    admit_lines(w, s, b)
    replenish(w, s, b)
    return_trucks(s, b)
    unload_trucks(w, s, b)
    pick_and_sort(w, s, b)
    if row.reevaluate == 1 and row.tick % w.rules.reevaluate_ticks == 0:
        reevaluate(w, s, b)
    sort_active(s, b)
    send_full_loads(w, s, b)
    row.waiting_for_decisions = 1
    return READY


@compiled
def finish_tick(w: Any, s: Any, b: int) -> None:
    """Steps 5–7: applies the decisions in `line.choice` and `go`, books, and moves the clock."""
    row = s.row[b]
    source_lines(w, s, b)
    send_partial_loads(w, s, b)
    hold_lanes(w, s, b)
    if w.clock.instant == 1:
        unload_trucks(w, s, b)
    row.waiting_for_decisions = 0
    row.tick += 1
    if row.tick == w.rules.warmup_tick:
        for r in range(w.net.regions):
            for component in range(s.cash.shape[2]):
                s.opening[b, r, component] = s.cash[b, r, component]
        value_work_under_way(w, s, b, s.opening[b])


@compiled_with_memory
def run(w: Any, s: Any, scorers: Scorers, first: int, last: int, until: int) -> int:
    """Runs rows first…last−1 with compiled scorers up to tick `until`, settling those that reach the horizon.

    Returns:
        READY, or what `begin_tick` asked for: make room and call again.
    """
    for b in range(first, last):
        while s.row[b].tick < min(until, w.rules.horizon_tick):
            need = begin_tick(w, s, b)
            if need != READY:
                return need
            decide(w, s, b, scorers, EVERY, EVERY)
            finish_tick(w, s, b)
        if s.row[b].tick >= w.rules.horizon_tick and s.row[b].settled == 0:
            settle(w, s, b)
    return READY
