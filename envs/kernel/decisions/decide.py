"""Phase 4: compiled scorers decide. A line takes its best candidate; a truck leaves if its score is above 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from regional_dispatch.envs.kernel.compiled import compiled_with_memory, subroutine
from regional_dispatch.envs.kernel.decisions.candidates import candidates_found, prepare_lines
from regional_dispatch.envs.kernel.decisions.features import (
    DISPATCH_COUNT,
    SOURCE_COUNT,
    dispatch_features,
    hour_of_day,
    source_features,
)
from regional_dispatch.envs.kernel.decisions.score import Scorer, score
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.kernel.phases.arrivals import line_at
from regional_dispatch.envs.kernel.phases.dispatch import can_send


@compiled_with_memory
def decide(w: Any, s: Any, b: int, scorers: Scorers, only: int, skip: int) -> None:
    """Lets compiled scorers decide for region `only` (−1: all), leaving out region `skip` (−1: none)."""
    size = max(1, scorers.source.b1.shape[1], scorers.dispatch.b1.shape[1])
    scratch = np.empty((2, size), np.float32)
    lines = np.empty((w.rules.candidates, SOURCE_COUNT), np.float32)
    _decide_lines(w, s, b, scorers.source, only, skip, lines, scratch)
    _decide_lanes(w, s, b, scorers.dispatch, only, skip, np.empty(DISPATCH_COUNT, np.float32), scratch)


@subroutine
def _decide_lines(
    w: Any, s: Any, b: int, scorer: Scorer, only: int, skip: int, x: np.ndarray, scratch: np.ndarray
) -> None:
    for r in range(w.net.regions):
        if (only >= 0 and r != only) or r == skip:
            continue
        g = min(r, len(scorer.bias) - 1)
        prepare_lines(w, s, b, r)
        for j in range(s.slots[b, r]):
            found = candidates_found(w, s, b, r, j)
            choice, best = 0, -np.inf
            source_features(w, s, b, r, j, found, x)
            for k in range(found):
                value = score(scorer, g, x[k], scratch)
                if value > best:
                    choice, best = k, value
            line_at(s, b, r, j).choice = choice


@subroutine
def _decide_lanes(
    w: Any, s: Any, b: int, scorer: Scorer, only: int, skip: int, x: np.ndarray, scratch: np.ndarray
) -> None:
    hour = hour_of_day(w, s, b)
    for i in range(s.row[b].active):
        lane = s.active[b, i]
        r = w.net.lanes[lane].region
        if (only >= 0 and r != only) or r == skip or not can_send(w, s, b, lane):
            continue
        g = min(r, len(scorer.bias) - 1)
        dispatch_features(w, s, b, i, hour, x)
        s.go[b, lane] = score(scorer, g, x, scratch) > 0
