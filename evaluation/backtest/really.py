"""What the file says was really done: hours from click to truck and to door, week by week."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from regional_dispatch.envs.world.tables.orders import Orders


class Reality(NamedTuple):
    """Of the lines ordered in some hours, those that the file says it of; NaN where it says nothing."""

    lines: int
    with_source: float  # share
    with_delivery: float  # share
    ship_hours: float  # mean, click to truck
    delivery_hours: float  # mean, click to door
    on_time_share: float  # of the lines with delivery and promise


def reality(orders: Orders, start_hour: float, end_hour: float) -> Reality:
    """What was done of the orders placed in some hours of the episode."""
    first, last = np.searchsorted(orders.hours, [start_hour, end_hour])
    lines = slice(orders.first_line[first], orders.first_line[last])
    ordered = np.repeat(orders.hours[first:last], np.diff(orders.first_line[first : last + 1]))
    shipped, delivered = orders.shipped_hours[lines] - ordered, orders.delivered_hours[lines] - ordered
    promise = orders.promise_hours[lines]
    known = ~np.isnan(delivered) & ~np.isnan(promise)
    count = max(len(ordered), 1)
    return Reality(
        len(ordered), float((orders.source[lines] >= 0).sum() / count), float((~np.isnan(delivered)).sum() / count),
        _mean(shipped), _mean(delivered), _mean((delivered <= promise + 1e-9)[known].astype(float)),
    )  # fmt: skip


def _mean(values: np.ndarray) -> float:
    known: Sequence[float] = values[~np.isnan(values)]
    return float(np.mean(known)) if len(known) else float("nan")
