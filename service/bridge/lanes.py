"""Go or hold for every lane with packages, by the policy's scorer of lanes, and the facts it saw."""

from __future__ import annotations

from typing import Any

import numpy as np

from regional_dispatch.envs.kernel.compiled import compiled_with_memory
from regional_dispatch.envs.kernel.decisions.decide import LANES_AT_ONCE, block_for, decide_lanes
from regional_dispatch.envs.kernel.decisions.features import (
    DISPATCH_COUNT,
    ask_all_features,
    dispatch_features,
    hour_of_day,
)
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.kernel.phases.dispatch import can_send
from regional_dispatch.envs.kernel.phases.lane_queue import sort_active


@compiled_with_memory
def decide_departures(
    w: Any, s: Any, b: int, scorers: Scorers, lane: np.ndarray, go: np.ndarray, sendable: np.ndarray, x: np.ndarray
) -> int:
    """Decides for every lane with packages; changes nothing but `go` in the state.

    Args:
        w, s, b: world, state and row.
        scorers: the policy.
        lane: (L,) int64, filled: numbers of the lanes, ascending.
        go: (L,) int8, filled: 1 where the policy sends a truck.
        sendable: (L,) int8, filled: 1 where the lane is open and there is a truck, of the fleet or for hire.
        x: (L, DISPATCH_COUNT) float32, filled: the lanes' features.

    Returns:
        How many lanes have packages.
    """
    sort_active(s, b)
    s.go[b, :] = 0
    block = block_for(scorers.dispatch, LANES_AT_ONCE, DISPATCH_COUNT, LANES_AT_ONCE)
    for r in range(w.net.regions):
        decide_lanes(w, s, b, r, scorers.dispatch, block)
    for r in range(w.net.regions):
        ask_all_features(s, b, r)
    hour = hour_of_day(w, s, b)
    for i in range(s.row[b].active):
        index = s.active[b, i]
        lane[i], go[i], sendable[i] = index, s.go[b, index], can_send(w, s, b, index)
        dispatch_features(w, s, b, i, hour, x[i])
        s.go[b, index] = 0
    return s.row[b].active
