"""The canvas: a picture of fixed size on which everything is placed in pixels, and where its parts lie.

Drawn with matplotlib's Agg canvas alone: no window, no pyplot, no global state.
"""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.text import Text

WIDTH, HEIGHT, DPI = 1280, 800, 100  # pixels, pixels, dots per inch
MAP_BOX = (28.0, 134.0, WIDTH - 28.0, 728.0)  # left, bottom, right, top; pixels
LEGEND_Y, PANEL_Y, PANEL_HEIGHT = 114.0, 16.0, 78.0  # pixels
HALO = [withStroke(linewidth=3.2, foreground="white", alpha=0.9)]  # around words on the map


class Canvas:
    """A figure whose axes count pixels.

    What does not change between frames is drawn once and kept (`keep`). A frame starts from it (`restore`) and adds
    the artists that were made with `animated=True` (`draw`).
    """

    def __init__(self) -> None:
        self.figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor="white")
        self._agg = cast(Any, FigureCanvasAgg(self.figure))
        self.axes = self.figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(0, HEIGHT))
        self.axes.set_axis_off()

    def render(self) -> None:
        """Draws everything that is not animated; sizes of texts are known afterwards."""
        self._agg.draw()

    def keep(self) -> None:
        """Keeps what is drawn now, for `restore`."""
        self._background = self._agg.copy_from_bbox(self.figure.bbox)

    def restore(self) -> None:
        """Goes back to what was kept."""
        self._agg.restore_region(self._background)

    def draw(self, artist: Artist) -> None:
        """Draws an animated artist over what is there."""
        self.axes.draw_artist(artist)

    def pixels(self) -> np.ndarray:
        """The picture, (800, 1280, 3) uint8: a view, which the next frame overwrites."""
        return np.asarray(self._agg.buffer_rgba())[..., :3]

    def text(self, x: float, y: float, text: str, size: float, colour: Any, **style: Any) -> Text:
        """Adds a text; `size` in points, `style` as matplotlib's."""
        return self.axes.text(x, y, text, fontsize=size, color=colour, family="DejaVu Sans", parse_math=False, **style)

    def extent(self, text: Text) -> Any:
        """The box around a text, in pixels: `x0`, `x1`, `width`, `height`."""
        return text.get_window_extent(self._agg.get_renderer())

    def write(self, text: Text, words: str, room: float = math.inf) -> None:
        """Draws words, cut with an ellipsis where they would be wider than `room` pixels."""
        text.set_text(words)
        while len(words) > 1 and self.extent(text).width > room:
            words = words[:-1]
            text.set_text(words.rstrip() + "…")
        self.draw(text)
