"""Random numbers: splitmix64, even, and drawn by their shares."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from regional_dispatch.envs.kernel.draws import draw, draw_alias, draw_cdf, mix
from regional_dispatch.envs.world.demand import alias_table, episode_key
from tests import reference


def test_draws_from_an_alias_table_have_its_frequencies() -> None:
    shares = np.array([0.5, 0.0, 0.2, 0.3])
    alias, keep = alias_table(shares)
    drawn = np.bincount([draw_alias(alias, keep, draw(np.uint64(5), i)) for i in range(20_000)], minlength=4)
    assert drawn[1] == 0
    np.testing.assert_allclose(drawn / 20_000, shares, atol=0.015)


@given(key=st.integers(0, 2**64 - 1), j=st.integers(0, 1000))
def test_draws_are_splitmix64_uniforms(key: int, j: int) -> None:
    u = draw(np.uint64(key), j)
    assert 0 <= u < 1 and u == reference.uniform(key, j)
    assert int(mix(np.uint64(key))) == reference.mix(key)


def test_uniforms_fill_the_unit_interval_evenly() -> None:
    u = np.array([draw(np.uint64(episode_key("train", 0, i)), j) for i in range(100) for j in range(100)])
    counts = np.histogram(u, bins=20, range=(0, 1))[0]
    assert ((counts - 500) ** 2 / 500).sum() < 45  # chi-square, 19 degrees: 1 in 1,000 is 43.8
    assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < 0.04


def test_a_class_is_drawn_by_its_cumulative_share() -> None:
    cdf = np.array([0.2, 0.2, 0.7, 1.0])
    assert [draw_cdf(cdf, u) for u in (0.0, 0.199, 0.2, 0.69, 0.7, 0.999)] == [0, 0, 2, 2, 3, 3]
