"""A user's own orders: a million lines checked, loaded and played, and a year of 30 million lines read.

The orders are drawn for the stations of us8. Each measurement is a process of its own, so its memory is its own.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measure import Settings, Target, run_python
from benchmarks.text import table

TITLE = "A user's own orders"
LINES, QUICK_LINES = 1_000_000, 20_000
YEAR_LINES, QUICK_YEAR_LINES = 30_000_000, 50_000
MOST_SECONDS, MOST_GIB = 60.0, 2.0
WORK = {
    "check": "`evaluate.py check`, CSV",
    "play": "loaded and played under `regional_nearest+last_safe_hour`, CSV",
    "year": "a year read, Parquet",
}


def measure(settings: Settings) -> dict[str, Any]:
    """What each takes."""
    lines = QUICK_LINES if settings.quick else LINES
    year = QUICK_YEAR_LINES if settings.quick else YEAR_LINES
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind, count in (("csv", lines), ("parquet", year)):
            run_python(["-m", "benchmarks.parts.tables_child", "make", folder, kind, str(count)])
        _run("play", folder)  # compiles where that has not been done
        for what in WORK:
            used = _run(what, folder)
            found[what] = {
                "cpu": used.cpu_seconds, "wall": used.wall_seconds, "gib": used.peak_mib / 1024, **used.answer,
            }  # fmt: skip
        size = {path.name: path.stat().st_size / 1e6 for path in Path(folder).glob("orders.*")}
    return {"work": found, "megabytes": size}


def _run(what: str, folder: str) -> Any:
    child = ["-m", "benchmarks.parts.tables_child", what, folder]
    return run_python(child, variables={"REGIONAL_DISPATCH_QUIET": "1"})


def targets(result: dict[str, Any]) -> list[Target]:
    """A minute and two gibibytes each for a million lines."""
    out = []
    for what in ("check", "play"):
        used = result["work"][what]
        name = f"{used['lines']:,} order lines, {WORK[what]}"
        seconds, gib = used["cpu"], used["gib"]
        out += [
            Target(f"{name}: CPU seconds", f"≤ {MOST_SECONDS:g} s", f"{seconds:.1f} s", seconds <= MOST_SECONDS),
            Target(f"{name}: peak memory", f"≤ {MOST_GIB:g} GiB", f"{gib:.2f} GiB", gib <= MOST_GIB),
        ]
    return out


def section(result: dict[str, Any]) -> list[str]:
    """A row for each piece of work."""
    rows = [
        [text, f"{used['lines']:,}", f"{used['orders']:,}", f"{used['cpu']:.1f}", f"{used['gib']:.2f}"]
        for what, text in WORK.items()
        if (used := result["work"][what])
    ]
    sizes = ", ".join(f"`{name}` {size:,.0f} MB" for name, size in sorted(result["megabytes"].items()))
    return [
        f"Orders drawn for the stations of us8, in a user's table ({sizes}). One process each, on one core; imports "
        "are counted.", "", *table(["what", "lines", "orders", "CPU s", "peak GiB"], rows),
    ]  # fmt: skip
