"""A day of the whole country after its warm-up: wall and CPU time, peak memory, and the bare kernel on the same orders.

Each policy and the bare kernel run in a process of their own, so that peak memory is theirs alone. The warm-up is run
by the first rule; the measured day is timed hour by hour.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np

from benchmarks.bare import time_bare
from benchmarks.measure import Settings, Target, run_python, spread
from benchmarks.text import cell, table
from benchmarks.worlds import KEY, LEAST_COST, NEAREST, POLICIES, PPO, scorers, us_full
from regional_dispatch.envs.simulator import Simulator, order_lines
from regional_dispatch.evaluation.kpis import COST

TITLE = "A day of the whole country"
BARE = "bare"
BARE_REPEATS = 5
MOST_SECONDS = {NEAREST: 20.0, LEAST_COST: 30.0, PPO: 60.0}
MOST_BUILD_SECONDS, MOST_FIRST_TICK_SECONDS = 60.0, 1.0
MOST_BARE_RATIO, MOST_GIB, LEAST_LINES_PER_SECOND = 12.0, 6.0, 1e6
SHOWN_KPIS = (COST, "on_time_share", "in_region_share", "lost_line_share")


def measure(settings: Settings) -> dict[str, Any]:
    """Every policy's day, then the bare kernel's."""
    mode = ["quick"] if settings.quick else []
    days = {}
    for name in POLICIES:
        used = run_python(["-m", "benchmarks.parts.day", name, *mode])
        days[name] = {**used.answer, "peak_mib": used.peak_mib}
    bare = run_python(["-m", "benchmarks.parts.day", BARE, *mode]).answer
    bare["cpu"] = spread(bare.pop("cpu_seconds"))
    ratios = {name: day["cpu_seconds"] / bare["cpu"]["median"] for name, day in days.items()}
    return {"policies": days, "bare": bare, "ratios": ratios}


def run_day(policy: str, quick: bool) -> dict[str, Any]:
    """One policy's day: seconds, lines, and the KPIs that show that it was a real one."""
    start = time.process_time()
    sim = Simulator(us_full(quick))
    built = time.process_time() - start
    sim.reset(0, KEY)
    start = time.process_time()
    sim.run(scorers(NEAREST, sim.scenario), until=1)
    first_tick = time.process_time() - start
    chosen = scorers(policy, sim.scenario)
    sim.run(scorers(NEAREST, sim.scenario), until=sim.world.rules.warmup_tick)
    before, lines, cpu, wall = order_lines(sim), [], [], time.monotonic()
    for tick in range(sim.world.rules.warmup_tick, sim.world.rules.horizon_tick):
        already, start = order_lines(sim), time.process_time()
        sim.run(chosen, until=tick + 1)
        cpu.append(time.process_time() - start)
        lines.append(order_lines(sim) - already)
    wall = time.monotonic() - wall
    kpis = sim.kpis(0)
    busy = [n / s for n, s in zip(lines, cpu, strict=True) if n]
    return {
        "build_seconds": built, "first_tick_seconds": first_tick, "wall_seconds": wall,
        "cpu_seconds": float(np.sum(cpu)), "lines": order_lines(sim) - before,
        "lines_per_second": spread(busy),
        "kpis": {name: float(kpis[name]) for name in SHOWN_KPIS if name in kpis},
    }  # fmt: skip


def main() -> None:
    """One process's share: prints what it measured as JSON."""
    what, quick = sys.argv[1], "quick" in sys.argv[2:]
    if what == BARE:
        print(json.dumps(time_bare(us_full(quick), KEY, 2 if quick else BARE_REPEATS)))
    else:
        print(json.dumps(run_day(what, quick)))


def targets(result: dict[str, Any]) -> list[Target]:
    """Seconds, ratio to the bare kernel, memory and rate."""
    found = []
    for name, limit in MOST_SECONDS.items():
        seconds = result["policies"][name]["cpu_seconds"]
        what = f"us_full, a day, `{name}`, CPU seconds"
        found.append(Target(what, f"≤ {limit:.0f} s", f"{seconds:.1f} s", seconds <= limit))
    built = result["policies"][NEAREST]
    for what, limit in (("build", MOST_BUILD_SECONDS), ("first_tick", MOST_FIRST_TICK_SECONDS)):
        seconds = built[f"{what}_seconds"]
        name = f"us_full, {what.replace('_', ' ')}, CPU seconds"
        found.append(Target(name, f"≤ {limit:.0f} s", f"{seconds:.2f} s", seconds <= limit))
    day, ratio = result["policies"][NEAREST], result["ratios"][NEAREST]
    rate, gib = day["lines"] / day["cpu_seconds"], day["peak_mib"] / 1024
    return [
        *found,
        Target(f"us_full, `{NEAREST}`: order lines per CPU second", "≥ 1 M", f"{rate / 1e6:.2f} M",
               rate >= LEAST_LINES_PER_SECOND),
        Target(f"us_full, `{NEAREST}`: times the bare kernel", "≤ 12", f"{ratio:.1f}", ratio <= MOST_BARE_RATIO),
        Target(f"us_full, `{NEAREST}`: peak memory", "≤ 6 GiB", f"{gib:.2f} GiB", gib <= MOST_GIB),
    ]  # fmt: skip


def section(result: dict[str, Any]) -> list[str]:
    """The days as a table."""
    bare = result["bare"]
    rows = [
        [
            f"`{name}`", f"{day['cpu_seconds']:.1f}", f"{day['wall_seconds']:.1f}", f"{day['peak_mib'] / 1024:.2f}",
            f"{day['lines'] / day['cpu_seconds']:,.0f}", cell(day["lines_per_second"], 0),
            f"{result['ratios'][name]:.1f}",
        ]
        for name, day in result["policies"].items()
    ]  # fmt: skip
    rows.append(["bare kernel", cell(bare["cpu"], 2), "", "", f"{bare['lines'] / bare['cpu']['median']:,.0f}", "", "1"])
    built = next(iter(result["policies"].values()))
    lines = next(iter(result["policies"].values()))["lines"]
    header = ["policy", "CPU s", "wall s", "peak GiB", "lines per CPU s", "by the hour", "times bare"]
    return [
        f"`us_full`, the hours after the warm-up, {lines:,} order lines, one core. Peak memory is that of the whole "
        "process. Each day is run once; *by the hour* is the median of its hours with their quartiles.", "",
        *table(header, rows), "",
        f"The world is built in {built['build_seconds']:.1f} CPU seconds, and its first tick takes "
        f"{built['first_tick_seconds']:.2f}.", "",
        "The bare kernel (`benchmarks/bare.py`) draws the same orders, takes the cheapest of the centers with stock, "
        "and counts lines and full trucks per lane. It has no packages, promises, picking, sorting, costs or KPIs: no "
        f"simulator of this kind can take less. It met {bare['lines']:,} lines.", "",
        *_kpi_lines(result),
    ]  # fmt: skip


def _kpi_lines(result: dict[str, Any]) -> list[str]:
    names = list(next(iter(result["policies"].values()))["kpis"])
    rows = [[f"`{name}`", *(f"{day['kpis'][k]:.3f}" for k in names)] for name, day in result["policies"].items()]
    return ["What the day was like, from the same run:", "", *table(["policy", *(f"`{k}`" for k in names)], rows)]


if __name__ == "__main__":
    main()
