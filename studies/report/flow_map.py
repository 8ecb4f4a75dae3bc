"""A map of regions with arrows between them."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from matplotlib.patheffects import withStroke

from regional_dispatch.envs.render.colours import region_colour
from regional_dispatch.envs.render.geography import Projection
from regional_dispatch.envs.world.network import Network
from regional_dispatch.evaluation.text import number
from regional_dispatch.studies.report.charts import png
from regional_dispatch.studies.report.ground import draw_ground

_SIZE = (8.4, 5.2)  # inches
_WIDEST = 9.0  # points
_FAINTEST = 0.1  # of the strongest arrow; weaker ones are not drawn


def flow_map(network: Network, flow: np.ndarray) -> bytes:
    """Net flows as arrows from region to region, as wide as they are large.

    Args:
        network: its sites and regions.
        flow: (R, R) units from row to column; of a pair, what goes more one way than the other is drawn.
    """
    figure = Figure(figsize=_SIZE, layout="constrained")
    axis = figure.subplots()
    view = draw_ground(axis, network, 0.2)
    ends, net = _middles(network, view), np.maximum(flow - flow.T, 0.0)
    for a, b in zip(*np.nonzero(net > _FAINTEST * max(net.max(), 1e-9)), strict=True):
        width = _WIDEST * float(np.sqrt(net[a, b] / net.max()))
        axis.add_patch(
            FancyArrowPatch(
                tuple(ends[a]), tuple(ends[b]), connectionstyle="arc3,rad=0.16", shrinkA=7, shrinkB=7,
                arrowstyle=f"simple,head_length={3 + 1.2 * width},head_width={3 + 1.6 * width},tail_width={width}",
                facecolor=region_colour(int(a)), edgecolor="white", linewidth=0.5, alpha=0.85,
            )
        )  # fmt: skip
    for r, name in enumerate(network.region_names):
        received = float(flow[:, r].sum() - flow[r].sum())
        axis.annotate(
            f"{name}\n{number(received, 0, signed=True)}", ends[r], ha="center", va="center", fontsize=8.5,
            weight="bold", path_effects=[withStroke(linewidth=3, foreground="white")], zorder=5,
        )  # fmt: skip
    axis.set_aspect("equal")
    axis.axis("off")
    return png(figure)


def _middles(network: Network, view: Projection) -> np.ndarray:
    """The middle of each region's demand on the map: (R, 2)."""
    net, share = network.net, network.station_share
    first = net.fcs + net.scs
    stations = network.sites.iloc[first:]
    at = view.pixels(stations["longitude"].to_numpy(float), stations["latitude"].to_numpy(float))
    weight = (net.region_of_site[first:][:, None] == np.arange(net.regions)) * share[:, None]
    middles: np.ndarray = weight.T @ at / weight.sum(axis=0)[:, None]
    return middles
