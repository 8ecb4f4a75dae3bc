"""Intervals against known values, and how often they hold the mean."""

from __future__ import annotations

import numpy as np
import pytest

from regional_dispatch.evaluation.statistics import (
    block_mean,
    bootstrap_mean,
    crossed_mean,
    paired_difference,
    student_mean,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_samples_without_spread_have_the_mean_as_their_interval() -> None:
    assert bootstrap_mean([0.1] * 7, rng()) == (0.1, 0.1, 0.1)
    assert bootstrap_mean([3.0], rng()) == (3.0, 3.0, 3.0)


def test_two_values_are_the_interval_of_their_mean() -> None:
    assert bootstrap_mean([1.0, 2.0], rng()) == (1.5, 1.0, 2.0)


def test_many_values_have_the_normal_interval() -> None:
    values = rng(1).normal(5, 2, 2000)
    mean, low, high = bootstrap_mean(values, rng(), resamples=4000)
    margin = 1.96 * values.std() / np.sqrt(len(values))
    assert mean == pytest.approx(values.mean())
    np.testing.assert_allclose([low, high], [mean - margin, mean + margin], atol=0.1 * margin)


def test_the_interval_holds_the_mean_about_as_often_as_it_says() -> None:
    draws = rng(2)
    intervals = [bootstrap_mean(draws.normal(size=8), draws, resamples=1000) for _ in range(600)]
    assert 0.91 < np.mean([low <= 0 <= high for _, low, high in intervals]) < 0.98


def test_the_same_seed_gives_the_same_interval_and_a_higher_level_a_wider_one() -> None:
    values = rng(3).lognormal(size=8)
    assert bootstrap_mean(values, rng()) == bootstrap_mean(values, rng()) != bootstrap_mean(values, rng(1))
    wide, narrow = bootstrap_mean(values, rng(), level=0.99), bootstrap_mean(values, rng(), level=0.8)
    assert wide.ci_low < narrow.ci_low < narrow.mean < narrow.ci_high < wide.ci_high


def crossed(draws: np.random.Generator, seeds: int, episodes: int, of_seeds: float, of_episodes: float) -> np.ndarray:
    """Normal values around 0 that share something within a seed and within an episode."""
    shared = of_seeds * draws.normal(size=(seeds, 1)) + of_episodes * draws.normal(size=(1, episodes))
    return np.asarray(shared + draws.normal(size=(seeds, episodes)))


@pytest.mark.parametrize(("of_seeds", "of_episodes"), [(0.5, 0.0), (0.0, 2.0), (0.5, 2.0)])
def test_the_crossed_interval_holds_the_mean_at_least_as_often_as_it_says(of_seeds: float, of_episodes: float) -> None:
    draws = rng(5)
    tables = [crossed(draws, 5, 32, of_seeds, of_episodes) for _ in range(200)]
    intervals = [crossed_mean(table, draws, resamples=1000) for table in tables]
    assert np.mean([low <= 0 <= high for _, low, high in intervals]) > 0.92


def test_seeds_that_differ_widen_the_interval_where_episodes_alone_would_not() -> None:
    table = crossed(rng(6), 5, 400, 1.0, 0.0)
    both, episodes = crossed_mean(table, rng()), bootstrap_mean(table.mean(axis=0), rng())
    assert both.mean == pytest.approx(episodes.mean)
    assert both.ci_high - both.ci_low > 5 * (episodes.ci_high - episodes.ci_low)


def test_one_seed_falls_back_to_its_episodes() -> None:
    values = rng(7).normal(size=9)
    assert crossed_mean([values], rng()) == bootstrap_mean(values, rng())
    assert crossed_mean([[2.0, 2.0], [2.0, 2.0]], rng()) == (2.0, 2.0, 2.0)
    for bad in ([], [[]], [[1.0, np.nan]], [1.0, 2.0]):
        with pytest.raises(ValueError, match="a table of finite numbers"):
            crossed_mean(bad, rng())  # type: ignore[arg-type]


def test_pairing_removes_what_both_share() -> None:
    weather = rng(4).normal(0, 100, 8)
    assert paired_difference(weather + 2, weather, rng()).mean == pytest.approx(2)
    assert paired_difference(weather + 2, weather, rng()).ci_high < 2.001


@pytest.mark.parametrize("values", [[], [np.inf], [[1.0, 2.0]]])
def test_what_is_no_row_of_numbers_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="finite numbers"):
        bootstrap_mean(values, rng())


def test_a_t_interval_of_weeks_holds_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    found = [student_mean(rng.normal(3, 2, 4)) for _ in range(2000)]
    held = np.mean([x is not None and x.ci_low < 3 < x.ci_high for x in found])
    assert held == pytest.approx(0.95, abs=0.015)


def test_one_week_has_no_interval() -> None:
    assert student_mean([1.0]) is None
    assert block_mean([1.0, 2.0, 3.0], np.random.default_rng(0)) is None


def test_weeks_that_are_alike_widen_the_block_bootstrap() -> None:
    """Weeks in runs of four hold less than as many weeks of their own."""
    rng = np.random.default_rng(0)
    runs = np.repeat(rng.normal(size=16), 4)
    alone, block = bootstrap_mean(runs, rng), block_mean(runs, rng)
    assert block is not None
    assert block.ci_high - block.ci_low > 1.3 * (alone.ci_high - alone.ci_low)
