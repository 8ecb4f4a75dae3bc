"""Sampling of legal actions."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium import spaces

from regional_dispatch.envs.dispatch_env import RegionalDispatchEnv
from regional_dispatch.envs.faces.action_space import MaskedMultiDiscrete
from regional_dispatch.envs.vector_env import RegionalDispatchVectorEnv
from tests.worlds import TWO_REGIONS, small

WORLD = small(**TWO_REGIONS, horizon_hours=24, warmup_hours=2)


def test_every_legal_value_is_drawn_as_often_as_the_others_and_no_other() -> None:
    space = MaskedMultiDiscrete([4, 2, 3], seed=1)
    mask = np.array([1, 0, 1, 1, 0, 1, 1, 1, 1], np.int8)
    drawn = np.array([space.sample(mask=mask) for _ in range(3000)])
    shares = [np.bincount(column, minlength=4) / len(drawn) for column in drawn.T]
    expected = [[1 / 3, 0, 1 / 3, 1 / 3], [0, 1, 0, 0], [1 / 3, 1 / 3, 1 / 3, 0]]
    np.testing.assert_allclose(shares, expected, atol=0.04)
    assert drawn.dtype == space.dtype


def test_masks_of_both_faces_fit() -> None:
    env, batch = RegionalDispatchEnv(WORLD), RegionalDispatchVectorEnv(3, WORLD)
    for face in (env, batch):
        face.action_space.seed(0)
        _, info = face.reset(seed=1)
        for _ in range(12):
            for mask in (face.action_masks(), info["action_mask"]):
                action = face.action_space.sample(mask=mask)
                assert face.action_space.contains(action)
                first = np.cumsum(env.action_space.nvec) - env.action_space.nvec
                assert np.take_along_axis(mask, first + action, axis=-1).all()
            *_, info = face.step(action)


def test_gymnasiums_own_form_of_a_mask_is_taken_too() -> None:
    space = MaskedMultiDiscrete([2, 3], seed=1)
    mask = (np.array([0, 1], np.int8), np.array([0, 0, 1], np.int8))
    assert space.sample(mask=mask).tolist() == [1, 2]
    assert space.contains(space.sample())
    assert space == spaces.MultiDiscrete([2, 3])


@pytest.mark.parametrize("mask", [np.ones(4, np.int8), np.ones((1, 5), bool)])
def test_a_mask_of_another_shape_is_named(mask: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"must be \(5,\), the values of one entry after the other"):
        MaskedMultiDiscrete([2, 3]).sample(mask=mask)


def test_an_entry_without_a_legal_value_is_named() -> None:
    with pytest.raises(ValueError, match="no legal value"):
        MaskedMultiDiscrete([2, 3]).sample(mask=np.array([1, 1, 0, 0, 0], bool))
