"""From degrees to pixels, and what lies around a network."""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.envs.render.canvas import MAP_BOX
from regional_dispatch.envs.render.curves import draw_apart
from regional_dispatch.envs.render.outlines import Outlines, outlines_within, read_states
from regional_dispatch.envs.world.geography import around, unwrapped

_US_ASPECT = 0.77  # degrees of latitude per degree of longitude at the US's middle latitude
_LEAST_ASPECT = 0.2  # of maps of the poles
_MARGIN, _LEAST_MARGIN = 0.08, 0.25  # around the sites: share of the network's size, degrees


class Projection(NamedTuple):
    """Degrees to pixels: longitudes shortened as at the map's middle latitude, fitted to the map's box."""

    longitude: float  # at the middle of the box
    latitude: float
    aspect: float  # degrees of latitude per degree of longitude
    scale: float  # pixels per degree of latitude

    def pixels(self, longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
        """Points on the canvas, (n, 2); of all whole turns of a longitude the one nearest to the middle."""
        return self.flat_pixels(around(longitude, self.longitude), latitude)

    def flat_pixels(self, longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
        """Points on the canvas, (n, 2), of longitudes that are to be taken as they are."""
        left, bottom, right, top = MAP_BOX
        x = (left + right) / 2 + (np.asarray(longitude, float) - self.longitude) * self.aspect * self.scale
        y = (bottom + top) / 2 + (np.asarray(latitude, float) - self.latitude) * self.scale
        return np.stack([x, y], axis=-1)

    def corners(self) -> tuple[np.ndarray, np.ndarray]:
        """Longitude and latitude of the southwest and the northeast corner of the map's box."""
        left, bottom, right, top = MAP_BOX
        middle = np.array([self.longitude, self.latitude])
        half = np.array([(right - left) / 2 / self.aspect, (top - bottom) / 2]) / self.scale
        return middle - half, middle + half


class Ground(NamedTuple):
    """A view of a network, and the outlines in it."""

    view: Projection
    outlines: Outlines
    whole_us: bool  # the view is of the contiguous US, whose states are all that is drawn


def ground_of(sites: pd.DataFrame) -> Ground:
    """The ground of a network: all its sites with a margin, or the whole US if they span more than half of its width.

    Args:
        sites: columns longitude and latitude.
    """
    points = np.stack([unwrapped(sites["longitude"].to_numpy(float)), sites["latitude"].to_numpy(float)], axis=1)
    low, high = points.min(axis=0), points.max(axis=0)
    states = read_states()
    us = np.array([point for rings in states.values() for ring in rings for point in ring])
    us_low, us_high = us.min(axis=0), us.max(axis=0)
    inside = bool((low >= us_low).all() and (high <= us_high).all())
    if inside and (high - low)[0] > 0.5 * (us_high - us_low)[0]:
        return Ground(_view(us_low, us_high, _US_ASPECT), states, True)
    margin = np.maximum(_MARGIN * (high - low), _LEAST_MARGIN)
    aspect = max(_LEAST_ASPECT, math.cos(math.radians(float(low[1] + high[1]) / 2)))
    view = _view(low - margin, high + margin, aspect)
    return Ground(view, outlines_within(*view.corners()), False)


def _view(low: np.ndarray, high: np.ndarray, aspect: float) -> Projection:
    left, bottom, right, top = MAP_BOX
    wide, tall = (high - low) * np.array([aspect, 1.0])
    scale = min((right - left) / wide, (top - bottom) / tall)
    middle = (low + high) / 2
    return Projection(float(middle[0]), float(middle[1]), aspect, float(scale))


def site_points(view: Projection, sites: pd.DataFrame) -> np.ndarray:
    """Where sites are drawn, none hidden by another: (N, 2) pixels."""
    points = view.pixels(sites["longitude"].to_numpy(), sites["latitude"].to_numpy())
    return draw_apart(points, sites["kind"].to_numpy())


def region_of_states(sites: pd.DataFrame, region_of_site: np.ndarray) -> dict[str, int]:
    """The region that has most of each state's sites; the first of them where two have as many."""
    owned: dict[str, Counter[int]] = {}
    for state, region in zip(sites["state"], region_of_site.tolist(), strict=True):
        owned.setdefault(str(state), Counter())[region] += 1
    return {state: min(count, key=lambda r: (-count[r], r)) for state, count in owned.items()}
