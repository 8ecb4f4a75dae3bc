"""Intervals against known values, where there is none, and how often they hold the truth."""

from __future__ import annotations

import numpy as np
import pytest

from regional_dispatch.evaluation.statistics import (
    Interval,
    crossed_mean,
    crossed_means,
    mean_interval,
    mean_intervals,
    paired_difference,
    ratios_of_means,
    week_mean,
    week_means,
)

REPETITIONS = 4000
ENOUGH = 0.93 - 2 * np.sqrt(0.93 * 0.07 / REPETITIONS)  # 93 %, less the Monte-Carlo error
Found = tuple[np.ndarray, np.ndarray, np.ndarray]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def held(found: Found, truth: float) -> float:
    """The share of the intervals given that hold the truth."""
    given = ~np.isnan(found[1])
    return float(((found[1] <= truth) & (truth <= found[2]))[given].mean())


# -------------------------------------------------------------------------------------------------- where there is none


@pytest.mark.parametrize("values", [[3.0], [1.0, 2.0], [0.1] * 7, [1.0, 1.0, 1.0, 0.9], [np.nan, 2.0, np.nan, 1.0]])
def test_few_samples_and_those_mostly_the_same_have_a_mean_and_no_interval(values: list[float]) -> None:
    mean, low, high = mean_interval(values)
    assert mean == pytest.approx(np.nanmean(values)) and np.isnan([low, high]).all()


def test_nothing_measured_has_no_mean_and_json_has_no_nan() -> None:
    assert mean_interval([np.nan] * 3).facts() == {"mean": None, "ci_low": None, "ci_high": None}
    assert mean_interval([1.0, 2.0]).facts() == {"mean": 1.5, "ci_low": None, "ci_high": None}
    assert mean_interval([1.0, 2.0]).sign == mean_interval([0.0] * 9).sign == 0


def test_episodes_without_a_value_are_left_out() -> None:
    assert mean_interval([1.0, np.nan, 4.0, 2.0, 5.0]) == mean_interval([1.0, 4.0, 2.0, 5.0])


@pytest.mark.parametrize("values", [[], [np.inf], [[1.0, 2.0]]])
def test_what_is_no_row_of_numbers_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="finite numbers"):
        mean_interval(values)


def test_two_seeds_have_no_interval_and_one_has_that_of_its_episodes() -> None:
    values = rng(7).normal(size=9)
    assert crossed_mean([values]) == mean_interval(values) == crossed_mean(values[:, None])
    assert np.isnan(crossed_mean(rng(7).normal(size=(2, 9))).ci_low)
    assert np.isnan(crossed_mean([[2.0, 2.0, 2.0]] * 3).ci_low)
    assert np.isnan(crossed_mean([[1.0]])).tolist() == [False, True, True]
    for bad in ([], [[]], [[1.0, np.inf]], [1.0, 2.0]):
        with pytest.raises(ValueError, match="a table of finite numbers"):
            crossed_mean(bad)  # type: ignore[arg-type]


def test_an_episode_without_a_value_is_left_out_of_a_table() -> None:
    table = rng(8).normal(size=(5, 9))
    holed = table.copy()
    holed[2, 4] = np.nan
    assert crossed_mean(holed) == pytest.approx(crossed_mean(np.delete(table, 4, axis=1)))


# -------------------------------------------------------------------------------------------------------- known values


def test_symmetric_samples_have_students_interval() -> None:
    mean, low, high = mean_interval([-2.0, -1.0, 0.0, 1.0, 2.0])
    half = 2.776 * np.sqrt(2.5 / 5)  # Student's t of four degrees of freedom
    assert (mean, low, high) == pytest.approx((0, -half, half), rel=1e-3)


def test_many_values_have_the_normal_interval() -> None:
    values = rng(1).normal(5, 2, 2000)
    margin = 1.96 * values.std() / np.sqrt(len(values))
    np.testing.assert_allclose(
        mean_interval(values), [values.mean(), values.mean() - margin, values.mean() + margin], atol=0.05 * margin
    )


def test_a_long_tail_moves_the_end_on_its_side() -> None:
    mean, low, high = mean_interval([1.0, 1.1, 1.2, 1.0, 1.1, 1.3, 1.2, 4.0])
    assert high - mean > 2 * (mean - low)
    turned = mean_interval([-1.0, -1.1, -1.2, -1.0, -1.1, -1.3, -1.2, -4.0])
    assert turned == pytest.approx((-mean, -high, -low))


def test_a_higher_level_is_wider_and_a_sign_needs_the_whole_interval() -> None:
    values = rng(3).lognormal(size=8)
    wide, narrow = mean_interval(values, 0.99), mean_interval(values, 0.8)
    assert wide.ci_low < narrow.ci_low < narrow.mean < narrow.ci_high < wide.ci_high
    assert [Interval(1, 0.5, 2).sign, Interval(-1, -2, -0.5).sign, Interval(1, -1, 3).sign] == [1, -1, 0]
    assert Interval(1, -1, 3).times(-2) == (-2, -6, 2)


def test_pairing_removes_what_both_share() -> None:
    weather = rng(4).normal(0, 100, 8)
    noise = rng(5).normal(0, 0.01, 8)
    assert paired_difference(weather + 2 + noise, weather).ci_high < 2.1


def test_seeds_that_differ_widen_the_interval_where_episodes_alone_would_not() -> None:
    table = rng(6).normal(size=(5, 1)) + rng(9).normal(size=(5, 400))
    both, episodes = crossed_mean(table), mean_interval(table.mean(axis=0))
    assert both.mean == pytest.approx(episodes.mean)
    assert both.ci_high - both.ci_low > 5 * (episodes.ci_high - episodes.ci_low)


def test_weeks_that_are_like_their_neighbours_widen_the_interval() -> None:
    runs = np.repeat(rng().normal(size=8), 4)
    mixed = rng(1).permutation(runs)
    a, b = week_mean(runs), week_mean(mixed)
    assert a.mean == pytest.approx(b.mean) and a.ci_high - a.ci_low > 1.3 * (b.ci_high - b.ci_low)


# ------------------------------------------------------------------------------------------------------------ coverage


@pytest.mark.parametrize("n", [8, 16, 32])
@pytest.mark.parametrize("shape", ["normal", "lognormal", "near 1", "rare"])
def test_the_interval_of_a_mean_holds_it(shape: str, n: int) -> None:
    draws, size = rng(2), (n, REPETITIONS)
    values, truth = {
        "normal": lambda: (draws.normal(size=size), 0.0),
        "lognormal": lambda: (draws.lognormal(0, 0.5, size), np.exp(0.125)),
        "near 1": lambda: (1 - draws.exponential(0.02, size), 0.98),
        "rare": lambda: (1 - np.where(draws.random(size) < 0.4, draws.exponential(0.02, size), 0), 0.992),
    }[shape]()
    assert held(mean_intervals(values), truth) > ENOUGH


@pytest.mark.parametrize("ratio", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("skewed", [False, True])
def test_the_interval_over_five_seeds_and_32_episodes_holds(ratio: float, skewed: bool) -> None:
    draws = rng(5)

    def effect(*shape: int) -> np.ndarray:
        lognormal = (draws.lognormal(0, 0.5, shape) - np.exp(0.125)) / np.sqrt(np.exp(0.25) * (np.exp(0.25) - 1))
        return np.asarray(lognormal if skewed else draws.normal(size=shape))

    shared = np.sqrt(ratio) * effect(REPETITIONS, 5, 1) + effect(REPETITIONS, 1, 32)
    tables = shared + 0.5 * draws.normal(size=(REPETITIONS, 5, 32))
    assert held(crossed_means(tables), 0) > ENOUGH


@pytest.mark.parametrize("n", [8, 32])
def test_the_interval_of_a_ratio_holds_it(n: int) -> None:
    draws, size = rng(6), (n, REPETITIONS)
    bottom = draws.lognormal(0, 0.3, size)
    assert held(ratios_of_means(0.4 * bottom + draws.normal(0, 0.2, size), bottom), 0.4) > ENOUGH


@pytest.mark.parametrize("n", [4, 8, 16])
def test_the_interval_over_weeks_of_days_that_are_alike_holds(n: int) -> None:
    draws = rng(7)
    days = np.zeros((7 * n + 30, REPETITIONS))
    for i in range(1, len(days)):
        days[i] = 0.6 * days[i - 1] + draws.normal(size=REPETITIONS)
    weeks = days[30:].reshape(n, 7, REPETITIONS).mean(axis=1)
    assert held(week_means(weeks), 0) > ENOUGH
    assert held(mean_intervals(weeks), 0) < held(week_means(weeks), 0)
