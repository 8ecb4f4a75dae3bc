"""What studies of a shock share: factors of demand, and days until recovery."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import AfterValidator


def _ascending(factors: tuple[float, ...]) -> tuple[float, ...]:
    if list(factors) != sorted(set(factors)) or min(factors, default=2) <= 1:
        raise ValueError("must be above 1, ascending, without repeats")
    return factors


Factors = Annotated[tuple[float, ...], AfterValidator(_ascending)]  # of demand


def recovery_days(good: np.ndarray) -> float | None:
    """Days until the first good day, median over episodes.

    Args:
        good: (E, days) bool.

    Returns:
        None if half of the episodes or more have no good day.
    """
    days = np.where(good.any(axis=1), good.argmax(axis=1), np.inf)
    median = float(np.median(days))
    return median if np.isfinite(median) else None
