"""Running a simulator on several threads: rows side by side, or the regions of one row.

Compiled code runs without Python's lock. Rows share nothing that changes. Regions decide side by side, as a decision
reads the state and writes only what is its region's; the other phases of a tick, which move packages between regions,
run on one thread. So the result is the same to the bit for any number of threads.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from regional_dispatch.envs.kernel import tick as kernel
from regional_dispatch.envs.kernel.decisions.scorers import Scorers

if TYPE_CHECKING:
    from regional_dispatch.envs.simulator import Simulator


def run_on_threads(sim: Simulator, scorers: Scorers, until: int, threads: int) -> None:
    """What `Simulator.run` does, on so many threads."""
    with ThreadPoolExecutor(threads) as pool:
        if sim.copies == 1:
            _run_regions(sim, scorers, until, pool)
        else:
            _run_rows(sim, scorers, until, pool)


def _run_rows(sim: Simulator, scorers: Scorers, until: int, pool: ThreadPoolExecutor) -> None:
    """Every row as far as it comes. Room is made for all rows at once, and so while none of them runs."""
    rows = list(range(sim.copies))
    while rows:
        needs = list(pool.map(lambda row: sim.advance(row, scorers, until), rows))
        for need in {need for need in needs if need != kernel.READY}:
            sim.make_room(need)
        rows = [row for row, need in zip(rows, needs, strict=True) if need != kernel.READY]


def _run_regions(sim: Simulator, scorers: Scorers, until: int, pool: ThreadPoolExecutor) -> None:
    """One row, tick by tick, with all regions deciding at once."""
    while sim.tick(0) < until and not sim.state.row["settled"][0]:
        sim.begin(0)
        list(pool.map(lambda region: sim.decide(0, scorers, only=region), range(sim.regions)))
        sim.finish(0)
