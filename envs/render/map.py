"""The map: sites, lanes in use, trucks on the road and the KPIs of the day, as one picture.

What does not change between frames (ground, legend, panel) is drawn once per partition and kept; a frame adds lanes,
sites, trucks and numbers.

A dot is a truck. Its place on its lane is the share of the transit it has behind it. A lane's width and strength show
the packages it has carried since the warm-up, or, before any were counted, those that wait for it or are on it now.
Its colour is its region's, or, where loads are asked for, how full its trucks left since the warm-up.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.image import imsave

from regional_dispatch.envs.render.canvas import HEIGHT, MAP_BOX, Canvas
from regional_dispatch.envs.render.geography import ground_of, site_points
from regional_dispatch.envs.render.ground import add_ground, add_region_names
from regional_dispatch.envs.render.kpi_window import KpiWindow
from regional_dispatch.envs.render.layers import EventLayer, LaneLayer, LanePaths, SiteLayer, TruckLayer
from regional_dispatch.envs.render.legend import add_legend
from regional_dispatch.envs.render.panel import Panel
from regional_dispatch.envs.render.traffic import Truck, fc_packages, lane_fill, lane_packages, trucks_under_way
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.replacing import replacing


class MapViewer:
    """Draws the rows of a simulator; keeps what does not change between frames.

    Snapshots of the KPI counters are kept per row, so a caller that draws every tick sees KPIs of the last 24 hours
    (`KpiWindow`).

    Args:
        sim: the simulator to draw.
        loads: colour lanes by how full their trucks left, and size FCs by what they sent.
        small: for pictures that are shown small: larger trucks on paler lanes, no names of regions.
    """

    def __init__(self, sim: Simulator, loads: bool = False, small: bool = False) -> None:
        self.sim = sim
        self._loads, self._small = loads, small
        self._kpis = KpiWindow()
        self._prepare()

    def frame(self, row: int = 0, title: str | None = None, kpis_text: str | None = None) -> np.ndarray:
        """A picture of one row as it is now.

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
        self._panel.draw_header(row, title, len(trucks))
        period, kpis = self._kpis.read(self.sim, row)  # takes a snapshot in any case
        if kpis_text is None:
            self._panel.draw_kpis(period, kpis)
        else:
            self._panel.draw_text(kpis_text)
        self._panel.draw_scale(row, packages)
        return self._canvas.pixels().copy()

    def map_alone(self, packages: np.ndarray, row: int = 0, back: float = 0.0) -> np.ndarray:
        """The map without heading, legend and panel, some time ago: for films.

        Args:
            packages: give lanes their width (`lane_packages`); the same ones keep them still.
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
        left, bottom, right, top = (round(edge) for edge in MAP_BOX)
        return self._canvas.pixels()[HEIGHT - top : HEIGHT - bottom, left:right].copy()

    def _prepare(self) -> None:
        """Lays out the map of the partition in force and draws what does not change."""
        self._network = network = self.sim.network
        self._canvas = canvas = Canvas()
        ground = ground_of(network.sites)
        self.points = site_points(ground.view, network.sites)
        paths = LanePaths(network.net, self.points)
        faintest, strongest = 0.45 if self._loads else 0.22, 0.5 if self._small else 1.0
        self._lanes = LaneLayer(canvas, network.net, paths, faintest, strongest)
        self._events = EventLayer(canvas, network.net, paths, self.points)
        self._trucks = TruckLayer(canvas, paths, 28 if self._small else 13)
        self._sites = SiteLayer(canvas, network, self.points)
        add_ground(canvas, ground, network)
        add_legend(canvas, network.net.regions, self._loads)
        self._panel = Panel(canvas, self.sim)
        canvas.render()
        self._names = [] if self._small else add_region_names(canvas, network, self.points)
        canvas.keep()

    def _draw_map(self, row: int, packages: np.ndarray, trucks: list[Truck]) -> None:
        """Ground, lanes, sites, trucks and events."""
        if self.sim.network is not self._network:  # another partition is in force
            self._prepare()
        sim = self.sim
        self._canvas.restore()
        self._lanes.draw(packages, lane_fill(sim, row) if self._loads else None)
        self._sites.draw_stations()
        self._trucks.draw(trucks)
        self._sites.draw_fcs(fc_packages(sim, row) if self._loads else None)
        self._sites.draw_sort_centers()
        for name in self._names:
            self._canvas.draw(name)
        self._events.draw(sim.state.shut[row], sim.state.site_capacity[row])


def draw_map(sim: Simulator, row: int = 0, title: str | None = None, loads: bool = False) -> np.ndarray:
    """A picture of one row: (800, 1280, 3) uint8, with KPIs since the warm-up; `MapViewer` has those of the day."""
    return MapViewer(sim, loads).frame(row, title)


def save_map(sim: Simulator, path: str | Path, row: int = 0, title: str | None = None) -> None:
    """Writes a picture of one row as PNG; the file is complete or not there at all."""
    save_picture(draw_map(sim, row, title), path)


def save_picture(picture: np.ndarray, path: str | Path) -> None:
    """Writes (H, W, 3) uint8 as PNG; the file is complete or not there at all."""
    with replacing(path) as file:
        imsave(file, picture, format="png")
