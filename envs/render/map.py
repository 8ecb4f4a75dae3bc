"""The map: sites, lanes in use, trucks on the road and the KPIs of the day, as one picture.

Drawn with matplotlib's Agg canvas alone: no window, no pyplot, no global state. Everything is placed in pixels on a
canvas of fixed size. What never moves (states, legend, panel) is drawn once and kept; a frame adds lanes, sites, trucks
and numbers.

A dot is a truck. Its place on its lane is the share of the transit it has behind it. A lane's width and strength show
the packages it has carried since the warm-up, or, before any were counted, those that wait for it or ride on it now.
Its colour is its region's, or, where loads are asked for, how full its trucks left since the warm-up.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PathCollection, PolyCollection
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.patches import FancyBboxPatch
from matplotlib.patheffects import withStroke
from matplotlib.text import Text

from regional_dispatch.envs.kernel.metrics import Totals, compute_kpis, difference
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.replacing import replacing
from regional_dispatch.envs.world.scenario import DATA_DIR

WIDTH, HEIGHT, DPI = 1280, 800, 100  # pixels, pixels, dots per inch
DAY_HOURS = 24
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

# Okabe and Ito's colours for colour-blind readers without yellow and black, two of Paul Tol's, then colours chosen one
# by one: each as far as could be from those before it and from the grey of lanes between regions, in CIELAB, for
# normal, protan and deutan sight alike.
PALETTE = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#882255", "#332288", "#732F0D", "#4763EB",
    "#B4B464", "#AC6039", "#732673", "#758AF0", "#602020", "#E996A4", "#285ABD", "#8A4E42", "#2828BD", "#6BBFD4",
)  # fmt: skip

_INK, _MUTED, _PANEL, _NEUTRAL = "#1d2329", "#68717b", "#f4f5f6", "#eff0f1"
_BETWEEN = "#4a4f55"  # lanes between regions, and lanes of which no truck was counted
# Truck fill, empty to full: viridis, which colour-blind readers order as others do, without its palest end.
FILL_COLOURS = LinearSegmentedColormap.from_list("fill", colormaps["viridis_r"](np.linspace(0.08, 1.0, 256)))
HALO = [withStroke(linewidth=3.2, foreground="white", alpha=0.9)]  # around words on the map
_ALARM = "#c8102e"  # what an event has hit
_MAP_BOX = (28.0, 134.0, WIDTH - 28.0, 728.0)  # left, bottom, right, top
_LEGEND_Y, _PANEL_Y, _PANEL_HEIGHT = 114.0, 16.0, 78.0
_US_ASPECT = 0.77  # degrees of latitude per degree of longitude at the US's middle latitude
_BOW, _MOST_BOW = 0.10, 36.0  # a lane bends to its right by this share of its length, by so many pixels at most
_CURVE = np.linspace(0.0, 1.0, 15)
_CLEARANCE = 8.0  # pixels between a site and a truck that has just left it or is about to arrive
_THINNEST, _WIDEST = 0.5, 3.8  # points

TILES: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("Cost per order", "cost_per_order_usd", lambda v: f"${v:,.2f}"),
    ("In-region orders", "in_region_share", lambda v: _percent(v)),
    ("Lines on time", "on_time_share", lambda v: _percent(v)),
    ("Truck fill", "truck_fill", lambda v: _percent(v)),
    ("Miles per package", "miles_per_package", lambda v: f"{v:,.0f}"),
    ("Touches per package", "touches_per_package", lambda v: f"{v:.2f}"),
    ("Spot trucks", "spot_share", lambda v: _percent(v)),
)


class Truck(NamedTuple):
    """A truck on the road."""

    lane: int
    fraction: float  # of the transit done, 0 at departure, 1 at arrival
    packages: int


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


# --------------------------------------------------------------------------------------------- what is to be seen


def trucks_under_way(sim: Simulator, row: int) -> list[Truck]:
    """Every truck on the road, soonest to arrive first.

    Raises:
        ValueError: the row has not been reset.
    """
    s, net = sim.state, sim.world.net
    arriving, package, tick = s.arriving[row], s.package[row], sim.tick(row)
    if not arriving.any():  # after a reset an empty slot holds −1
        raise ValueError(f"row {row} holds no episode; call reset({row}, key) before drawing it")
    found = []
    for ahead in range(len(arriving)):
        first = int(arriving[(tick + ahead) % len(arriving), 0])
        while first >= 0:
            record = package[first]
            lane = int(net.routes["lanes"][record["route"], record["leg"]])
            done = 1.0 - ahead / int(net.lanes["ticks"][lane])
            found.append(Truck(lane, done, _load(package["next"], first)))
            first = int(record["truck"])
    return found


def _load(following: np.ndarray, first: int) -> int:
    """Packages of a truck, counted along their links."""
    count = 0
    while first >= 0:
        first, count = int(following[first]), count + 1
    return count


def lane_packages(sim: Simulator, row: int, trucks: list[Truck]) -> np.ndarray:
    """Packages that give each lane its width, 0 where it is not drawn: (L,) float64.

    Those carried since the warm-up, or, while there are none, those that wait. A lane that has carried none but has
    trucks on the road (they left during the warm-up) counts what rides on it, so every truck is on a line.
    """
    lane = sim.state.lane[row]
    counted = lane["carried"] > 0
    packages = np.asarray(lane["carried" if counted.any() else "count"], dtype=float)
    for truck in trucks:
        if not counted[truck.lane]:
            packages[truck.lane] += truck.packages
    return packages


def lane_fill(sim: Simulator, row: int) -> np.ndarray:
    """Share of their room that a lane's trucks used since the warm-up, NaN where none has left: (L,) float64."""
    lane, room = sim.state.lane[row], sim.world.rules.truck_packages
    with np.errstate(invalid="ignore"):
        return np.asarray(lane["carried"] / (room * lane["trucks"]))


def fc_packages(sim: Simulator, row: int) -> np.ndarray:
    """Packages that have left each FC since the warm-up: (F,) float64."""
    net = sim.world.net
    return np.bincount(net.lanes["origin"], sim.state.lane["carried"][row], len(net.fleet))[: net.fcs]


def full_width(packages: np.ndarray) -> float:
    """Packages from which on a lane has its full width: the 95th percentile of the lanes in use, 0 if there are none.

    A few short lanes in the largest metros carry so much that all others would look alike beside them.
    """
    used = packages[packages > 0]
    return float(np.quantile(used, 0.95, method="higher")) if len(used) else 0.0


def clock(sim: Simulator, row: int, back: float = 0.0) -> str:
    """Day and hour of the week, such as `Tue 14:00`; `back` ticks ago."""
    record = sim.state.row[row]
    minutes = round((int(record["week_tick"]) + int(record["tick"]) - back) * sim.scenario.tick_hours * 60)
    day, minute = divmod(minutes, DAY_HOURS * 60)
    return f"{DAYS[day % 7]} {minute // 60:02d}:{minute % 60:02d}"


class KpiWindow:
    """KPIs of the last 24 hours, from snapshots of a row's counters; since the warm-up where no snapshot is that old.

    A day's KPIs are those of the difference of two `Totals`: counters and dollars now less those of 24 hours ago. Its
    dollars are the cash paid in the day plus the change in the value of work under way.
    """

    def __init__(self) -> None:
        self._seen: dict[int, dict[int, Totals]] = {}  # per row, by tick
        self._key: dict[int, int] = {}

    def read(self, sim: Simulator, row: int) -> tuple[str, dict[str, float]]:
        """Notes a row's counters; returns the period in words and its KPIs, none during the warm-up."""
        tick, key, hours = sim.tick(row), int(sim.state.row["key"][row]), sim.scenario.tick_hours
        start = sim.world.rules.warmup_tick
        seen = self._seen.setdefault(row, {})
        if self._key.get(row) != key or any(old > tick for old in seen):
            seen.clear()
        self._key[row] = key
        if tick <= start:
            return f"Warming up\nuntil hour {_number(start * hours)}", {}
        now = sim.totals(row)
        day = round(DAY_HOURS / hours)
        for old in [t for t in seen if t < tick - day]:
            del seen[old]
        seen[tick] = now._replace(count=now.count.copy(), usd=now.usd.copy())
        if tick - day in seen:
            return "Last 24 hours", compute_kpis(difference(now, seen[tick - day]))
        return f"Since warm-up,\n{_number((tick - start) * hours)} hours", compute_kpis(now)


def _counted(count: int, name: str) -> str:
    return f"{count:,} {name}" if count == 1 else f"{count:,} {name}s"


def _number(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")


# ----------------------------------------------------------------------------------------------------- geography


class Projection(NamedTuple):
    """Degrees to pixels: longitudes shrunk as at the map's middle latitude, fitted to the map's box."""

    longitude: float  # at the box's middle
    latitude: float
    aspect: float  # degrees of latitude per degree of longitude
    scale: float  # pixels per degree of latitude

    def pixels(self, longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
        """Points on the canvas: (n, 2)."""
        left, bottom, right, top = _MAP_BOX
        x = (left + right) / 2 + (np.asarray(longitude, float) - self.longitude) * self.aspect * self.scale
        y = (bottom + top) / 2 + (np.asarray(latitude, float) - self.latitude) * self.scale
        return np.stack([x, y], axis=-1)


Outlines = dict[str, list[list[list[float]]]]


def read_outlines() -> Outlines:
    """Rings of the contiguous US states by two-letter code, points as [longitude, latitude]."""
    outlines: Outlines = json.loads((DATA_DIR / "us_states.json").read_text(encoding="utf-8"))
    return outlines


def fit(sites: pd.DataFrame, outlines: Outlines) -> Projection:
    """A view of all sites; of the whole US where they span a good part of it and lie inside."""
    points = sites[["longitude", "latitude"]].to_numpy(float)
    low, high = points.min(axis=0), points.max(axis=0)
    us = np.array([point for rings in outlines.values() for ring in rings for point in ring])
    us_low, us_high = us.min(axis=0), us.max(axis=0)
    inside = bool((low >= us_low).all() and (high <= us_high).all())
    if inside and (high - low)[0] > 0.5 * (us_high - us_low)[0]:
        return _view(us_low, us_high, _US_ASPECT)
    margin = np.maximum(0.08 * (high - low), 0.25)
    return _view(low - margin, high + margin, max(0.2, math.cos(math.radians(float(low[1] + high[1]) / 2))))


def _view(low: np.ndarray, high: np.ndarray, aspect: float) -> Projection:
    left, bottom, right, top = _MAP_BOX
    wide, tall = (high - low) * np.array([aspect, 1.0])
    scale = min((right - left) / wide, (top - bottom) / tall)
    middle = (low + high) / 2
    return Projection(float(middle[0]), float(middle[1]), aspect, float(scale))


def region_of_states(sites: pd.DataFrame, region_of_site: np.ndarray) -> dict[str, int]:
    """The region that owns most of each state's sites; the first of them where two own as many."""
    owned: dict[str, Counter[int]] = {}
    for state, region in zip(sites["state"], region_of_site.tolist(), strict=True):
        owned.setdefault(str(state), Counter())[region] += 1
    return {state: min(count, key=lambda r: (-count[r], r)) for state, count in owned.items()}


def place_labels(
    anchors: np.ndarray, sizes: np.ndarray, sites: np.ndarray, region_of_site: np.ndarray, box: tuple[float, ...]
) -> np.ndarray:
    """Middles of the region names: near their anchors, off each other, off the sites, on their own ground.

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


def draw_apart(points: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """Moves an FC left and a sort center right, five pixels each, where they would hide each other: (N, 2)."""
    fc, sc = np.flatnonzero(kind == "fc"), np.flatnonzero(kind == "sc")
    moved = points.copy()
    if len(fc) and len(sc):
        near = (np.abs(points[fc][:, None] - points[sc][None]) < 10).all(axis=2)
        moved[fc[near.any(axis=1)], 0] -= 5
        moved[sc[near.any(axis=0)], 0] += 5
    return moved


def curve(start: np.ndarray, end: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Points of lanes, bent a little to the right so that opposite ones lie apart: quadratic Bézier curves.

    Args:
        start: (n, 2) pixels.
        end: (n, 2) pixels.
        at: (n, k) or (k,), 0 at the start, 1 at the end.

    Returns:
        (n, k, 2) pixels.
    """
    along = end - start
    length = np.maximum(np.linalg.norm(along, axis=1), 1e-9)
    bow = np.minimum(_BOW, _MOST_BOW / length)[:, None]
    bend = (start + end) / 2 + 2 * bow * np.stack([along[:, 1], -along[:, 0]], axis=1)
    t = np.broadcast_to(at, (len(start), np.shape(at)[-1]))[..., None]
    return np.asarray((1 - t) ** 2 * start[:, None] + 2 * t * (1 - t) * bend[:, None] + t**2 * end[:, None])


def truck_points(start: np.ndarray, end: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    """Where trucks stand, (n, 2) pixels: clear of both ends of their lanes, in between by the share of transit done."""
    length = np.maximum(np.linalg.norm(end - start, axis=1), 1e-9)
    inset = np.minimum(_CLEARANCE / length, 0.3)
    return curve(start, end, (inset + (1 - 2 * inset) * fraction)[:, None])[:, 0]


# -------------------------------------------------------------------------------------------------------- colours


def region_colour(region: int) -> str:
    """A colour-blind-safe colour per region; from the 21st on they come again."""
    return PALETTE[region % len(PALETTE)]


def mix(colour: str, other: str, share: float) -> tuple[float, float, float]:
    """`share` of the first colour, the rest of the second."""
    a, b = np.array(to_rgb(colour)), np.array(to_rgb(other))
    red, green, blue = (share * a + (1 - share) * b).tolist()
    return red, green, blue


# -------------------------------------------------------------------------------------------------------- drawing


class MapViewer:
    """Draws the rows of a simulator; keeps what does not change between frames.

    Snapshots of the KPI counters are kept per row, so whoever draws every tick sees KPIs of the last 24 hours
    (`KpiWindow`).

    Args:
        sim: the simulator to look at.
        loads: colour lanes by how full their trucks left, and size FCs by what they sent.
        small: for pictures that are shown small: larger trucks on paler lanes, no names of regions.
    """

    def __init__(self, sim: Simulator, loads: bool = False, small: bool = False) -> None:
        self.sim = sim
        self._loads, self._small = loads, small
        self._kpis = KpiWindow()
        self._outlines = read_outlines()
        self._prepare()

    def frame(self, row: int = 0, title: str | None = None, kpis_text: str | None = None) -> np.ndarray:
        """A picture of one row as it stands.

        Args:
            row: network copy.
            title: heading; default, the scenario's name.
            kpis_text: text for the panel in place of the KPIs; two lines fit.

        Returns:
            (800, 1280, 3) uint8.

        Raises:
            ValueError: the row has not been reset.
        """
        trucks = trucks_under_way(self.sim, row)
        packages = lane_packages(self.sim, row, trucks)
        self._draw_map(row, packages, trucks)
        self._draw_header(row, title, len(trucks))
        self._draw_panel(row, kpis_text)
        self._draw_scale(row, packages)
        return self._pixels().copy()

    def map_alone(self, packages: np.ndarray, row: int = 0, back: float = 0.0) -> np.ndarray:
        """The map without heading, legend and panel, some time ago: for films.

        Args:
            packages: that give lanes their width (`lane_packages`): the same ones keep them still.
            row: network copy.
            back: less than a tick, so that a film can show trucks between two ticks. Unit: ticks.

        Returns:
            (594, 1224, 3) uint8.
        """
        ticks = self.sim.world.net.lanes["ticks"]
        trucks = [
            truck._replace(fraction=truck.fraction - back / int(ticks[truck.lane]))
            for truck in trucks_under_way(self.sim, row)
        ]
        self._draw_map(row, packages, trucks)
        left, bottom, right, top = (round(edge) for edge in _MAP_BOX)
        return self._pixels()[HEIGHT - top : HEIGHT - bottom, left:right].copy()

    def _draw_map(self, row: int, packages: np.ndarray, trucks: list[Truck]) -> None:
        """Everything that has a place on the ground."""
        if self.sim.network is not self._network:  # another partition is in force
            self._prepare()
        self._canvas.restore_region(self._background)
        self._draw_lanes(row, packages)
        for artist in self._stations:
            self._axes.draw_artist(artist)
        self._draw_trucks(trucks)
        if self._loads:
            self._fcs.set_sizes(self._fc_areas(fc_packages(self.sim, row)))
        for artist in self._buildings:
            self._axes.draw_artist(artist)
        self._draw_events(row)

    def _pixels(self) -> np.ndarray:
        """The canvas as it is, (800, 1280, 3) uint8: a view of what the next picture is drawn over."""
        return np.asarray(self._canvas.buffer_rgba())[..., :3]

    # ------------------------------------------------------------------------------ once per partition

    def _prepare(self) -> None:
        """Lays out the map and draws what stays."""
        self._network = self.sim.network
        net, sites = self._network.net, self._network.sites
        self._figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor="white")
        self._canvas = cast(Any, FigureCanvasAgg(self._figure))
        self._axes = self._figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(0, HEIGHT))
        self._axes.set_axis_off()
        view = fit(sites, self._outlines)
        true = view.pixels(sites["longitude"].to_numpy(), sites["latitude"].to_numpy())
        self._points = draw_apart(true, sites["kind"].to_numpy())
        self._start, self._end = self._points[net.lanes["origin"]], self._points[net.lanes["dest"]]
        self._colour = self._lane_colours()
        self._lines = self._add_lines()
        self._closed, self._crosses = self._add_lines(), self._add_crosses()
        self._dots = self._add_dots()
        self._stations, self._buildings = self._add_sites()
        self._add_states(view)
        self._add_legend()
        self._add_panel()
        self._canvas.draw()
        self._buildings += self._add_labels()
        self._background = self._canvas.copy_from_bbox(self._figure.bbox)

    def _lane_colours(self) -> np.ndarray:
        """(L, 3) RGB: a region's own inside it, grey between regions."""
        net = self._network.net
        origin, dest = (net.region_of_site[net.lanes[end]] for end in ("origin", "dest"))
        table = np.array([to_rgb(region_colour(r)) for r in range(net.regions)])
        return np.where((origin == dest)[:, None], table[origin], np.array(to_rgb(_BETWEEN)))

    def _add_lines(self) -> LineCollection:
        lines = LineCollection([], capstyle="round", animated=True)
        self._axes.add_collection(lines, autolim=False)
        return lines

    def _add_dots(self) -> PathCollection:
        dots = self._axes.scatter([], [], s=28 if self._small else 13, c=_INK, edgecolors="white", linewidths=0.6)
        dots.set_animated(True)
        return dots

    def _add_crosses(self) -> PathCollection:
        crosses = self._axes.scatter([], [], s=90, c=_ALARM, marker="x", linewidths=2.4)
        crosses.set_animated(True)
        return crosses

    def _add_sites(self) -> tuple[list[Any], list[Any]]:
        """Stations, which lie under the trucks, and buildings, which lie over them."""
        sites, net = self._network.sites, self._network.net
        kind = sites["kind"].to_numpy()
        people = sites["population"].to_numpy(float)
        colours = np.array([to_rgb(region_colour(int(r))) for r in net.region_of_site])
        crowd = min(1.0, math.sqrt(150 / len(sites)))  # the more sites, the smaller their marks
        fc, sort, station = (kind == name for name in ("fc", "sc", "station"))
        share = people[station] / people[station].max()
        pale = np.column_stack([colours[station], np.full(len(share), 0.5)])
        stations = self._marks(station, "o", crowd * (14 + 190 * share**0.6), pale)
        sort_centers = self._marks(sort, "^", crowd * 62, 0.6 * colours[sort])
        self._crowd, self._fcs = crowd, self._marks(fc, "s", crowd * 44, colours[fc])
        return [stations], [self._fcs, sort_centers]

    def _fc_areas(self, load: np.ndarray) -> np.ndarray:
        """Areas of the FCs' marks by their load: (F,) points²."""
        return np.asarray(self._crowd * (8 + 150 * load / max(1.0, float(load.max()))))

    def _marks(self, own: np.ndarray, marker: str, area: Any, colours: np.ndarray) -> PathCollection:
        x, y = self._points[own].T
        marks = self._axes.scatter(x, y, area, marker=marker, facecolors=colours, edgecolors="white", linewidths=0.8)
        marks.set_animated(True)
        return marks

    def _add_states(self, view: Projection) -> None:
        """States tinted by region; white borders inside a region, grey ones around it and along the coast."""
        region_of = region_of_states(self._network.sites, self._network.net.region_of_site)
        rings: list[Any] = []
        tints: list[tuple[float, float, float]] = []
        for state, outline in self._outlines.items():
            region = region_of.get(state)
            rings += [view.pixels(*np.array(ring).T) for ring in outline]
            tints += [to_rgb(_NEUTRAL) if region is None else mix(region_colour(region), "white", 0.17)] * len(outline)
        self._axes.add_collection(PolyCollection(rings, facecolors=tints, edgecolors="none"), autolim=False)
        for lines, colour in zip(self._borders(view, region_of), ("white", "#b4bac1"), strict=True):
            borders = LineCollection(lines, colors=colour, linewidths=0.9, capstyle="round")
            self._axes.add_collection(borders, autolim=False)

    def _borders(self, view: Projection, region_of: dict[str, int]) -> tuple[list[Any], list[Any]]:
        """State borders inside a region, and all others; neighbouring states share the points of their border."""
        states: dict[tuple[Any, ...], list[str]] = {}
        for state, outline in self._outlines.items():
            for ring in outline:
                for pair in pairwise(ring):
                    states.setdefault(tuple(sorted(map(tuple, pair))), []).append(state)
        inner: list[Any] = []
        outer: list[Any] = []
        for ends, sides in states.items():
            same = len(sides) > 1 and len({region_of.get(state, -1) for state in sides}) == 1
            (inner if same else outer).append(view.pixels(*np.array(ends).T))
        return inner, outer

    def _add_labels(self) -> list[Text]:
        """Names of the regions; one region needs none."""
        net, names = self._network.net, self._network.region_names
        if net.regions < 2 or self._small:
            return []
        size = 10.5 if net.regions <= 12 else 8.5
        style = {"weight": "bold", "ha": "center", "va": "center", "animated": True}
        labels = []
        for r, name in enumerate(names):
            short = name if len(name) <= 26 else name[:25] + "…"
            ink = mix(region_colour(r), "black", 0.68)
            labels.append(self._text(0, 0, short, size, ink, path_effects=HALO, **style))
        boxes = [label.get_window_extent(self._canvas.get_renderer()) for label in labels]
        sizes = np.array([(box.width, box.height) for box in boxes])
        home = net.region_of_site
        anchors = np.array([self._points[home == r].mean(axis=0) for r in range(net.regions)])
        for label, middle in zip(labels, place_labels(anchors, sizes, self._points, home, _MAP_BOX), strict=True):
            label.set_position((float(middle[0]), float(middle[1])))
        return labels

    def _add_legend(self) -> None:
        """One line of keys between map and panel."""
        x = 34.0
        for marker, area, colour, text in self._keys():
            self._axes.scatter([x], [_LEGEND_Y], s=area, marker=marker, c=colour, linewidths=0)
            x = self._key_text(x + 11, text)
        self._add_lane_keys(x)

    def _keys(self) -> list[tuple[str, float, str, str]]:
        """Marker, area, colour and meaning of everything that stands or moves."""
        return [
            ("s", 44, "#59636e", "fulfillment center, by packages sent" if self._loads else "fulfillment center"),
            ("^", 62, "#59636e", "sort center"),
            ("o", 62, "#a4aab0", "station, by people served"),
            ("o", 16, _INK, "truck on the road"),
        ]

    def _add_lane_keys(self, x: float) -> None:
        """What the colour of a lane means, from x on."""
        if self._loads:
            x = self._key_text(x - 6, "truck fill: 0") - 18
            self._axes.imshow(
                np.linspace(0, 1, 64)[None], cmap=FILL_COLOURS, extent=(x, x + 90, _LEGEND_Y - 4, _LEGEND_Y + 4),
                aspect="auto", zorder=3,
            )  # fmt: skip
            self._axes.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))  # which imshow changes
            self._key_text(x + 96, "100 %")
            return
        one = self._network.net.regions < 2
        own, between = (region_colour(0), "lane" if one else "lane within a region"), (_BETWEEN, "lane between regions")
        for colour, text in [own] if one else [own, between]:
            self._axes.plot([x - 6, x + 18], [_LEGEND_Y] * 2, color=colour, linewidth=2, alpha=0.7)
            x = self._key_text(x + 25, text)

    def _key_text(self, x: float, text: str) -> float:
        """Writes a key's text; returns where the next key starts."""
        label = self._text(x, _LEGEND_Y, text, 8.2, _MUTED, va="center")
        return float(label.get_window_extent(self._canvas.get_renderer()).x1) + 24

    def _add_panel(self) -> None:
        """Ground of panel and header, and the texts that each frame fills in."""
        place, size = (28, _PANEL_Y), (WIDTH - 56, _PANEL_HEIGHT)
        ground = FancyBboxPatch(place, *size, boxstyle="round,pad=0,rounding_size=8", fc=_PANEL, ec="none")
        self._axes.add_patch(ground)
        value, low = {"weight": "bold", "animated": True}, _PANEL_Y + 18
        middle = {"va": "center", "linespacing": 1.4, "animated": True}
        columns = [170 + 156 * i for i in range(len(TILES))]
        self._values = [self._text(x, low, "", 17, _INK, **value) for x in columns]
        self._captions = [
            self._text(x, low + 33, tile[0], 8.6, _MUTED, animated=True) for x, tile in zip(columns, TILES, strict=True)
        ]
        self._period = self._text(46, _PANEL_Y + _PANEL_HEIGHT / 2, "", 8.6, _MUTED, **middle)
        self._own_text = self._text(46, _PANEL_Y + _PANEL_HEIGHT / 2, "", 12, _INK, **middle)
        self._text(32, 742, self._inventory(), 9.2, _MUTED)
        self._title = self._text(32, 764, "", 17, _INK, **value)
        self._clock = self._text(WIDTH - 32, 764, "", 17, _INK, ha="right", **value)
        self._status = self._text(WIDTH - 32, 742, "", 9.2, _MUTED, ha="right", animated=True)
        self._scale = self._text(WIDTH - 32, _LEGEND_Y, "", 8.2, _MUTED, ha="right", **middle)

    def _inventory(self) -> str:
        """Sites of each kind and regions, in words, and what red means where there are events."""
        net = self._network.net
        names = ("fulfillment center", "sort center", "station", "region")
        counts = (net.fcs, net.scs, net.stations, net.regions)
        words = [_counted(count, name) for count, name in zip(counts, names, strict=True)]
        if self.sim.scenario.events:
            words.append("red: closed lanes, sites with less capacity")
        return "  ·  ".join(words)

    def _text(self, x: float, y: float, text: str, size: float, colour: Any, **style: Any) -> Text:
        return self._axes.text(x, y, text, fontsize=size, color=colour, family="DejaVu Sans", parse_math=False, **style)

    # -------------------------------------------------------------------------------------- every frame

    def _draw_lanes(self, row: int, packages: np.ndarray) -> None:
        """Lanes in use, the busiest on top."""
        used = np.flatnonzero(packages > 0)
        if not len(used):
            return
        used = used[np.argsort(packages[used], kind="stable")]
        weight = np.sqrt(np.minimum(packages[used] / full_width(packages), 1.0))
        self._lines.set_segments(list(curve(self._start[used], self._end[used], _CURVE)))
        self._lines.set_linewidth((_THINNEST + (_WIDEST - _THINNEST) * weight).tolist())
        faintest = 0.45 if self._loads else 0.22
        strength = (faintest + 0.5 * weight) * (0.5 if self._small else 1.0)
        colours: Any = np.column_stack([self._lane_rgb(row)[used], strength])
        self._lines.set_color(colours)
        self._axes.draw_artist(self._lines)

    def _lane_rgb(self, row: int) -> np.ndarray:
        """(L, 3) RGB."""
        if not self._loads:
            return self._colour
        fill = lane_fill(self.sim, row)
        return np.where(np.isnan(fill)[:, None], to_rgb(_BETWEEN), FILL_COLOURS(np.nan_to_num(fill))[:, :3])

    def _draw_trucks(self, trucks: list[Truck]) -> None:
        if not trucks:
            return
        lanes = np.array([truck.lane for truck in trucks])
        fraction = np.array([truck.fraction for truck in trucks])
        self._dots.set_offsets(truck_points(self._start[lanes], self._end[lanes], fraction))
        self._axes.draw_artist(self._dots)

    def _draw_events(self, row: int) -> None:
        """What is out of order now: closed lanes that routes use, and sites with less capacity."""
        state, net = self.sim.state, self._network.net
        shut = np.flatnonzero((state.shut[row] == 1) & (net.lanes["slot"] >= 0))
        hit = np.flatnonzero(state.site_capacity[row] < net.site_capacity)
        if len(shut):
            self._closed.set_segments(list(curve(self._start[shut], self._end[shut], _CURVE)))
            self._closed.set(color=_ALARM, linewidth=1.1, linestyle=(0, (3, 2)))
            self._axes.draw_artist(self._closed)
        if len(hit):
            self._crosses.set_offsets(self._points[hit])
            self._axes.draw_artist(self._crosses)

    def _draw_header(self, row: int, title: str | None, trucks: int) -> None:
        sim = self.sim
        now, made = clock(sim, row), sim.packages_under_way(row)
        hour = _number(sim.tick(row) * sim.scenario.tick_hours)
        self._write(self._clock, now)
        work = f"{_counted(made, 'package')} under way, {_counted(trucks, 'truck')} on the road"
        self._write(self._status, f"hour {hour}  ·  {work}")
        room = WIDTH - 96 - self._clock.get_window_extent(self._canvas.get_renderer()).width
        self._write(self._title, title or sim.scenario.name, room)

    def _draw_panel(self, row: int, kpis_text: str | None) -> None:
        """The KPIs, or the text given in their place; counters are noted either way."""
        period, kpis = self._kpis.read(self.sim, row)
        if kpis_text is not None:
            self._write(self._own_text, kpis_text, WIDTH - 92)
            return
        self._write(self._period, period)
        for caption, value, (_, name, form) in zip(self._captions, self._values, TILES, strict=True):
            self._axes.draw_artist(caption)
            self._write(value, form(kpis[name]) if kpis else "–")

    def _draw_scale(self, row: int, packages: np.ndarray) -> None:
        """What the widest line stands for."""
        when = "since the warm-up" if self.sim.state.lane["carried"][row].any() else "waiting or riding now"
        most = full_width(packages)
        self._write(self._scale, f"widest lanes: {most:,.0f} packages or more {when}" if most else "no lane in use yet")

    def _write(self, text: Text, words: str, room: float = math.inf) -> None:
        """Draws words, cut with an ellipsis where they would be wider than `room` pixels."""
        text.set_text(words)
        while len(words) > 1 and text.get_window_extent(self._canvas.get_renderer()).width > room:
            words = words[:-1]
            text.set_text(words.rstrip() + "…")
        self._axes.draw_artist(text)


def draw_map(sim: Simulator, row: int = 0, title: str | None = None, loads: bool = False) -> np.ndarray:
    """A picture of one row: (800, 1280, 3) uint8, with KPIs since the warm-up; `MapViewer` has those of the day."""
    return MapViewer(sim, loads).frame(row, title)


def save_map(sim: Simulator, path: str | Path, row: int = 0, title: str | None = None) -> None:
    """Writes a picture of one row as PNG; the file is there whole or not at all."""
    save_picture(draw_map(sim, row, title), path)


def save_picture(picture: np.ndarray, path: str | Path) -> None:
    """Writes (H, W, 3) uint8 as PNG; the file is there whole or not at all."""
    with replacing(path) as file:
        imsave(file, picture, format="png")
