"""The fit beside what it was fitted on, and beside the later weeks that it has not seen."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regional_dispatch.data.fit.model import Fit
from regional_dispatch.data.fit.observed import Observed
from regional_dispatch.data.fit.zipf import fit_zipf


class Number(NamedTuple):
    """One number of the fit."""

    name: str
    fitted: float
    low: float  # of its 95 % interval, NaN where there is none
    high: float
    later: float  # the same number of the later weeks, NaN without any


class Shape(NamedTuple):
    """One distribution of the fit: how far it is from what is counted."""

    name: str
    apart: float  # total variation distance to the weeks it was fitted on, 0…1
    later: float  # to the later weeks; NaN without any
    by_chance: float  # expected of as many draws from the fit itself as the later weeks have


def numbers(fit: Fit, later: Observed | None) -> list[Number]:
    """Means and exponents, fitted and later."""
    found = {
        "orders a day": ("orders_per_day", fit.orders_per_day, None if later is None else later.daily.mean()),
        "lines an order": (
            "mean_lines", fit.cut["lines_per_order.mean"], None if later is None else later.order_lines.mean()
        ),
        "units a line": (
            "mean_units", fit.cut["units_per_line.mean"], None if later is None else later.line_units.mean()
        ),
        "Zipf exponent of SKUs": (
            "zipf_exponent", fit.zipf.exponent, None if later is None else fit_zipf(later.sku_lines()).exponent
        ),
    }  # fmt: skip
    rows = []
    for name, (key, fitted, seen) in found.items():
        low, high = (fit.intervals[key].ci_low, fit.intervals[key].ci_high) if key in fit.intervals else (np.nan,) * 2
        rows.append(Number(name, fitted, low, high, np.nan if seen is None else float(seen)))
    return rows


def shapes(fit: Fit, seen: Observed, later: Observed | None) -> list[Shape]:
    """Distributions, fitted and later."""
    rows = []
    for name, fitted, counts in (
        ("hour of the day", fit.hourly_shares, lambda part: part.hourly.sum(axis=0)),
        ("weekday", fit.weekday_shares, lambda part: _by_weekday(part)),
        ("hour of the week", _week(fit), lambda part: _by_week(part)),
        ("station", fit.station_shares, lambda part: part.stations.sum(axis=0)),
        ("lines an order", fit.lines_per_order, lambda part: _classes(part.order_lines, len(fit.lines_per_order))),
        ("units a line", fit.units_per_line, lambda part: _classes(part.line_units, len(fit.units_per_line))),
        ("SKU, by rank", _law(fit, seen), lambda part: np.sort(part.sku_lines())[::-1]),
    ):
        later_counts = None if later is None else counts(later)
        rows.append(Shape(name, _apart(fitted, counts(seen)), *_against(fitted, later_counts)))
    return rows


def _against(fitted: np.ndarray, counts: np.ndarray | None) -> tuple[float, float]:
    """Distance to later counts, and the one to be expected by chance of as many draws."""
    if counts is None or counts.sum() == 0:
        return np.nan, np.nan
    chance = np.sqrt(2 * fitted * (1 - fitted) / (np.pi * counts.sum())).sum() / 2
    return _apart(fitted, counts), float(chance)


def _apart(fitted: np.ndarray, counts: np.ndarray) -> float:
    """Total variation distance of shares: half the sum of absolute differences."""
    return float(np.abs(fitted - counts / max(counts.sum(), 1e-12)).sum() / 2)


def _by_weekday(part: Observed) -> np.ndarray:
    """Mean orders of each weekday (7,); days that are not there count as the mean."""
    number = np.bincount(part.weekday, minlength=7)
    total = np.bincount(part.weekday, part.daily, 7)
    return np.where(number > 0, total / np.maximum(number, 1), part.daily.mean()) * len(part.days) / 7


def _week(fit: Fit) -> np.ndarray:
    """Shares of the 168 hours of a week, if every day has the same shape: what a scenario can say."""
    return np.outer(fit.weekday_shares, fit.hourly_shares).ravel()


def _by_week(part: Observed) -> np.ndarray:
    out = np.zeros((7, 24))
    np.add.at(out, part.weekday, part.hourly)
    number = np.maximum(np.bincount(part.weekday, minlength=7), 1)
    return (out / number[:, None] * len(part.days) / 7).ravel()


def _classes(values: np.ndarray, count: int) -> np.ndarray:
    return np.bincount(np.minimum(values, count), minlength=count + 1)[1 : count + 1]


def _law(fit: Fit, seen: Observed) -> np.ndarray:
    """Zipf's shares of as many ranks as SKUs were ordered while it was fitted, over all SKUs of the trace: (S,)."""
    law = np.zeros(seen.skus)
    ordered = int((seen.sku_lines() > 0).sum())
    law[:ordered] = np.arange(1, ordered + 1, dtype=float) ** -fit.zipf.exponent
    return law / law.sum()
