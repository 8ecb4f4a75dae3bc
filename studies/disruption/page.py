"""The page of the study of disruptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.envs.render.map import draw_map
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.envs.world.trace import orders_per_day
from regional_dispatch.evaluation.cells import Rows
from regional_dispatch.evaluation.rollouts import evaluation_keys, play
from regional_dispatch.evaluation.statistics import Interval
from regional_dispatch.evaluation.text import NOTHING, interval, number
from regional_dispatch.studies.framework.cut import NATIONAL, REGIONAL, daily, in_phase
from regional_dispatch.studies.framework.shock import recovery_days
from regional_dispatch.studies.framework.timeline import UNDER_WAY
from regional_dispatch.studies.report.charts import lines_grid, long_table, picture
from regional_dispatch.studies.report.findings import Figure, Findings, Headline, Section, Table, flat
from regional_dispatch.studies.report.shock import day_panels, recovery_cell, recovery_words

if TYPE_CHECKING:
    from regional_dispatch.studies.disruption.study import Case, Disruption

WINDOW = "window"  # from the first day of the disruption to the end
CALM = ""  # the case in which nothing happens
_MAP_HOUR = 12  # of the disruption's last day, for the map


class _Outcome(NamedTuple):
    """What a case changes for a policy in the nation or its regions, over the same episodes without it."""

    policy: str
    case: str
    partition: str
    cost: Interval  # USD per order of the window
    total: Interval  # thousands of USD, at the mean of orders
    on_time: Interval  # percentage points, over the window
    on_time_worst: Interval  # %, of the worst day
    under_way_most: Interval  # packages more at the worst midnight
    lost: Interval  # percentage points of the window's lines
    in_region: Interval  # percentage points, while it lasts
    recovery_days: float | None  # after the event, median over episodes; None: not within the days played


class _Contrast(NamedTuple):
    """Regions less nation: USD per order of the window."""

    policy: str
    case: str
    without: Interval
    during: Interval  # with the event
    change: Interval  # what regions cost more, or save, because of the event
    total: Interval  # the same in thousands of USD, at the mean of orders


class Page:
    """What was found, as a page."""

    def __init__(
        self, study: Disruption, rows: Mapping[tuple[str, str], Mapping[str, Rows]],
        worlds: Mapping[tuple[str, str], Scenario],
    ) -> None:  # fmt: skip
        self.study, self.rows, self.worlds, self._interval = study, rows, worlds, study.interval
        self.policies = list(next(iter(rows.values())))
        self.lead = self.policies[0]
        self.orders = orders_per_day(study.base()) * study.window_days  # mean of the window
        self.outcomes = [
            self._outcome(policy, case, name)
            for policy in self.policies
            for case in study.cases
            for name in (NATIONAL, REGIONAL)
        ]
        self.contrasts = [self._contrast(policy, case) for policy in self.policies for case in study.cases]

    def findings(self) -> Findings:
        study = self.study
        method = _METHOD.format(
            warmup=study.warmup_days, window=study.window_days, orders=number(self.orders / study.window_days, 0),
            tolerance=number(study.tolerance_points, 1), episodes=study.episodes, seed=study.seed,
        )  # fmt: skip
        sections: tuple[Section, ...] = (
            Section("What each cost", _OUTCOMES.format(window=study.window_days), (self._outcome_table(),)),
            Section("What regions cost or save then", _CONTRASTS, (self._contrast_table(),)),
            Section("Day by day", f"{self.lead}; {_DAYS}", tuple(self._days(case) for case in study.cases)),
        )
        maps = tuple(self._map(case) for case in study.cases if case.map)
        if maps:
            text = "Noon of the last day; a lane is as wide as the packages it carried."
            sections += (Section("What is hit", text, maps),)
        case = study.cases[0].name
        places = study.side_by_side(lambda name: self.worlds[name, case], f", {case}")
        return Findings(self._answer(), self._headlines(), sections, method, places)

    # ------------------------------------------------------------------------------------------------- numbers

    def _daily(self, policy: str, name: str, case: str, kpi: str) -> np.ndarray:
        """(E, days counted)."""
        return daily(self.rows[name, case][policy], kpi)

    def _more(self, policy: str, name: str, case: str, kpi: str) -> np.ndarray:
        """With the event less without it: (E, days counted)."""
        return self._daily(policy, name, case, kpi) - self._daily(policy, name, CALM, kpi)

    def _window(self, policy: str, name: str, case: str, kpi: str) -> np.ndarray:
        """(E,)."""
        return in_phase(self.rows[name, case][policy], WINDOW, kpi)

    def _outcome(self, policy: str, case: Case, name: str) -> _Outcome:
        def changed(kpi: str) -> np.ndarray:
            values: np.ndarray = self._window(policy, name, case.name, kpi) - self._window(policy, name, CALM, kpi)
            return values

        first = self.study.calm_days
        usd = changed("cost_per_order_usd")
        on_time = 100 * self._daily(policy, name, case.name, "on_time_share")[:, first:]
        under_way = self._more(policy, name, case.name, UNDER_WAY)[:, first:]
        inside = self._more(policy, name, case.name, "in_region_share")[:, first : first + case.days]
        return _Outcome(
            policy, case.name, name, self._interval(usd), self._interval(usd * self.orders / 1000),
            self._interval(100 * changed("on_time_share")), self._interval(on_time.min(axis=1)),
            self._interval(under_way.max(axis=1)), self._interval(100 * changed("lost_line_share")),
            self._interval(100 * inside.mean(axis=1)), self._recovery(policy, name, case),
        )  # fmt: skip

    def _recovery(self, policy: str, name: str, case: Case) -> float | None:
        """Days after the event until every day that was played is as punctual as without it: median."""
        more = 100 * self._more(policy, name, case.name, "on_time_share")[:, self.study.calm_days + case.days :]
        good = more >= -self.study.tolerance_points
        return recovery_days(np.logical_and.accumulate(good[:, ::-1], axis=1)[:, ::-1])

    def _contrast(self, policy: str, case: Case) -> _Contrast:
        without, during = (
            self._window(policy, REGIONAL, key, "cost_per_order_usd")
            - self._window(policy, NATIONAL, key, "cost_per_order_usd")
            for key in (CALM, case.name)
        )
        change = during - without
        parts = (self._interval(x) for x in (without, during, change, change * self.orders / 1000))
        return _Contrast(policy, case.name, *parts)

    def _of(self, case: Case, name: str) -> _Outcome:
        return next(o for o in self.outcomes if (o.policy, o.case, o.partition) == (self.lead, case.name, name))

    # --------------------------------------------------------------------------------------------------- words

    def _answer(self) -> str:
        costliest = max(self.study.cases, key=lambda case: self._of(case, NATIONAL).cost.mean)
        nation, regions = self._of(costliest, NATIONAL), self._of(costliest, REGIONAL)
        changes = [contrast.change for contrast in self.contrasts if contrast.policy == self.lead]
        saves, costs = sum(c.ci_high < 0 for c in changes), sum(c.ci_low > 0 for c in changes)
        return (
            f"With {self.lead}, the most expensive is {costliest.name}: {number(nation.total.mean, 1)} thousand USD "
            f"in the nation, {number(regions.total.mean, 1)} in regions; they recover "
            f"{recovery_words(nation.recovery_days)} and {recovery_words(regions.recovery_days)}. Of {len(changes)} "
            f"disruptions {saves} cost less in regions than in the nation and {costs} cost more; the 95 % intervals "
            "of these exclude zero."
        )

    def _headlines(self) -> tuple[Headline, ...]:
        heads = []
        for case in self.study.cases:
            nation, regions = (number(self._of(case, name).cost.mean, 3, signed=True) for name in (NATIONAL, REGIONAL))
            text = f"{case.name}: cost per order over {self.study.window_days} days, nation and regions"
            heads.append(Headline(f"{nation} and {regions} USD", text))
        return tuple(heads)

    # ------------------------------------------------------------------------------------------------- figures

    def _outcome_table(self) -> Table:
        header = (
            "policy", "case", "partition", "cost, USD per order", "thousand USD in all", "on time, points",
            "worst day on time, %", "under way, most more", "lines lost, points", "in region meanwhile, points",
            "days to recover",
        )  # fmt: skip
        rows = tuple(
            (o.policy, o.case, o.partition, interval(o.cost._asdict(), 3), interval(o.total._asdict(), 1),
             interval(o.on_time._asdict(), 2), interval(o.on_time_worst._asdict(), 1, signed=False),
             interval(o.under_way_most._asdict(), 0), interval(o.lost._asdict(), 2),
             interval(o.in_region._asdict(), 1), recovery_cell(o.recovery_days))
            for o in self.outcomes
        )  # fmt: skip
        note = f"{NOTHING}: not within the {self.study.after_days} days or more that were played after it."
        data = pd.DataFrame([flat(outcome) for outcome in self.outcomes]).astype({"recovery_days": float})
        return Table("outcomes", "With the event, less without it", header, rows, data, note)

    def _contrast_table(self) -> Table:
        header = (
            "policy", "case", "without the event", "with it", "because of it", "because of it, thousand USD in all",
        )  # fmt: skip
        rows = tuple(
            (c.policy, c.case, *(interval(x._asdict(), 3) for x in (c.without, c.during, c.change)),
             interval(c.total._asdict(), 1))
            for c in self.contrasts
        )  # fmt: skip
        data = pd.DataFrame([flat(contrast) for contrast in self.contrasts])
        return Table("contrasts", "Regions less nation, USD per order", header, rows, data)

    def _days(self, case: Case) -> Figure:
        study = self.study
        days = list(range(-study.calm_days, study.window_days))
        panels = day_panels(
            days, lambda name, kpi: self._more(self.lead, name, case.name, kpi), self._interval, more=True
        )
        return Figure(
            f"days_{case.stem}", case.name, "Mean and 95 % interval over held-out episodes.",
            lines_grid(panels, "days since the event began", (0, case.days), dots=False), long_table(panels, "day"),
        )  # fmt: skip

    def _map(self, case: Case) -> Figure:
        """As the regions see it."""
        world = self.worlds[REGIONAL, case.name]
        hour = 24 * (self.study.first + case.days - 1) + _MAP_HOUR
        policy, key = self.study.players()[self.lead], evaluation_keys(1, self.study.seed)[0]
        sim = play(world, policy, key, until=round(hour / world.tick_hours))
        return Figure(
            f"map_{case.stem}", case.name, f"Regions, {self.lead}, first episode.",
            picture(draw_map(sim, title=case.name)),
        )  # fmt: skip


_OUTCOMES = (
    "The same episodes are played with the event and without it; the table shows the difference. Costs are those of "
    "{window} days from its first midnight on; what is still under way at their end counts at standard cost. The "
    "worst day counts deliveries of that day; packages under way are counted at midnight."
)
_CONTRASTS = (
    "Cost per order of regions minus that of one nation, without the event and with it, and the difference of the "
    "two: above zero, the event costs regions more."
)
_DAYS = "with the event minus without it, on the same orders. Dotted lines: its first day and the first day after it."
_METHOD = (
    "The nation has its own stock and lanes, the regions have theirs, at the same units. After {warmup} days of "
    "warm-up both meet the same orders and the same events. A site that is down picks or sorts nothing and takes no "
    "new lines while another FC can serve; a closed lane sends no truck; a region that is cut off has all lanes into "
    "and out of it closed. A line that no open route can serve is not lost: its package waits on the way until the "
    "event is over. Policies see backlogs, closed lanes and cut routes when they occur; they do not know in advance "
    "when an event begins or ends, and none was trained on events. Costs in all are those per order at the mean of "
    "{orders} orders a day over {window} days. The day of recovery is the first from which no day's on-time share is "
    "more than {tolerance} points below that without the event. {episodes} held-out episodes, seed {seed}."
)
