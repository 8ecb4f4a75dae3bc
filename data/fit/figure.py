"""Fitted against observed, as a picture of six panels."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from regional_dispatch.data.fit.model import Fit
from regional_dispatch.data.fit.observed import Observed
from regional_dispatch.data.fit.trace import Fitted

_SEEN, _LATER, _FIT = "#1d4ed8", "#c2410c", "#111827"
_DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")


def fit_figure(fitted: Fitted) -> bytes:
    """The fit (black) against the days it was fitted on (blue) and the later ones (orange), as PNG."""
    fit, seen, later = fitted.fit, fitted.seen, fitted.later
    figure = Figure(figsize=(13, 7.4), layout="constrained")
    panels = figure.subplots(2, 3).ravel()
    _daily(panels[0], fitted)
    _shares(panels[1], fit, "hour", range(24), fit.hourly_shares, seen, later)
    _shares(panels[2], fit, "weekday", range(7), fit.weekday_shares, seen, later)
    _skus(panels[3], fit, seen, later)
    _lines(panels[4], fit, seen, later)
    _stations(panels[5], fit, later)
    out = io.BytesIO()
    FigureCanvasAgg(figure).print_png(out, metadata={"Software": None})
    return out.getvalue()


def _daily(axis: Any, fitted: Fitted) -> None:
    fit, seen, later, clock, unusual = fitted.fit, fitted.seen, fitted.later, fitted.clock, fitted.unusual
    days = np.arange(len(clock.dates))
    mean = fit.daily_mean(clock.weekday)
    half = 1.96 * np.sqrt(max(1.0, np.nan_to_num(fit.dispersion["day"], nan=1.0)) * mean)
    axis.fill_between(days, mean - half, mean + half, color=_FIT, alpha=0.15, linewidth=0, label="95 % of days")
    axis.plot(days, mean, color=_FIT, linewidth=1, label="fitted")
    axis.plot(seen.days, seen.daily, ".", color=_SEEN, markersize=4, label="fitted on")
    if later is not None:
        axis.plot(later.days, later.daily, ".", color=_LATER, markersize=4, label="held out")
    axis.plot([d for d, _, _ in unusual], [n for _, n, _ in unusual], "x", color=_SEEN, markersize=6)
    axis.set(
        title="Orders a day (crosses: unusual days, left out)", xlabel=f"days from {clock.name(0)}", ylim=(0, None)
    )
    axis.legend(fontsize=7, frameon=False, ncols=2)


def _shares(
    axis: Any, fit: Fit, name: str, at: range, shares: np.ndarray, seen: Observed, later: Observed | None
) -> None:
    low, high = (
        [getattr(fit.intervals[f"{name} {i}"], end) if fit.intervals else shares[i] for i in at]
        for end in ("ci_low", "ci_high")
    )
    axis.fill_between(at, np.array(low) * 100, np.array(high) * 100, color=_FIT, alpha=0.15, linewidth=0)
    axis.plot(at, shares * 100, color=_FIT, linewidth=1.2)
    for part, colour in ((seen, _SEEN), (later, _LATER)):
        if part is not None:
            counts = part.hourly.sum(axis=0) if name == "hour" else _weekday_means(part)
            axis.plot(at, 100 * counts / max(counts.sum(), 1e-12), ".", color=colour, markersize=5)
    axis.set(title=f"Orders by {name}, local clocks, %", ylim=(0, None))
    if name == "weekday":
        axis.set_xticks(list(at), _DAYS)


def _weekday_means(part: Observed) -> np.ndarray:
    number = np.bincount(part.weekday, minlength=7)
    return np.where(number > 0, np.bincount(part.weekday, part.daily, 7) / np.maximum(number, 1), np.nan_to_num(0.0))


def _skus(axis: Any, fit: Fit, seen: Observed, later: Observed | None) -> None:
    for part, colour in ((seen, _SEEN), (later, _LATER)):
        if part is not None:
            ranked = np.sort(part.sku_lines())[::-1]
            ranked = ranked[ranked > 0]
            axis.loglog(np.arange(1, len(ranked) + 1), ranked / ranked.sum(), ".", color=colour, markersize=2)
    ranks = np.arange(1, (seen.sku_lines() > 0).sum() + 1, dtype=float)
    law = ranks**-fit.zipf.exponent
    axis.loglog(ranks, law / law.sum(), color=_FIT, linewidth=1.2)
    axis.set(title=f"Share of lines by rank of SKU; Zipf {fit.zipf.exponent:.2f}", xlabel="rank")


def _lines(axis: Any, fit: Fit, seen: Observed, later: Observed | None) -> None:
    for part, colour in ((seen, _SEEN), (later, _LATER)):
        if part is not None:
            shares = np.bincount(part.order_lines) / max(len(part.order_lines), 1)
            own = np.flatnonzero(shares)
            axis.loglog(own, shares[own], ".", color=colour, markersize=4)
    at = np.arange(1, len(fit.lines_per_order) + 1)
    axis.loglog(at, np.where(fit.lines_per_order > 0, fit.lines_per_order, np.nan), color=_FIT, linewidth=1.2)
    axis.set(title="Share of orders by number of lines", xlabel="lines")


def _stations(axis: Any, fit: Fit, later: Observed | None) -> None:
    if later is None:
        axis.set_title("Shares of stations: no held-out days")
        return
    shares = later.stations.sum(axis=0) / max(later.stations.sum(), 1)
    top = 100 * max(fit.station_shares.max(), shares.max())
    axis.plot([0, top], [0, top], color=_FIT, linewidth=0.8)
    axis.plot(100 * fit.station_shares, 100 * shares, ".", color=_LATER, markersize=4)
    axis.set(title="Shares of stations, %", xlabel="fitted", ylabel="held out")
