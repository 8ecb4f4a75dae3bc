"""Distances on the globe, and longitudes without a jump."""

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
    return _miles(a1, o1, np.radians(lat2)[None], np.radians(lon2)[None])


def miles_along(lat1: np.ndarray, lon1: np.ndarray, lat2: np.ndarray, lon2: np.ndarray) -> np.ndarray:
    """The same from each point of the first set to the one at its place in the second: (n,). Unit: miles."""
    return _miles(*(np.radians(angle) for angle in (lat1, lon1, lat2, lon2)))


def _miles(a1: np.ndarray, o1: np.ndarray, a2: np.ndarray, o2: np.ndarray) -> np.ndarray:
    """Haversine distance of points given in radians, which are broadcast against each other."""
    h = np.sin((a2 - a1) / 2) ** 2 + np.cos(a1) * np.cos(a2) * np.sin((o2 - o1) / 2) ** 2
    return np.asarray(2 * EARTH_RADIUS_MILES * np.arcsin(np.sqrt(np.clip(h, 0, 1))))


def nearest(lat: np.ndarray, lon: np.ndarray, to_lat: np.ndarray, to_lon: np.ndarray) -> np.ndarray:
    """The nearest point of the second set to each of the first; the first of those equally near, to 1e-6 miles.

    Args:
        lat: (n1,) degrees.
        lon: (n1,) degrees.
        to_lat: (n2,) degrees.
        to_lon: (n2,) degrees.

    Returns:
        (n1,) int, index into the second set.
    """
    return great_circle_miles(lat, lon, to_lat, to_lon).round(6).argmin(axis=1)


def unwrapped(lon: np.ndarray) -> np.ndarray:
    """Longitudes that grow eastwards without a jump: places 20 miles apart at the date line get numbers as near.

    The jump is moved to the middle of the widest stretch of longitudes without a place. Where it lies in the Pacific or
    the Atlantic already, nothing changes.

    Args:
        lon: (n,) degrees, at least one.

    Returns:
        (n,) degrees, the same but for whole turns.
    """
    lon = np.asarray(lon, dtype=float)
    ordered = np.sort(lon % 360.0)
    gaps = np.diff(ordered, append=ordered[0] + 360.0)
    widest = int(gaps.argmax())
    return around(lon, float(ordered[widest] + gaps[widest] / 2) % 360.0 - 180.0)


def around(lon: np.ndarray, middle: float) -> np.ndarray:
    """The same longitudes within half a turn of a middle; those that are keep every digit. Unit: degrees."""
    lon = np.asarray(lon, dtype=float)
    return lon - 360.0 * np.floor((lon - middle + 180.0) / 360.0)
