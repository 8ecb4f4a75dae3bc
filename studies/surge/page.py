"""The page of the study of surges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.evaluation.cells import Rows
from regional_dispatch.evaluation.statistics import Interval
from regional_dispatch.evaluation.text import NOTHING, interval, number
from regional_dispatch.studies.framework.cut import NATIONAL, REGIONAL, daily, in_phase
from regional_dispatch.studies.framework.shock import recovery_days
from regional_dispatch.studies.framework.timeline import UNDER_WAY
from regional_dispatch.studies.report.charts import lines_grid, long_table
from regional_dispatch.studies.report.findings import Figure, Findings, Headline, Place, Section, Table, flat
from regional_dispatch.studies.report.shock import day_panels, recovery_cell, recovery_words
from regional_dispatch.studies.surge.lasting_section import LastingPeak

if TYPE_CHECKING:
    from regional_dispatch.studies.surge.study import Surge

CALM, PEAK = "before", "surge"


class _Outcome(NamedTuple):
    """What one surge does to a policy under one partition."""

    policy: str
    partition: str
    factor: float
    on_time_before: Interval  # %
    on_time_worst: Interval  # %, of the worst day from the surge on
    under_way_most: Interval  # packages, as a multiple of the mean before
    lost: Interval  # % of the surge's lines
    cost_above: Interval  # USD per order, surge less before
    recovery_days: float | None  # after the surge, median over episodes; None: not within the days played


class Page:
    """What was found, as a page."""

    def __init__(
        self, study: Surge, rows: Mapping[tuple[str, float], Mapping[str, Rows]], lasting: LastingPeak | None
    ) -> None:
        self.study, self.rows, self.lasting, self._interval = study, rows, lasting, study.interval
        self.policies = list(next(iter(rows.values())))
        self.lead = self.policies[0]
        self.outcomes = [
            self._outcome(policy, name, factor)
            for policy in self.policies
            for factor in study.factors
            for name in (NATIONAL, REGIONAL)
        ]

    def findings(self, places: Mapping[str, Place]) -> Findings:
        study = self.study
        method = _METHOD.format(
            episodes=study.episodes, seed=study.seed, tolerance=number(study.tolerance_points, 1),
            surge=study.surge_days, calm=study.calm_days, settle=study.settle_days, after=study.after_days,
        )  # fmt: skip
        figures = tuple(self._days(factor) for factor in study.factors)
        lasting = () if self.lasting is None else (self.lasting.section(),)
        days = f"{self.lead}. Dotted lines: the first day of the surge and the first day after it."
        sections = (
            Section("How each came through", _TABLE, (self._table(),)),
            Section("Day by day", days, figures),
            *lasting,
        )
        return Findings(self._answer(), self._headlines(), sections, method, places)

    # ------------------------------------------------------------------------------------------------- numbers

    def _daily(self, policy: str, name: str, factor: float, kpi: str) -> np.ndarray:
        """(E, days counted)."""
        return daily(self.rows[name, factor][policy], kpi)

    def _phase(self, policy: str, name: str, factor: float, phase: str, kpi: str) -> np.ndarray:
        """(E,)."""
        return in_phase(self.rows[name, factor][policy], phase, kpi)

    def _outcome(self, policy: str, name: str, factor: float) -> _Outcome:
        calm = self.study.calm_days
        on_time = 100 * self._daily(policy, name, factor, "on_time_share")
        under_way = self._daily(policy, name, factor, UNDER_WAY)
        before = 100 * self._phase(policy, name, factor, CALM, "on_time_share")
        cost = [self._phase(policy, name, factor, phase, "cost_per_order_usd") for phase in (CALM, PEAK)]
        return _Outcome(
            policy, name, factor, self._interval(before), self._interval(on_time[:, calm:].min(axis=1)),
            self._interval(under_way.max(axis=1) / under_way[:, self.study.settle_days : calm].mean(axis=1)),
            self._interval(100 * self._phase(policy, name, factor, PEAK, "lost_line_share")),
            self._interval(cost[1] - cost[0]), self._recovery(on_time, before),
        )  # fmt: skip

    def _recovery(self, on_time: np.ndarray, before: np.ndarray) -> float | None:
        """Days after the surge until the first day that is as punctual as before: median over episodes."""
        after = on_time[:, self.study.calm_days + self.study.surge_days :]
        return recovery_days(after >= before[:, None] - self.study.tolerance_points)

    def _of(self, name: str, factor: float) -> _Outcome:
        return next(o for o in self.outcomes if (o.policy, o.partition, o.factor) == (self.lead, name, factor))

    # --------------------------------------------------------------------------------------------------- words

    def _answer(self) -> str:
        factor = self.study.factors[-1]
        nation, regions = self._of(NATIONAL, factor), self._of(REGIONAL, factor)
        return (
            f"With {self.lead}, at {factor:g} times the demand for {self.study.surge_days} days, on-time delivery "
            f"falls to {number(nation.on_time_worst.mean, 1)} % on the nation's worst day and to "
            f"{number(regions.on_time_worst.mean, 1)} % on the regions'; they recover "
            f"{recovery_words(nation.recovery_days)} and {recovery_words(regions.recovery_days)}."
        )

    def _headlines(self) -> tuple[Headline, ...]:
        heads = []
        for factor in self.study.factors:
            nation, regions = (self._of(name, factor).on_time_worst.mean for name in (NATIONAL, REGIONAL))
            text = f"on time on the worst day at {factor:g} × demand: nation, regions"
            heads.append(Headline(f"{number(nation, 0)} and {number(regions, 0)} %", text))
        return tuple(heads) if self.lasting is None else (*heads, self.lasting.headline())

    # ------------------------------------------------------------------------------------------------- figures

    def _table(self) -> Table:
        header = (
            "policy", "partition", "demand", "on time before, %", "worst day, %", "most under way, × before",
            "lines lost, %", "cost above before, USD", "days to recover",
        )  # fmt: skip
        rows = tuple(
            (o.policy, o.partition, f"× {o.factor:g}",
             *(interval(x._asdict(), decimals, signed=False) for x, decimals in
               ((o.on_time_before, 1), (o.on_time_worst, 1), (o.under_way_most, 2), (o.lost, 2))),
             interval(o.cost_above._asdict(), 2), recovery_cell(o.recovery_days))
            for o in self.outcomes
        )  # fmt: skip
        note = f"{NOTHING}: not within the {self.study.after_days} days that were played."
        data = pd.DataFrame([flat(outcome) for outcome in self.outcomes]).astype({"recovery_days": float})
        return Table("outcomes", "Surges", header, rows, data, note)

    def _days(self, factor: float) -> Figure:
        study = self.study
        count = self._daily(self.lead, NATIONAL, factor, "on_time_share").shape[1]
        days = list(range(-study.calm_days, count - study.calm_days))
        panels = day_panels(days, lambda name, kpi: self._daily(self.lead, name, factor, kpi), self._interval)
        title = f"{factor:g} times the demand"
        caption = "Mean and 95 % interval over held-out episodes."
        return Figure(
            f"days_{factor:g}".replace(".", "_"), title, caption,
            lines_grid(panels, "days since the surge began", (0, study.surge_days), dots=False),
            long_table(panels, "day"),
        )  # fmt: skip


_TABLE = (
    "Stock, buildings and fleets are sized for mean demand. The worst day counts deliveries of that day, from the "
    "surge's first day on; packages under way are counted at midnight."
)
_METHOD = (
    "The nation has its own stock and lanes, the regions have theirs, at the same units. After the warm-up come {calm} "
    "days of mean demand (means leave out the first {settle}), {surge} days of the surge and {after} days of mean "
    "demand again; nation and regions meet the same orders. A day counts as recovered if its on-time share is at most "
    "{tolerance} points below that before the surge. {episodes} held-out episodes, seed {seed}."
)
