"""Waterfall charts: what each of several steps adds to a KPI, one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.render.colours import PALETTE
from regional_dispatch.evaluation.statistics import Interval
from regional_dispatch.evaluation.text import number
from regional_dispatch.studies.report.charts import label, plain, png

_PANEL = (3.3, 2.7)  # inches
_COLUMNS = 4
_COLOURS = {"better": PALETTE[0], "worse": PALETTE[4], "neither": "0.6"}
_DECIMALS = {"share": 1, "lanes": 0, "miles": 0, "trucks a day": 0}  # by unit; 2 for others
_WIDTH = 0.68  # of a bar; bars are 1 apart


class Waterfall(NamedTuple):
    """A KPI in the first state, and what each step changes."""

    start: float
    steps: Mapping[str, Interval]
    total: Interval  # of all steps


def waterfalls(panels: Mapping[str, Waterfall], last: str) -> bytes:
    """A panel per KPI: bars from the end of one step to the end of the next, and a bar of all steps.

    Heights are changes from the start, which is at zero, so bars can be compared within a panel.

    Args:
        panels: KPI → its waterfall, in the unit of its label.
        last: name of the bar of all steps.
    """
    columns = min(_COLUMNS, len(panels) + 1)
    rows = -(-(len(panels) + 1) // columns)
    figure = Figure(figsize=(columns * _PANEL[0], rows * _PANEL[1]), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, (kpi, fall) in zip(axes, panels.items(), strict=False):
        _draw(axis, kpi, fall, last)
    for axis in axes[len(panels) :]:
        axis.axis("off")
    handles = [Patch(color=_COLOURS[name], label=name) for name in ("better", "worse")]
    handles.append(Patch(color=_COLOURS["neither"], label="its interval holds zero"))
    axes[len(panels)].legend(handles=handles, loc="center", fontsize=9, frameon=False)
    return png(figure)


def _draw(axis: Any, kpi: str, fall: Waterfall, last: str) -> None:
    decimals = _DECIMALS.get(KPIS[kpi].unit, 2)
    below, edges = 0.0, []
    bars: Sequence[tuple[str, Interval, bool]] = (
        *((name, change, False) for name, change in fall.steps.items()), (last, fall.total, True),
    )  # fmt: skip
    for x, (_, change, whole) in enumerate(bars):
        low = 0.0 if whole else below
        axis.bar(x, change.mean, _WIDTH, bottom=low, color=_COLOURS[_verdict(kpi, change)], zorder=2)
        error = [[change.mean - change.ci_low], [change.ci_high - change.mean]]
        axis.errorbar(x, low + change.mean, yerr=error, color="0.15", linewidth=1.0, capsize=2.5, zorder=3)
        if x and not whole:
            axis.plot([x - 1, x], [low, low], color="0.45", linewidth=0.7, zorder=1)
        reach = [0.0, *(end for end in change if end == end)]
        edges.append((x, low + min(reach), low + max(reach), change.mean))
        below = low + change.mean
    high, low = max(0.0, *(edge[2] for edge in edges)), min(0.0, *(edge[1] for edge in edges))
    room = (high - low) or 1.0
    for x, bottom, top, mean in edges:
        up = mean >= 0
        axis.text(
            x, (top if up else bottom) + (0.03 if up else -0.03) * room, number(mean, decimals, signed=True),
            ha="center", va="bottom" if up else "top", fontsize=8,
        )  # fmt: skip
    axis.set_ylim(low - 0.16 * room, high + 0.16 * room)
    axis.axhline(0, color="0.3", linewidth=0.8, zorder=1)
    axis.set_xticks(range(len(bars)), [name for name, *_ in bars])
    ends = " → ".join(number(value, decimals) for value in (fall.start, fall.start + fall.total.mean))
    axis.set_title(f"{label(kpi)}\n{ends}", fontsize=9.5, loc="left")
    plain(axis)
    axis.grid(visible=False, axis="x")


def _verdict(kpi: str, change: Interval) -> str:
    """Whether a change is better, worse, or neither."""
    goal = KPIS[kpi].better
    if goal == "neither" or not change.sign:
        return "neither"
    return "better" if (change.sign < 0) == (goal == "lower") else "worse"
