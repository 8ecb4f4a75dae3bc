"""Heading, clock and KPIs around the map."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Text

from regional_dispatch.envs.render.canvas import LEGEND_Y, PANEL_HEIGHT, PANEL_Y, WIDTH, Canvas
from regional_dispatch.envs.render.colours import INK, MUTED, PANEL
from regional_dispatch.envs.render.kpi_window import clock
from regional_dispatch.envs.render.traffic import full_width
from regional_dispatch.envs.render.words import counted, percent, plain_number
from regional_dispatch.envs.simulator import Simulator

# Caption, KPI and how its value is written.
TILES: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("Cost per order", "cost_per_order_usd", lambda v: f"{v:,.2f}"),
    ("In-region orders", "in_region_share", percent),
    ("Lines on time", "on_time_share", percent),
    ("Truck fill", "truck_fill", percent),
    ("Miles per package", "miles_per_package", lambda v: f"{v:,.0f}"),
    ("Touches per package", "touches_per_package", lambda v: f"{v:.2f}"),
    ("Spot trucks", "spot_share", percent),
)
_BIG = {"weight": "bold", "animated": True}
_MIDDLE = {"va": "center", "linespacing": 1.4, "animated": True}


class Panel:
    """Texts that each frame fills in, and the ground of the KPIs."""

    def __init__(self, canvas: Canvas, sim: Simulator) -> None:
        self._canvas, self._sim = canvas, sim
        self._add_ground()
        self._add_tiles()
        canvas.text(32, 742, _inventory(sim), 9.2, MUTED)
        self._title = canvas.text(32, 764, "", 17, INK, **_BIG)
        self._clock = canvas.text(WIDTH - 32, 764, "", 17, INK, ha="right", **_BIG)
        self._status = canvas.text(WIDTH - 32, 742, "", 9.2, MUTED, ha="right", animated=True)
        self._scale = canvas.text(WIDTH - 32, LEGEND_Y, "", 8.2, MUTED, ha="right", **_MIDDLE)

    def _add_ground(self) -> None:
        place, size = (28, PANEL_Y), (WIDTH - 56, PANEL_HEIGHT)
        ground = FancyBboxPatch(place, *size, boxstyle="round,pad=0,rounding_size=8", fc=PANEL, ec="none")
        self._canvas.axes.add_patch(ground)

    def _add_tiles(self) -> None:
        low, middle = PANEL_Y + 18, PANEL_Y + PANEL_HEIGHT / 2
        columns = [170 + 156 * i for i in range(len(TILES))]
        text = self._canvas.text
        self._values: list[Text] = [text(x, low, "", 17, INK, **_BIG) for x in columns]
        self._captions: list[Text] = [
            text(x, low + 33, tile[0], 8.6, MUTED, animated=True) for x, tile in zip(columns, TILES, strict=True)
        ]
        self._period = text(46, middle, "", 8.6, MUTED, **_MIDDLE)
        self._own_text = text(46, middle, "", 12, INK, **_MIDDLE)

    def draw_header(self, row: int, title: str | None, trucks: int) -> None:
        """Title (default, the scenario's name), clock, and what is under way."""
        sim, write = self._sim, self._canvas.write
        hour = plain_number(sim.tick(row) * sim.scenario.tick_hours)
        work = f"{counted(sim.packages_under_way(row), 'package')} under way, {counted(trucks, 'truck')} on the road"
        write(self._clock, clock(sim, row))
        write(self._status, f"hour {hour}  ·  {work}")
        self.draw_title(title, WIDTH - 96 - self._canvas.extent(self._clock).width)

    def draw_title(self, title: str | None, room: float = WIDTH - 64) -> None:
        """Title; default, the scenario's name. `room`: pixels for it."""
        self._canvas.write(self._title, title or self._sim.scenario.name, room)

    def draw_text(self, text: str) -> None:
        """A text in place of the KPIs; two lines fit."""
        self._canvas.write(self._own_text, text, WIDTH - 92)

    def draw_kpis(self, period: str, kpis: dict[str, float]) -> None:
        """KPIs of a period; dashes where there are none yet."""
        self._canvas.write(self._period, period)
        for caption, value, (_, name, form) in zip(self._captions, self._values, TILES, strict=True):
            self._canvas.draw(caption)
            self._canvas.write(value, before_amount(name, self._sim.scenario.money) + form(kpis[name]) if kpis else "–")

    def draw_scale(self, row: int, packages: np.ndarray) -> None:
        """What the widest line stands for; `packages` (L,) give lanes their width."""
        when = "since the warm-up" if self._sim.state.lane["carried"][row].any() else "waiting or riding now"
        most = full_width(packages)
        words = f"widest lanes: {most:,.0f} packages or more {when}" if most else "no lane in use yet"
        self._canvas.write(self._scale, words)


def before_amount(kpi: str, money: str) -> str:
    """What stands before a KPI's value: of an amount a dollar sign, or the scenario's currency."""
    return "" if not kpi.endswith("_usd") else "$" if money == "USD" else f"{money} "


def _inventory(sim: Simulator) -> str:
    """How many sites of each kind and regions there are, and what red means where there are events."""
    net = sim.network.net
    names = ("fulfillment center", "sort center", "station", "region")
    counts = (net.fcs, net.scs, net.stations, net.regions)
    words = [counted(count, name) for count, name in zip(counts, names, strict=True)]
    if sim.scenario.events:
        words.append("red: closed lanes, sites with less capacity")
    return "  ·  ".join(words)
