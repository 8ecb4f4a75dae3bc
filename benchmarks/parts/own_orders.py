"""A user's own orders: a file of a million order lines is checked, loaded and replayed, on one core.

The file is drawn from us8's stations and made of text as users have it: dates, names, SKUs with leading zeros.
"""

from __future__ import annotations

import tempfile
from typing import Any

from benchmarks.measure import Settings, Target, Used, run_python
from benchmarks.parts.own_orders_child import DAYS, POLICY, SKUS
from benchmarks.text import table

TITLE = "Your own orders"
LINES = 1_000_000
MOST_SECONDS, MOST_GIB = 60, 2.0


def measure(settings: Settings) -> dict[str, Any]:
    """CPU seconds and peak memory of the check, and of loading and replaying, for CSV and Parquet."""
    lines = LINES // 50 if settings.quick else LINES
    found: dict[str, Any] = {"lines": lines, "check": {}, "replay": {}}
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("csv", "parquet"):
            scenario = _run("write", folder, str(lines), kind).answer
            for what in ("check", "replay"):
                used = _run(what, scenario, folder)
                found[what][kind] = {"cpu": used.cpu_seconds, "gib": used.peak_mib / 1024}
    return found


def _run(*arguments: str) -> Used:
    return run_python(["-m", "benchmarks.parts.own_orders_child", *arguments])


def targets(result: dict[str, Any]) -> list[Target]:
    """A minute for each, in two GiB."""
    if result["lines"] < LINES:
        return []
    found = []
    for what, name in (("check", "check"), ("replay", "load and replay")):
        for kind, used in result[what].items():
            asked, said = f"≤ {MOST_SECONDS} s", f"{used['cpu']:.0f} s"
            found.append(
                Target(f"1 M order lines ({kind}): {name}, CPU seconds", asked, said, used["cpu"] <= MOST_SECONDS)
            )
    peak = max(used["gib"] for what in ("check", "replay") for used in result[what].values())
    met = peak <= MOST_GIB
    return [*found, Target("1 M order lines: peak memory", f"≤ {MOST_GIB:g} GiB", f"{peak:.2f} GiB", met)]


def section(result: dict[str, Any]) -> list[str]:
    """Seconds and memory by file."""
    rows = [
        [f"`{kind}`", *(text for what in ("check", "replay") for text in _cells(result[what][kind]))]
        for kind in result["check"]
    ]
    header = ["file", "check, CPU s", "GiB", "load and replay, CPU s", "GiB"]
    return [
        f"A file of {result['lines']:,} order lines over {DAYS} days, {SKUS:,} SKUs, under `{POLICY}` on us8's sites; "
        "each in a process of its own with the kernel compiled, one core.", "", *table(header, rows),
    ]  # fmt: skip


def _cells(used: dict[str, float]) -> list[str]:
    return [f"{used['cpu']:.1f}", f"{used['gib']:.2f}"]
