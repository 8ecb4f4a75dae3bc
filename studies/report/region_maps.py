"""Boundaries side by side: small maps with the ground in the colour of its region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from scipy.spatial import KDTree

from regional_dispatch.envs.render.colours import mix, region_colour
from regional_dispatch.envs.render.geography import ground_of
from regional_dispatch.studies.report.charts import png

_PANEL = (4.1, 2.5)  # inches
_COLUMNS = 3
_GROUND = 0.34  # strength of a region's colour on the ground
_MARGIN = 14.0  # pixels around the map
_INK = "#1d2329"
_LARGEST = 60.0  # square points of the largest station's dot


def boundary_maps(sites: pd.DataFrame, boundaries: Mapping[str, np.ndarray], names: Mapping[int, str]) -> bytes:
    """One small map per boundary, as PNG.

    The ground belongs to the region of the nearest station, as FCs and sort centers do; dots are stations by people
    served, squares FCs.

    Args:
        sites: of a network (`envs.world.network.Network.sites`).
        boundaries: title → (D,) region number per station.
        names: of the regions, by number.
    """
    rows = -(-len(boundaries) // _COLUMNS)
    figure = Figure(figsize=(_COLUMNS * _PANEL[0], rows * _PANEL[1]), layout="constrained")
    axes = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    base = _Base(sites)
    for axis, (title, labels) in zip(axes, boundaries.items(), strict=False):
        base.draw(axis, labels)
        axis.set_title(title, fontsize=9.5, loc="left")
    for axis in axes:
        axis.set_axis_off()
    spare, keys = axes[len(boundaries) :], _keys(names)
    if len(spare):
        spare[0].legend(handles=keys, loc="center", fontsize=9, frameon=False, ncols=1 + (len(keys) > 12))
    else:
        figure.legend(handles=keys, loc="outside lower center", fontsize=8.5, frameon=False, ncols=6)
    return png(figure)


class _Base:
    """What all maps share: positions in the pixels of the viewer's map."""

    def __init__(self, sites: pd.DataFrame) -> None:
        ground = ground_of(sites)
        view = ground.view
        rings = [view.flat_pixels(*np.array(ring).T) for outline in ground.outlines.values() for ring in outline]
        points = view.pixels(sites["longitude"].to_numpy(), sites["latitude"].to_numpy())
        kind = sites["kind"].to_numpy()
        self.stations, self.fcs = points[kind == "station"], points[kind == "fc"]
        self.people = sites["population"].to_numpy(float)[kind == "station"]
        self.land = Path.make_compound_path(*(Path(ring, closed=True) for ring in rings))
        self.clipped = bool(rings and self.land.contains_points(self.stations, radius=_MARGIN).mean() > 0.5)
        shown = np.concatenate([*rings, points]) if self.clipped and ground.whole_us else points
        self.low, self.high = shown.min(axis=0) - _MARGIN, shown.max(axis=0) + _MARGIN
        x, y = (np.arange(low, high) for low, high in zip(self.low, self.high, strict=True))
        grid = np.stack(np.meshgrid(x, y), axis=-1)
        self.nearest = KDTree(self.stations).query(grid)[1]  # (height, width)

    def draw(self, axis: Any, labels: np.ndarray) -> None:
        colours = [region_colour(int(r)) for r in labels]
        tints = np.array([mix(colour, "white", _GROUND) for colour in colours])
        (left, bottom), (right, top) = self.low, self.high
        ground = axis.imshow(tints[self.nearest], origin="lower", extent=(left, right, bottom, top), aspect="equal")
        if self.clipped:
            states = PathPatch(self.land, facecolor="none", edgecolor="white", linewidth=0.45)
            axis.add_patch(states)
            ground.set_clip_path(states)
        size = _LARGEST * (self.people / self.people.max()) ** 0.6 + 3
        axis.scatter(*self.stations.T, s=size, c=colours, edgecolors="white", linewidths=0.4, zorder=3)
        axis.scatter(*self.fcs.T, s=5, marker="s", c=_INK, linewidths=0, zorder=4)
        axis.set(xlim=(left, right), ylim=(bottom, top))


def _keys(names: Mapping[int, str]) -> list[Line2D]:
    """The legend: regions and marks."""
    keys = [("o", 8.0, region_colour(r), name) for r, name in names.items()]
    keys += [("o", 6.0, "#9aa1a8", "station, by people served"), ("s", 3.5, _INK, "fulfillment center")]
    return [
        Line2D([], [], linestyle="", marker=marker, markersize=size, color=colour, label=text)
        for marker, size, colour, text in keys
    ]
