"""The page of the study of placements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from regional_dispatch.envs.render.colours import region_colour
from regional_dispatch.evaluation.statistics import Interval, paired_difference
from regional_dispatch.evaluation.text import NOTHING, interval, number
from regional_dispatch.planning.stock.market import line_coverage, order_coverage, region_coverage
from regional_dispatch.studies.framework.cut import NATIONAL, REGIONAL
from regional_dispatch.studies.framework.lab import Played
from regional_dispatch.studies.placement.advice import advice
from regional_dispatch.studies.placement.layout import (
    BASE,
    CLASSES,
    FASTEST,
    OPTIMISED,
    SHOWN,
    Laid,
    breadth_world,
    world_of,
)
from regional_dispatch.studies.report.charts import (
    Line,
    label,
    lines_grid,
    long_table,
    name_and_unit,
    plain,
    png,
    scale,
)
from regional_dispatch.studies.report.findings import Figure, Findings, Headline, Place, Section, Table, file_stem, flat

if TYPE_CHECKING:
    from regional_dispatch.studies.placement.study import Placement

SWEPT = (
    "in_region_share", "spill_share", "packages_per_order", "cost_per_order_usd", "click_to_delivery_hours",
    "on_time_share",
)  # fmt: skip
HEADLINES = ("in_region_share", "spill_share", "packages_per_order", "cost_per_order_usd")
LINES, ORDERS = "Lines covered, %", "Orders covered, %"


class _Stocked(NamedTuple):
    """Size and coverage of a placement."""

    name: str
    pairs: int  # of SKU and FC
    units: int
    lines: float  # %, covered
    orders: float  # %, covered


class _ClassRow(NamedTuple):
    """A velocity class in one placement."""

    velocity: str
    placement: str
    fcs: float  # that carry a SKU, mean
    regions: float  # % of them that carry a SKU, mean
    lines: float  # % of the class's lines covered
    units: int


class Change(NamedTuple):
    """A KPI in one world, and how far it is from the base on the same orders."""

    world: str
    policy: str
    kpi: str
    value: Interval
    change: Interval


class Page:
    """What was found, as a page."""

    def __init__(self, study: Placement, laid: Laid, played: Played, places: Mapping[str, Place]) -> None:
        self.study, self.laid, self.played, self.places = study, laid, played, places
        self.policies = list(study.players())
        self.lead = self.policies[0]
        self.stocked = {name: self._stocked(name, base) for name, base in laid.placements.items()}
        self.classes = [self._class_row(c, name) for c in range(len(CLASSES)) for name in laid.placements]

    def findings(self) -> Findings:
        study, laid = self.study, self.laid
        sections = [
            Section("New placements in the same storage", _ANEW, (self._placements(), *self._kpi_tables())),
            Section("Where units stand", _WHERE, (self._regions(), self._class_table())),
            Section("What storage can cover", _STORAGE, (self._coverage(), self._curve_table())),
        ]
        if laid.swept:
            text = _BREADTH.format(lead=self.lead)
            sections.append(Section("Breadth by velocity class", text, (self._breadth(), self._breadth_table())))
        sections.append(Section("What to do", advice(self)))
        method = _METHOD.format(
            episodes=study.episodes, seed=study.seed, warmup=study.warmup_days, days=study.days,
            scenario=study.scenario, factor=laid.market.stock.safety_factor,
        )  # fmt: skip
        return Findings(self._answer(), self._headlines(), tuple(sections), method, self.places)

    # ------------------------------------------------------------------------------------------------- numbers

    def _stocked(self, name: str, base: np.ndarray) -> _Stocked:
        market = self.laid.market
        lines, orders = line_coverage(market, base), order_coverage(market, base)
        return _Stocked(name, int((base > 0).sum()), int(base.sum()), 100 * lines, 100 * orders)

    def _class_row(self, velocity: int, placement: str) -> _ClassRow:
        market, own = self.laid.market, self.laid.velocity == velocity
        base = self.laid.placements[placement][own]
        regions = np.stack([(base[:, fcs] > 0).any(axis=1) for fcs in market.fcs_of], axis=1)
        daily = market.daily[own]
        return _ClassRow(
            CLASSES[velocity], placement, float((base > 0).sum(axis=1).mean()), 100 * float(regions.mean()),
            100 * float(daily @ regions @ market.demand / daily.sum()), int(base.sum()),
        )  # fmt: skip

    def change(self, world: str, policy: str, kpi: str, base: str = world_of(BASE, REGIONAL)) -> Change:
        own, other = (scale(kpi) * self.played.values(name, policy, kpi) for name in (world, base))
        change = paired_difference(own, other)
        return Change(world, policy, kpi, self.mean(world, policy, kpi), change)

    def mean(self, world: str, policy: str, kpi: str) -> Interval:
        return Interval(*(scale(kpi) * x for x in self.played.mean(world, policy, kpi)))

    def change_of(self, placement: str, kpi: str, policy: str | None = None, partition: str = REGIONAL) -> Change:
        """A placement against the base, under the same partition."""
        return self.change(world_of(placement, partition), policy or self.lead, kpi, world_of(BASE, partition))

    # --------------------------------------------------------------------------------------------------- words

    def _answer(self) -> str:
        share, cost = (self.change_of(OPTIMISED, kpi) for kpi in ("in_region_share", "cost_per_order_usd"))
        before = self.mean(world_of(BASE, REGIONAL), self.lead, "in_region_share")
        return (
            f"With {self.lead} and no more units in any FC than before, a new placement of stock takes orders served "
            f"within their region from {number(before.mean, 1)} to {number(share.value.mean, 1)} %, by "
            f"{interval(share.change._asdict(), 1)} points, and changes cost per order by "
            f"{interval(cost.change._asdict(), 2)} USD."
        )

    def _headlines(self) -> tuple[Headline, ...]:
        before, after = self.stocked[BASE], self.stocked[OPTIMISED]
        heads = []
        for kpi in HEADLINES:
            change, (name, unit) = self.change_of(OPTIMISED, kpi), name_and_unit(kpi)
            decimals, points = {"USD": (2, "USD"), "%": (1, "points")}.get(unit, (2, unit))
            start = self.mean(world_of(BASE, REGIONAL), self.lead, kpi)
            ends = " → ".join(number(end.mean, decimals) for end in (start, change.value))
            heads.append(Headline(f"{ends} {unit}", f"{name}: {interval(change.change._asdict(), decimals)} {points}"))
        covered = Headline(
            f"{number(before.lines, 1)} → {number(after.lines, 1)} %",
            f"Lines whose SKU stands in the customer's region; with these base-stock levels, none reaches more than "
            f"{number(100 * self.laid.bound, 1)} %",
        )
        return (heads[0], covered, *heads[1:])

    # ------------------------------------------------------------------------------------------------- figures

    def _placements(self) -> Table:
        header = ("placement", "SKU and FC pairs", "units", "lines covered, %", "orders covered, %", "below the bound")
        bound = 100 * self.laid.bound
        rows = tuple(
            (row.name, number(row.pairs, 0), number(row.units, 0), number(row.lines, 2), number(row.orders, 2),
             number(bound - row.lines, 2) if row.name in (OPTIMISED, FASTEST) else NOTHING)
            for row in self.stocked.values()
        )  # fmt: skip
        note = (
            "No placement in this storage that is stocked by the formula, for a region's own customers first, covers "
            f"more than {number(bound, 2)} % of lines; the last column: points, {NOTHING} for other stock."
        )
        data = pd.DataFrame(list(self.stocked.values())).assign(bound=bound)
        return Table("placements", "Placements", header, rows, data, note)

    def _kpi_tables(self) -> list[Table]:
        return [self._kpi_table(policy, part) for policy in self.policies for part in (REGIONAL, NATIONAL)]

    def _kpi_table(self, policy: str, partition: str) -> Table:
        others = [name for name in self.laid.placements if name != BASE]
        own = {
            (kpi, name): self.change_of(name, kpi, policy, partition) for kpi in SHOWN for name in self.laid.placements
        }
        rows = tuple(
            (label(kpi), number(own[kpi, BASE].value.mean, 2),
             *(interval(own[kpi, name].change._asdict(), 2) for name in others))
            for kpi in SHOWN
        )  # fmt: skip
        title = f"{policy}, {partition}: {BASE}, and what other placements change"
        data = pd.DataFrame([flat(change) for change in own.values()])
        return Table(f"kpis_{file_stem(policy)}_{partition}", title, ("KPI", BASE, *others), rows, data)

    def _class_table(self) -> Table:
        header = ("class", "placement", "FCs a SKU", "regions that carry a SKU, %", "lines covered, %", "units")
        rows = tuple(
            (row.velocity, row.placement, number(row.fcs, 1), number(row.regions, 1), number(row.lines, 1),
             number(row.units, 0))
            for row in self.classes
        )  # fmt: skip
        return Table("classes", "Velocity classes", header, rows, pd.DataFrame(self.classes))

    def _regions(self) -> Figure:
        market, placements = self.laid.market, self.laid.placements
        data = pd.DataFrame(
            [
                {"region": region, "placement": name, "demand": 100 * market.demand[r],
                 "units": 100 * placements[name][:, market.region_of_fc == r].sum() / placements[name].sum(),
                 "lines": 100 * region_coverage(market, placements[name])[r]}
                for name in (BASE, OPTIMISED)
                for r, region in enumerate(self.laid.network.region_names)
            ]
        )  # fmt: skip
        caption = "Left, where units stand, against demand (the mark); right, the share of each region's lines covered."
        return Figure("regions", "Regions before and after", caption, _bars(data), data)

    def _coverage(self) -> Figure:
        curve = self.laid.curve
        thousands = [row.storage_units / 1000 for row in curve]
        panels = {
            LINES: [
                Line("bound", thousands, [_exact(row.bound) for row in curve]),
                Line(OPTIMISED, thousands, [_exact(row.lines) for row in curve]),
            ],
            ORDERS: [Line(OPTIMISED, thousands, [_exact(row.orders) for row in curve])],
        }
        for velocity in dict.fromkeys(velocity for velocity, _ in self.laid.swept):
            stocked = [own for _, own in self._series(velocity)]
            units = [own.units / 1000 for own in stocked]
            panels[LINES].append(Line(f"breadth of {velocity}", units, [_exact(own.lines) for own in stocked]))
            panels[ORDERS].append(Line(f"breadth of {velocity}", units, [_exact(own.orders) for own in stocked]))
        caption = "Breadth moves one class at a time, by the scenario's rule; the lines meet at its own placement."
        axis = "thousand units of storage"
        return Figure(
            "coverage", "Coverage by storage", caption, lines_grid(panels, axis), long_table(panels, "thousand_units")
        )

    def _curve_table(self) -> Table:
        header = ("storage", "units", "lines covered, %", "bound, %", "gap, points", "orders covered, %")
        rows = tuple(
            (f"× {row.factor:g}", number(row.storage_units, 0), number(row.lines, 2), number(row.bound, 2),
             number(row.bound - row.lines, 2), number(row.orders, 2))
            for row in self.laid.curve
        )  # fmt: skip
        return Table("storage", "Optimised placements", header, rows, pd.DataFrame(self.laid.curve))

    def _series(self, velocity: str) -> list[tuple[str, _Stocked]]:
        """Worlds in which the class has another breadth, and the base, by units: title and placement."""
        base = (world_of(BASE, REGIONAL), self.stocked[BASE])
        own = [
            (breadth_world(*key), self._stocked(breadth_world(*key), levels))
            for key, levels in self.laid.swept.items()
            if key[0] == velocity
        ]
        return sorted([base, *own], key=lambda pair: pair[1].units)

    def _breadth(self) -> Figure:
        series = {velocity: self._series(velocity) for velocity in dict.fromkeys(v for v, _ in self.laid.swept)}
        panels = {
            label(kpi): [
                Line(
                    f"breadth of {velocity}", [own.units / 1000 for _, own in worlds],
                    [self.mean(world, self.lead, kpi) for world, _ in worlds],
                )
                for velocity, worlds in series.items()
            ]
            for kpi in SWEPT
        }  # fmt: skip
        caption = f"{self.lead}; mean and 95 % interval over held-out episodes, one class moved at a time."
        return Figure(
            "breadth", "What breadth does", caption, lines_grid(panels, "thousand units"),
            long_table(panels, "thousand_units"),
        )  # fmt: skip

    def _breadth_table(self) -> Table:
        stocked = {breadth_world(*key): levels for key, levels in self.laid.swept.items()}
        found = {world: self._stocked(world, levels) for world, levels in stocked.items()}
        header = ("breadth", "units", "lines covered, %", "orders covered, %", *(label(kpi) for kpi in SWEPT))
        rows = tuple(
            (world, number(own.units, 0), number(own.lines, 1), number(own.orders, 1),
             *(interval(self.change(world, self.lead, kpi).change._asdict(), 2) for kpi in SWEPT))
            for world, own in found.items()
        )  # fmt: skip
        data = pd.DataFrame(
            [
                {**flat(self.change(world, policy, kpi)), **own._asdict()}
                for world, own in found.items()
                for policy in self.policies
                for kpi in SWEPT
            ]
        )
        base = self.stocked[BASE]
        note = (
            f"KPIs: {self.lead}, less those of the scenario's own breadth on the same orders; it has "
            f"{number(base.units, 0)} units and covers {number(base.lines, 1)} % of lines. Other policies: in the CSV."
        )
        return Table("breadths", "Breadth, one class at a time", header, rows, data, note)


def _exact(value: float) -> Interval:
    return Interval(value, value, value)


def _bars(data: pd.DataFrame) -> bytes:
    """Units against demand, and lines covered, by region: a pair of bars each."""
    regions, names = list(dict.fromkeys(data["region"])), list(dict.fromkeys(data["placement"]))
    canvas = Canvas(figsize=(9.6, 0.42 * len(regions) + 1.3), layout="constrained")
    axes = canvas.subplots(1, 2, sharey=True)
    at, height = np.arange(len(regions)), 0.38
    for i, name in enumerate(names):
        own = data[data["placement"] == name]
        for axis, column in zip(axes, ("units", "lines"), strict=True):
            axis.barh(at + (i - 0.5) * height, own[column], height, color=region_colour(i), alpha=0.8, label=name)
    demand = data.drop_duplicates("region")["demand"]
    axes[0].scatter(demand, at, marker="|", s=260, color="0.1", linewidths=1.6, label="demand", zorder=3)
    for axis, title in zip(axes, ("Units and demand, % of all", LINES), strict=True):
        axis.set_title(title, fontsize=9.5, loc="left")
        plain(axis)
    axes[0].set_yticks(at, regions)
    axes[0].invert_yaxis()
    handles, labels = axes[0].get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=8.5, frameon=False)
    return png(canvas)


_ANEW = (
    "Every placement keeps to the storage that the scenario's own stock takes: no FC holds more units. 'Optimised' "
    "covers as many lines as it can. 'Fastest everywhere' puts as many of the fastest SKUs as fit into every region "
    "and all others into one place. 'In proportion' keeps every SKU's units and splits them over the regions by "
    "demand. Changes are against stock as it is, on the same orders and under the same partition, with their 95 % "
    "interval.\n\n"
    "Covered means that the SKU stands in the customer's region. Orders served in region are fewer: shelves run dry, "
    "and policies weigh other things too."
)
_WHERE = (
    "Storage does not move, so the number of units in a region changes little; which SKUs they are changes. A, B and "
    "C are fast, medium and slow movers."
)
_STORAGE = (
    "The bound is a linear program's: whatever SKUs its FCs carry, no placement in this storage that is stocked by "
    "the formula covers more lines. Storage of every FC is scaled by the same factor. Where it is tight the gap "
    "widens: what a region drops is stocked for its customers in the FC nearest to them, and the bound may stock it "
    "anywhere."
)
_BREADTH = (
    "Each line moves the breadth of one class, the share of FCs that carry one of its SKUs, and leaves the others as "
    "they are; units follow by the scenario's rule. KPIs are those of {lead} in regions."
)
_METHOD = (
    "Base-stock levels are mean + {factor:g} × σ of Poisson demand over review and lead time, of the stations that "
    "an FC serves. As it is, a station is served by the nearest FC that carries the SKU, in new placements by one of "
    "its own region first; so a SKU that leaves a region is stocked for its customers elsewhere. Levels of 'in "
    "proportion' are what falls to an FC, not the formula's.\n\n"
    "The optimiser maximises the share of lines covered, since storage is each FC's own and more lines covered in a "
    "region are more whole orders there. It takes the (SKU, region) pairs of the linear program, the fastest SKU "
    "first, puts each in the region's FC that is nearest to most demand and has room, and fills what is left. It "
    "knows demand rates, and no orders.\n\n"
    "Placements are in worlds/, ready for `evaluate.py compare --scenario {scenario} --set stock.placement=PATH` "
    "with an absolute path. {warmup} days of warm-up are left out and {days} counted. {episodes} held-out episodes, "
    "seed {seed}; every policy meets the same orders in every world."
)
