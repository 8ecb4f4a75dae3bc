"""FCs far apart: the draws of k-means++."""

from __future__ import annotations

import numpy as np
import pytest

from regional_dispatch.envs.world.stock.places import spread

FCS, PLACES = 9, np.array([4, 1, 9, 3, 6])


def plain(rng: np.random.Generator, weights: np.ndarray, miles: np.ndarray) -> np.ndarray:
    """D² sampling as the paper has it, one draw of every SKU in each turn."""
    placed = np.zeros((len(PLACES), FCS), dtype=bool)
    for turn in range(PLACES.max()):
        draw = rng.random(len(PLACES))
        for s in np.flatnonzero(turn < PLACES):
            near = miles[placed[s]].min(axis=0) if placed[s].any() else np.full(FCS, miles.max() + 1)
            chance = np.where(placed[s], 0, weights * (near + 1) ** 2).cumsum()
            placed[s, min(int((chance < draw[s] * chance[-1]).sum()), FCS - 1)] = True
    return placed


@pytest.mark.parametrize("seed", range(5))
def test_places_are_drawn_far_apart(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points, weights = rng.uniform(0, 1000, (FCS, 2)), rng.uniform(0.1, 1, FCS)
    miles = np.linalg.norm(points[:, None] - points[None], axis=2)
    found = spread(np.random.default_rng(seed), PLACES, weights, miles)
    np.testing.assert_array_equal(found, plain(np.random.default_rng(seed), weights, miles))
    assert found.sum(axis=1).tolist() == PLACES.tolist()
