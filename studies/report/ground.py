"""The ground of a map: US states in the colour of their region."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.collections import PolyCollection

from regional_dispatch.envs.render.colours import mix, region_colour
from regional_dispatch.envs.render.geography import Projection, fit, read_outlines, region_of_states
from regional_dispatch.envs.world.network import Network

_ELSEWHERE = "#eff0f1"  # states without sites


def draw_states(axis: Any, network: Network, strength: float) -> Projection:
    """Draws the states on an axis of matplotlib, and returns where places lie on it.

    Args:
        axis: to draw on.
        network: its sites and regions.
        strength: of a region's colour, 0…1.
    """
    outlines = read_outlines()
    view, region_of = fit(network.sites, outlines), region_of_states(network.sites, network.net.region_of_site)
    for state, rings in outlines.items():
        tint = mix(region_colour(region_of[state]), "white", strength) if state in region_of else _ELSEWHERE
        points = [view.pixels(*np.array(ring).T) for ring in rings]
        axis.add_collection(PolyCollection(points, facecolors=[tint], edgecolors="white", linewidths=0.6))
    return view
