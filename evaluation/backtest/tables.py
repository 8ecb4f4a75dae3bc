"""Differences between a policy and what was really chosen: in all, by region, by lane and by week.

A difference is the policy less the record. Intervals are over whole weeks, which are the samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.envs.kernel.metrics import N, Totals
from regional_dispatch.evaluation.backtest.really import reality
from regional_dispatch.evaluation.backtest.run import BackTest, Beside
from regional_dispatch.evaluation.backtest.split import time_text
from regional_dispatch.evaluation.periods import Period, whole_weeks
from regional_dispatch.evaluation.statistics import Interval, week_mean, week_means


class Measure(NamedTuple):
    """What is compared, of a week."""

    title: str
    unit: str
    decimals: int
    of: Callable[[Totals], float]


def _ratio(top: int, bottom: int, factor: float = 1.0) -> Callable[[Totals], float]:
    return lambda t: factor * float(t.count[top] / t.count[bottom]) if t.count[bottom] else float("nan")


def _miles(t: Totals) -> float:
    return float(t.count[N.truck_miles] + t.count[N.transfer_miles])


MEASURES: dict[str, Measure] = {
    "usd": Measure("cost", "USD a week", 0, lambda t: float(t.usd.sum())),
    "usd_per_order": Measure(
        "cost per order", "USD", 3, lambda t: float(t.usd.sum() / t.count[N.orders]) if t.count[N.orders] else np.nan
    ),
    "hours": Measure("click to delivery", "hours", 2, _ratio(N.line_hours, N.lines_due)),
    "on_time_percent": Measure("on time", "% of lines", 2, _ratio(N.lines_on_time, N.lines_due, 100)),
    "miles": Measure("truck miles", "miles a week", 0, _miles),
    "co2_kg": Measure("CO₂", "kg a week", 0, lambda t: _miles(t) * t.co2_kg_per_truck_mile),
    "trucks": Measure("trucks", "a week", 0, lambda t: float(t.count[N.trucks])),
    "packages": Measure("packages", "a week", 0, lambda t: float(t.count[N.packages])),
    "lines_lost": Measure("lines lost", "a week", 1, lambda t: float(t.count[N.lines_lost])),
}  # fmt: skip


class Row(NamedTuple):
    """One measure of a policy and of the record, a week on average."""

    policy: float
    recorded: float
    difference: float
    interval: Interval  # of the difference, over weeks


def samples(periods: Sequence[Period]) -> list[Period]:
    """The whole weeks; of a trace without one, all of it."""
    return whole_weeks(periods) or list(periods)


def rows(beside: Beside, totals: Callable[[Period], Totals] = lambda period: period.totals) -> dict[str, Row]:
    """Every measure, in all or of a part.

    Args:
        beside: a policy and the record.
        totals: what is taken of a week, such as one region.
    """
    weeks = [(totals(a), totals(b)) for a, b in zip(samples(beside.policy), samples(beside.recorded), strict=True)]
    return {name: _row([(m.of(a), m.of(b)) for a, b in weeks]) for name, m in MEASURES.items()}


def _row(weeks: Sequence[tuple[float, float]]) -> Row:
    values = np.array([pair for pair in weeks if not np.isnan(pair).any()]).reshape(-1, 2)
    if not len(values):
        return Row(*(float("nan"),) * 3, Interval(*(float("nan"),) * 3))
    change = values[:, 0] - values[:, 1]
    policy, recorded = values.mean(axis=0).tolist()
    return Row(policy, recorded, float(change.mean()), week_mean(change))


def region_rows(found: BackTest, policy: str) -> dict[str, dict[str, Row]]:
    """Region → every measure of what is booked to it. Trucks belong to the region that sends them."""
    return {
        name: rows(found.beside[policy], lambda period, r=r: period.regions[r])  # type: ignore[misc]
        for r, name in enumerate(found.network.region_names)
    }


def week_table(found: BackTest) -> pd.DataFrame:
    """One row per policy, week and region (`all` is the whole network), partial weeks at the end among them."""
    return pd.DataFrame(_week_rows(found))


def _week_rows(found: BackTest) -> Iterator[dict[str, object]]:
    regions = ("all", *found.network.region_names)
    for policy, beside in found.beside.items():
        whole = {period.start_hour for period in whole_weeks(beside.policy)}
        for week, (a, b) in enumerate(zip(beside.policy, beside.recorded, strict=True)):
            head = {
                "policy": policy, "week": week + 1, "start": time_text(found.scenario, a.start_hour),
                "hours_long": a.hours, "whole": a.start_hour in whole,
            }  # fmt: skip
            for region in regions:
                pair = [p.totals if region == "all" else p.regions[regions.index(region) - 1] for p in (a, b)]
                real = _really(found, a) if region == "all" else {}
                yield {**head, "region": region, "orders": pair[0].count[N.orders], **_cells(pair), **real}


def _really(found: BackTest, period: Period) -> dict[str, float]:
    """What the file says of the orders of a week."""
    real = reality(found.orders, period.start_hour, period.end_hour)
    return {"file_hours": real.delivery_hours, "file_on_time_percent": 100 * real.on_time_share}


def _cells(pair: Sequence[Totals]) -> dict[str, float]:
    cells: dict[str, float] = {}
    for name, measure in MEASURES.items():
        own, recorded = (measure.of(totals) for totals in pair)
        cells |= {name: own, f"{name}_recorded": recorded, f"{name}_difference": own - recorded}
    return cells


def lane_table(found: BackTest) -> pd.DataFrame:
    """One row per policy and lane: trucks, packages, miles and dollars a week, and differences with their intervals.

    Dollars are trucks at the lane's cost; the premium of hired ones is in the totals alone.
    """
    net, sites = found.network.net, found.network.sites["name"].to_numpy()
    ends = {
        "origin": sites[net.lanes["origin"]], "destination": sites[net.lanes["dest"]], "mode": found.network.lane_modes,
    }  # fmt: skip
    parts = []
    for policy, beside in found.beside.items():
        own, recorded = (_lane_weeks(found, samples(periods)) for periods in (beside.policy, beside.recorded))
        columns: dict[str, object] = {"policy": policy, **ends}
        for name, values in own.items():
            change = values - recorded[name]
            columns[f"{name}_per_week"] = values.mean(axis=0)
            columns[f"{name}_per_week_recorded"] = recorded[name].mean(axis=0)
            columns[f"{name}_difference"] = change.mean(axis=0)
            if name == "usd":
                _, columns["usd_low"], columns["usd_high"] = week_means(change)
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def _lane_weeks(found: BackTest, weeks: Sequence[Period]) -> dict[str, np.ndarray]:
    """Trucks, packages, miles, dollars and CO₂ of every week and lane: (weeks, L) each."""
    lanes, trucks = found.network.net.lanes, np.array([period.lane_trucks for period in weeks], dtype=float)
    packages = np.array([period.lane_packages for period in weeks], dtype=float)
    per_mile = weeks[0].totals.co2_kg_per_truck_mile
    miles = trucks * lanes["miles"]
    return {
        "trucks": trucks,
        "packages": packages,
        "miles": miles,
        "usd": trucks * lanes["cost"],
        "co2_kg": miles * per_mile,
    }
