"""A map of the regions with an arrow from each region to those whose customers it serves."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from matplotlib.patches import FancyArrowPatch

from regional_dispatch.envs.render.canvas import HALO, HEIGHT, Canvas
from regional_dispatch.envs.render.colours import mix, region_colour
from regional_dispatch.envs.render.geography import ground_of, site_points
from regional_dispatch.envs.render.ground import add_ground
from regional_dispatch.envs.render.layers import SiteLayer
from regional_dispatch.envs.render.legend import Key, add_key_text, add_marks
from regional_dispatch.envs.render.panel import Panel
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.evaluation.text import number
from regional_dispatch.studies.report.flows import Flows

LEAST_SHARE = 0.002  # of all lines; thinner arrows are not drawn
_NAMED = 12  # arrows with their share written on them
_WIDEST = 13.0  # points
_BEND = 0.16  # of an arrow's length
_HUB, _HUB_RADIUS = 620.0, 17.0  # points², pixels
# Positions tried for a share: along its arrow, and pixels beside it.
_SPOTS = [(t, off) for off in (0.0, 15.0) for t in (0.5, 0.4, 0.6, 0.32, 0.68)]


class Served(NamedTuple):
    """Shares of all lines, lost ones included."""

    between: np.ndarray  # (R, R) from the FC's region to the customer's
    by_fc: np.ndarray  # (F,)

    @property
    def spill(self) -> float:
        """Share served from another region."""
        return float(self.between.sum() - np.trace(self.between))

    @property
    def widest(self) -> float:
        """Share of the largest arrow."""
        return float((self.between * (1 - np.eye(len(self.between)))).max(initial=0.0))


def served(flows: Flows) -> Served:
    """The shares of one episode."""
    total = max(1.0, float(flows.lines.sum()) + flows.lost)
    return Served(flows.lines / total, flows.fc_lines / total)


def draw_spill(sim: Simulator, shares: Served, title: str, widest: float | None = None) -> np.ndarray:
    """Arrows region → region as wide as the share of all lines they stand for.

    Args:
        sim: of the network.
        shares: of lines by region that serves and region served.
        title: heading.
        widest: share with the full width; default, the largest. One for several maps makes them comparable.

    Returns:
        (800, 1280, 3) uint8.
    """
    return SpillMap(sim, shares, shares.widest if widest is None else widest).frame(title=title)


class SpillMap:
    """A map with arrows between regions in place of lanes and trucks.

    Args:
        sim: of the network.
        shares: of lines by region that serves and region served.
        widest: share with the full width.
    """

    def __init__(self, sim: Simulator, shares: Served, widest: float) -> None:
        self._network, self._shares, self._widest_share = sim.network, shares, widest
        self._canvas, ground = Canvas(), ground_of(self._network.sites)
        points = site_points(ground.view, self._network.sites)
        self._sites = SiteLayer(self._canvas, self._network, points)
        add_ground(self._canvas, ground, self._network)
        self._add_legend()
        self._panel = Panel(self._canvas, sim)
        self._canvas.render()
        self._canvas.keep()
        self._hubs = self._hub_points(points)
        self._arrows = self._add_arrows()
        self._on_top = self._add_hubs() + self._add_shares()

    def frame(self, title: str | None = None) -> np.ndarray:
        """The picture: (800, 1280, 3) uint8."""
        self._canvas.restore()
        self._sites.draw_stations()
        self._sites.draw_fcs(1e6 * self._shares.by_fc)
        for artist in (*self._arrows, *self._on_top):
            self._canvas.draw(artist)
        self._panel.draw_title(title)
        self._panel.draw_text(self._sentence())
        return self._canvas.pixels().copy()

    def arrows(self) -> list[tuple[int, int, float]]:
        """From, to and share of every arrow drawn, the thinnest first."""
        between = self._shares.between
        pairs = [(a, b, float(between[a, b])) for a, b in zip(*np.nonzero(between >= LEAST_SHARE), strict=True)]
        return sorted(((int(a), int(b), share) for a, b, share in pairs if a != b), key=lambda arrow: arrow[2])

    def _sentence(self) -> str:
        rest = self._shares.spill - sum(share for *_, share in self.arrows())
        spill, least, thin = (number(100 * share, 1) for share in (self._shares.spill, LEAST_SHARE, rest))
        text = f"{spill} % of lines are served from another region"
        if rest > 0.0005:
            text += f"; arrows of less than {least} % are left out, {thin} % in all"
        return text + ".\nIn the circles: the share of a region's lines that it serves itself, in %."

    # ----------------------------------------------------------------------------------------------------- layout

    def _add_legend(self) -> None:
        keys: list[Key] = [
            ("s", 44, "#59636e", "fulfillment center, by lines served"),
            ("o", 62, "#a4aab0", "station, by people served"),
        ]
        x = add_marks(self._canvas, keys)
        if self.arrows():
            text = "arrow: from who serves to whom, as wide as its share of all lines (%)"
            add_key_text(self._canvas, x - 6, text)

    def _hub_points(self, points: np.ndarray) -> np.ndarray:
        """The middle of each region's sites: (R, 2) pixels."""
        home = self._network.net.region_of_site
        return np.array([points[home == r].mean(axis=0) for r in range(self._network.net.regions)])

    def _add_arrows(self) -> list[Any]:
        drawn: list[Any] = []
        for origin, dest, share in self.arrows():
            width = max(0.7, _WIDEST * share / self._widest_share)
            arrow = FancyArrowPatch(
                tuple(self._hubs[origin]), tuple(self._hubs[dest]), connectionstyle=f"arc3,rad={_BEND}",
                arrowstyle=f"simple,head_width={width + 5},head_length={0.6 * width + 6},tail_width={width}",
                mutation_scale=1, shrinkA=13, shrinkB=14, facecolor=region_colour(origin), edgecolor="white",
                linewidth=0.6 if width > 2 else 0.0, alpha=0.8, animated=True,
            )  # fmt: skip
            self._canvas.axes.add_patch(arrow)
            drawn.append(arrow)
        return drawn

    def _add_hubs(self) -> list[Any]:
        """A circle per region with the share of its lines that it serves itself, and its name above."""
        between, names = self._shares.between, self._network.region_names
        own = np.diag(between) / np.maximum(between.sum(axis=0), 1e-12)
        colours = [region_colour(r) for r in range(len(names))]
        x, y = self._hubs.T
        hubs: Any = self._canvas.axes.scatter(x, y, _HUB, c=colours, edgecolors="white", linewidths=1.4)
        hubs.set_animated(True)
        found = [hubs]
        centred = {"weight": "bold", "ha": "center", "va": "center_baseline", "animated": True}
        for r, name in enumerate(names):
            ink = mix(region_colour(r), "black", 0.68)
            found.append(self._haloed(x[r], y[r] + _HUB_RADIUS + 10, name, 10, ink))
            found.append(self._canvas.text(x[r], y[r], number(100 * own[r], 0), 10, "white", **centred))
        return found

    def _add_shares(self) -> list[Any]:
        """Shares of the largest arrows, placed clear of each other and of the circles."""
        taken = [(*hub, 2.0 * _HUB_RADIUS, 2.0 * _HUB_RADIUS) for hub in self._hubs]
        taken += [(x, y + _HUB_RADIUS + 10, 95.0, 16.0) for x, y in self._hubs]
        labels = []
        for origin, dest, share in self.arrows()[::-1][:_NAMED]:
            spots = [(*self._by_arrow(origin, dest, t, off), 28.0, 14.0) for t, off in _SPOTS]
            spot = min(spots, key=lambda own: sum(_overlap(own, other) for other in taken))
            if any(_overlap(spot, other) > 0 for other in taken):
                continue
            taken.append(spot)
            labels.append(self._haloed(spot[0], spot[1], number(100 * share, 1), 9, "#1d2329"))
        return labels

    def _by_arrow(self, origin: int, dest: int, t: float, off: float) -> tuple[float, float]:
        """A point `off` pixels outside of an arrow, which is bent as matplotlib's `arc3` bends it."""
        start, end = self._hubs[origin], self._hubs[dest]
        along = end - start
        right = np.array([along[1], -along[0]])
        bend = (start + end) / 2 + _BEND * right
        x, y = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end + off * right / np.linalg.norm(right)
        return float(x), float(y)

    def _haloed(self, x: float, y: float, text: str, size: float, colour: Any) -> Any:
        return self._canvas.text(
            x, min(y, HEIGHT - 80.0), text, size, colour, weight="bold", ha="center", va="center", animated=True,
            path_effects=HALO,
        )  # fmt: skip


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Area that two boxes (x, y of the middle, width, height) share."""
    wide, high = ((a[i + 2] + b[i + 2]) / 2 - abs(a[i] - b[i]) for i in (0, 1))
    return min(max(0.0, wide), a[2], b[2]) * min(max(0.0, high), a[3], b[3])
