"""The page of the study of the number of regions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.demand import sku_units_per_day
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.envs.world.stock import place_stock
from regional_dispatch.evaluation.statistics import Interval, mean_interval
from regional_dispatch.evaluation.text import interval, number
from regional_dispatch.planning.stock.market import covered_lines
from regional_dispatch.studies.framework.cut import regions_in_words
from regional_dispatch.studies.framework.lab import Played
from regional_dispatch.studies.framework.objective import objective, objective_text
from regional_dispatch.studies.report.charts import Line, label, lines_grid, long_table, name_and_unit, scale
from regional_dispatch.studies.report.findings import Figure, Findings, Headline, Place, Section, Table, flat

if TYPE_CHECKING:
    from regional_dispatch.studies.region_count.study import RegionCount

SHOWN = (
    "cost_per_order_usd", "click_to_delivery_hours", "on_time_share", "miles_per_package", "touches_per_package",
    "in_region_share", "spill_share", "truck_fill", "lanes_used", "packages_per_order", "co2_kg_per_package",
)  # fmt: skip
SELECTION = "Selection in region, % of demand"
BASE = "base"
NATION = 0  # stands for the nation as it was, where a number of regions is asked for
_RESAMPLES = 4000


class Best(NamedTuple):
    """The count that costs least in one world, for one policy."""

    world: str
    policy: str
    regions: int
    low: int  # of the counts that win when episodes are resampled
    high: int
    objective_usd: float
    to_first: Interval  # objective less that of the first count
    to_last: Interval
    to_nation: Interval  # objective less that of the nation as it was


class Page:
    """What was found, as a page."""

    def __init__(
        self, study: RegionCount, names: list[str], worlds: Mapping[tuple[str, int], Scenario],
        players: Mapping[str, ScorerPolicy], played: Played,
    ) -> None:  # fmt: skip
        self.study, self.names, self.worlds, self.players, self.played = study, names, worlds, players, played
        self.counts = study.counts
        self.lead = next(iter(players))
        self.best = [self._best(name, policy) for name in names for policy in players]

    def findings(self) -> Findings:
        method = _METHOD.format(episodes=self.study.episodes, seed=self.study.seed)
        sections = (
            Section("The trade-off", _TRADE_OFF.format(placed=_PLACED[self.study.stock]), (self._kpis(),)),
            Section(
                "The best number of regions", f"{objective_text(self.study.weights)} {_RANGE}",
                (self._above_best(), self._best_table()),
            ),
        )  # fmt: skip
        shown = sorted({self.counts[0], self._leading().regions, self.counts[-1]})
        places = {str(k): Place(regions_in_words(k).capitalize(), self.worlds[BASE, k]) for k in shown}
        return Findings(self._answer(), self._headlines(), sections, method, places)

    # ------------------------------------------------------------------------------------------------- numbers

    def _objectives(self, name: str, policy: str) -> np.ndarray:
        """(counts, E) USD per order."""
        return np.array([objective(self.played, world_title(name, k), policy, self.study.weights) for k in self.counts])

    def _best(self, name: str, policy: str) -> Best:
        values = self._objectives(name, policy)
        at = int(values.mean(axis=1).argmin())
        drawn = self._rng().integers(values.shape[1], size=(_RESAMPLES, values.shape[1]))
        winners = np.sort(values[:, drawn].mean(axis=2).argmin(axis=0))
        low, high = (self.counts[winners[int(q * (_RESAMPLES - 1))]] for q in (0.025, 0.975))
        to_first, to_last = (mean_interval(values[at] - values[other]) for other in (0, -1))
        nation = objective(self.played, world_title(name, NATION), policy, self.study.weights)
        to_nation = mean_interval(values[at] - nation)
        return Best(name, policy, self.counts[at], low, high, float(values[at].mean()), to_first, to_last, to_nation)

    def _rng(self) -> np.random.Generator:
        return np.random.default_rng(self.played.seed)

    def _leading(self) -> Best:
        """The lead policy's best count in the base world."""
        return next(best for best in self.best if best.world == BASE and best.policy == self.lead)

    # --------------------------------------------------------------------------------------------------- words

    def _answer(self) -> str:
        best, (first, *_, last) = self._leading(), self.counts
        verb = "costs" if best.regions == 1 else "cost"
        where = "an optimum inside the range" if first < best.regions < last else "no optimum inside the range"
        ends = [
            f"{interval(difference._asdict(), 3)} against {regions_in_words(k)}"
            for k, difference in ((first, best.to_first), (last, best.to_last), (NATION, best.to_nation))
            if k != best.regions
        ]
        return (
            f"With {self.lead}, {regions_in_words(best.regions)} {verb} least by the objective, {where}: "
            f"{', '.join(ends)}, in USD per order."
        )

    def _headlines(self) -> tuple[Headline, ...]:
        best, (first, *_, last) = self._leading(), self.counts
        heads = [
            Headline(
                regions_in_words(best.regions),
                f"least by the objective; {best.low} to {best.high} as episodes are resampled",
            )
        ]
        for kpi in ("cost_per_order_usd", "click_to_delivery_hours", "miles_per_package", "in_region_share"):
            name, unit = name_and_unit(kpi)
            ends = [scale(kpi) * self.played.mean(world_title(BASE, k), self.lead, kpi).mean for k in (first, last)]
            a, b = (number(value, 2 if unit == "USD" else 1) for value in ends)
            heads.append(
                Headline(f"{a} → {b} {unit}", f"{name}, from {regions_in_words(first)} to {regions_in_words(last)}")
            )
        return tuple(heads)

    # ------------------------------------------------------------------------------------------------- figures

    def _kpis(self) -> Figure:
        panels = {label(kpi): [self._line(policy, kpi) for policy in self.players] for kpi in SHOWN}
        share = [100 * selection_in_region(self.worlds[BASE, k]) for k in self.counts]
        panels[SELECTION] = [Line(self.lead, self.counts, [Interval(x, x, x) for x in share])]
        caption = "Mean and 95 % interval over held-out episodes. Selection depends on placement alone."
        title = "What changes with the number of regions"
        return Figure("kpis", title, caption, lines_grid(panels, "regions"), long_table(panels, "regions"))

    def _line(self, policy: str, kpi: str) -> Line:
        means = [self.played.mean(world_title(BASE, k), policy, kpi) for k in self.counts]
        return Line(policy, self.counts, [Interval(*(scale(kpi) * x for x in mean)) for mean in means])

    def _above_best(self) -> Figure:
        panels = {name: [self._above(name, policy) for policy in self.players] for name in self.names}
        caption = "USD per order above the policy's own best count, on the same orders; one panel per world."
        return Figure(
            "objective", "Objective above the best", caption, lines_grid(panels, "regions"),
            long_table(panels, "regions"),
        )  # fmt: skip

    def _above(self, name: str, policy: str) -> Line:
        values = self._objectives(name, policy)
        least = values[values.mean(axis=1).argmin()]
        return Line(policy, self.counts, [mean_interval(own - least) for own in values])

    def _best_table(self) -> Table:
        ends = (regions_in_words(k) for k in (self.counts[0], self.counts[-1], NATION))
        header = ("world", "policy", "best count", "range", "objective, USD", *(f"less that of {end}" for end in ends))
        rows = tuple(
            (best.world, best.policy, str(best.regions), f"{best.low}–{best.high}", number(best.objective_usd, 3),
             interval(best.to_first._asdict(), 3), interval(best.to_last._asdict(), 3),
             interval(best.to_nation._asdict(), 3))
            for best in self.best
        )  # fmt: skip
        return Table("best", "Best counts", header, rows, pd.DataFrame([flat(best) for best in self.best]))


_TRADE_OFF = (
    "For every count, stock is {placed}, at the same units and places per SKU, and lanes are planned for the flows "
    "that follow. Buildings and fleets stay. One region with such stock is a nation whose stock stands near its "
    "customers; the nation as it was has scattered stock and lanes of its own.\n\n"
    "A boundary removes routes and adds none, so what more regions can bring is stock and lanes that follow them: "
    "fuller trucks on fewer lanes. What they cost is spill: a slow mover has too few places for every region."
)
_PLACED = {
    "as it is": "laid out for the regions as the scenario says",
    "cheapest": "placed where it is expected to cost least in the regions",
}
_RANGE = (
    "The range of a best count holds 95 % of the counts that win when the episodes are resampled; differences are on "
    "the same orders."
)
_METHOD = (
    "Regions are balanced by population (recursive bisection of the stations along the longer axis); FCs and sort "
    "centers belong to the region of the nearest station. Sites, possible lanes, capacities, fleets, units and "
    "orders are the same for every count. {episodes} held-out episodes, seed {seed}; every policy meets the same "
    "orders in every world."
)


def selection_in_region(scenario: Scenario) -> float:
    """Share of demand, in units, for items that an FC of the customer's region carries."""
    network = build_network(scenario)
    net, popularity = network.net, sku_units_per_day(scenario)
    carried = place_stock(scenario, network) > 0  # (S, F)
    home = net.region_of_site[net.fcs + net.scs :]
    demand = np.bincount(home, network.station_share, net.regions)
    return float(covered_lines(carried, net.region_of_site[: net.fcs], popularity, net.regions) @ demand)


def world_title(world: str, k: int) -> str:
    return f"{world}, {regions_in_words(k)}"
