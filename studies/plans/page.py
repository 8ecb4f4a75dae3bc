"""The page of the study of plans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.statistics import Interval, mean_interval, paired_difference
from regional_dispatch.evaluation.text import NOTHING, interval, number
from regional_dispatch.planning.lanes import LanePlan
from regional_dispatch.planning.stock.cheapest import Plan as StockPlan
from regional_dispatch.studies.framework.lab import Played
from regional_dispatch.studies.report.charts import scale
from regional_dispatch.studies.report.findings import Figure, Findings, Headline, Place, Section, Table, flat
from regional_dispatch.studies.report.lane_map import lane_map

if TYPE_CHECKING:
    from regional_dispatch.studies.plans.study import Plans

CHEAPEST = "cheapest"
COST = "cost_per_order_usd"


class Stocked(NamedTuple):
    """A layout of stock in the world."""

    base: np.ndarray  # (S, F) units
    expected_usd_per_order: float
    plan: StockPlan | None  # None: a rule


class Laned(NamedTuple):
    """A world with all lanes, and the plan for it."""

    network: Network
    plan: LanePlan


def layout_world(layout: str) -> str:
    return f"stock {layout}, planned lanes"


def lane_world(side: str, planned: bool) -> str:
    return f"{side}, {'planned' if planned else 'all'} lanes"


class _Row(NamedTuple):
    """Cost per order of a policy in a world, and its difference from another world on the same orders."""

    world: str
    policy: str
    cost: Interval
    than: str
    difference: Interval


class Page:
    """What was found, as a page."""

    def __init__(
        self, study: Plans, stocked: Mapping[str, Stocked], laned: Mapping[str, Laned], worlds: Mapping[str, Scenario],
        played: Played, policies: tuple[str, ...],
    ) -> None:  # fmt: skip
        self.study, self.stocked, self.laned, self.worlds = study, stocked, laned, worlds
        self.played, self.policies = played, policies

    def findings(self) -> Findings:
        study = self.study
        method = _METHOD.format(episodes=study.episodes, seed=study.seed, trucks=study.base().trucks.capacity_packages)
        sections = (
            Section("Where stock stands", _STOCK.format(rule=study.rule), (self._layouts(), self._played_layouts())),
            Section("Which lanes run", _LANES, (*self._maps(), self._plans(), self._played_lanes(), self._trucks())),
        )
        shown = {
            f"stock_{name}": Place(f"Stock {name}", self.worlds[layout_world(name)]) for name in study.layouts[-2:]
        }
        return Findings(self._answer(), self._headlines(), sections, method, shown)

    # ------------------------------------------------------------------------------------------------- numbers

    def _row(self, world: str, than: str, policy: str) -> _Row:
        own, other = (self.played.values(name, policy, COST) for name in (world, than))
        return _Row(world, policy, mean_interval(own), than, paired_difference(own, other))

    def _of_layouts(self) -> list[_Row]:
        than = layout_world(self.study.rule)
        return [self._row(layout_world(name), than, policy) for name in self.stocked for policy in self.policies]

    def _of_lanes(self) -> list[_Row]:
        return [
            self._row(lane_world(side, True), lane_world(side, False), policy)
            for side in self.laned
            for policy in self.policies
        ]

    # --------------------------------------------------------------------------------------------------- words

    def _answer(self) -> str:
        parts = []
        if CHEAPEST in self.stocked:
            best = self._row(layout_world(CHEAPEST), layout_world(self.study.rule), self.policies[0])
            parts.append(
                f"stock placed at least expected cost changes the cost per order by "
                f"{interval(best.difference._asdict(), 3)} USD against the rule '{self.study.rule}'"
            )
        for side in self.laned:
            row = self._row(lane_world(side, True), lane_world(side, False), self.policies[0])
            parts.append(f"planned lanes by {interval(row.difference._asdict(), 3)} against all lanes in the {side}")
        return f"With {self.policies[0]}, {', '.join(parts)}."

    def _headlines(self) -> tuple[Headline, ...]:
        gaps = tuple(
            Headline(
                f"{number(100 * one.plan.gap, 1)} %", f"above its bound: trucks and sorting planned for the {side}"
            )
            for side, one in self.laned.items()
        )
        plan = self.stocked[CHEAPEST].plan if CHEAPEST in self.stocked else None
        stock = (
            () if plan is None else (Headline(f"{number(100 * plan.gap, 1)} %", "the bound below the cost of stock"),)
        )
        return (*gaps, *stock)

    # ------------------------------------------------------------------------------------------------- figures

    def _layouts(self) -> Table:
        rows, data = [], []
        for name, one in self.stocked.items():
            bound = None if one.plan is None else one.plan.bound_usd_per_order
            units, places = int(one.base.sum(dtype=int)), int((one.base > 0).sum())
            rows.append(
                (name, number(places, 0), number(units, 0), number(one.expected_usd_per_order, 3),
                 NOTHING if bound is None else number(bound, 3))
            )  # fmt: skip
            data.append({"layout": name, "places": places, "units": units, "bound_usd": bound,
                         "expected_usd": one.expected_usd_per_order})  # fmt: skip
        header = ("layout", "places", "units", "expected USD an order", "no layout is below")
        return Table(
            "layouts",
            "Layouts, and what they are expected to cost over all lanes",
            header,
            tuple(rows),
            pd.DataFrame(data),
        )

    def _played_layouts(self) -> Table:
        return _cost_table(
            "layouts_played", "Layouts, played on lanes planned for each", self._of_layouts(), self.study.rule
        )

    def _maps(self) -> tuple[Figure, ...]:
        caption = "A lane is as wide as it is busy; its colour is how full its trucks are expected to be."
        return tuple(
            Figure(
                f"lanes_{side}", f"Lanes planned for the {side}", caption,
                lane_map(one.network, one.plan.packages_per_day, one.plan.fill, f"Lanes planned for the {side}"),
            )
            for side, one in self.laned.items()
        )  # fmt: skip

    def _plans(self) -> Table:
        rows, data = [], []
        for side, one in self.laned.items():
            plan = one.plan
            rows.append(
                (side, f"{int(plan.running.sum())} of {len(plan.running)}", number(plan.usd_per_day, 0),
                 number(plan.bound_usd_per_day, 0), number(100 * plan.gap, 1), number(plan.seconds, 0))
            )  # fmt: skip
            data.append({"side": side, "running": int(plan.running.sum()), "possible": len(plan.running),
                         "usd_per_day": plan.usd_per_day, "bound_usd_per_day": plan.bound_usd_per_day,
                         "gap": plan.gap, "seconds": plan.seconds})  # fmt: skip
        header = (
            "world",
            "lanes that run",
            "trucks and sorting, USD a day",
            "no plan is below",
            "gap, %",
            "planned in, s",
        )
        return Table("plans", "Plans and their bounds", header, tuple(rows), pd.DataFrame(data))

    def _played_lanes(self) -> Table:
        return _cost_table("lanes_played", "Planned lanes against all lanes", self._of_lanes(), "all lanes")

    def _trucks(self) -> Table:
        """Trucks and fill as planned, and as played."""
        rows, data = [], []
        for side, one in self.laned.items():
            plan, room = one.plan, self.study.base().trucks.capacity_packages
            trucks = float(plan.trucks_per_day.sum())
            fill = 100 * float(plan.packages_per_day.sum()) / max(trucks * room, 1e-9)
            rows.append((side, "the plan", number(trucks, 0), number(fill, 1)))
            data.append({"side": side, "who": "plan", "trucks": trucks, "fill": fill})
            for policy in self.policies:
                world = lane_world(side, True)
                means = [scale(kpi) * self.played.mean(world, policy, kpi).mean for kpi in ("trucks", "truck_fill")]
                rows.append((side, policy, number(means[0], 0), number(means[1], 1)))
                data.append({"side": side, "who": policy, "trucks": means[0], "fill": means[1]})
        header = ("world", "as expected, or as played by", "trucks a day", "fill, %")
        return Table("trucks", "Trucks as planned and as played", header, tuple(rows), pd.DataFrame(data))


def _cost_table(name: str, title: str, found: list[_Row], than: str) -> Table:
    rows = tuple(
        (row.world, row.policy, interval(row.cost._asdict(), 3, signed=False),
         NOTHING if row.world == row.than else interval(row.difference._asdict(), 3))
        for row in found
    )  # fmt: skip
    header = ("world", "policy", "USD an order", f"less that of {than}")
    return Table(name, title, header, rows, pd.DataFrame([flat(row) for row in found]))


_STOCK = (
    "Every layout has the same SKUs, the same number of FCs per SKU and the same units in all. The expected cost is a "
    "formula: routes, splits and late packages, with full shelves and a standard fill of trucks; `cheapest` minimises "
    "it under the storage of every FC. What a layout costs when it is played is measured on lanes that are planned "
    "for it, and set against '{rule}' on the same orders."
)
_LANES = (
    "A plan chooses among the lanes that the network could have. All lanes: trucks may run on each, and routes know "
    "nothing of flows, so every lane counts as equally full. The bound says how much better any other plan could be "
    "for the same flows, by the same formula of trucks; it says nothing of the formula.\n\n"
    "The last table is a test of the formula: trucks and fill as planned, and as each policy brings them about. A "
    "policy with another rule of dispatch, or other sources, brings others."
)
_METHOD = (
    "{episodes} held-out episodes, seed {seed}; every policy meets the same orders in every world. Plans are made "
    "from expected demand alone and have met no orders. Trucks hold {trucks} packages at the same share of a real "
    "truck's cost. Seconds are wall time on one thread of the machine named below."
)
