"""Outlines of the US states and of all countries, in degrees; `envs/world/data` says where they are from."""

from __future__ import annotations

import json
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from regional_dispatch.envs.world.scenario import DATA_DIR

Outlines = dict[str, list[list[list[float]]]]  # name → closed rings of [longitude, latitude]

_STEPS_PER_DEGREE, _DIGITS = 100, 2  # of world.json, and of us_states.json
_SOUTH_POLE = -90.0


@cache
def read_states() -> Outlines:
    """Rings of the contiguous US states by two-letter code; neighbours share the points of their border."""
    states: Outlines = json.loads((DATA_DIR / "us_states.json").read_text(encoding="utf-8"))
    return states


@cache
def read_countries() -> Outlines:
    """Rings of all countries by name, the contiguous US left out; neighbours share the points of their border."""
    world: dict[str, Any] = json.loads((DATA_DIR / "world.json").read_text(encoding="utf-8"))
    arcs = [np.array(steps).reshape(-1, 2).cumsum(axis=0) / _STEPS_PER_DEGREE for steps in world["arcs"]]
    return {name: [_joined(ring, arcs) for ring in rings] for name, rings in world["countries"].items()}


def _joined(ring: list[int], arcs: list[np.ndarray]) -> list[list[float]]:
    """A ring from its arcs, of which negative numbers (−1 − number) run backwards; each starts where the last ended.

    Longitudes go on beyond 180 where a ring crosses the date line. A ring around a pole is closed over the pole.
    """
    parts = [arcs[number] if number >= 0 else arcs[~number][::-1] for number in ring]
    whole = np.concatenate([parts[0], *(part[1:] for part in parts[1:])])
    whole[:, 0] = np.unwrap(whole[:, 0], period=360.0)
    if abs(whole[-1, 0] - whole[0, 0]) > 180.0:
        over = np.array([[whole[-1, 0], _SOUTH_POLE], [whole[0, 0], _SOUTH_POLE]])
        whole = np.concatenate([whole, over, whole[:1]])
    closed: list[list[float]] = whole.tolist()
    return closed


def outlines_within(low: np.ndarray, high: np.ndarray) -> Outlines:
    """Countries, then US states, with all their rings that meet a box; longitudes are moved by whole turns into it.

    Args:
        low: longitude and latitude of the box's southwest corner.
        high: those of its northeast corner; the longitude may be beyond 180.
    """
    found: Outlines = {}
    for name, rings in (*read_countries().items(), *read_states().items()):
        own = [moved for ring in rings for moved in _moved_into(np.array(ring), low, high)]
        if own:
            found[name] = own
    return found


def _moved_into(ring: np.ndarray, low: np.ndarray, high: np.ndarray) -> list[list[list[float]]]:
    """A ring, moved by every number of turns with which it meets the box."""
    west, south = ring.min(axis=0)
    east, north = ring.max(axis=0)
    if north < low[1] or south > high[1]:
        return []
    first, last = np.ceil((low[0] - east) / 360.0), np.floor((high[0] - west) / 360.0)
    turns = np.arange(first, last + 1)
    return [(ring + np.array([360.0 * turn, 0.0])).round(_DIGITS).tolist() for turn in turns]


def border_lines(ring: list[list[float]]) -> list[tuple[list[float], list[float]]]:
    """The pieces of a ring that are a border or a coast: without those over the pole."""
    return [ends for ends in pairwise(ring) if all(y > _SOUTH_POLE for _, y in ends)]
