"""A map of the lanes that run: as wide as they are busy, coloured by how full their trucks are expected to be."""

from __future__ import annotations

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from regional_dispatch.envs.render.colours import FILL_COLOURS, INK
from regional_dispatch.envs.render.curves import bends, curve
from regional_dispatch.envs.render.geography import site_points
from regional_dispatch.envs.world.network import Network
from regional_dispatch.studies.report.charts import png
from regional_dispatch.studies.report.ground import draw_ground

_SIZE = (9.6, 5.6)  # inches
_WIDEST, _THINNEST = 4.5, 0.4  # points
_LEAST_MARGIN = 20.0  # pixels of the map around the sites
_MARKS = {  # kind → marker, square points, name
    "station": ("o", 9.0, "delivery station"),
    "fc": ("s", 14.0, "fulfillment center"),
    "sc": ("D", 18.0, "sort center"),
}
_CURVE = np.linspace(0.0, 1.0, 15)


def lane_map(network: Network, packages: np.ndarray, fill: np.ndarray, title: str) -> bytes:
    """The lanes with packages, as PNG.

    Args:
        network: its sites, regions and lanes.
        packages: (L,) packages a day.
        fill: (L,) share of their room that trucks use.
        title: heading.
    """
    figure = Figure(figsize=_SIZE, layout="constrained")
    axis = figure.subplots()
    view = draw_ground(axis, network, 0.15)
    at, lanes = site_points(view, network.sites), network.net.lanes
    used = np.flatnonzero(packages > 0)
    used = used[np.argsort(packages[used], kind="stable")]
    paths = curve(at[lanes["origin"][used]], at[lanes["dest"][used]], _CURVE, bends(lanes)[used])
    weight = np.sqrt(packages[used] / packages[used].max()) if len(used) else np.zeros(0)
    axis.add_collection(
        LineCollection(
            list(paths),
            colors=FILL_COLOURS(fill[used]),
            linewidths=_THINNEST + (_WIDEST - _THINNEST) * weight,
            alpha=0.8,
        )
    )
    for kind, (marker, size, name) in _MARKS.items():
        own = at[(network.sites["kind"] == kind).to_numpy()]
        axis.scatter(
            own[:, 0], own[:, 1], s=size, marker=marker, c="white", edgecolors=INK, linewidths=0.7, zorder=3, label=name
        )
    axis.legend(loc="lower left", fontsize=8, frameon=False)
    bar = figure.colorbar(ScalarMappable(Normalize(0, 100), FILL_COLOURS), ax=axis, shrink=0.6, pad=0.01)
    bar.set_label("expected truck fill, %", fontsize=8)
    axis.set_title(title, fontsize=10, loc="left")
    low, high = at.min(axis=0), at.max(axis=0)
    margin = max(0.06 * float((high - low).max()), _LEAST_MARGIN)
    axis.set(xlim=(low[0] - margin, high[0] + margin), ylim=(low[1] - margin, high[1] + margin))
    axis.set_aspect("equal")
    axis.axis("off")
    return png(figure)
