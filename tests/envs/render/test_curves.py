"""Where lanes and trucks lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from regional_dispatch.envs.render.curves import BOW, bends, curve, truck_points
from regional_dispatch.envs.world.network import build_network
from tests.networks import LANES_OF_TWO_MODES, from_tables


def test_a_truck_moves_along_its_bent_lane() -> None:
    start, end = np.zeros((3, 2)), np.tile([100.0, 0.0], (3, 1))
    points = truck_points(start, end, np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(points[1], [50.0, -100 * BOW])
    np.testing.assert_allclose(points[0][0], 100 - points[2][0])
    assert 5 < points[0][0] < 15
    assert np.isfinite(truck_points(start, start, np.array([0.0, 0.5, 1.0]))).all()


def test_lanes_between_the_same_two_sites_bend_differently(tmp_path: Path) -> None:
    net = build_network(from_tables(tmp_path, lanes=LANES_OF_TWO_MODES)).net
    found = bends(net.lanes)
    assert found.tolist() == [1, 2, 1, 2, 1]
    start, end = np.zeros((2, 2)), np.tile([100.0, 0.0], (2, 1))
    middle = curve(start, end, np.array([0.5]), found[:2])[:, 0]
    np.testing.assert_allclose(middle, [[50.0, -100 * BOW], [50.0, -200 * BOW]])
