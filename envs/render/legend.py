"""One line of keys between map and panel."""

from __future__ import annotations

import numpy as np

from regional_dispatch.envs.render.canvas import HEIGHT, LEGEND_Y, WIDTH, Canvas
from regional_dispatch.envs.render.colours import BETWEEN, FILL_COLOURS, INK, MUTED, region_colour

Key = tuple[str, float, str, str]  # marker, area in points², colour, meaning


def add_legend(canvas: Canvas, regions: int, loads: bool) -> None:
    """What marks and colours mean; `loads`: colours show truck fill, and FC sizes what they sent."""
    x = add_marks(canvas, _site_keys(loads))
    if loads:
        _add_fill_key(canvas, x)
    else:
        _add_lane_keys(canvas, x, regions)


def add_marks(canvas: Canvas, keys: list[Key]) -> float:
    """Keys of marks; returns where the next key starts."""
    x = 34.0
    for marker, area, colour, text in keys:
        canvas.axes.scatter([x], [LEGEND_Y], s=area, marker=marker, c=colour, linewidths=0)
        x = add_key_text(canvas, x + 11, text)
    return x


def _site_keys(loads: bool) -> list[Key]:
    return [
        ("s", 44, "#59636e", "fulfillment center, by packages sent" if loads else "fulfillment center"),
        ("^", 62, "#59636e", "sort center"),
        ("o", 62, "#a4aab0", "station, by people served"),
        ("o", 16, INK, "truck on the road"),
    ]


def _add_fill_key(canvas: Canvas, x: float) -> None:
    """The scale of truck fill, from x on."""
    x = add_key_text(canvas, x - 6, "truck fill: 0") - 18
    canvas.axes.imshow(
        np.linspace(0, 1, 64)[None], cmap=FILL_COLOURS, extent=(x, x + 90, LEGEND_Y - 4, LEGEND_Y + 4),
        aspect="auto", zorder=3,
    )  # fmt: skip
    canvas.axes.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))  # which imshow changes
    add_key_text(canvas, x + 96, "100 %")


def _add_lane_keys(canvas: Canvas, x: float, regions: int) -> None:
    """What the colour of a lane means, from x on."""
    keys = [(region_colour(0), "lane")]
    if regions > 1:
        keys = [(region_colour(0), "lane within a region"), (BETWEEN, "lane between regions")]
    for colour, text in keys:
        canvas.axes.plot([x - 6, x + 18], [LEGEND_Y] * 2, color=colour, linewidth=2, alpha=0.7)
        x = add_key_text(canvas, x + 25, text)


def add_key_text(canvas: Canvas, x: float, text: str) -> float:
    """Writes a key's text; returns where the next key starts."""
    return float(canvas.extent(canvas.text(x, LEGEND_Y, text, 8.2, MUTED, va="center")).x1) + 24
