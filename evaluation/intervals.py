"""Means with intervals over samples: independent episodes, or the weeks of one trace."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from regional_dispatch.evaluation.statistics import bootstrap_mean, student_mean

Estimate = dict[str, float | None]  # `mean`, `ci_low` and `ci_high`; the last two are None where there is one sample


def over_samples(values: Sequence[float], mean: float, trace: bool, seed: int) -> Estimate:
    """A number with its interval.

    Args:
        values: one per sample.
        mean: what is said; of a trace, the number of all its orders together, and the interval lies around it.
        trace: samples are weeks of one trace: Student's t. Else they are episodes: the bootstrap.
        seed: of the bootstrap.

    Returns:
        No interval for one sample: it says nothing of spread.
    """
    values = [value for value in values if value == value]  # NaN: there was nothing to measure
    if len(values) < 2:
        return {"mean": None if mean != mean else mean, "ci_low": None, "ci_high": None}
    if not trace:
        return dict(bootstrap_mean(values, np.random.default_rng(seed))._asdict())
    found = student_mean(values)
    assert found is not None
    return {"mean": mean, "ci_low": mean + found.ci_low - found.mean, "ci_high": mean + found.ci_high - found.mean}
