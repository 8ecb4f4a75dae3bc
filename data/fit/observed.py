"""What is counted of a trace, day by day. Axes: D days, S SKUs, N order lines."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regional_dispatch.data.fit.clock import Clock
from regional_dispatch.envs.world.tables.orders import Orders


class Observed(NamedTuple):
    """Counts of the days of a part of a trace."""

    days: np.ndarray  # (D,) numbers of the days, of the whole trace
    weekday: np.ndarray  # (D,) 0 for Monday
    hourly: np.ndarray  # (D, 24) orders
    stations: np.ndarray  # (D, stations) orders
    line_day: np.ndarray  # (N,) position of the line's day in `days`
    line_sku: np.ndarray  # (N,)
    line_units: np.ndarray  # (N,)
    order_day: np.ndarray  # (O,) position of the order's day in `days`
    order_lines: np.ndarray  # (O,) lines
    order_promise: np.ndarray  # (O,) hours, the earliest of its lines; NaN where the file says nothing
    skus: int  # of the whole trace

    @property
    def daily(self) -> np.ndarray:
        """(D,) orders."""
        return np.asarray(self.hourly.sum(axis=1))

    def sku_lines(self, weight: np.ndarray | None = None) -> np.ndarray:
        """Lines per SKU (S,), with days (D,) counted as often as `weight` says."""
        return np.bincount(self.line_sku, None if weight is None else weight[self.line_day], self.skus)


def observe(orders: Orders, clock: Clock, stations: int, days: np.ndarray) -> Observed:
    """Counts the orders of some days.

    Args:
        orders: of a trace.
        clock: when they were placed.
        stations: how many the network has.
        days: (D,) numbers of whole days, ascending.
    """
    position = np.full(len(clock.dates) + 1, -1)  # the last stands for orders of days that are cut off
    position[days] = np.arange(len(days))
    own = np.flatnonzero(position[clock.day] >= 0)
    day, lines = position[clock.day[own]], np.diff(orders.first_line)[own]
    hourly = np.bincount(day * 24 + clock.hour[own], minlength=24 * len(days)).reshape(-1, 24)
    by_station = np.bincount(day * stations + orders.station[own], minlength=stations * len(days))
    line = np.repeat(orders.first_line[own] - np.append(0, lines.cumsum()[:-1]), lines) + np.arange(lines.sum())
    return Observed(
        days, clock.weekday[days], hourly, by_station.reshape(-1, stations),
        np.repeat(day, lines), orders.sku[line], orders.units[line], day, lines,
        _promises(orders, own), len(orders.sku_names),
    )  # fmt: skip


def _promises(orders: Orders, own: np.ndarray) -> np.ndarray:
    """The earliest promise of each order's lines: (orders,)."""
    if not len(own):
        return np.zeros(0)
    filled = np.where(np.isnan(orders.promise_hours), np.inf, orders.promise_hours)
    earliest = np.minimum.reduceat(filled, orders.first_line[:-1])[own]
    return np.where(np.isinf(earliest), np.nan, earliest)
