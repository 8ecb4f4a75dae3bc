"""Intervals of means of few samples: one method, Student's t with Hall's correction for skewness.

The interval runs on each side to the farther end of two: Student's t, and the same t after Hall's cubic transformation
(Hall 1992, "On the removal of skewness by transformation", Journal of the Royal Statistical Society B 54:221), which
moves the ends where samples are skewed. How often it holds is measured by `evaluate.py coverage`. There is no interval
for fewer than three samples, nor where more than half of them are the same: what differs was then seen too rarely.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

FEWEST = 3  # samples that an interval needs
_SAME = 1e-12  # of the largest value; what differs by less is the same
_LARGEST_AUTOCORRELATION = 0.5  # of neighbouring weeks; few weeks cannot tell more


class Interval(NamedTuple):
    """A mean and its confidence interval, in the unit of the values; the ends are NaN where there is no interval."""

    mean: float
    ci_low: float
    ci_high: float

    @property
    def sign(self) -> int:
        """1 or −1 where the whole interval is above or below zero; 0 where it holds zero or there is none."""
        return int(self.ci_low > 0) - int(self.ci_high < 0)

    def facts(self) -> dict[str, float | None]:
        """The interval by name, with None for NaN, which JSON does not have."""
        return {name: None if value != value else value for name, value in self._asdict().items()}

    def times(self, factor: float) -> Interval:
        """The interval in another unit."""
        low, high = sorted((factor * self.ci_low, factor * self.ci_high))
        return Interval(factor * self.mean, low, high)


class _Moments(NamedTuple):
    """Of the mean of each column."""

    mean: np.ndarray  # (cells,)
    variance: np.ndarray  # (cells,) unbiased
    third: np.ndarray  # (cells,) third cumulant, unbiased
    samples: np.ndarray  # (cells,) how many


def mean_interval(values: Sequence[float] | np.ndarray, level: float = 0.95) -> Interval:
    """The mean of independent samples and its interval.

    Args:
        values: (n,) one number per episode. NaN, of episodes in which there was nothing to measure, is left out.
        level: nominal coverage, between 0 and 1.

    Returns:
        The mean, NaN if all values are; the ends are NaN for fewer than three values, or if more than half are the
        same.

    Raises:
        ValueError: no row of values, or an infinite one.
    """
    return _single(mean_intervals(_row(values)[:, None], level))


def mean_intervals(values: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`mean_interval` of many numbers at once.

    Args:
        values: (n, cells) a row per episode. A cell may be NaN in some: its mean is over the others.
        level: nominal coverage.

    Returns:
        Means and both ends of the intervals, (cells,) each; NaN where there is none.
    """
    found = _moments(values)
    low, high = _ends(found.mean, found.variance, found.third, _quantile(found.samples - 1, level))
    return found.mean, *_withheld(low, high, (found.samples < FEWEST) | _mostly_same(values))


def paired_difference(a: Sequence[float] | np.ndarray, b: Sequence[float] | np.ndarray) -> Interval:
    """The mean of a − b over episodes with the same orders: a and b are (n,) in the same order of episodes."""
    return mean_interval(np.asarray(a, dtype=float) - np.asarray(b, dtype=float))


def crossed_mean(values: Sequence[Sequence[float]] | np.ndarray, level: float = 0.95) -> Interval:
    """The mean over training seeds × episodes, with an interval for other seeds and other episodes.

    Every seed's policy plays the same episodes, so the numbers are crossed, not independent. Half the width is √(a² +
    b²) of the halves a and b of Student's t intervals over the seeds' means and over the episodes' means. This counts
    what is left over by both twice, and gives few seeds their own t: it errs on the wide side.

    Args:
        values: (seeds, episodes) numbers. A seed or an episode with a NaN, where there was nothing to measure, is left
            out with all its values, whichever of the two loses less.
        level: nominal coverage, between 0 and 1.

    Returns:
        One seed gives `mean_interval` over its episodes, and one episode that over the seeds; for two of either there
        is no interval.

    Raises:
        ValueError: not a table, empty, or an infinite number.
    """
    table = np.asarray(values, dtype=float)
    if table.ndim != 2 or not table.size or np.isinf(table).any():
        raise ValueError(f"a mean needs a table of finite numbers, not {values!r}")
    table = _complete(table)
    if not table.size:
        return Interval(*(float("nan"),) * 3)
    if min(table.shape) == 1:
        return mean_interval(table.ravel(), level)
    return _single(crossed_means(table[None], level))


def crossed_means(tables: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`crossed_mean` of many tables at once: (cells, seeds, episodes), two of each at least → (cells,) each."""
    parts = [_moments(tables.mean(axis=axis).T) for axis in (2, 1)]
    variances, freedoms = (np.array(x) for x in ([p.variance for p in parts], [p.samples - 1 for p in parts]))
    total, halves = variances.sum(axis=0), _quantile(freedoms, level) * np.sqrt(variances)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.sqrt((halves**2).sum(axis=0) / total)
    mean = tables.mean(axis=(1, 2))
    low, high = _ends(mean, total, parts[0].third + parts[1].third, t)
    no = (min(tables.shape[1:]) < FEWEST) | _mostly_same(tables.reshape(len(tables), -1).T)
    return mean, *_withheld(low, high, no)


def ratio_of_means(
    top: Sequence[float] | np.ndarray, bottom: Sequence[float] | np.ndarray, level: float = 0.95
) -> Interval | None:
    """The mean of `top` over the mean of `bottom`.

    The ratio is taken as linear near its value (the delta method): the interval is that of the mean of (top − ratio ×
    bottom) / mean of bottom, around the ratio.

    Args:
        top: (n,) one number per independent episode.
        bottom: (n,) of the same episodes, not negative. Episodes where either is NaN are left out.
        level: nominal coverage, between 0 and 1.

    Returns:
        None if the mean of `bottom` is not above 0.
    """
    a, b = _row(top), _row(bottom)
    known = ~np.isnan(a + b)
    a, b = a[known], b[known]
    return None if not len(b) or b.mean() <= 0 else _single(ratios_of_means(a[:, None], b[:, None], level))


def ratios_of_means(
    top: np.ndarray, bottom: np.ndarray, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`ratio_of_means` of many at once: (n, cells) each, whose `bottom` has means above 0 → (cells,) each."""
    below = bottom.mean(axis=0)
    ratio = top.mean(axis=0) / below
    found = _moments((top - ratio * bottom) / below)
    low, high = _ends(ratio, found.variance, found.third, _quantile(found.samples - 1, level))
    scale = np.abs(ratio * bottom / below).max(axis=0) + np.abs(top / below).max(axis=0)
    return ratio, *_withheld(low, high, (found.samples < FEWEST) | (np.sqrt(found.variance) <= _SAME * scale))


def week_mean(values: Sequence[float] | np.ndarray, level: float = 0.95) -> Interval:
    """The mean over the weeks of one trace, whose neighbours may be alike.

    A week is a block of days, so that most of what days share stays inside one. What neighbouring weeks still share
    widens the interval: n weeks count as n (1 − r) / (1 + r), where r is their autocorrelation at lag one (Bayley &
    Hammersley 1946), raised by 1 / n for its bias and held between 0 and 0.5.

    Args:
        values: (n,) one number a week, in order of time.
        level: nominal coverage, between 0 and 1.

    Returns:
        As `mean_interval` does.
    """
    return _single(week_means(_row(values)[:, None], level))


def week_means(values: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`week_mean` of many numbers at once: (weeks, cells) → (cells,) each."""
    mean, low, high = mean_intervals(values, level)
    wider = _widening(values)
    return mean, mean - wider * (mean - low), mean + wider * (high - mean)


def _widening(values: np.ndarray) -> np.ndarray:
    """√((1 + r) / (1 − r)) of each column, with r the autocorrelation at lag one."""
    change = np.nan_to_num(values - _moments(values).mean)
    total = (change**2).sum(axis=0)
    product = (change[1:] * change[:-1]).sum(axis=0)
    r = np.divide(product, total, out=np.zeros_like(total), where=total > 0) + 1 / len(values)
    r = np.clip(r, 0, _LARGEST_AUTOCORRELATION)
    return np.asarray(np.sqrt((1 + r) / (1 - r)))


def _moments(values: np.ndarray) -> _Moments:
    """Of (n, cells); NaN among the values is left out, and is what a column without enough values gives."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(known, values, 0.0).sum(axis=0) / count
        change = np.where(known, values - mean, 0.0)
        variance = (change**2).sum(axis=0) / (count - 1) / count
        third = (change**3).sum(axis=0) * count / ((count - 1) * (count - 2)) / count**2
    return _Moments(mean, np.where(count > 1, variance, np.nan), np.where(count > 2, third, 0.0), count)


def _quantile(freedom: np.ndarray, level: float) -> np.ndarray:
    """Student's t, of which a share `level` lies within ± it."""
    from scipy.special import stdtrit  # scipy.stats takes half a second to load

    return np.asarray(stdtrit(np.maximum(freedom, 1), (1 + level) / 2))


def _ends(mean: np.ndarray, variance: np.ndarray, third: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of intervals, from the moments of the means and Student's t."""
    error = np.sqrt(variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        skewness = np.where(error > 0, third / error**3, 0.0)
        down, up = np.maximum(t, _unskewed(t, skewness)), np.maximum(t, -_unskewed(-t, skewness))
        return mean - down * error, mean + up * error


def _unskewed(t: np.ndarray, skewness: np.ndarray) -> np.ndarray:
    """The statistic that Hall's transformation makes t, given the skewness of the mean."""
    small = np.abs(skewness) < 1e-6
    k = np.where(small, 1.0, skewness)
    return np.where(small, t, (np.cbrt(1 + k * (t - k / 6)) - 1) * 3 / k)


def _mostly_same(values: np.ndarray) -> np.ndarray:
    """Are more than half of the values of each column of (n, cells) the same?"""
    if not len(values):
        return np.ones(values.shape[1], dtype=bool)
    some = np.where(np.isnan(values).all(axis=0), 0.0, values)
    middle = np.nanmedian(some, axis=0)
    same = np.abs(some - middle) <= _SAME * np.nanmax(np.abs(some), axis=0)
    return np.asarray(same.sum(axis=0) > (~np.isnan(some)).sum(axis=0) / 2)


def _withheld(low: np.ndarray, high: np.ndarray, where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.where(where, np.nan, low), np.where(where, np.nan, high)


def _complete(table: np.ndarray) -> np.ndarray:
    """The table without the seeds, or without the episodes, that have a NaN: the larger of the two."""
    missing = np.isnan(table)
    rows, columns = table[~missing.any(axis=1)], table[:, ~missing.any(axis=0)]
    return rows if rows.size >= columns.size else columns


def _row(values: Sequence[float] | np.ndarray) -> np.ndarray:
    row = np.asarray(values, dtype=float)
    if row.ndim != 1 or not len(row) or np.isinf(row).any():
        raise ValueError(f"a mean needs a row of finite numbers, not {values!r}")
    return row


def _single(found: tuple[np.ndarray, np.ndarray, np.ndarray]) -> Interval:
    return Interval(*(float(part[0]) for part in found))
