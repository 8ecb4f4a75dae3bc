"""How long until the first step: import, environment, first tick, with the compiled kernel kept from before and
without.

Each measurement is a process of its own. Without compiled code the cache is a new, empty folder, so everything that is
needed is compiled in it.
"""

from __future__ import annotations

import tempfile
from typing import Any

from benchmarks.measure import Settings, Target, Used, run_python, spread
from benchmarks.text import cell, table

TITLE = "The first minutes"
REPEATS = 5
STEP, EPISODE = "step", "episode"
STAGES = ("import", "make", "first")
ROWS = {
    STEP: ("`import gymnasium, regional_dispatch`", "`gymnasium.make` on `us8`", "`reset` and one `step`"),
    EPISODE: (
        "`import regional_dispatch`, its simulator",
        "`Simulator` of `us8`",
        "first episode under a rule, in the kernel",
    ),
}


def measure(settings: Settings) -> dict[str, Any]:
    """Seconds of every stage with compiled code, and of the whole process without."""
    found: dict[str, Any] = {"warm": {}, "cold": {}}
    for what in (STEP, EPISODE):
        _run(what)  # compiles where that has not been done
        runs = [_run(what) for _ in range(1 if settings.quick else REPEATS)]
        stages = {name: spread([run.answer[name] for run in runs]) for name in STAGES}
        found["warm"][what] = {**stages, "wall": spread([run.wall_seconds for run in runs])}
        if not settings.quick:
            with tempfile.TemporaryDirectory() as cache:
                cold = _run(what, cache)
            found["cold"][what] = {"cpu": cold.cpu_seconds, "wall": cold.wall_seconds}
    return found


def _run(what: str, cache: str | None = None) -> Used:
    variables = {"REGIONAL_DISPATCH_QUIET": "1"} | ({"REGIONAL_DISPATCH_CACHE": cache} if cache else {})
    return run_python(["-m", "benchmarks.parts.startup_child", what], variables=variables)


def targets(result: dict[str, Any]) -> list[Target]:
    """None."""
    return []


def section(result: dict[str, Any]) -> list[str]:
    """Both beginnings, stage by stage."""
    rows = []
    for what, names in ROWS.items():
        warm = result["warm"][what]
        rows += [[name, cell(warm[stage], 2)] for name, stage in zip(names, STAGES, strict=True)]
        rows.append(["the whole process, wall", cell(warm["wall"], 2)])
        if what in result["cold"]:
            cold = result["cold"][what]
            rows.append(["the same with nothing compiled yet, once", f"{cold['cpu']:.0f} ({cold['wall']:.0f} wall)"])
    return [
        "CPU seconds, each in a new process. The kernel is compiled once per version and kept; an environment and an "
        "episode in the kernel compile different parts of it.", "", *table(["stage", "seconds"], rows),
    ]  # fmt: skip
