"""Distances on the globe."""

from __future__ import annotations

import math

import numpy as np
import pytest

from regional_dispatch.envs.world.geography import around, great_circle_miles, nearest, unwrapped


def test_great_circle_miles() -> None:
    def between(a: tuple[float, float], b: tuple[float, float]) -> float:
        return float(great_circle_miles(*(np.array([x]) for x in (*a, *b)))[0, 0])

    assert between((40.7128, -74.0060), (34.0522, -118.2437)) == pytest.approx(2446, abs=3)  # New York, Los Angeles
    assert between((10, 20), (10, 20)) == 0
    assert between((0, 0), (0, 180)) == pytest.approx(math.pi * 3958.8)


@pytest.mark.parametrize(
    ("longitudes", "found"),
    [
        ([-122.3, -70.0], [-122.3, -70.0]),  # the US
        ([5.0, 31.0], [5.0, 31.0]),  # Norway
        ([179.9, -179.8, 178.0, -178.0], [-180.1, -179.8, -182.0, -178.0]),  # Fiji
        ([20.0, 60.0, 110.0, 179.0, -170.0], [20.0, 60.0, 110.0, 179.0, 190.0]),  # Russia
        ([-0.12, -0.12], [-0.12, -0.12]),
        ([180.0, -180.0], [-180.0, -180.0]),
        ([7.0], [7.0]),
    ],
)  # fmt: skip
def test_longitudes_without_a_jump(longitudes: list[float], found: list[float]) -> None:
    assert unwrapped(np.array(longitudes)) == pytest.approx(found)


def test_longitudes_within_half_a_turn_of_a_middle() -> None:
    assert around(np.array([179.9, -179.8, 0.1]), 180.0).tolist() == pytest.approx([179.9, 180.2, 0.1])
    exact = np.array([-122.3321, -70.0001])
    assert (around(exact, -97.0) == exact).all()


@pytest.mark.parametrize(
    ("place", "to", "expected"),
    [
        ((-17.0, 179.9), [(-17.0, 178.0), (-17.0, -179.9)], 1),  # over the date line
        ((90.0, 0.0), [(60.0, 0.0), (89.0, 180.0)], 1),  # over the pole
        ((70.0, 20.0), [(70.0, 24.0), (67.5, 20.0)], 0),  # where degrees of longitude are short: 95 and 173 miles
        ((10.0, 0.0), [(10.0, 1.0), (10.0, -1.0)], 0),  # the first of two
    ],
)
def test_the_nearest_is_the_nearest_on_the_globe(
    place: tuple[float, float], to: list[tuple[float, float]], expected: int
) -> None:
    (lat, lon), (to_lat, to_lon) = place, np.array(to).T
    assert nearest(np.array([lat]), np.array([lon]), to_lat, to_lon).tolist() == [expected]
