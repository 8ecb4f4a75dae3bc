"""How often each interval holds the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.evaluation.statistics import crossed_means, mean_intervals, ratios_of_means, week_means
from regional_dispatch.reliability.coverage.populations import (
    Population,
    of_effects,
    of_episodes,
    of_shapes,
    shares_closed,
    weeks,
)

SAMPLES = (2, 3, 4, 5, 8, 16, 32)
SEEDS, EPISODES = (2, 3, 4, 5, 10), (8, 32)
VARIANCE_RATIOS = (0.1, 0.3, 1.0, 3.0, 10.0)  # of seeds to episodes
CORRELATIONS = (0.0, 0.3, 0.6, 0.8)  # of neighbouring days
_REST = 0.5  # standard deviation of what is left over by seeds and episodes, whose own effects are 1 and more
_FEWEST_GIVEN = 0.05  # of all repetitions; a coverage of fewer intervals says little


class Coverage(NamedTuple):
    """One interval on one population."""

    kind: str  # mean, crossed, ratio or weeks
    population: str
    real: bool
    samples: int  # episodes or weeks
    seeds: int  # 0 where there are none
    held: float | None  # share of the intervals that hold the truth; None where nearly all are withheld
    error: float | None  # Monte-Carlo standard error of it
    withheld: float  # share of the samples that get no interval
    alone: float | None  # what Student's t alone would hold, on the same samples; of means


Found = tuple[np.ndarray, np.ndarray, np.ndarray]  # means and both ends


def measure(
    frames: Mapping[str, pd.DataFrame], repetitions: int, seed: int, progress: Callable[[str], None] | None = None
) -> list[Coverage]:
    """Every interval on every population.

    Args:
        frames: world → episodes; see `populations.play`.
        repetitions: samples drawn of each.
        seed: of the draws.
        progress: called with the kind of interval that comes next.
    """
    found = list[Coverage]()
    for kind, run in (("mean", _means), ("ratio", _ratios), ("crossed", _crossed), ("weeks", _weeks)):
        if progress is not None:
            progress(kind)
        found += run(frames, repetitions, np.random.default_rng(seed))
    return found


def _means(frames: Mapping[str, pd.DataFrame], repetitions: int, rng: np.random.Generator) -> Iterator[Coverage]:
    for population in [*of_episodes(frames), *of_shapes(rng)]:
        for n in SAMPLES:
            yield mean_coverage(population, n, repetitions, rng)


def mean_coverage(population: Population, n: int, repetitions: int, rng: np.random.Generator) -> Coverage:
    """The interval of a mean over n episodes of a population."""
    values = population.draw(rng, (n, repetitions))
    found = mean_intervals(values)
    alone = _held(_student(values), population.truth, ~np.isnan(found[1]))
    return _coverage("mean", population.name, population.real, n, 0, found, population.truth, alone)


def _student(values: np.ndarray) -> Found:
    """Student's t alone."""
    from scipy.special import stdtrit

    n, mean = len(values), values.mean(axis=0)
    half = stdtrit(n - 1, 0.975) * values.std(axis=0, ddof=1) / np.sqrt(n)
    return mean, mean - half, mean + half


def _ratios(frames: Mapping[str, pd.DataFrame], repetitions: int, rng: np.random.Generator) -> Iterator[Coverage]:
    for name, (top, bottom) in shares_closed(frames).items():
        for n in SAMPLES:
            drawn = rng.integers(len(top), size=(n, repetitions))
            drawn = drawn[:, bottom[drawn].mean(axis=0) > 0]
            found = ratios_of_means(top[drawn], bottom[drawn])
            yield _coverage("ratio", name, True, n, 0, found, float(top.mean() / bottom.mean()))


def _crossed(frames: Mapping[str, pd.DataFrame], repetitions: int, rng: np.random.Generator) -> Iterator[Coverage]:
    for name, effects in of_effects(frames, rng).items():
        for seeds in SEEDS:
            for episodes in EPISODES:
                for ratio in VARIANCE_RATIOS:
                    yield crossed_coverage(name, effects, seeds, episodes, ratio, repetitions, rng)


def crossed_coverage(
    name: str, effects: tuple[Population, Population], seeds: int, episodes: int, ratio: float, repetitions: int,
    rng: np.random.Generator,
) -> Coverage:  # fmt: skip
    """The interval of a mean over seeds × episodes, whose variances are as `ratio` to 1."""
    of_seeds, of_episodes_ = effects
    tables = (
        np.sqrt(ratio) * of_seeds.draw(rng, (repetitions, seeds, 1))
        + of_episodes_.draw(rng, (repetitions, 1, episodes))
        + _REST * rng.normal(size=(repetitions, seeds, episodes))
    )
    full = f"{name}; variance of seeds {ratio:g} × that of episodes"
    return _coverage("crossed", full, of_seeds.real, episodes, seeds, crossed_means(tables), 0.0)


def _weeks(frames: Mapping[str, pd.DataFrame], repetitions: int, rng: np.random.Generator) -> Iterator[Coverage]:
    for correlation in CORRELATIONS:
        for n in SAMPLES:
            found = week_means(weeks(rng, repetitions, n, correlation))
            yield _coverage("weeks", f"days correlated by {correlation:g}", False, n, 0, found, 0.0)


def _coverage(
    kind: str, name: str, real: bool, samples: int, seeds: int, found: Found, truth: float, alone: float | None = None
) -> Coverage:
    given = ~np.isnan(found[1])
    held = _held(found, truth, given)
    error = None if held is None else float(np.sqrt(held * (1 - held) / given.sum()))
    return Coverage(kind, name, real, samples, seeds, held, error, float(1 - given.mean()), alone)


def _held(found: Found, truth: float, given: np.ndarray) -> float | None:
    if given.mean() < _FEWEST_GIVEN:
        return None
    near = 1e-12 * abs(truth)
    return float(((found[1][given] <= truth + near) & (truth - near <= found[2][given])).mean())


def least(found: Sequence[Coverage], kind: str, samples: int, seeds: int = 0, real: bool = True) -> float | None:
    """The least coverage of a kind of interval over populations."""
    own = [
        c.held for c in found
        if (c.kind, c.samples, c.seeds, c.real) == (kind, samples, seeds, real) and c.held is not None
    ]  # fmt: skip
    return min(own, default=None)


def as_rows(found: Sequence[Coverage]) -> list[dict[str, Any]]:
    """For JSON."""
    return [coverage._asdict() for coverage in found]
