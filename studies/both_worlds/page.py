"""The page of the study of both worlds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.statistics import Interval, mean_interval, paired_difference
from regional_dispatch.evaluation.text import NOTHING, interval, number
from regional_dispatch.studies.framework.cut import NATIONAL, REGIONAL
from regional_dispatch.studies.framework.lab import Played
from regional_dispatch.studies.report.charts import label, scale
from regional_dispatch.studies.report.findings import Findings, Headline, Place, Section, Table, file_stem, flat

if TYPE_CHECKING:
    from regional_dispatch.studies.both_worlds.study import BothWorlds, Pair

SHOWN = (
    "in_region_share", "cost_per_order_usd", "click_to_delivery_hours", "on_time_share", "miles_per_package",
    "touches_per_package", "truck_fill", "direct_share", "lanes_used", "trucks", "packages_per_order", "spill_share",
    "co2_kg_per_package",
)  # fmt: skip
COST = "cost_per_order_usd"


class Change(NamedTuple):
    """A KPI of a pair: each policy in its own world, on the same orders."""

    policy: str
    kpi: str
    national: Interval
    regional: Interval
    change: Interval  # regional less national


class Page:
    """What was found, as a page."""

    def __init__(self, study: BothWorlds, played: Played, worlds: Mapping[str, Scenario]) -> None:
        self.study, self.played, self.worlds = study, played, worlds
        self.changes = {(pair.name, kpi): self._change(pair, kpi) for pair in study.pairs for kpi in SHOWN}

    def findings(self) -> Findings:
        study = self.study
        method = _METHOD.format(episodes=study.episodes, seed=study.seed, nation=study.scenario, regions=study.regional)
        sections = (
            Section("Each in its own world", _OWN, tuple(self._table(pair.name) for pair in study.pairs)),
            Section("Each in the other world", _OTHER, (self._cross(),)),
        )
        places = {
            NATIONAL: Place("One nation", self.worlds[NATIONAL]),
            REGIONAL: Place("Finished regions", self.worlds[REGIONAL]),
        }
        return Findings(self._answer(), self._headlines(), sections, method, places)

    # ------------------------------------------------------------------------------------------------- numbers

    def _values(self, world: str, policy: str, kpi: str) -> np.ndarray:
        return scale(kpi) * self.played.values(world, policy, kpi)

    def _change(self, pair: Pair, kpi: str) -> Change:
        one = self._values(NATIONAL, pair.national, kpi)
        two = self._values(REGIONAL, pair.regional, kpi)
        return Change(
            pair.name, kpi, mean_interval(one), mean_interval(two),
            paired_difference(two, one),
        )  # fmt: skip

    # --------------------------------------------------------------------------------------------------- words

    def _answer(self) -> str:
        parts = []
        for pair in self.study.pairs:
            cost = self.changes[pair.name, COST]
            parts.append(
                f"{pair.name} from {number(cost.national.mean, 2)} to {number(cost.regional.mean, 2)} USD an order "
                f"({interval(cost.change._asdict(), 2)})"
            )
        return f"With policies made for each world, the finished regions take cost per order: {'; '.join(parts)}."

    def _headlines(self) -> tuple[Headline, ...]:
        return tuple(
            Headline(
                f"{number(100 * cost.change.mean / cost.national.mean, 1, signed=True)} %",
                f"cost per order of the finished regions, {pair.name}",
            )
            for pair in self.study.pairs
            for cost in (self.changes[pair.name, COST],)
        )

    # ------------------------------------------------------------------------------------------------- figures

    def _table(self, name: str) -> Table:
        own = [self.changes[name, kpi] for kpi in SHOWN]
        rows = tuple(
            (label(one.kpi), number(one.national.mean, 2), number(one.regional.mean, 2),
             interval(one.change._asdict(), 2), _verdict(one))
            for one in own
        )  # fmt: skip
        header = ("KPI", "national", "regional", "change", "holds")
        return Table(
            f"worlds_{file_stem(name).replace(' ', '_')}", name, header, rows, pd.DataFrame([flat(x) for x in own])
        )

    def _cross(self) -> Table:
        """Cost per order of every policy in every world."""
        rows, data = [], []
        for pair in self.study.pairs:
            for made_for, policy in ((NATIONAL, pair.national), (REGIONAL, pair.regional)):
                cells = {world: self.played.mean(world, policy, COST) for world in (NATIONAL, REGIONAL)}
                rows.append(
                    (pair.name, made_for, *(interval(cell._asdict(), 3, signed=False) for cell in cells.values()))
                )
                data += [{"pair": pair.name, "made_for": made_for, "world": w, **c._asdict()} for w, c in cells.items()]
        header = ("policy", "made for", "in the nation, USD an order", "in the regions, USD an order")
        return Table("cross", "Cost per order in both worlds", header, tuple(rows), pd.DataFrame(data))


def _verdict(change: Change) -> str:
    """Whether the whole interval lies on the better side of zero."""
    better = KPIS[change.kpi].better
    if better == "neither":
        return ""
    sign = change.change.sign
    if not sign:
        return "no difference" if change.change.ci_low <= 0 else NOTHING
    return "better" if (sign < 0) == (better == "lower") else "worse"


_OWN = (
    "National: the policy made for the nation, in the nation. Regional: the policy made for the finished regions, "
    "there. The change is paired by episode, with its 95 % interval; the last column says on which side of zero all "
    "of it lies."
)
_OTHER = (
    "A policy in a world that it was not made for is outside its range. A rule without parameters is the same policy "
    "in both worlds, and stands twice."
)
_METHOD = (
    "Worlds {nation} and {regions}: the same sites, buildings, fleets, orders and units of stock; another partition, "
    "layout of stock and plan of lanes. {episodes} held-out episodes, seed {seed}; every policy meets the same "
    "orders."
)
