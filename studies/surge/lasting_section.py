"""The section on lasting peaks: demand rises once and stays, while the network is built for the mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.evaluation.cells import Rows
from regional_dispatch.evaluation.statistics import Interval
from regional_dispatch.evaluation.text import interval, number
from regional_dispatch.studies.framework.cut import NATIONAL, REGIONAL, daily, in_phase
from regional_dispatch.studies.framework.timeline import UNDER_WAY
from regional_dispatch.studies.report.charts import lines_grid, long_table
from regional_dispatch.studies.report.findings import Figure, Headline, Section, Table, flat
from regional_dispatch.studies.report.shock import day_panels

if TYPE_CHECKING:
    from regional_dispatch.studies.surge.study import Lasting

BEFORE, LAST = "before", "last four weeks"
MONTH_DAYS, _WEEK_DAYS = 28, 7


class _End(NamedTuple):
    """The last four weeks of a lasting peak under one partition."""

    partition: str
    factor: float
    on_time_before: Interval  # %
    on_time: Interval  # %
    hours: Interval  # click to delivery
    lost: Interval  # % of lines
    cost_above: Interval  # USD per order, less before
    under_way: Interval  # packages at the last midnight, as a multiple of those at the peak's first


class LastingPeak:
    """Results of lasting peaks in the nation and in regions.

    Args:
        lasting: how long, how high.
        policy: display name of the policy.
        calm_days: counted days before the peak.
        rows: partition and factor → `Timeline` rows.
        mean: interval of the mean of (E,).
    """

    def __init__(
        self, lasting: Lasting, policy: str, calm_days: int, rows: Mapping[tuple[str, float], Rows],
        mean: Callable[[np.ndarray], Interval],
    ) -> None:  # fmt: skip
        self.lasting, self.policy, self.calm_days, self.rows, self.mean = lasting, policy, calm_days, rows, mean
        self.ends = [self._end(name, factor) for factor in lasting.factors for name in (NATIONAL, REGIONAL)]

    def section(self) -> Section:
        """Its part of the page."""
        text = _TEXT.format(
            policy=self.policy, days=number(self.lasting.days, 0), episodes=self.lasting.episodes
        )  # fmt: skip
        return Section("A peak that lasts", text, (self._table(), *map(self._weeks, self.lasting.factors)))

    def headline(self) -> Headline:
        """The end of the highest peak as a headline."""
        factor = self.lasting.factors[-1]
        nation, regions = (number(end.on_time.mean, 0) for end in self.ends if end.factor == factor)
        text = f"on time at the end of {number(self.lasting.days, 0)} days of {factor:g} × demand: nation, regions"
        return Headline(f"{nation} and {regions} %", text)

    def _daily(self, name: str, factor: float, kpi: str) -> np.ndarray:
        """(E, days counted)."""
        return daily(self.rows[name, factor], kpi)

    def _phase(self, name: str, factor: float, phase: str, kpi: str) -> np.ndarray:
        """(E,)."""
        return in_phase(self.rows[name, factor], phase, kpi)

    def _end(self, name: str, factor: float) -> _End:
        before, last = (
            {kpi: self._phase(name, factor, phase, kpi) for kpi in _TOLD} for phase in (BEFORE, LAST)
        )  # fmt: skip
        under_way = self._daily(name, factor, UNDER_WAY)
        return _End(
            name, factor, self.mean(100 * before["on_time_share"]), self.mean(100 * last["on_time_share"]),
            self.mean(last["click_to_delivery_hours"]), self.mean(100 * last["lost_line_share"]),
            self.mean(last["cost_per_order_usd"] - before["cost_per_order_usd"]),
            self.mean(under_way[:, -1] / under_way[:, self.calm_days - 1]),
        )  # fmt: skip

    def _table(self) -> Table:
        header = (
            "partition", "demand", "on time before, %", "on time, %", "click to delivery, hours", "lines lost, %",
            "cost above before, USD", "under way, × before",
        )  # fmt: skip
        rows = tuple(
            (end.partition, f"× {end.factor:g}",
             *(interval(value._asdict(), decimals, signed) for value, decimals, signed in
               ((end.on_time_before, 1, False), (end.on_time, 1, False), (end.hours, 1, False), (end.lost, 2, False),
                (end.cost_above, 2, True), (end.under_way, 2, False))))
            for end in self.ends
        )  # fmt: skip
        return Table("lasting", "The last four weeks", header, rows, pd.DataFrame([flat(end) for end in self.ends]))

    def _weeks(self, factor: float) -> Figure:
        weeks = self.lasting.days // _WEEK_DAYS

        def weekly(name: str, kpi: str) -> np.ndarray:
            days = self._daily(name, factor, kpi)[:, self.calm_days : self.calm_days + _WEEK_DAYS * weeks]
            return np.asarray(days.reshape(len(days), weeks, _WEEK_DAYS).mean(axis=2))

        panels = day_panels(range(weeks), weekly, self.mean)
        return Figure(
            f"lasting_{factor:g}".replace(".", "_"), f"{factor:g} times the demand, for good",
            f"Means of the days of each week, and 95 % interval over {self.lasting.episodes} held-out episodes.",
            lines_grid(panels, "weeks since the peak began", dots=False), long_table(panels, "week"),
        )  # fmt: skip


_TOLD = ("on_time_share", "click_to_delivery_hours", "lost_line_share", "cost_per_order_usd")
_TEXT = (
    "Demand rises once and stays for {days} days, under {policy}. Nothing is built, hired or stocked for it: "
    "base-stock levels, picking, sorting and fleets are those of the mean, as in the weeks above. "
    "{episodes} episodes of each."
)
