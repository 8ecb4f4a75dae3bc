"""The page of the study of a rollout, region by region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.evaluation.cells import Rows
from regional_dispatch.evaluation.statistics import Interval
from regional_dispatch.evaluation.text import NOTHING, interval, number
from regional_dispatch.studies.framework.cut import NATIONAL, daily
from regional_dispatch.studies.framework.levers import SIDES, LeverBoard
from regional_dispatch.studies.report.charts import Line, label, lines_grid, long_table, name_and_unit, scale
from regional_dispatch.studies.report.findings import Figure, Findings, Headline, Section, Table, file_stem, flat
from regional_dispatch.studies.rollout.nights import Night

if TYPE_CHECKING:
    from regional_dispatch.studies.rollout.study import Rollout

KPIS_OF_A_REGION = (
    "in_region_share", "spill_share", "click_to_delivery_hours", "on_time_share", "miles_per_package",
    "cost_per_order_usd",
)  # fmt: skip


class _Effect(NamedTuple):
    """What changes for a region at its own night."""

    policy: str
    region: str
    day: int
    kpi: str
    before: Interval
    after: Interval
    change: Interval


class Page:
    """What was found, as a page."""

    def __init__(self, study: Rollout, board: LeverBoard, nights: Sequence[Night], rows: Mapping[str, Rows]) -> None:
        self.study, self.board, self.nights, self.rows, self._interval = study, board, nights, rows, study.interval
        self.lead = next(iter(rows))
        self.day_of = {name: wave.day for wave in study.waves for name in wave.regions}
        self.effects = [
            self._effect(policy, region, kpi) for policy in rows for region in self.day_of for kpi in KPIS_OF_A_REGION
        ]

    def findings(self) -> Findings:
        study = self.study
        pioneers = ", ".join(study.waves[0].regions)
        sections = (
            Section("Each region on its own day zero", _ALIGNED, (self._aligned(), *self._tables())),
            Section("The whole network", _NETWORK.format(pioneers=pioneers), (self._network(),)),
            Section("What changes on each night", _NIGHTS, (self._nights(),)),
        )
        method = _METHOD.format(
            episodes=study.episodes, seed=study.seed, window=study.window_days, settle=study.settle_days
        )
        places = study.side_by_side(lambda name: self.board.world(SIDES[name], study.days))
        return Findings(self._answer(), self._headlines(), sections, method, places)

    # ------------------------------------------------------------------------------------------------- numbers

    def _values(self, policy: str, region: str, kpi: str) -> np.ndarray:
        """(E, days of the window before and after the region's own night)."""
        study = self.study
        zero = self.day_of[region] - study.warmup_days
        days = slice(zero - study.window_days, zero + study.window_days)
        return scale(kpi) * np.array([row["regions"][region][kpi][days] for row in self.rows[policy]])

    def _effect(self, policy: str, region: str, kpi: str) -> _Effect:
        study, values = self.study, self._values(policy, region, kpi)
        before = values[:, : study.window_days].mean(axis=1)
        after = values[:, study.window_days + study.settle_days :].mean(axis=1)
        parts = (self._interval(x) for x in (before, after, after - before))
        return _Effect(policy, region, self.day_of[region], kpi, *parts)

    def _of(self, policy: str, kpi: str) -> list[_Effect]:
        return [effect for effect in self.effects if (effect.policy, effect.kpi) == (policy, kpi)]

    # --------------------------------------------------------------------------------------------------- words

    def _answer(self) -> str:
        shares, hours = (self._of(self.lead, kpi) for kpi in ("in_region_share", "click_to_delivery_hours"))
        gain = sum(effect.change.ci_low > 0 for effect in shares)
        faster = sum(effect.change.ci_high < 0 for effect in hours)
        fewer = [effect.region for effect in shares if effect.change.ci_high < 0]
        slower = [effect.region for effect in hours if effect.change.ci_low > 0]
        worse = [
            f"{what} in {', '.join(regions)}" for what, regions in (("fewer", fewer), ("slower", slower)) if regions
        ]
        return (
            f"With {self.lead}, {gain} of {len(shares)} regions serve more orders in region from their own night on, "
            f"and {faster} deliver faster{''.join(f'; {part}' for part in worse)}. The 95 % intervals of these exclude "
            "zero."
        )

    def _headlines(self) -> tuple[Headline, ...]:
        heads = []
        for kpi in ("in_region_share", "click_to_delivery_hours", "miles_per_package", "cost_per_order_usd"):
            name, unit = name_and_unit(kpi)
            changes = sorted(effect.change.mean for effect in self._of(self.lead, kpi))
            decimals = 2 if unit == "USD" else 1
            low, high = (number(value, decimals, signed=True) for value in (changes[0], changes[-1]))
            unit = "points" if unit == "%" else unit
            heads.append(Headline(f"{low} … {high} {unit}", f"{name}: change, lowest and highest of the regions"))
        return tuple(heads)

    # ------------------------------------------------------------------------------------------------- figures

    def _aligned(self) -> Figure:
        window = self.study.window_days
        days = list(range(-window, window))
        panels = {
            label(kpi): [
                Line(region, days, self._by_day(self._values(self.lead, region, kpi))) for region in self.day_of
            ]
            for kpi in KPIS_OF_A_REGION
        }
        caption = f"{self.lead}; mean and 95 % interval over held-out episodes. Dotted line: the region's own night."
        return Figure(
            "aligned", "Regions before and after their own night", caption,
            lines_grid(panels, "days since its own night", (0,), dots=False), long_table(panels, "day"),
        )  # fmt: skip

    def _tables(self) -> tuple[Table, ...]:
        tables = []
        for policy in self.rows:
            own = [effect for effect in self.effects if effect.policy == policy]
            header = ("region", "day", *(label(kpi) for kpi in KPIS_OF_A_REGION))
            rows = tuple(
                (region, str(day),
                 *(interval(e.change._asdict(), 2) for e in own if e.region == region))
                for region, day in self.day_of.items()
            )  # fmt: skip
            tables.append(
                Table(
                    f"effects_{file_stem(policy)}",
                    f"What changed: {policy}",
                    header,
                    rows,
                    pd.DataFrame([flat(effect) for effect in own]),
                )
            )
        return tuple(tables)

    def _network(self) -> Figure:
        study = self.study
        days = list(range(study.warmup_days, study.days))
        panels = {
            label(kpi): [
                Line(policy, days, self._by_day(scale(kpi) * daily(self.rows[policy], kpi))) for policy in self.rows
            ]
            for kpi in (*KPIS_OF_A_REGION, "lanes_used", "truck_fill", "co2_kg_per_package")
        }
        marks = [wave.day for wave in study.waves]
        return Figure(
            "network", "The network, day by day",
            "Mean and 95 % interval. Dotted lines: the nights on which regions switch.",
            lines_grid(panels, "day", marks, dots=False), long_table(panels, "day"),
        )  # fmt: skip

    def _nights(self) -> Table:
        header = (
            "from day",
            "regions on their own",
            "units of base stock",
            "SKUs that keep their places",
            "lanes that run",
        )
        nation = self.board.base_stock(SIDES[NATIONAL]).sum(dtype=np.int64)
        rows = (
            ("0", NOTHING, number(nation, 0), NOTHING, number(self.board.running_lanes(SIDES[NATIONAL]), 0)),
            *(
                (str(night.day), ", ".join(night.regions), number(night.units, 0), number(night.kept_skus, 0),
                 number(night.running, 0))
                for night in self.nights
            ),
        )  # fmt: skip
        data = pd.DataFrame(
            [{"day": night.day, "regions": ", ".join(night.regions), "units": night.units,
              "kept_skus": night.kept_skus, "lanes": night.running} for night in self.nights]
        )  # fmt: skip
        return Table("nights", "Stock and lanes from each night on", header, rows, data)

    def _by_day(self, values: np.ndarray) -> list[Interval]:
        return [self._interval(day) for day in values.T]


_ALIGNED = (
    "Day zero of each region is the midnight from which its sites are a region of their own, with its own stock and "
    "lanes: its own night. Tables give after minus before, on the same episodes."
)
_NETWORK = (
    "The pioneers are {pioneers}. Until a region's own night its sites are part of one nation with all others that "
    "have not switched yet."
)
_NIGHTS = (
    "From its night on, a region's FCs have the levels of the regions' layout of stock; all others keep those of the "
    "nation's. A SKU that would then stand nowhere keeps its places of the nation. Lanes are planned again each time, "
    "for the regions in force and the stock they have. The number of units varies in between, as the two layouts give "
    "the units of a SKU to different FCs."
)
_METHOD = (
    "Sites, possible lanes, buildings, fleets and orders are the same throughout. Shelves follow a new layout by "
    "replenishment alone. A region is compared over {window} "
    "days before and after its own night, less the first {settle} days after it. Its orders are those of its "
    "customers; its dollars are those booked to it. {episodes} held-out episodes, seed {seed}."
)
