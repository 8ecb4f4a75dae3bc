"""Orders that are drawn, not observed: from populations and the package's published order profile.

Only `random.Random.random` is used, whose values Python keeps from version to version, so that a seed gives the same
bytes everywhere.
"""

from __future__ import annotations

import csv
import datetime as dt
import math
from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from regional_dispatch.envs.world.scenario.demand import HOURLY_SHARES, WEEKDAY_SHARES, GeneratedDemand

PROFILE = GeneratedDemand()  # the package's defaults; each names its source in docs/reference/scenario.md


class Order(NamedTuple):
    """An order."""

    time: dt.datetime  # in UTC, whole minutes
    station: str
    promise_hours: float
    lines: tuple[tuple[int, int], ...]  # (SKU, units)


class Station(NamedTuple):
    """Where orders come from."""

    name: str
    population: int
    time_zone: str


def draw_orders(
    seed: int, start: dt.datetime, days: int, orders_per_day: float, stations: Sequence[Station], skus: int,
    promise: Callable[[Random, dt.datetime], float],
) -> Iterator[Order]:  # fmt: skip
    """Draws orders from a Poisson process, in order of time.

    Args:
        seed: of the draws.
        start: local midnight, with a zone.
        days: calendar days from there.
        orders_per_day: mean over a week.
        stations: their shares of demand are their shares of population; hours and weekdays are on their own clocks.
        skus: distinct SKUs; the share of the i-th is ∝ i^−0.9.
        promise: promised hours from the order, of a draw and the local time of the order.
    """
    rng, people = Random(seed), sum(station.population for station in stations)
    popularity = list(accumulate(i**-PROFILE.zipf_exponent for i in range(1, skus + 1)))
    hour = start.astimezone(dt.UTC)
    end = (start + dt.timedelta(days=days)).astimezone(dt.UTC)  # local midnights: a day may have 23 or 25 hours
    while hour < end:
        rates = [
            7 * orders_per_day * station.population / people * _share(hour.astimezone(ZoneInfo(station.time_zone)))
            for station in stations
        ]
        edges, minutes = list(accumulate(rates)), 0.0
        while (minutes := minutes - 60 * math.log(1 - rng.random()) / edges[-1]) < 60:
            station = stations[bisect(edges, rng.random() * edges[-1])]
            time = hour + dt.timedelta(minutes=int(minutes))
            hours = promise(rng, time.astimezone(ZoneInfo(station.time_zone)))
            yield Order(time, station.name, hours, _lines(rng, popularity))
        hour += dt.timedelta(hours=1)


def _share(local: dt.datetime) -> float:
    """Share of a week's orders in one hour."""
    return WEEKDAY_SHARES[local.weekday()] / sum(WEEKDAY_SHARES) * HOURLY_SHARES[local.hour] / sum(HOURLY_SHARES)


def _lines(rng: Random, popularity: Sequence[float]) -> tuple[tuple[int, int], ...]:
    """Lines of an order: distinct SKUs with units."""
    wanted, chosen = 1 + one_of(rng, PROFILE.lines_per_order), dict[int, int]()
    while len(chosen) < wanted:
        sku = bisect(popularity, rng.random() * popularity[-1])
        if sku not in chosen:
            chosen[sku] = 1 + one_of(rng, PROFILE.units_per_line)
    return tuple(chosen.items())


def one_of(rng: Random, shares: Sequence[float]) -> int:
    """An index, drawn by shares."""
    edges = list(accumulate(shares))
    return bisect(edges, rng.random() * edges[-1])


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]], separator: str = ",") -> None:
    """Writes rows as UTF-8 with a header; None is an empty cell."""
    rows = list(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=separator, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
