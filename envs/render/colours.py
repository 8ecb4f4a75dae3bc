"""Colours of the map: regions, lanes, truck fill and events."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import LinearSegmentedColormap, to_rgb

# Okabe and Ito's colours for colour-blind readers without yellow and black, two of Paul Tol's, then colours chosen one
# by one: each as far as possible from those before it and from the grey of lanes between regions, in CIELAB, for
# normal, protan and deutan vision.
PALETTE = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#882255", "#332288", "#732F0D", "#4763EB",
    "#B4B464", "#AC6039", "#732673", "#758AF0", "#602020", "#E996A4", "#285ABD", "#8A4E42", "#2828BD", "#6BBFD4",
)  # fmt: skip

INK, MUTED, PANEL, NEUTRAL = "#1d2329", "#68717b", "#f4f5f6", "#eff0f1"
BETWEEN = "#4a4f55"  # lanes between regions, and lanes of which no truck was counted
ALARM = "#c8102e"  # what an event affects
# Truck fill, empty to full: viridis, which colour-blind readers order as others do, without its palest end.
FILL_COLOURS = LinearSegmentedColormap.from_list("fill", colormaps["viridis_r"](np.linspace(0.08, 1.0, 256)))


def region_colour(region: int) -> str:
    """A colour-blind-safe colour per region; from the 21st on they repeat."""
    return PALETTE[region % len(PALETTE)]


def mix(colour: str, other: str, share: float) -> tuple[float, float, float]:
    """`share` of the first colour, the rest of the second: red, green, blue in 0…1."""
    a, b = np.array(to_rgb(colour)), np.array(to_rgb(other))
    red, green, blue = (share * a + (1 - share) * b).tolist()
    return red, green, blue
