"""Intervals of means: the bootstrap, for few episodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_BATCH_VALUES = 2_000_000  # resampled values held at once, 16 MB


class Interval(NamedTuple):
    """A mean and its confidence interval, in the unit of the values."""

    mean: float
    ci_low: float
    ci_high: float


def bootstrap_mean(
    values: Sequence[float] | np.ndarray,
    rng: np.random.Generator,
    resamples: int = 10_000,
    level: float = 0.95,
) -> Interval:
    """The mean and its bootstrap interval.

    The expanded percentile interval of Hesterberg 2015 ("What Teachers Should Know About the Bootstrap", The American
    Statistician 69:4): percentiles taken further out, so that few values get Student's t's width. With 8 normal values
    a plain 95 % percentile interval holds the mean in 90 % of cases, this one in 94 %.

    Args:
        values: (n,) one number per independent episode, n ≥ 1.
        rng: source of the resamples; the same state gives the same interval.
        resamples: how many times to draw n values with replacement.
        level: nominal coverage, between 0 and 1.

    Returns:
        The mean and its interval. For one value, or equal ones, both ends are the mean: such a sample has no spread.
        Values that are NaN, of episodes in which there was nothing to measure, are left out; NaN if all are.

    Raises:
        ValueError: no values, or an infinite one.
    """
    sample = np.asarray(values, dtype=float)
    missing = np.isnan(sample)
    if sample.ndim == 1 and len(sample) and missing.all():
        return Interval(float("nan"), float("nan"), float("nan"))
    sample = sample[~missing] if missing.any() else sample
    if sample.ndim != 1 or not len(sample) or not np.isfinite(sample).all():
        raise ValueError(f"a mean needs a row of finite numbers, not {values!r}")
    if np.ptp(sample) == 0:
        return Interval(float(sample[0]), float(sample[0]), float(sample[0]))
    from scipy.stats import bootstrap  # takes half a second to load

    result = bootstrap(
        (sample,), np.mean, n_resamples=resamples, batch=max(1, _BATCH_VALUES // len(sample)),
        confidence_level=_expanded(level, len(sample)), method="percentile", rng=rng, vectorized=True,
    ).confidence_interval  # fmt: skip
    return Interval(float(sample.mean()), float(result.low), float(result.high))


def student_mean(values: Sequence[float] | np.ndarray, level: float = 0.95) -> Interval | None:
    """The mean with Student's t interval: for weeks of one trace, which are few and much alike.

    Args:
        values: (n,) finite numbers, one a week.
        level: nominal coverage, between 0 and 1.

    Returns:
        None for fewer than two values, which have no spread.
    """
    from scipy.stats import t

    sample = np.asarray(values, dtype=float)
    if len(sample) < 2:
        return None
    half = float(t.ppf((1 + level) / 2, len(sample) - 1) * sample.std(ddof=1) / np.sqrt(len(sample)))
    mean = float(sample.mean())
    return Interval(mean, mean - half, mean + half)


def block_mean(
    values: Sequence[float] | np.ndarray, rng: np.random.Generator, resamples: int = 10_000, level: float = 0.95
) -> Interval | None:
    """The mean with an interval that neighbours may be alike in: the circular block bootstrap.

    Blocks of n^⅓ neighbours, rounded up, are drawn with replacement (Politis & Romano 1992; the length as in Hall,
    Horowitz & Jing 1995). Percentiles are taken further out, as in `bootstrap_mean`.

    Args:
        values: (n,) finite numbers in order of time.
        rng: source of the resamples.
        resamples: how many times to draw.
        level: nominal coverage, between 0 and 1.

    Returns:
        None for fewer than four values: there is more than one block only from there on.
    """
    sample = np.asarray(values, dtype=float)
    n = len(sample)
    if n < 4:
        return None
    block = int(np.ceil(n ** (1 / 3)))
    starts = rng.integers(n, size=(resamples, -(-n // block)))
    drawn = ((starts[:, :, None] + np.arange(block)) % n).reshape(resamples, -1)[:, :n]
    tail = (1 - _expanded(level, n)) / 2
    low, high = np.quantile(sample[drawn].mean(axis=1), [tail, 1 - tail])
    return Interval(float(sample.mean()), float(low), float(high))


def bootstrap_means(
    values: np.ndarray, rng: np.random.Generator, resamples: int = 10_000, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The means of many numbers at once, with the intervals of `bootstrap_mean`; all share the same resamples.

    Args:
        values: (n, cells) a row per independent episode. A cell may be NaN in some: its mean is over the others.
        rng: source of the resamples.
        resamples: how many times to draw n rows with replacement.
        level: nominal coverage.

    Returns:
        Means and both ends of the intervals, (cells,) each. Ends are NaN where a row is, or if there is only one row.
    """
    n, cells = values.shape
    low, high = np.full(cells, np.nan), np.full(cells, np.nan)
    known = ~np.isnan(values)
    mean = np.divide(np.where(known, values, 0).sum(axis=0), known.sum(axis=0), out=low.copy(), where=known.any(axis=0))
    if n == 1:
        return mean, low, high
    drawn = rng.multinomial(n, np.full(n, 1 / n), resamples) / n
    tail = (1 - _expanded(level, n)) / 2
    whole = np.flatnonzero(known.all(axis=0))
    for first in range(0, len(whole), size := max(1, _BATCH_VALUES // resamples)):
        own = whole[first : first + size]
        low[own], high[own] = np.quantile(drawn @ values[:, own], [tail, 1 - tail], axis=0)
    return mean, low, high


def paired_difference(
    a: Sequence[float] | np.ndarray, b: Sequence[float] | np.ndarray, rng: np.random.Generator
) -> Interval:
    """The mean of a − b over episodes with the same orders: a and b are (n,) in the same order of episodes."""
    return bootstrap_mean(np.asarray(a, dtype=float) - np.asarray(b, dtype=float), rng)


def crossed_mean(
    values: Sequence[Sequence[float]] | np.ndarray,
    rng: np.random.Generator,
    resamples: int = 10_000,
    level: float = 0.95,
) -> Interval:
    """The mean over training seeds × episodes, with an interval for other seeds and other episodes.

    Every seed's policy plays the same episodes, so the numbers are crossed, not independent. The pigeonhole bootstrap
    (Owen 2007, "The pigeonhole bootstrap", Annals of Applied Statistics 1:386) draws seeds and episodes with
    replacement, each on its own, and takes the mean of the table they make. Percentiles are taken further out, as in
    `bootstrap_mean`, with the degrees of freedom of Satterthwaite 1946 for the sum of both variances. With few seeds an
    interval still cannot reach beyond the best and the worst of them: with three that differ much, it is too narrow.

    Args:
        values: (seeds, episodes) finite numbers. One seed gives `bootstrap_mean` over its episodes, and one episode
            that over the seeds.
        rng: source of the resamples; the same state gives the same interval.
        resamples: how many times to draw.
        level: nominal coverage, between 0 and 1.

    Raises:
        ValueError: not a table, empty, or a number that is not finite.
    """
    table = np.asarray(values, dtype=float)
    if table.ndim != 2 or not table.size or not np.isfinite(table).all():
        raise ValueError(f"a mean needs a table of finite numbers, not {values!r}")
    if min(table.shape) == 1:
        return bootstrap_mean(table.ravel(), rng, resamples, level)
    mean = float(table.mean())
    if np.ptp(table) == 0:
        return Interval(mean, mean, mean)
    seeds, episodes = (rng.multinomial(n, np.full(n, 1 / n), resamples) / n for n in table.shape)
    means = np.einsum("rs,se,re->r", seeds, table, episodes, optimize=True)
    tail = (1 - _expanded_crossed(level, table)) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(mean, float(low), float(high))


def _expanded_crossed(level: float, table: np.ndarray) -> float:
    """`_expanded` for the sum of two variances: that of the seeds' means and that of the episodes' means."""
    from scipy.stats import norm, t

    sizes = np.array(table.shape)
    variances = np.array([table.mean(axis=1).var(ddof=1), table.mean(axis=0).var(ddof=1)]) / sizes
    total = variances.sum()
    if total == 0:
        return level
    freedom = total**2 / (variances**2 / (sizes - 1)).sum()
    shrunk = (variances * (sizes - 1) / sizes).sum()  # what the bootstrap sees of it
    return float(1 - 2 * norm.sf(np.sqrt(total / shrunk) * t.ppf((1 + level) / 2, freedom)))


def ratio_of_means(
    top: Sequence[float] | np.ndarray,
    bottom: Sequence[float] | np.ndarray,
    rng: np.random.Generator,
    resamples: int = 10_000,
    level: float = 0.95,
) -> Interval | None:
    """The mean of `top` over the mean of `bottom`, with the interval of `bootstrap_mean`.

    Args:
        top: (n,) one number per independent episode.
        bottom: (n,) of the same episodes; both are resampled together. Not negative.
        rng: source of the resamples.
        resamples: how many times to draw n episodes with replacement; those whose `bottom` is 0 have no ratio.
        level: nominal coverage, between 0 and 1.

    Returns:
        None if the mean of `bottom` is not above 0.
    """
    a, b = np.asarray(top, dtype=float), np.asarray(bottom, dtype=float)
    if b.mean() <= 0:
        return None
    mean = float(a.mean() / b.mean())
    if np.ptp(a) == 0 and np.ptp(b) == 0:
        return Interval(mean, mean, mean)
    ratios = np.concatenate([_ratios(a, b, rng, count) for count in _batches(resamples, len(a))])
    tail = (1 - _expanded(level, len(a))) / 2
    low, high = np.quantile(ratios, [tail, 1 - tail])
    return Interval(mean, float(low), float(high))


def _ratios(a: np.ndarray, b: np.ndarray, rng: np.random.Generator, count: int) -> np.ndarray:
    drawn = rng.integers(len(a), size=(count, len(a)))
    above, below = a[drawn].mean(axis=1), b[drawn].mean(axis=1)
    return above[below > 0] / below[below > 0]


def _batches(resamples: int, n: int) -> list[int]:
    size = max(1, _BATCH_VALUES // n)
    return [min(size, resamples - first) for first in range(0, resamples, size)]


def _expanded(level: float, n: int) -> float:
    """The level of percentiles whose normal width is √(n / (n − 1)) × Student's t at `level`."""
    from scipy.stats import norm, t

    return float(1 - 2 * norm.sf(np.sqrt(n / (n - 1)) * t.ppf((1 + level) / 2, n - 1)))
