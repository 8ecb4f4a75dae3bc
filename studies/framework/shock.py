"""What studies of a shock share: factors of demand, and how long recovery takes."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import AfterValidator


def _ascending(factors: tuple[float, ...]) -> tuple[float, ...]:
    if list(factors) != sorted(set(factors)) or min(factors, default=2) <= 1:
        raise ValueError("must be above 1, ascending, none twice")
    return factors


Factors = Annotated[tuple[float, ...], AfterValidator(_ascending)]  # of demand


def recovery_days(good: np.ndarray) -> float | None:
    """Days until the first good one, median over episodes: good is (E, days) bool. None: half or more have none."""
    days = np.where(good.any(axis=1), good.argmax(axis=1), np.inf)
    median = float(np.median(days))
    return median if np.isfinite(median) else None
