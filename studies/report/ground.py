"""The ground of a map: US states in the colour of their region, and countries."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.collections import PolyCollection

from regional_dispatch.envs.render.canvas import MAP_BOX
from regional_dispatch.envs.render.colours import mix, region_colour
from regional_dispatch.envs.render.geography import Projection, ground_of, region_of_states
from regional_dispatch.envs.world.network import Network

_ELSEWHERE = "#eff0f1"  # states without sites, and countries


def draw_ground(axis: Any, network: Network, strength: float) -> Projection:
    """Draws states and countries on an axis of matplotlib, and returns where places lie on it.

    Args:
        axis: to draw on; it is framed to the network, or left to matplotlib where the view is of the whole US.
        network: its sites and regions.
        strength: of a region's colour, 0…1.
    """
    ground, region_of = ground_of(network.sites), region_of_states(network.sites, network.net.region_of_site)
    for name, rings in ground.outlines.items():
        tint = mix(region_colour(region_of[name]), "white", strength) if name in region_of else _ELSEWHERE
        points = [ground.view.flat_pixels(*np.array(ring).T) for ring in rings]
        axis.add_collection(PolyCollection(points, facecolors=[tint], edgecolors="white", linewidths=0.6))
    axis.autoscale()
    if not ground.whole_us:
        left, bottom, right, top = MAP_BOX
        axis.set(xlim=(left, right), ylim=(bottom, top))
    return ground.view
