"""Traces with known parameters, as a user's table of orders."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import HOURLY_SHARES, WEEKDAY_SHARES, Scenario
from tests.worlds import small

START = "2024-11-04"  # a Monday, after clocks have changed
LAST_ZONE_HOURS = 8  # by which the last station's day ends after that of UTC


def drawn_orders(
    days: int = 28,
    per_day: float = 200.0,
    skus: int = 40,
    exponent: float = 0.9,
    lines: tuple[float, ...] = (0.6, 0.3, 0.1),
    seed: int = 0,
    busy: dict[int, float] | None = None,
    stations: tuple[float, ...] = (0.4, 0.2, 0.1, 0.1, 0.1, 0.1),
) -> pd.DataFrame:
    """A row per order line, of a Poisson process whose parameters are the arguments. Hours are those of the stations'
    own clocks, and times are in UTC.

    Args:
        days: from `START` on.
        per_day: mean orders a day over a week.
        skus: how many SKUs there are.
        exponent: of Zipf's law.
        lines: shares of orders with 1, 2, 3, … lines.
        seed: of the draws.
        busy: day → factor of its demand.
        stations: share of each station of the small world.
    """
    rng = np.random.default_rng(seed)
    sites = build_network(small()).sites.query("kind == 'station'").set_index("name")
    factor = np.array([(busy or {}).get(day, 1.0) for day in range(days)])
    week = np.array(WEEKDAY_SHARES) / sum(WEEKDAY_SHARES) * 7
    count = rng.poisson(per_day * week[np.arange(days) % 7] * factor)
    day = np.repeat(np.arange(days), count)
    hour = rng.choice(24, len(day), p=np.array(HOURLY_SHARES) / sum(HOURLY_SHARES)) + rng.random(len(day))
    table = pd.DataFrame({"hours": np.round(24 * day + hour, 4)}).sort_values("hours", ignore_index=True)
    table["time"] = pd.Timestamp(START) + pd.to_timedelta(np.round(table["hours"] * 3600), unit="s")
    table["order"] = [f"A{i:06d}" for i in range(len(table))]
    table["station"] = rng.choice(sites.index, len(table), p=np.array(stations) / sum(stations))
    table["time"] -= table["station"].map(sites["time_zone"].map(_offset))
    table = table.sort_values("time", ignore_index=True)
    table["promise_hours"] = rng.choice([12, 30, 60], len(table), p=[0.2, 0.5, 0.3])
    table["lines"] = rng.choice(len(lines), len(table), p=np.array(lines) / sum(lines)) + 1
    rows = table.loc[table.index.repeat(table["lines"])].reset_index(drop=True)
    law = np.arange(1, skus + 1, dtype=float) ** -exponent
    rows["sku"] = [f"{sku:05d}" for sku in rng.choice(skus, len(rows), p=law / law.sum())]
    rows["units"] = rng.choice([1, 2], len(rows), p=[0.9, 0.1])
    return rows[["order", "time", "station", "sku", "units", "promise_hours"]]


def _offset(zone: str) -> pd.Timedelta:
    """How far a zone's clock is ahead of UTC while these traces last."""
    return pd.Timestamp(START, tz=zone).utcoffset()  # type: ignore[return-value]


def written(path: Path, table: pd.DataFrame, **changes: Any) -> Scenario:
    """The small world with these orders, in a file."""
    table.to_csv(path, index=False)
    last = (table["time"].max() - pd.Timestamp(START)) / pd.Timedelta(hours=1)
    days = math.ceil((last - LAST_ZONE_HOURS) / 24)
    base: dict[str, Any] = {
        "calendar": {"start": START, "time_zone": "UTC"},
        "horizon_hours": max(48, 24 * days + LAST_ZONE_HOURS),
        "demand": {"kind": "trace", "path": str(path), "orders_per_day": len(table["order"].unique()) / days},
    }
    return small(**{**base, **changes})
