"""Distances on the globe."""

from __future__ import annotations

import math

import numpy as np
import pytest

from regional_dispatch.envs.world.geography import great_circle_miles


def test_great_circle_miles() -> None:
    def between(a: tuple[float, float], b: tuple[float, float]) -> float:
        return float(great_circle_miles(*(np.array([x]) for x in (*a, *b)))[0, 0])

    assert between((40.7128, -74.0060), (34.0522, -118.2437)) == pytest.approx(2446, abs=3)  # New York, Los Angeles
    assert between((10, 20), (10, 20)) == 0
    assert between((0, 0), (0, 180)) == pytest.approx(math.pi * 3958.8)
