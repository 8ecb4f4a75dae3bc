"""What a frame draws over the ground: lanes, sites, trucks and events.

Each layer makes its artists once per partition and draws them in every frame. Axes: N sites, F FCs, L lanes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_rgb

from regional_dispatch.envs.render.canvas import Canvas
from regional_dispatch.envs.render.colours import ALARM, BETWEEN, FILL_COLOURS, INK, region_colour
from regional_dispatch.envs.render.curves import bends, curve, truck_points
from regional_dispatch.envs.render.traffic import Truck, full_width
from regional_dispatch.envs.world.network import Net, Network

_CURVE = np.linspace(0.0, 1.0, 15)
_THINNEST, _WIDEST = 0.5, 3.8  # points
# Where there are more than so many lanes in use or trucks on the road, they are drawn fainter and smaller.
_FEW_LANES, _FEW_TRUCKS = 800, 800
_SMALLEST = 0.08  # of the area of a truck's dot, however many there are


class LanePaths:
    """Where lanes run on the canvas."""

    def __init__(self, net: Net, points: np.ndarray) -> None:
        """`points`: (N, 2) pixels, the sites."""
        self._start, self._end = points[net.lanes["origin"]], points[net.lanes["dest"]]
        self._bend = bends(net.lanes)

    def lines(self, lanes: np.ndarray) -> list[np.ndarray]:
        """Points along each of some lanes."""
        return list(curve(self._start[lanes], self._end[lanes], _CURVE, self._bend[lanes]))

    def at(self, lanes: np.ndarray, fraction: np.ndarray) -> np.ndarray:
        """Where trucks are on their lanes: (n, 2) pixels."""
        return truck_points(self._start[lanes], self._end[lanes], fraction, self._bend[lanes])


class LaneLayer:
    """Lanes in use: as wide as the packages they carry, coloured by region or by truck fill."""

    def __init__(self, canvas: Canvas, net: Net, paths: LanePaths, faintest: float, strongest: float) -> None:
        """`faintest`: opacity of the least used lane; `strongest`: multiplies all opacities."""
        self._canvas, self._paths, self._faintest, self._strongest = canvas, paths, faintest, strongest
        self._lines = _add_lines(canvas)
        self._own_colour = _region_colours(net)

    def draw(self, packages: np.ndarray, fill: np.ndarray | None) -> None:
        """Draws lanes with packages (L,), the busiest on top; `fill` (L,) colours them by truck fill."""
        used = np.flatnonzero(packages > 0)
        if not len(used):
            return
        used = used[np.argsort(packages[used], kind="stable")]
        weight = np.sqrt(np.minimum(packages[used] / full_width(packages), 1.0))
        crowd = min(1.0, _FEW_LANES / len(used))
        self._lines.set_segments(self._paths.lines(used))
        self._lines.set_linewidth((crowd * _THINNEST + (_WIDEST - _THINNEST) * weight).tolist())
        rgb = self._own_colour if fill is None else _fill_colours(fill)
        colours: Any = np.column_stack([rgb[used], (crowd * self._faintest + 0.5 * weight) * self._strongest])
        self._lines.set_color(colours)
        self._canvas.draw(self._lines)


def _add_lines(canvas: Canvas) -> LineCollection:
    lines = LineCollection([], capstyle="round", animated=True)
    canvas.axes.add_collection(lines, autolim=False)
    return lines


def _region_colours(net: Net) -> np.ndarray:
    """(L, 3) RGB: a region's own colour inside it, grey between regions."""
    origin, dest = (net.region_of_site[net.lanes[end]] for end in ("origin", "dest"))
    table = np.array([to_rgb(region_colour(r)) for r in range(net.regions)])
    return np.where((origin == dest)[:, None], table[origin], np.array(to_rgb(BETWEEN)))


def _fill_colours(fill: np.ndarray) -> np.ndarray:
    """(L, 3) RGB."""
    return np.where(np.isnan(fill)[:, None], to_rgb(BETWEEN), FILL_COLOURS(np.nan_to_num(fill))[:, :3])


class TruckLayer:
    """Trucks on the road, a dot each."""

    def __init__(self, canvas: Canvas, paths: LanePaths, area: float) -> None:
        """`area`: of a dot while there are few trucks, points²."""
        self._canvas, self._paths, self._area = canvas, paths, area
        self._dots = canvas.axes.scatter([], [], c=INK, edgecolors="white")
        self._dots.set_animated(True)

    def draw(self, trucks: list[Truck]) -> None:
        """Draws every truck."""
        if not trucks:
            return
        lanes = np.array([truck.lane for truck in trucks])
        crowd = min(1.0, max(_FEW_TRUCKS / len(trucks), _SMALLEST))
        self._dots.set_sizes([crowd * self._area])
        self._dots.set_linewidth(0.6 * crowd)
        self._dots.set_offsets(self._paths.at(lanes, np.array([truck.fraction for truck in trucks])))
        self._canvas.draw(self._dots)


class SiteLayer:
    """FCs, sort centers and stations, coloured by region."""

    def __init__(self, canvas: Canvas, network: Network, points: np.ndarray) -> None:
        """`points`: (N, 2) pixels, the sites."""
        self._canvas, self._points = canvas, points
        sites = network.sites
        kind, people = sites["kind"].to_numpy(), sites["population"].to_numpy(float)
        colours = np.array([to_rgb(region_colour(int(r))) for r in network.net.region_of_site])
        self._crowd = crowd = min(1.0, math.sqrt(150 / len(sites)))  # the more sites, the smaller their marks
        fc, sort, station = (kind == name for name in ("fc", "sc", "station"))
        share = people[station] / people[station].max()
        pale = np.column_stack([colours[station], np.full(len(share), 0.5)])
        self._stations = self._marks(station, "o", crowd * (14 + 190 * share**0.6), pale)
        self._sort_centers = self._marks(sort, "^", crowd * 62, 0.6 * colours[sort])
        self._fcs = self._marks(fc, "s", crowd * 44, colours[fc])

    def draw_stations(self) -> None:
        """Stations, which lie under the trucks."""
        self._canvas.draw(self._stations)

    def draw_fcs(self, load: np.ndarray | None = None) -> None:
        """FCs, which lie over the trucks; `load` (F,) gives them their size."""
        if load is not None:
            self._fcs.set_sizes(np.asarray(self._crowd * (8 + 150 * load / max(1.0, float(load.max())))))
        self._canvas.draw(self._fcs)

    def draw_sort_centers(self) -> None:
        """Sort centers, which lie over the trucks."""
        self._canvas.draw(self._sort_centers)

    def _marks(self, own: np.ndarray, marker: str, area: Any, colours: np.ndarray) -> PathCollection:
        x, y = self._points[own].T
        marks = self._canvas.axes.scatter(
            x, y, area, marker=marker, facecolors=colours, edgecolors="white", linewidths=0.8
        )
        marks.set_animated(True)
        return marks


class EventLayer:
    """What is out of order, in red: closed lanes that routes use, and sites with less capacity."""

    def __init__(self, canvas: Canvas, net: Net, paths: LanePaths, points: np.ndarray) -> None:
        """`points`: (N, 2) pixels, the sites."""
        self._canvas, self._net, self._paths, self._points = canvas, net, paths, points
        self._closed = _add_lines(canvas)
        self._crosses = canvas.axes.scatter([], [], s=90, c=ALARM, marker="x", linewidths=2.4)
        self._crosses.set_animated(True)

    def draw(self, shut: np.ndarray, site_capacity: np.ndarray) -> None:
        """`shut`: (L,) 1 for closed lanes; `site_capacity`: (N,) now."""
        closed = np.flatnonzero((shut == 1) & (self._net.lanes["slot"] >= 0))
        hit = np.flatnonzero(site_capacity < self._net.site_capacity)
        if len(closed):
            self._closed.set_segments(self._paths.lines(closed))
            self._closed.set(color=ALARM, linewidth=1.1, linestyle=(0, (3, 2)))
            self._canvas.draw(self._closed)
        if len(hit):
            self._crosses.set_offsets(self._points[hit])
            self._canvas.draw(self._crosses)
