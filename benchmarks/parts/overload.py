"""A year at twice the capacity: queues grow without end, and a later order line should cost no more than an early one.

Two ways to have half of the capacity that is needed: picking for half of the lines, so that they wait at FCs, and
trucks for half of the packages and none for hire, so that they wait on lanes. Each is run week by week until the year
is over or the time that is allowed for it is used up.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.measure import Settings, Target, spread
from benchmarks.text import cell, table
from benchmarks.worlds import KEY, NEAREST, US8, scorers
from regional_dispatch.envs.simulator import Simulator, order_lines
from regional_dispatch.envs.world.scenario import load_scenario

TITLE = "A year at twice the capacity"
WEEKS, WEEK_HOURS, REPEATS = 52, 168, 5
BUDGET_SECONDS = 60.0  # CPU, of each way
MOST_GROWTH = 1.10  # of the last weeks' time per line over the first's: the noise of a week
LAST = 4  # weeks compared with the first
WAYS = {
    "picking": {"capacity.pick_headroom": "0.5"},
    "trucks": {"trucks.fleet_headroom": "0.5", "trucks.spot_allowed": "false"},
}


def measure(settings: Settings) -> dict[str, Any]:
    """Weeks of both ways; each week's time is the median of the repeats."""
    weeks, repeats = (2, 1) if settings.quick else (WEEKS, REPEATS)
    return {name: _repeated(overrides, weeks, repeats) for name, overrides in WAYS.items()}


def _repeated(overrides: dict[str, str], weeks: int, repeats: int) -> dict[str, Any]:
    runs = [run_weeks(overrides, weeks, BUDGET_SECONDS)]
    if runs[0]["weeks"] == weeks:  # a run that is out of time is not repeated
        runs += [run_weeks(overrides, weeks, BUDGET_SECONDS) for _ in range(repeats - 1)]
    micros = np.median([run["microseconds_per_line"] for run in runs], axis=0).tolist()
    return {
        **runs[0], "repeats": len(runs), "asked_weeks": weeks, "microseconds_per_line": micros, "slope": _slope(micros),
        "cpu_seconds": spread([run["cpu_seconds"] for run in runs]),
        "last_over_first": float(np.median(micros[-LAST:])) / micros[0],
    }  # fmt: skip


def run_weeks(overrides: dict[str, str], weeks: int, budget: float) -> dict[str, Any]:
    """CPU microseconds per order line, week by week, of one run.

    Args:
        overrides: what halves the capacity.
        weeks: length of the run.
        budget: CPU seconds after which no further week is begun.
    """
    # A week more than is run: at the horizon the books are settled, and nothing would wait any longer.
    hours = {"horizon_hours": str((weeks + 1) * WEEK_HOURS), "warmup_hours": "0", "start_hour": "0"}
    sim = Simulator(load_scenario(US8, {**hours, **overrides}))
    policy = scorers(NEAREST, sim.scenario)
    sim.reset(0, KEY)
    sim.run(policy, until=24)  # compiles
    sim.reset(0, KEY)
    micros, waiting, used = [], [], 0.0
    for week in range(weeks):
        lines, start = order_lines(sim), time.process_time()
        sim.run(policy, until=(week + 1) * WEEK_HOURS)
        seconds = time.process_time() - start
        micros.append(1e6 * seconds / (order_lines(sim) - lines))
        waiting.append(sim.packages_under_way(0))
        used += seconds
        if used > budget:
            break
    return {
        "weeks": len(micros), "cpu_seconds": used, "microseconds_per_line": micros, "packages_under_way": waiting,
        "lines": order_lines(sim),
    }  # fmt: skip


def _slope(micros: list[float]) -> float:
    """Microseconds per line that a week adds, by least squares."""
    return float(np.polyfit(np.arange(len(micros)), micros, 1)[0]) if len(micros) > 1 else 0.0


def targets(result: dict[str, Any]) -> list[Target]:
    """A late line costs what an early one does."""
    found = []
    for name, way in result.items():
        whole = way["weeks"] == way["asked_weeks"]
        text = f"{way['last_over_first']:.2f} × after {way['weeks']} weeks" + ("" if whole else ", then out of time")
        what = f"us8 with half the {name} it needs: a line's time in the last weeks over the first week"
        found.append(Target(what, "≤ 1, to 10 %", text, whole and way["last_over_first"] <= MOST_GROWTH))
    return found


def section(result: dict[str, Any]) -> list[str]:
    """First, middle and last weeks, and the slope."""
    rows = []
    for name, way in result.items():
        micros, last = way["microseconds_per_line"], way["weeks"] - 1
        shown = sorted({0, last // 4, last // 2, last})
        rows.append([
            name, f"{way['weeks']} of {way['asked_weeks']}", f"{way['lines']:,}",
            " · ".join(f"{week + 1}: {micros[week]:.2f}" for week in shown), f"{way['slope']:+.4f}",
            f"{way['packages_under_way'][-1]:,}", cell(way["cpu_seconds"], 1),
        ])  # fmt: skip
    header = ["halved", "weeks", "order lines", "week: µs per line", "µs added a week", "packages waiting", "CPU s"]
    return [
        f"`us8`, `{NEAREST}`, with half of the picking or half of the trucks that its orders need (and no trucks for "
        f"hire). A run stops early after {BUDGET_SECONDS:.0f} CPU seconds. The target is met up to "
        f"{MOST_GROWTH - 1:.0%}, the noise of a week.", "", *table(header, rows),
    ]  # fmt: skip
