"""A fit as a page: fitted against observed, and what it cannot hold."""

from __future__ import annotations

import math

import numpy as np

from regional_dispatch.data.fit.clock import Clock
from regional_dispatch.data.fit.held_out import numbers, shapes
from regional_dispatch.data.fit.model import Fit, most, weekly_trend
from regional_dispatch.data.fit.observed import Observed
from regional_dispatch.data.fit.trace import Fitted
from regional_dispatch.evaluation.text import NOTHING, markdown_lines, number

_BURSTS = 1.5  # overdispersion from which a warning is given
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def fit_page(fitted: Fitted, made: str) -> str:
    """The page as Markdown.

    Args:
        fitted: to show.
        made: how it was made, as a sentence.
    """
    fit, seen, later = fitted.fit, fitted.seen, fitted.later
    blocks = [
        [f"# Fitted demand: {fitted.scenario.name}"],
        [split_line(fitted)],
        ["![Fitted against observed](fit.png)"],
        ["## Numbers"],
        _number_lines(fit, later),
        ["## Distributions"],
        [
            "Total variation distance: the share of orders that would have to be moved. By chance: expected of as many "
            "draws from the fit itself as there are held-out orders; a distance well above it means demand has changed "
            "or is of another kind."
        ],
        _shape_lines(fit, seen, later),
        ["## SKUs"],
        _sku_lines(fit),
        ["## Unusual days, left out"],
        _unusual_lines(fitted),
        ["## What the scenario cannot hold"],
        [f"- {sentence}" for sentence in cannot_hold(fit, seen)],
        [made],
    ]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def split_line(fitted: Fitted) -> str:
    """Which days were fitted on, and which were held out."""
    seen, later, clock, left_out = fitted.seen, fitted.later, fitted.clock, len(fitted.unusual)
    said = f"Fitted on {_span(seen, clock)}: {number(seen.daily.sum(), 0)} orders"
    said += f"; left out between them: {left_out} unusual day{'s' if left_out > 1 else ''}." if left_out else "."
    if later is None:
        return f"{said} Nothing is held out, so this shows how well the fit describes what it has seen, no more."
    return f"{said} Held out, later and not seen: {_span(later, clock)}, {number(later.daily.sum(), 0)} orders."


def _span(part: Observed, clock: Clock) -> str:
    return f"{len(part.days)} whole days, {clock.name(int(part.days[0]))} to {clock.name(int(part.days[-1]))}"


def _number_lines(fit: Fit, later: Observed | None) -> list[str]:
    rows = [
        [row.name, number(row.fitted, 3), _range(row.low, row.high), _text(row.later, 3)] for row in numbers(fit, later)
    ]
    lines = markdown_lines(["", "fitted", "95 %, over resampled days", "held out"], rows)
    day, hour = fit.dispersion["day"], fit.dispersion["hour"]
    meaning = "1 is a Poisson process, which the simulator draws from."
    if day > _BURSTS:
        meaning += (
            f" More means that orders come in bursts: real days vary {_text(math.sqrt(day), 1)} × as much as simulated "
            "ones. Episodes of the fitted scenario differ too little, and intervals over them are too narrow for your "
            "demand."
        )
    return [*lines, "", f"Overdispersion: {_text(day, 2)} between days, {_text(hour, 2)} between hours. {meaning}"]


def _shape_lines(fit: Fit, seen: Observed, later: Observed | None) -> list[str]:
    rows = [
        [row.name, *(_text(100 * value, 1) for value in (row.apart, row.later, row.by_chance))]
        for row in shapes(fit, seen, later)
    ]
    return markdown_lines(["distribution of orders over", "fitted on, %", "held out, %", "by chance, %"], rows)


def _sku_lines(fit: Fit) -> list[str]:
    rows = [[f"{number(100 * a, 0)} %", number(100 * b, 1), number(100 * c, 1)] for a, b, c in fit.zipf.tops]
    said = (
        f"Zipf's law with exponent {fit.zipf.exponent:.3f} (maximum likelihood on ranks); the largest difference of "
        f"cumulative shares is {100 * fit.zipf.distance:.1f} % of the lines"
        + (": it fits." if fit.zipf.distance < 0.03 else ": it fits roughly." if fit.zipf.distance < 0.1 else
           ": it does not fit. Replay the trace where the popularity of single SKUs matters.")
        + " Lines of every SKU are in skus.csv."
    )  # fmt: skip
    return [said, "", *markdown_lines(["most popular SKUs", "of the lines, %", "fitted, %"], rows)]


def _unusual_lines(fitted: Fitted) -> list[str]:
    unusual, clock = fitted.unusual, fitted.clock
    if not unusual:
        return ["None: every day is within 3.5 standard deviations of the median of its weekday."]
    rows = [
        [clock.name(d), _WEEKDAYS[int(clock.weekday[d])], number(n, 0), number(usual, 0), number(n / usual, 2)]
        for d, n, usual in unusual
    ]
    header = ["day", "weekday", "orders", "median of the weekday", "ratio"]
    return [
        "Sales, holidays, failures of the shop: days unlike others of their weekday. The scenario is without them; if "
        "they shall come again, give them as `demand.surges` or `calendar.holidays` with these ratios.",
        "",
        *markdown_lines(header, rows, left=2),
    ]


def cannot_hold(fit: Fit, seen: Observed) -> list[str]:
    """What a generated scenario leaves out of this trace, as sentences."""
    said = []
    for field, of, noun in (("lines_per_order", "orders", "lines"), ("units_per_line", "lines", "units")):
        share, top, mean, fitted = (fit.cut[f"{field}.{name}"] for name in ("share", "most", "mean", "fitted_mean"))
        if share > 0:
            said.append(
                f"{100 * share:.2f} % of {of} have more than {most(field)} {noun} (the most: {top:,.0f}); they count "
                f"as {most(field)}, so the mean is {fitted:.2f} {noun} instead of {mean:.2f}."
            )
    if not len(fit.promise_hours):
        said.append("The file has no promises; the scenario has the default classes.")
    elif np.isnan(seen.order_promise).any():
        share = np.isnan(seen.order_promise).mean()
        said.append(f"{100 * share:.1f} % of orders have no promise and are drawn from those of the others.")
    if len(np.unique(seen.weekday)) < 7:
        said.append("Not every weekday was seen; the others have the mean of those that were.")
    trend = weekly_trend(seen)
    if trend is not None:
        low, high = 100 * trend.ci_low, 100 * trend.ci_high
        grows = "demand is not level" if low > 0 or high < 0 else "no trend is certain"
        said.append(
            f"Trend: {100 * trend.mean:+.1f} % a week [{low:+.1f}, {high:+.1f}]: {grows}. The scenario is level."
        )
    said += [
        "SKUs of an order are drawn one by one: goods that are bought together, and one customer's repeated orders, "
        "are not in it. Splits are then more frequent than in the trace.",
        "Every station has the same goods, hours, sizes of orders and promises; only its share of orders is its own.",
        "Every day has the same shape of hours, whatever its weekday (see hour of the week), and every line of an "
        "order has the promise of the earliest.",
    ]
    return said


def _range(low: float, high: float) -> str:
    return NOTHING if math.isnan(low) else f"{number(low, 3)} … {number(high, 3)}"


def _text(value: float, decimals: int) -> str:
    return NOTHING if math.isnan(value) else number(value, decimals)
