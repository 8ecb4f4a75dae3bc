"""Compiled parts of the decision streams: choices in and out of the kernel's state, and what lanes are charged."""

from __future__ import annotations

from typing import Any

import numpy as np

from regional_dispatch.envs.kernel.compiled import compiled, compiled_with_memory, inlined
from regional_dispatch.envs.kernel.credit import start_journey, take_lane_account
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.kernel.phases.arrivals import line_at
from regional_dispatch.envs.kernel.tick import READY, run

# Lines are numbered as `envs.kernel.decisions.observe.pack_lines` lists them: those without a candidate are left out.


@compiled
def read_choices(w: Any, s: Any, b: int, choice: np.ndarray) -> None:
    """Fills (lines,) int64 with the candidate that each line of copy b would get now."""
    n = 0
    for r in range(w.net.regions):
        for j in range(s.slots[b, r]):
            if s.candidate[b, r, j, 0] >= 0:
                choice[n] = line_at(s, b, r, j).choice
                n += 1


@compiled
def write_choices(w: Any, s: Any, b: int, choice: np.ndarray) -> None:
    """Applies (lines,) int64 to the lines of copy b; −1 leaves the line as it is."""
    n = 0
    for r in range(w.net.regions):
        for j in range(s.slots[b, r]):
            if s.candidate[b, r, j, 0] >= 0:
                if choice[n] >= 0:
                    line_at(s, b, r, j).choice = choice[n]
                n += 1


@compiled
def follow_lines(w: Any, s: Any, b: int) -> None:
    """Follows every line up for decision in copy b, and nothing before them; a line's journey is its number."""
    for p in range(s.row[b].fresh):
        s.tag[b, p].journey = -1
    n = 0
    for r in range(w.net.regions):
        for j in range(s.slots[b, r]):
            if s.candidate[b, r, j, 0] >= 0:
                start_journey(s, b, line_at(s, b, r, j), n)
                n += 1


@inlined
def charge_lanes(w: Any, s: Any, b: int, lane: np.ndarray, share: float, usd: np.ndarray) -> None:
    """Adds a share of what lanes of copy b were charged since the last call; both (lanes,).

    A lane's charge is its trucks, less what their packages would have cost on full trucks, and the lateness of the
    packages it held.
    """
    for i in range(len(lane)):
        cost, full, _ = take_lane_account(w, s.lane[b, lane[i]], w.net.lanes[lane[i]])
        usd[i] += share * (cost - full)


@compiled_with_memory
def play_on(
    w: Any, s: Any, b: int, scorers: Scorers, until: int, lane: np.ndarray, discount: float, share: np.ndarray,
    usd: np.ndarray,
) -> int:  # fmt: skip
    """Plays copy b up to a tick or the horizon, and charges lanes tick by tick.

    Args:
        scorers: make all decisions.
        until: tick.
        lane: (lanes,) int64, to charge.
        discount: of a tick's charges against those of the tick before.
        share: (1,) float64, of the last tick's charges that counted; goes on from there.
        usd: (lanes,) float64, added to.

    Returns:
        READY, or what the kernel asked for: make room and call again.
    """
    while s.row[b].tick < until and s.row[b].settled == 0:
        need = run(w, s, scorers, b, b + 1, s.row[b].tick + 1)
        if need != READY:
            return need
        share[0] *= discount
        charge_lanes(w, s, b, lane, share[0], usd)
    return READY
