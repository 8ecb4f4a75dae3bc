"""What lies under the network: countries, states tinted by region, their borders, and the names of the regions."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from regional_dispatch.envs.render.canvas import HALO, MAP_BOX, Canvas
from regional_dispatch.envs.render.colours import NEUTRAL, mix, region_colour
from regional_dispatch.envs.render.geography import Ground, region_of_states
from regional_dispatch.envs.render.outlines import border_lines
from regional_dispatch.envs.world.network import Network

_COAST = "#b4bac1"  # borders around a region and along the coast
_LONGEST_NAME = 26  # characters


def add_ground(canvas: Canvas, ground: Ground, network: Network) -> None:
    """States tinted by region, countries grey; white borders inside a region, grey ones around it and along coasts."""
    region_of = region_of_states(network.sites, network.net.region_of_site)
    rings: list[Any] = []
    tints: list[tuple[float, float, float]] = []
    for name, outline in ground.outlines.items():
        region = region_of.get(name)
        rings += [ground.view.flat_pixels(*np.array(ring).T) for ring in outline]
        tints += [to_rgb(NEUTRAL) if region is None else mix(region_colour(region), "white", 0.17)] * len(outline)
    parts: list[Any] = [PolyCollection(rings, facecolors=tints, edgecolors="none")]
    for lines, colour in zip(_borders(ground, region_of), ("white", _COAST), strict=True):
        parts.append(LineCollection(lines, colors=colour, linewidths=0.9, capstyle="round"))
    left, bottom, right, top = MAP_BOX
    for part in parts:
        canvas.axes.add_collection(part, autolim=False)
        if not ground.whole_us:  # countries reach beyond the map
            part.set_clip_path(Rectangle((left, bottom), right - left, top - bottom, transform=canvas.axes.transData))


def _borders(ground: Ground, region_of: dict[str, int]) -> tuple[list[Any], list[Any]]:
    """Borders inside a region, and all others; neighbours share the points of their border."""
    names: dict[tuple[Any, ...], list[str]] = {}
    for name, outline in ground.outlines.items():
        for ring in outline:
            for pair in border_lines(ring):
                names.setdefault(tuple(sorted(map(tuple, pair))), []).append(name)
    inner: list[Any] = []
    outer: list[Any] = []
    for ends, sides in names.items():
        same = len(sides) > 1 and len({region_of.get(name, -1) for name in sides}) == 1
        (inner if same else outer).append(ground.view.flat_pixels(*np.array(ends).T))
    return inner, outer


def add_region_names(canvas: Canvas, network: Network, points: np.ndarray) -> list[Text]:
    """Names of the regions, animated; one region needs none.

    Args:
        canvas: rendered, so that sizes of texts are known.
        network: regions.
        points: (N, 2) pixels, the sites.
    """
    net = network.net
    if net.regions < 2:
        return []
    labels = [_region_name(canvas, r, name, net.regions) for r, name in enumerate(network.region_names)]
    boxes = [canvas.extent(label) for label in labels]
    sizes = np.array([(box.width, box.height) for box in boxes])
    home = net.region_of_site
    anchors = np.array([points[home == r].mean(axis=0) for r in range(net.regions)])
    for label, middle in zip(labels, place_labels(anchors, sizes, points, home, MAP_BOX), strict=True):
        label.set_position((float(middle[0]), float(middle[1])))
    return labels


def _region_name(canvas: Canvas, region: int, name: str, regions: int) -> Text:
    short = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
    style = {"weight": "bold", "ha": "center", "va": "center", "animated": True, "path_effects": HALO}
    return canvas.text(0, 0, short, 10.5 if regions <= 12 else 8.5, mix(region_colour(region), "black", 0.68), **style)


def place_labels(
    anchors: np.ndarray, sizes: np.ndarray, sites: np.ndarray, region_of_site: np.ndarray, box: tuple[float, ...]
) -> np.ndarray:
    """Middles of the region names: near their anchors, clear of each other and of sites, inside their region.

    A name covers no other name while there is room; a covered site costs as much as 90 pixels of distance.

    Args:
        anchors: (R, 2) pixels.
        sizes: (R, 2) pixels, width and height.
        sites: (N, 2) pixels.
        region_of_site: (N,).
        box: left, bottom, right, top.

    Returns:
        (R, 2) pixels.
    """
    steps = np.stack(np.meshgrid(np.arange(-170, 171, 10), np.arange(-130, 131, 10)), axis=-1).reshape(-1, 2)
    placed = np.zeros((0, 4))
    middles = anchors.copy()
    for r in np.argsort(-sizes[:, 0], kind="stable"):
        half = sizes[r] / 2 + 4
        spots = np.clip(anchors[r] + steps, np.array(box[:2]) + half, np.array(box[2:]) - half)
        away = np.abs(spots[:, None] - sites[None])
        covered = (away < half + 4).all(axis=2).sum(axis=1)
        foreign = region_of_site[np.linalg.norm(away / half, axis=2).argmin(axis=1)] != r
        clash = (np.abs(spots[:, None] - placed[None, :, :2]) < half + placed[None, :, 2:]).all(axis=2).sum(axis=1)
        cost = np.linalg.norm(spots - anchors[r], axis=1) / 60 + 1.5 * covered + 4.0 * foreign + 40.0 * clash
        middles[r] = spots[int(cost.argmin())]
        placed = np.vstack([placed, [*middles[r], *half]])
    return middles
