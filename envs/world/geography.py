"""Distances on the globe."""

from __future__ import annotations

import numpy as np

EARTH_RADIUS_MILES = 3958.8


def great_circle_miles(lat1: np.ndarray, lon1: np.ndarray, lat2: np.ndarray, lon2: np.ndarray) -> np.ndarray:
    """Haversine distance from every point of the first set to every point of the second. Unit: miles.

    Args:
        lat1: (n1,) degrees.
        lon1: (n1,) degrees.
        lat2: (n2,) degrees.
        lon2: (n2,) degrees.

    Returns:
        (n1, n2) float64.
    """
    a1, o1 = np.radians(lat1)[:, None], np.radians(lon1)[:, None]
    a2, o2 = np.radians(lat2)[None], np.radians(lon2)[None]
    h = np.sin((a2 - a1) / 2) ** 2 + np.cos(a1) * np.cos(a2) * np.sin((o2 - o1) / 2) ** 2
    return 2 * EARTH_RADIUS_MILES * np.arcsin(np.sqrt(np.clip(h, 0, 1)))
