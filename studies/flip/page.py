"""The page of the study of a flip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.evaluation.cells import Rows
from regional_dispatch.evaluation.statistics import Interval
from regional_dispatch.evaluation.text import interval, number
from regional_dispatch.studies.framework.cut import NATIONAL, REGIONAL, daily, in_phase
from regional_dispatch.studies.report.charts import Line, label, lines_grid, long_table, name_and_unit, scale
from regional_dispatch.studies.report.findings import Figure, Findings, Headline, Section, Table, file_stem, flat

if TYPE_CHECKING:
    from regional_dispatch.studies.flip.study import Flip

DAILY = (
    "in_region_share", "spill_share", "cost_per_order_usd", "click_to_delivery_hours", "on_time_share",
    "miles_per_package", "lanes_used", "truck_fill", "direct_truck_fill", "touches_per_package",
    "packages_per_order", "co2_kg_per_package",
)  # fmt: skip
HEADLINES = ("in_region_share", "lanes_used", "direct_truck_fill", "click_to_delivery_hours", "cost_per_order_usd")
BACK = "national again"


class _Change(NamedTuple):
    """A KPI of a policy: its mean in each phase, and what the flips change, over the same episodes."""

    policy: str
    kpi: str
    national: Interval
    regional: Interval
    change: Interval  # regional less national
    back: Interval  # national again less national


class Page:
    """What was found, as a page."""

    def __init__(self, study: Flip, rows: Mapping[str, Rows], ends: list[int]) -> None:
        self.study, self.rows, self.ends, self._interval = study, rows, ends, study.interval
        self.lead = next(iter(rows))
        self.changes = [self._change(policy, kpi) for policy in rows for kpi in DAILY]

    def findings(self) -> Findings:
        study = self.study
        method = _METHOD.format(
            episodes=study.episodes, seed=study.seed, warmup=study.warmup_days, settle=study.settle_days
        )
        sections = (
            Section("Before, after, and back", _PHASES.format(settle=study.settle_days), self._tables()),
            Section("Day by day", _DAYS, (self._daily(),)),
        )
        places = study.side_by_side(lambda name: study.divided(name, self.ends[-1]))
        return Findings(self._answer(), self._headlines(), sections, method, places)

    # ------------------------------------------------------------------------------------------------- numbers

    def _values(self, policy: str, phase: str, kpi: str) -> np.ndarray:
        """One number per episode: (E,)."""
        return in_phase(self.rows[policy], phase, kpi)

    def _change(self, policy: str, kpi: str) -> _Change:
        one, two, again = (self._values(policy, phase, kpi) * scale(kpi) for phase in (NATIONAL, REGIONAL, BACK))
        return _Change(policy, kpi, *(self._interval(x) for x in (one, two, two - one, again - one)))

    def _lead(self, kpi: str) -> _Change:
        return next(change for change in self.changes if (change.policy, change.kpi) == (self.lead, kpi))

    # --------------------------------------------------------------------------------------------------- words

    def _answer(self) -> str:
        share, lanes, hours = (self._lead(k) for k in ("in_region_share", "lanes_used", "click_to_delivery_hours"))
        return (
            f"With {self.lead}, one setting took orders served within their region from "
            f"{number(share.national.mean, 1)} to {number(share.regional.mean, 1)} %, lanes in use from "
            f"{number(lanes.national.mean, 0)} to {number(lanes.regional.mean, 0)}, and click to delivery from "
            f"{number(hours.national.mean, 1)} to {number(hours.regional.mean, 1)} hours."
        )

    def _headlines(self) -> tuple[Headline, ...]:
        heads = []
        for kpi in HEADLINES:
            change, (name, unit) = self._lead(kpi), name_and_unit(kpi)
            decimals = {"USD": 2, "lanes": 0}.get(unit, 1)
            ends = [number(end.mean, decimals) for end in (change.national, change.regional)]
            heads.append(Headline(f"{ends[0]} → {ends[1]} {unit}", name))
        return tuple(heads)

    # ------------------------------------------------------------------------------------------------- figures

    def _tables(self) -> tuple[Table, ...]:
        header = ("KPI", "national", "regional", "change", "change, %", "back, less national")
        tables = []
        for policy in self.rows:
            own = [change for change in self.changes if change.policy == policy]
            rows = tuple(
                (label(change.kpi), number(change.national.mean, 2), number(change.regional.mean, 2),
                 interval(change.change._asdict(), 2), number(_percent(change), 1, signed=True),
                 interval(change.back._asdict(), 2))
                for change in own
            )  # fmt: skip
            tables.append(
                Table(
                    f"phases_{file_stem(policy)}", policy, header, rows, pd.DataFrame([flat(change) for change in own])
                )
            )
        return tuple(tables)

    def _daily(self) -> Figure:
        days = list(range(self.study.warmup_days - self.ends[1], self.ends[-1] - self.ends[1]))
        panels = {
            label(kpi): [Line(policy, days, self._by_day(policy, kpi, len(days))) for policy in self.rows]
            for kpi in DAILY
        }
        marks = [0, self.ends[2] - self.ends[1]]
        caption = (
            "Mean and 95 % interval over held-out episodes. Dotted lines: the midnight of the change to regions, and "
            "of the change back."
        )
        return Figure(
            "days", "KPIs of every day", caption, lines_grid(panels, "days since the cut", marks, dots=False),
            long_table(panels, "day"),
        )  # fmt: skip

    def _by_day(self, policy: str, kpi: str, days: int) -> list[Interval]:
        values = scale(kpi) * daily(self.rows[policy], kpi)
        return [self._interval(values[:, day]) for day in range(days)]


def _percent(change: _Change) -> float:
    return 100 * change.change.mean / change.national.mean if change.national.mean else 0.0


_PHASES = (
    "Means of each phase without its first {settle} days. Changes are paired by episode, with their 95 % interval. "
    "The last column is what remains of the change once it is undone: an interval that holds zero means nothing."
)
_DAYS = (
    "Packages made before midnight keep the routes they were given; packages made from midnight on take routes of "
    "the new partition. KPIs count the same regions throughout, so the share of orders served in region means the "
    "same before and after."
)
_METHOD = (
    "Sites, lanes, buildings, fleets, stock and orders are the same throughout; the partition in force is the only "
    "thing that changes. {warmup} days of warm-up are left out, and {settle} days of transition after each flip where "
    "a phase has one number. {episodes} held-out episodes, seed {seed}; every policy meets the same orders."
)
