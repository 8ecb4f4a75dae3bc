"""Charts of studies as PNG bytes; intervals are always shown."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.render.canvas import DPI as MAP_DPI
from regional_dispatch.envs.render.colours import region_colour
from regional_dispatch.evaluation.statistics import Interval

DPI = 160
_PANEL = (3.7, 2.6)  # inches
_COLUMNS = 3


class Line(NamedTuple):
    """A series of one panel."""

    name: str
    x: Sequence[float]
    y: Sequence[Interval]


def label(kpi: str) -> str:
    """A KPI with its unit, as on an axis."""
    unit = KPIS[kpi].unit
    words = kpi.removesuffix("_usd").removesuffix("_hours").removesuffix("_share").replace("_", " ").capitalize()
    return f"{words.replace('Co2 kg', 'CO₂')}, {'%' if unit == 'share' else unit}"


def name_and_unit(kpi: str) -> tuple[str, str]:
    """The two parts of `label`."""
    name, _, unit = label(kpi).rpartition(", ")
    return name, unit


def scale(kpi: str) -> float:
    """Factor of a value on an axis: shares are shown in percent."""
    return 100.0 if KPIS[kpi].unit == "share" else 1.0


def lines_grid(
    panels: Mapping[str, Sequence[Line]], x_label: str | Mapping[str, str], marks: Sequence[float] = (),
    dots: bool = True,
) -> bytes:  # fmt: skip
    """Small multiples, with a common x axis or one each.

    Args:
        panels: y label → series, each drawn with the band of its intervals.
        x_label: of all panels, or y label → x label.
        marks: x values with a vertical line.
        dots: mark every point, for series of few points.
    """
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(columns * _PANEL[0], rows * _PANEL[1]), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    names = list(dict.fromkeys(line.name for lines in panels.values() for line in lines))
    for axis, (title, lines) in zip(axes, panels.items(), strict=False):
        for line in lines:
            _draw(axis, line, region_colour(names.index(line.name)), 3.2 if dots else 0.0)
        for mark in marks:
            axis.axvline(mark, color="0.55", linewidth=0.9, linestyle=":")
        axis.set_title(title, fontsize=9.5, loc="left")
        axis.set_xlabel(x_label if isinstance(x_label, str) else x_label[title], fontsize=8.5)
        plain(axis)
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    if len(names) > 1:
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=min(4, len(names)), fontsize=8.5, frameon=False)
    return png(figure)


def _draw(axis: Any, line: Line, colour: str, dot: float) -> None:
    x = np.asarray(line.x, float)
    mean, low, high = (np.array([getattr(point, part) for point in line.y]) for part in Interval._fields)
    axis.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
    axis.plot(x, mean, color=colour, linewidth=1.6, marker="o", markersize=dot, label=line.name)


def plain(axis: Any) -> None:
    """A light grid and small ticks, no box."""
    axis.grid(alpha=0.25)
    axis.tick_params(labelsize=8)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def png(figure: Figure) -> bytes:
    """A figure as PNG."""
    figure.set_dpi(DPI)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return picture(np.asarray(canvas.buffer_rgba())[..., :3], DPI)


def picture(pixels: np.ndarray, dpi: int = MAP_DPI) -> bytes:
    """Pixels, (H, W, 3) uint8, as PNG of 256 colours, a third of the size without a visible difference."""
    out = io.BytesIO()
    few = Image.fromarray(pixels).quantize(256, dither=Image.Dither.NONE)
    few.save(out, format="png", optimize=True, dpi=(dpi, dpi))
    return out.getvalue()


def long_table(panels: Mapping[str, Sequence[Line]], x_name: str) -> pd.DataFrame:
    """The numbers of a grid: one row per panel, series and x."""
    return pd.DataFrame(
        [
            {"panel": panel, "series": line.name, x_name: x, **point._asdict()}
            for panel, lines in panels.items()
            for line in lines
            for x, point in zip(line.x, line.y, strict=True)
        ]
    )
