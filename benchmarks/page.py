"""The performance page, from performance.json."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.parts import PARTS, load_part
from benchmarks.text import table
from regional_dispatch.evaluation.provenance import made_by

_INTRO = (
    "Written by `python -m benchmarks.run --page docs/performance.md` from its measurements. Figures are medians of "
    "repeats with their quartiles in parentheses; a figure without them was measured once. CPU time is that of one "
    "core; figures per second of it do not depend on what else the machine does, except for caches and memory "
    "bandwidth. All figures of a section come from one run on one machine, and so do the ratios between them. Episodes "
    "are of the tuning stream, never of the evaluation stream."
)
MET, MISSED = "met", "**missed**"


def performance_page(found: dict[str, Any]) -> str:
    """The whole page.

    Args:
        found: the content of performance.json.
    """
    parts = {name: found["parts"][name] for name in PARTS if name in found["parts"]}
    lines = ["# Performance", "", _INTRO, ""]
    if any(part["made"]["quick"] for part in parts.values()):
        lines += ["**Some parts were measured with `--quick`, on small sizes: their figures mean little.**", ""]
    lines += [*_targets(parts)]
    for name, part in parts.items():
        lines += ["", f"## {load_part(name).TITLE}", "", *_body(name, part)]
    return "\n".join(lines) + "\n"


def _targets(parts: dict[str, Any]) -> list[str]:
    """Every target beside what was measured, quick parts left out; those that are missed say so."""
    whole = {name: part for name, part in parts.items() if "result" in part and not part["made"]["quick"]}
    targets = [target for name, part in whole.items() for target in load_part(name).targets(part["result"])]
    if not targets:
        return []
    missed = sum(not target.met for target in targets)
    rows = [[t.what, t.asked, t.measured, MET if t.met else MISSED] for t in targets]
    summary = f"{len(targets) - missed} of {len(targets)} targets are met."
    return ["## Targets", "", summary, "", *table(["what", "asked", "measured", ""], rows)]


def _body(name: str, part: dict[str, Any]) -> Iterator[str]:
    """A part's figures and how they were made."""
    if "error" in part:
        yield f"Not measured: {part['error']}"
        return
    yield from load_part(name).section(part["result"])
    noise, made = part["noise"], part["made"]
    swing = (noise["q3"] - noise["q1"]) / noise["median"]
    yield ""
    yield (
        f"{made_by(made)} {made['date']}, {made['wall_seconds'] / 60:.1f} minutes. The same piece of work took "
        f"{noise['median'] * 1e3:.0f} ms, its quartiles {swing:.1%} apart: the machine's noise before the run."
    )
