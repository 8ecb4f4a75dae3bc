"""A map of what a change of the network does: lanes that carry more and lanes that carry less, and the sites named."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from regional_dispatch.envs.render.colours import INK
from regional_dispatch.envs.render.curves import curve
from regional_dispatch.envs.world.network import Network
from regional_dispatch.studies.report.charts import png
from regional_dispatch.studies.report.ground import draw_ground

_SIZE = (9.6, 5.6)  # inches
_WIDEST, _THINNEST = 5.0, 0.3  # points
_MORE, _LESS = "#c2410c", "#1d4ed8"
_FAINTEST = 0.01  # of the largest difference; smaller ones are not drawn
_MARKS = {"station": ("o", 8.0), "fc": ("s", 16.0), "sc": ("D", 16.0)}  # kind → marker, square points


def difference_map(before: Network, after: Network, lanes: pd.DataFrame) -> bytes:
    """Packages a day, after less before, on every lane of either network, as PNG.

    Args:
        before: the network as it was.
        after: as it is after the change.
        lanes: see `evaluation.whatif.answer.lane_table`; lanes of the first policy are drawn.
    """
    own = lanes[lanes["policy"] == lanes["policy"].iloc[0]]
    change = (own["packages_per_day_after"] - own["packages_per_day_before"]).to_numpy(float)
    sites = pd.concat([after.sites, before.sites]).drop_duplicates("name")
    was = before.sites.set_index("name")[["longitude", "latitude"]]
    now = after.sites.set_index("name")[["longitude", "latitude"]]
    figure = Figure(figsize=_SIZE, layout="constrained")
    axis = figure.subplots()
    view = draw_ground(axis, before, 0.12)
    at = dict(zip(sites["name"], view.pixels(*sites[["longitude", "latitude"]].to_numpy(float).T), strict=True))
    shown = np.flatnonzero(np.abs(change) > _FAINTEST * max(np.abs(change).max(), 1e-9))
    shown = shown[np.argsort(np.abs(change[shown]), kind="stable")]
    if len(shown):
        start, end = (np.array([at[x] for x in own[column].to_numpy()[shown]]) for column in ("origin", "destination"))
        weight = np.sqrt(np.abs(change[shown]) / np.abs(change).max())
        axis.add_collection(
            LineCollection(
                list(curve(start, end, np.linspace(0.0, 1.0, 15))), alpha=0.75,
                colors=[_MORE if x > 0 else _LESS for x in change[shown]],
                linewidths=_THINNEST + (_WIDEST - _THINNEST) * weight,
            )
        )  # fmt: skip
    for kind, (marker, size) in _MARKS.items():
        points = np.array([at[name] for name in sites.loc[sites["kind"] == kind, "name"]]).reshape(-1, 2)
        axis.scatter(
            points[:, 0], points[:, 1], s=size, marker=marker, c="white", edgecolors=INK, linewidths=0.7, zorder=3
        )
    named = [(f"{name} (closed)", at[name]) for name in was.index.difference(now.index)]
    named += [(f"{name} (added)", at[name]) for name in now.index.difference(was.index)]
    both = was.index.intersection(now.index)
    stirred = both[(was.loc[both] != now.loc[both]).any(axis=1).to_numpy()]
    named += [(f"{name} (moved)", at[name]) for name in stirred]
    for text, point in named:
        axis.annotate(text, point, xytext=(5, 5), textcoords="offset points", fontsize=8, weight="bold", zorder=5)
        axis.scatter(point[0], point[1], s=60, facecolors="none", edgecolors=INK, linewidths=1.4, zorder=4)
    lines = [Line2D([], [], color=colour, linewidth=3) for colour in (_MORE, _LESS)]
    axis.legend(lines, ["more packages a day", "fewer"], loc="lower left", fontsize=8, frameon=False)
    largest = np.abs(change).max() if len(change) else 0.0
    axis.set_title(f"After less before; the widest lane: {largest:,.0f} packages a day", fontsize=10, loc="left")
    points = np.array(list(at.values()))
    margin = 0.06 * (points.max(axis=0) - points.min(axis=0)).max() + 1.0
    (left, low), (right, high) = points.min(axis=0) - margin, points.max(axis=0) + margin
    axis.set(xlim=(left, right), ylim=(low, high))
    axis.set_aspect("equal")
    axis.axis("off")
    return png(figure)
