"""Phase 4: compiled scorers decide. A line takes its best candidate; a truck leaves if its score is above 0."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from regional_dispatch.envs.kernel.compiled import compiled_with_memory, inlined, subroutine
from regional_dispatch.envs.kernel.decisions.candidates import candidates_found, open_region, prepare_order
from regional_dispatch.envs.kernel.decisions.features import (
    DISPATCH_COUNT,
    SOURCE_COUNT,
    ask_lane_features,
    ask_line_features,
    dispatch_features,
    hour_of_day,
    source_features,
)
from regional_dispatch.envs.kernel.decisions.score import Scorer, score_rows, weighed
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.kernel.phases.arrivals import line_at
from regional_dispatch.envs.kernel.phases.dispatch import can_send

LINES_AT_ONCE, LANES_AT_ONCE = 16, 64  # that are scored together


class _Block(NamedTuple):
    """Feature vectors that are scored together."""

    x: np.ndarray  # (rows, features) float32
    score: np.ndarray  # (rows,) float32
    hidden: np.ndarray  # (2, rows, H) float32, scratch
    of: np.ndarray  # (lines or lanes,) int64: rows of each line, or the lane of each row
    asked: np.ndarray  # (features,) uint8, 1 for those that the scorer weighs
    listed: np.ndarray  # (features,) int64, their numbers


@compiled_with_memory
def decide(w: Any, s: Any, b: int, scorers: Scorers, only: int, skip: int) -> None:
    """Lets compiled scorers decide for region `only` (−1: all), leaving out region `skip` (−1: none)."""
    lines = block_for(scorers.source, LINES_AT_ONCE * w.rules.candidates, SOURCE_COUNT, LINES_AT_ONCE)
    lanes = block_for(scorers.dispatch, LANES_AT_ONCE, DISPATCH_COUNT, LANES_AT_ONCE)
    for r in range(w.net.regions):
        if (only < 0 or r == only) and r != skip:
            decide_lines(w, s, b, r, scorers.source, lines)
            decide_lanes(w, s, b, r, scorers.dispatch, lanes)


@compiled_with_memory
def block_for(scorer: Scorer, rows: int, features: int, of: int) -> _Block:
    return _Block(
        np.zeros((rows, features), np.float32),
        np.zeros(rows, np.float32),
        np.empty((2, rows, scorer.b1.shape[1]), np.float32),
        np.empty(of, np.int64),
        np.empty(features, np.uint8),
        np.empty(features, np.int64),
    )


@subroutine
def decide_lines(w: Any, s: Any, b: int, r: int, scorer: Scorer, block: _Block) -> None:
    """Candidates, plan and features of one order after the other, while its rows of stock are in the cache."""
    g = min(r, len(scorer.bias) - 1)
    count = weighed(scorer, g, block.asked, block.listed)
    ask_line_features(s, b, r, block.asked)
    open_region(w, s, b, r)
    slots = s.slots[b, r]
    first: Any = np.int64(0)
    low: Any = np.int64(0)
    rows: Any = np.int64(0)
    while low < slots:
        high = prepare_order(w, s, b, r, low)
        for j in range(low, high):
            found = candidates_found(w, s, b, r, j)
            source_features(w, s, b, r, j, low, high, found, block.x[rows : rows + found])
            block.of[j - first] = found
            rows += found
            if j + 1 - first == LINES_AT_ONCE or j + 1 == slots:
                score_rows(scorer, g, block.x, rows, block.listed, count, block.hidden, block.score)
                _choose(s, b, r, first, j + 1, block)
                first, rows = j + 1, np.int64(0)
        low = high


@inlined
def _choose(s: Any, b: int, r: int, first: int, last: int, block: _Block) -> None:
    """The best candidate of each line in slots first…last−1."""
    row = 0
    for j in range(first, last):
        choice, best = 0, np.float32(-np.inf)
        for k in range(block.of[j - first]):
            if block.score[row] > best:
                choice, best = k, block.score[row]
            row += 1
        line_at(s, b, r, j).choice = choice


@subroutine
def decide_lanes(w: Any, s: Any, b: int, r: int, scorer: Scorer, block: _Block) -> None:
    g = min(r, len(scorer.bias) - 1)
    count = weighed(scorer, g, block.asked, block.listed)
    ask_lane_features(s, b, r, block.asked)
    hour, active, rows = hour_of_day(w, s, b), s.row[b].active, np.int64(0)
    for i in range(active):
        lane = s.active[b, i]
        if w.net.lanes[lane].region == r and can_send(w, s, b, lane):
            dispatch_features(w, s, b, i, hour, block.x[rows])
            block.of[rows] = lane
            rows += 1
        if rows == LANES_AT_ONCE or i == active - 1:
            score_rows(scorer, g, block.x, rows, block.listed, count, block.hidden, block.score)
            for k in range(rows):
                s.go[b, block.of[k]] = block.score[k] > 0
            rows = np.int64(0)
