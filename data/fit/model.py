"""Generated demand fitted to what is counted of a trace, with intervals over resampled days."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from regional_dispatch.data.fit.observed import Observed
from regional_dispatch.data.fit.zipf import Zipf, fit_zipf
from regional_dispatch.envs.world.scenario import GeneratedDemand
from regional_dispatch.evaluation.statistics import Interval

_RESAMPLES = 500
_SKU_RESAMPLES = 60  # each fits Zipf's law
_PROMISE_CLASSES = 8  # where a trace has more different promises than a scenario may have
_UNUSUAL = 3.5  # standard deviations
_OFTEN = 3  # days of a weekday from which one of them can be unusual
_MAD = 1.4826  # standard deviations per median absolute deviation, of normal values


class Fit(NamedTuple):
    """Parameters of `GeneratedDemand`, and what they leave unexplained."""

    orders_per_day: float
    hourly_shares: np.ndarray  # (24,)
    weekday_shares: np.ndarray  # (7,)
    station_shares: np.ndarray  # (stations,)
    zipf: Zipf
    lines_per_order: np.ndarray  # shares of 1, 2, 3, …
    units_per_line: np.ndarray
    promise_hours: np.ndarray  # of each class; empty where the file has no promises
    promise_shares: np.ndarray
    dispersion: dict[str, float]  # `day` and `hour`: variance over that of a Poisson process
    intervals: dict[str, Interval]  # name → 95 %, over resampled days
    cut: dict[str, float]  # what the limits of a scenario cut off; see `_limited`

    def daily_mean(self, weekday: np.ndarray) -> np.ndarray:
        """Orders expected on days of the week: (D,)."""
        return np.asarray(self.orders_per_day * 7 * self.weekday_shares[weekday])


def fit_demand(seen: Observed, seed: int = 0) -> Fit:
    """Fits every part on its own.

    Rates and shares are means, so the likelihood of a Poisson process is highest there. Every weekday counts alike,
    however many of it there are.

    Args:
        seen: counts of the days to fit on.
        seed: of the resampled days.
    """
    ones = np.ones(len(seen.days))
    lines, line_cut = _limited(seen.order_lines, "lines_per_order")
    units, unit_cut = _limited(seen.line_units, "units_per_line")
    promise_hours, promise_shares = _promise_classes(seen.order_promise)
    rates = _rates(seen, ones)
    fit = Fit(
        orders_per_day=rates[0], hourly_shares=rates[1], weekday_shares=rates[2],
        station_shares=_shares(seen.stations.sum(axis=0)), zipf=fit_zipf(seen.sku_lines()),
        lines_per_order=lines, units_per_line=units, promise_hours=promise_hours, promise_shares=promise_shares,
        dispersion={}, intervals=_intervals(seen, seed), cut={**line_cut, **unit_cut},
    )  # fmt: skip
    return fit._replace(dispersion=_dispersion(seen, fit))


def unusual_days(seen: Observed) -> list[tuple[int, int, float]]:
    """Days unlike others of their weekday, such as sales and holidays: (day, orders, the weekday's median).

    A day is unusual from 3.5 standard deviations on, as wide as the middle half of all days says. A weekday that
    occurs fewer than three times has no unusual days: of two different ones, none is the usual one.
    """
    usual, often = np.ones(7), np.zeros(7, dtype=bool)
    for d in np.unique(seen.weekday):
        own = seen.daily[seen.weekday == d]
        usual[d], often[d] = max(float(np.median(own)), 1.0), len(own) >= _OFTEN
    expected = usual[seen.weekday]
    residual = (seen.daily - expected) / np.sqrt(expected)
    scale = max(1.0, _MAD * float(np.median(np.abs(residual))))
    found = np.flatnonzero((np.abs(residual) > _UNUSUAL * scale) & often[seen.weekday])
    return [(int(seen.days[i]), int(seen.daily[i]), float(expected[i])) for i in found]


def weekly_trend(seen: Observed) -> Interval | None:
    """Growth from one week to the next, as a share, with its interval; None for fewer than four whole weeks."""
    from scipy.stats import linregress, t

    weeks = len(seen.days) // 7
    total = seen.daily[: 7 * weeks].reshape(weeks, 7).sum(axis=1)
    if weeks < 4 or (total <= 0).any():
        return None
    line = linregress(np.arange(weeks), np.log(total))
    half = float(t.ppf(0.975, weeks - 2)) * line.stderr
    return Interval(*(float(np.expm1(x)) for x in (line.slope, line.slope - half, line.slope + half)))


def fields(fit: Fit) -> dict[str, Any]:
    """The fit as fields of `GeneratedDemand`."""
    found: dict[str, Any] = {
        "kind": "generated",
        "orders_per_day": round(fit.orders_per_day, 3),
        "zipf_exponent": round(fit.zipf.exponent, 4),
    }
    for name in ("hourly_shares", "weekday_shares", "lines_per_order", "units_per_line"):
        found[name] = [round(share, 6) for share in getattr(fit, name).tolist()]
    if len(fit.promise_hours):
        found["promise_hours"] = [round(hours, 3) for hours in fit.promise_hours.tolist()]
        found["promise_shares"] = [round(share, 6) for share in fit.promise_shares.tolist()]
    return found


# ---------------------------------------------------------------------------------------------------------------- parts


def _shares(counts: np.ndarray) -> np.ndarray:
    return np.asarray(counts / max(counts.sum(), 1e-12))


def _rates(seen: Observed, weight: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Orders a day over a week, hourly shares (24,), weekday shares (7,); a weekday without a day has the mean."""
    number = np.bincount(seen.weekday, weight, 7)
    total = np.bincount(seen.weekday, weight * seen.daily, 7)
    mean = np.where(number > 0, total / np.maximum(number, 1e-12), total.sum() / max(number.sum(), 1e-12))
    return float(mean.mean()), _shares(weight @ seen.hourly), _shares(mean)


def most(field: str) -> int:
    """How many classes a field of `GeneratedDemand` may have."""
    return next(rule.max_length for rule in GeneratedDemand.model_fields[field].metadata if hasattr(rule, "max_length"))


def _limited(values: np.ndarray, field: str) -> tuple[np.ndarray, dict[str, float]]:
    """Shares of 1, 2, 3, … up to what a scenario may have, and what of the values is beyond.

    Larger values count as the largest one that may be.
    """
    limit = most(field)
    top = int(min(values.max(initial=1), limit))
    shares = _shares(np.bincount(np.minimum(values, limit), minlength=top + 1)[1 : top + 1].astype(float))
    beyond = values > limit
    cut = {"share": float(beyond.mean()), "most": float(values.max(initial=0)),
           "mean": float(values.mean()), "fitted_mean": float(shares @ np.arange(1, top + 1))}  # fmt: skip
    return shares, {f"{field}.{name}": value for name, value in cut.items()}


def _promise_classes(promise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Promise classes and their shares: the promises themselves, or classes of as many orders each."""
    given = np.round(promise[~np.isnan(promise)], 2)
    if not len(given):
        return np.zeros(0), np.zeros(0)
    values, counts = np.unique(given, return_counts=True)
    if len(values) > most("promise_hours"):
        cuts = np.quantile(given, np.linspace(0, 1, _PROMISE_CLASSES + 1)[1:-1])
        group = np.searchsorted(np.unique(cuts), given, side="left")
        counts = np.bincount(group)
        values = np.bincount(group, given) / np.maximum(counts, 1)
        values, counts = values[counts > 0], counts[counts > 0]
    return np.maximum(values, 0.01).astype(float), _shares(counts.astype(float))


def _dispersion(seen: Observed, fit: Fit) -> dict[str, float]:
    """Pearson's χ² over its degrees of freedom: 1 for a Poisson process, more where orders come in bursts."""
    daily = fit.daily_mean(seen.weekday)
    parameters = len(np.unique(seen.weekday))
    found = {}
    for name, counts, expected, lost in (
        ("day", seen.daily, daily, parameters),
        ("hour", seen.hourly, daily[:, None] * fit.hourly_shares, parameters + 23),
    ):
        own = expected > 0
        freedom = own.sum() - lost
        chi = ((counts[own] - expected[own]) ** 2 / expected[own]).sum()
        found[name] = float(chi / freedom) if freedom > 0 else float("nan")
    return found


def _intervals(seen: Observed, seed: int) -> dict[str, Interval]:
    """95 % percentiles over days drawn with replacement."""
    rng, days = np.random.default_rng(seed), len(seen.days)
    if days < 2:
        return {}
    drawn = rng.multinomial(days, np.full(days, 1 / days), _RESAMPLES)
    rates = [_rates(seen, weight.astype(float)) for weight in drawn]
    orders, lines = (np.bincount(seen.order_day, values, days) for values in (None, seen.order_lines))
    line_count, units = (np.bincount(seen.line_day, values, days) for values in (None, seen.line_units))
    found = {
        "orders_per_day": np.array([rate[0] for rate in rates]),
        "mean_lines": drawn @ lines / np.maximum(drawn @ orders, 1),
        "mean_units": drawn @ units / np.maximum(drawn @ line_count, 1),
        "zipf_exponent": np.array([fit_zipf(seen.sku_lines(w)).exponent for w in drawn[:_SKU_RESAMPLES].astype(float)]),
        **{f"hour {h}": np.array([rate[1][h] for rate in rates]) for h in range(24)},
        **{f"weekday {d}": np.array([rate[2][d] for rate in rates]) for d in range(7)},
    }
    return {name: Interval(float(v.mean()), *np.quantile(v, [0.025, 0.975]).tolist()) for name, v in found.items()}
