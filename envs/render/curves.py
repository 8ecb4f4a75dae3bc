"""Where lanes, trucks and sites lie on the map, so that none hides another. Unit: pixels."""

from __future__ import annotations

import numpy as np

BOW = 0.10  # a lane bends to its right by this share of its length
_MOST_BOW = 36.0  # but by no more pixels than this
_CLEARANCE = 8.0  # between a site and a truck that has just left it or is about to arrive
_SHIFT = 5.0  # of an FC and a sort center that would hide each other


def draw_apart(points: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """Moves an FC left and a sort center right, five pixels each, where they would hide each other: (N, 2)."""
    fc, sc = np.flatnonzero(kind == "fc"), np.flatnonzero(kind == "sc")
    moved = points.copy()
    if len(fc) and len(sc):
        near = (np.abs(points[fc][:, None] - points[sc][None]) < 2 * _SHIFT).all(axis=2)
        moved[fc[near.any(axis=1)], 0] -= _SHIFT
        moved[sc[near.any(axis=0)], 0] += _SHIFT
    return moved


def bends(lanes: np.ndarray) -> np.ndarray:
    """How many times the usual bend each lane has: 1, 2, … for the lanes between the same two sites: (L,)."""
    order = np.lexsort((lanes["dest"], lanes["origin"]))
    pairs = np.stack([lanes["origin"][order], lanes["dest"][order]])
    new = np.append(True, (pairs[:, 1:] != pairs[:, :-1]).any(axis=0))
    position = np.arange(len(lanes))
    first = np.maximum.accumulate(np.where(new, position, 0))
    found = np.empty(len(lanes))
    found[order] = position - first + 1
    return found


def curve(start: np.ndarray, end: np.ndarray, at: np.ndarray, bend: np.ndarray | float = 1.0) -> np.ndarray:
    """Points of lanes, bent a little to the right so that opposite ones lie apart: quadratic Bézier curves.

    Args:
        start: (n, 2) pixels.
        end: (n, 2) pixels.
        at: (n, k) or (k,), 0 at the start, 1 at the end.
        bend: (n,), times the usual bend.

    Returns:
        (n, k, 2) pixels.
    """
    along = end - start
    length = np.maximum(np.linalg.norm(along, axis=1), 1e-9)
    bow = (np.minimum(BOW, _MOST_BOW / length) * bend)[:, None]
    middle = (start + end) / 2 + 2 * bow * np.stack([along[:, 1], -along[:, 0]], axis=1)
    t = np.broadcast_to(at, (len(start), np.shape(at)[-1]))[..., None]
    return np.asarray((1 - t) ** 2 * start[:, None] + 2 * t * (1 - t) * middle[:, None] + t**2 * end[:, None])


def truck_points(
    start: np.ndarray, end: np.ndarray, fraction: np.ndarray, bend: np.ndarray | float = 1.0
) -> np.ndarray:
    """Where trucks are, (n, 2) pixels: clear of both ends of their lanes, in between by the share of transit done."""
    length = np.maximum(np.linalg.norm(end - start, axis=1), 1e-9)
    inset = np.minimum(_CLEARANCE / length, 0.3)
    return curve(start, end, (inset + (1 - 2 * inset) * fraction)[:, None], bend)[:, 0]
