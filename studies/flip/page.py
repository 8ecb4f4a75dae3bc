"""The page of the study of a flip."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from regional_dispatch.evaluation.cells import Rows
from regional_dispatch.evaluation.statistics import Interval
from regional_dispatch.evaluation.text import interval, number
from regional_dispatch.studies.flip.expected import EXPECTED, expected_table, failures, held
from regional_dispatch.studies.flip.shares import Shares
from regional_dispatch.studies.framework.cut import NATIONAL, REGIONAL, daily, in_phase
from regional_dispatch.studies.framework.levers import SIDES, LeverBoard
from regional_dispatch.studies.framework.timeline import ON_SHELVES
from regional_dispatch.studies.report.charts import Line, label, lines_grid, long_table, name_and_unit, scale
from regional_dispatch.studies.report.findings import Figure, Findings, Headline, Section, Table, file_stem, flat
from regional_dispatch.studies.report.waterfall import Waterfall, waterfalls

if TYPE_CHECKING:
    from regional_dispatch.studies.flip.study import Flip

DAILY = (
    "in_region_share", "cost_per_order_usd", "click_to_delivery_hours", "on_time_share", "miles_per_package",
    "touches_per_package", "truck_fill", "direct_share", "direct_truck_fill", "lanes_used", "trucks", "spill_share",
    "packages_per_order", "co2_kg_per_package",
)  # fmt: skip
FALLS = (
    "cost_per_order_usd", "miles_per_package", "touches_per_package", "click_to_delivery_hours", "lanes_used",
    "truck_fill", "co2_kg_per_package",
)  # fmt: skip
HEADLINES = (
    "in_region_share", "cost_per_order_usd", "miles_per_package", "click_to_delivery_hours", "truck_fill", "lanes_used",
)  # fmt: skip
BACK = "national again"


class Page:
    """What was found, as a page."""

    def __init__(self, study: Flip, board: LeverBoard, rows: Mapping[str, Rows], shares: Shares) -> None:
        self.study, self.board, self.rows, self.shares, self._interval = study, board, rows, shares, study.interval
        self.policies = list(rows)
        self.lead = self.policies[0]
        self.phases = (NATIONAL, *study.between, REGIONAL, BACK)
        self.means = {
            (policy, phase, kpi): self._interval(self._values(policy, phase, kpi))
            for policy in rows
            for phase in self.phases
            for kpi in DAILY
        }
        self.changes = {(policy, kpi): self._less(policy, kpi, REGIONAL, NATIONAL) for policy in rows for kpi in DAILY}

    def findings(self) -> Findings:
        study = self.study
        method = _METHOD.format(
            episodes=study.episodes, seed=study.seed, warmup=study.warmup_days, settle=study.settle_days,
            static=study.phase_days - study.settle_days,
        )  # fmt: skip
        order = ", ".join(study.step_words)
        sections = (
            Section(
                "Whether it is what a cut is expected to do", failures(self.policies, self.changes),
                (expected_table(self.policies, self.changes),),
            ),
            Section(
                "What each lever brings", _LEVERS.format(order=order, average=self.shares.sentence()),
                (self._waterfall(), self._steps(), self.shares.table(FALLS), self.shares.positions(FALLS)),
            ),
            Section("Before, after, and back", _PHASES.format(settle=study.settle_days), self._tables()),
            Section("Units on shelves", self._units_text(), (self._units(),)),
            Section("Day by day", _DAYS, (self._daily(),)),
        )  # fmt: skip
        places = study.side_by_side(lambda name: self.board.world(SIDES[name], study.days))
        return Findings(self._answer(), self._headlines(), sections, method, places)

    # ------------------------------------------------------------------------------------------------- numbers

    def _values(self, policy: str, phase: str, kpi: str) -> np.ndarray:
        """One number per episode, as on an axis: (E,)."""
        return in_phase(self.rows[policy], phase, kpi) * scale(kpi)

    def _less(self, policy: str, kpi: str, phase: str, other: str) -> Interval:
        """A phase less another, over the same episodes."""
        return self._interval(self._values(policy, phase, kpi) - self._values(policy, other, kpi))

    def _fall(self, policy: str, kpi: str) -> Waterfall:
        steps = {
            word: self._less(policy, kpi, after, before)
            for word, (before, after) in zip(self.study.step_words, pairwise(self.phases[:-1]), strict=True)
        }
        return Waterfall(self.means[policy, NATIONAL, kpi].mean, steps, self.changes[policy, kpi])

    # --------------------------------------------------------------------------------------------------- words

    def _ends(self, kpi: str) -> list[str]:
        """The lead's means of the nation and of the finished regions."""
        decimals = {"USD": 2, "lanes": 0, "miles": 0}.get(name_and_unit(kpi)[1], 1)
        return [number(self.means[self.lead, phase, kpi].mean, decimals) for phase in (NATIONAL, REGIONAL)]

    def _answer(self) -> str:
        share, cost, hours = map(self._ends, ("in_region_share", "cost_per_order_usd", "click_to_delivery_hours"))
        kept = held(self.policies, self.changes)
        return (
            f"With {self.lead}, regions with stock and lanes of their own serve {share[1]} % of orders within the "
            f"region, the nation {share[0]} %; an order costs {cost[1]} USD instead of {cost[0]} and takes {hours[1]} "
            f"hours instead of {hours[0]}. Of {len(EXPECTED)} expected changes, {len(kept)} hold under every policy "
            "with their whole 95 % interval."
        )

    def _units_text(self) -> str:
        nation, finished = (number(self.board.base_stock(levers).sum(dtype=np.int64), 0) for levers in SIDES.values())
        return _UNITS.format(nation=nation, finished=finished)

    def _headlines(self) -> tuple[Headline, ...]:
        return tuple(
            Headline(f"{' → '.join(self._ends(kpi))} {name_and_unit(kpi)[1]}", name_and_unit(kpi)[0])
            for kpi in HEADLINES
        )

    # ------------------------------------------------------------------------------------------------- figures

    def _waterfall(self) -> Figure:
        falls = {kpi: self._fall(self.lead, kpi) for kpi in FALLS}
        data = pd.DataFrame(
            [
                {"kpi": kpi, "step": step, **change._asdict()}
                for kpi, fall in falls.items()
                for step, change in {**fall.steps, "all three": fall.total}.items()
            ]
        )
        caption = (
            f"{self.lead}, in the order {', '.join(self.study.step_words)}; changes from the nation, with paired 95 % "
            "intervals. Above each panel: the nation and the finished regions."
        )
        return Figure("waterfall", "What each lever changes", caption, waterfalls(falls, "all three"), data)

    def _steps(self) -> Table:
        words = self.study.step_words
        falls = {(policy, kpi): self._fall(policy, kpi) for policy in self.policies for kpi in FALLS}
        rows = tuple(
            (policy, label(kpi), *(interval(fall.steps[word]._asdict(), 2) for word in words),
             interval(fall.total._asdict(), 2))
            for (policy, kpi), fall in falls.items()
        )  # fmt: skip
        data = pd.DataFrame(
            [
                flat({"policy": policy, "kpi": kpi, **fall.steps, "change": fall.total})
                for (policy, kpi), fall in falls.items()
            ]
        )
        return Table("steps", "In this order", ("policy", "KPI", *words, "all three"), rows, data)

    def _tables(self) -> tuple[Table, ...]:
        return tuple(self._table(policy) for policy in self.policies)

    def _table(self, policy: str) -> Table:
        """One row per KPI: every phase, the finished regions less the nation, and what is left once it is undone."""
        header = ("KPI", *self.phases[:-1], "regional less national", "change, %", "back, less national")
        rows, records = [], []
        for kpi in DAILY:
            of = {phase: self.means[policy, phase, kpi] for phase in self.phases[:-1]}
            change, back = self.changes[policy, kpi], self._less(policy, kpi, BACK, NATIONAL)
            rows.append(
                (label(kpi), *(number(mean.mean, 2) for mean in of.values()), interval(change._asdict(), 2),
                 number(_percent(change, of[NATIONAL]), 1, signed=True), interval(back._asdict(), 2))
            )  # fmt: skip
            named = {_column(phase): mean for phase, mean in of.items()}
            records.append(flat({"policy": policy, "kpi": kpi, **named, "change": change, "back": back}))
        return Table(f"phases_{file_stem(policy)}", policy, header, tuple(rows), pd.DataFrame(records))

    def _units(self) -> Table:
        """Units on hand in each phase, mean of its midnights, and what they are of the nation's."""
        study = self.study
        rows, records = [], []
        for policy in self.policies:
            by_day = daily(self.rows[policy], ON_SHELVES)
            first = [start - study.warmup_days for start in study.starts]
            of = [by_day[:, a + study.settle_days : b].mean(axis=1) for a, b in pairwise(first)]
            share = [self._interval(100 * units / of[0]) for units in of]
            means = [self._interval(units) for units in of]
            rows.append(
                (policy, *(f"{number(units.mean, 0)} ({number(part.mean, 1)} %)"
                           for units, part in zip(means, share, strict=True)))
            )  # fmt: skip
            records += [
                flat({"policy": policy, "phase": phase, "units": units, "percent": part})
                for phase, units, part in zip(self.phases, means, share, strict=True)
            ]
        return Table(
            "units", "Units on shelves at midnight, and in % of the nation's", ("policy", *self.phases), tuple(rows),
            pd.DataFrame(records),
        )  # fmt: skip

    def _daily(self) -> Figure:
        study = self.study
        zero = study.starts[1]
        days = list(range(study.warmup_days - zero, study.days - zero))
        panels = {
            label(kpi): [Line(policy, days, self._by_day(policy, kpi, scale(kpi))) for policy in self.policies]
            for kpi in DAILY
        }
        panels["Units on shelves"] = [Line(policy, days, self._by_day(policy, ON_SHELVES)) for policy in self.policies]
        marks = [start - zero for start in study.starts[1:-1]]
        caption = (
            "Mean and 95 % interval over held-out episodes. Dotted lines, the midnights of: "
            f"{', '.join(study.step_words)}, and all of them back."
        )
        return Figure(
            "days", "KPIs of every day", caption, lines_grid(panels, "days since the first lever", marks, dots=False),
            long_table(panels, "day"),
        )  # fmt: skip

    def _by_day(self, policy: str, kpi: str, times: float = 1.0) -> list[Interval]:
        return [self._interval(day) for day in times * daily(self.rows[policy], kpi).T]


def _column(phase: str) -> str:
    """A phase as the name of columns: `+ stock` is plus_stock."""
    return re.sub(r"\W+", "_", phase.replace("+", "plus"))


def _percent(change: Interval, before: Interval) -> float:
    return 100 * change.mean / before.mean if before.mean else 0.0


_LEVERS = (
    "In this episode the levers are pulled in the order {order}. What a lever brings depends on which were pulled "
    "before it: lanes planned for the regions' stock, say, are of little use before stock stands there. The first "
    "table is for this order. The second {average}: every position of the levers is played by itself, from the "
    "beginning of an episode, which is the third table."
)
_PHASES = (
    "Means of each phase without its first {settle} days. Differences are paired by episode, with their 95 % interval. "
    "The last column is what remains of the change once all levers are back: an interval that holds zero means nothing."
)
_UNITS = (
    "Base-stock levels add up to {nation} units in the nation's layout and to {finished} in the regions', so costs "
    "differ by where stock stands and not by how much of it. What is on hand is less, by what is on order. After a "
    "change of layout an FC that no longer carries a SKU sells what it has, while others order theirs: for some weeks "
    "there is more on the shelves."
)
_DAYS = (
    "Packages made before a midnight keep the routes they were given; packages made from it on take those of the new "
    "partition and lanes. Shelves follow a new layout by replenishment alone. KPIs count the same regions throughout, "
    "so the share of orders served in region means the same in all phases."
)
_METHOD = (
    "Sites, possible lanes, buildings, fleets, units of stock and orders are the same throughout. Three things change: "
    "the partition in force; where stock stands; and which lanes run, planned once for the nation and its stock and "
    "once for the regions and theirs. {warmup} days of warm-up are left out, and {settle} days of transition at the "
    "start of each phase. In the tables of orders and positions each position is played for {static} days after "
    "the warm-up. {episodes} held-out episodes, seed {seed}; every policy meets the same orders."
)
