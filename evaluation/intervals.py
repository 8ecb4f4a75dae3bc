"""Means with intervals over samples: independent episodes, or the weeks of one trace; and what few samples mean."""

from __future__ import annotations

from collections.abc import Sequence

from regional_dispatch.evaluation.kpis import MEAN_ONLY
from regional_dispatch.evaluation.statistics import FEWEST, Interval, mean_interval, week_mean

Estimate = dict[str, float | None]  # `mean`, `ci_low` and `ci_high`; the last two are None where there is no interval
# How often a 95 % interval of so few holds, %: the least of the real populations of `evaluate.py coverage`, of
# weeks all, rounded down; the table is in docs/explanation/intervals.md.
HOLDS = {"episodes": {3: 94, 4: 94, 5: 93}, "seeds": {3: 93, 4: 93, 5: 95}, "weeks": {3: 94, 4: 93, 5: 92}}
_FEW = 6


def over_samples(values: Sequence[float], mean: float, trace: bool) -> Estimate:
    """A number with its interval.

    Args:
        values: one per sample.
        mean: what is said; of a trace, the number of all its orders together, and the interval lies around it.
        trace: samples are weeks of one trace. Else they are episodes.
    """
    if not len(values):
        return Interval(mean, float("nan"), float("nan")).facts()
    if not trace:
        return mean_interval(values).facts()
    found = week_mean(values)
    return Interval(mean, mean + found.ci_low - found.mean, mean + found.ci_high - found.mean).facts()


def shown_difference(kpi: str, difference: Estimate) -> Estimate:
    """A difference without its interval, if none holds for this KPI."""
    return {**difference, "ci_low": None, "ci_high": None} if kpi in MEAN_ONLY else difference


def weeks_text(count: int) -> str:
    """What intervals over the weeks of a trace are over."""
    if count < FEWEST:
        return "no interval without three whole weeks"
    return f"intervals over its {count} whole weeks (Student's t; neighbours may be alike)"


def few_samples(count: int, what: str = "episodes") -> list[str]:
    """A sentence about intervals of few samples; none from six on.

    Args:
        count: of samples.
        what: episodes, seeds or weeks.
    """
    if count >= _FEW:
        return []
    shown = f"{count} {what if count != 1 else what.removesuffix('s')}"
    if count < FEWEST:
        return [f"{shown}: too few for an interval, which needs {FEWEST}"]
    return [
        f"{shown} are few: intervals are wide, and one of 95 % may hold less often than it says; measured, "
        f"{HOLDS[what][count]} % at the least"
    ]
