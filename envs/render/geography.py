"""From degrees to pixels, and the outlines of the US states."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.envs.render.canvas import MAP_BOX
from regional_dispatch.envs.render.curves import draw_apart
from regional_dispatch.envs.world.scenario import DATA_DIR

_US_ASPECT = 0.77  # degrees of latitude per degree of longitude at the US's middle latitude

Outlines = dict[str, list[list[list[float]]]]


class Projection(NamedTuple):
    """Degrees to pixels: longitudes shortened as at the map's middle latitude, fitted to the map's box."""

    longitude: float  # at the middle of the box
    latitude: float
    aspect: float  # degrees of latitude per degree of longitude
    scale: float  # pixels per degree of latitude

    def pixels(self, longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
        """Points on the canvas: (n, 2)."""
        left, bottom, right, top = MAP_BOX
        x = (left + right) / 2 + (np.asarray(longitude, float) - self.longitude) * self.aspect * self.scale
        y = (bottom + top) / 2 + (np.asarray(latitude, float) - self.latitude) * self.scale
        return np.stack([x, y], axis=-1)


def read_outlines() -> Outlines:
    """Rings of the contiguous US states by two-letter code, points as [longitude, latitude]."""
    outlines: Outlines = json.loads((DATA_DIR / "us_states.json").read_text(encoding="utf-8"))
    return outlines


def fit(sites: pd.DataFrame, outlines: Outlines) -> Projection:
    """A view of all sites; of the whole US where they lie inside it and span more than half of its width."""
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
