"""The page of the study of transfers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.baselines.transfers.rules import TRANSFER_RULES
from regional_dispatch.envs.kernel.ledger import COMPONENTS
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.cells import Rows
from regional_dispatch.evaluation.statistics import Interval
from regional_dispatch.evaluation.text import NOTHING, interval, number
from regional_dispatch.studies.report.charts import Line, label, lines_grid, long_table, scale
from regional_dispatch.studies.report.findings import Figure, Findings, Headline, Section, Table, flat
from regional_dispatch.studies.report.flow_map import flow_map
from regional_dispatch.studies.transfers.moving import FLOW, ORDERS_A_DAY, STOCK

if TYPE_CHECKING:
    from regional_dispatch.studies.transfers.study import TransferStudy, TransferWorld

NONE, NATION = "none", "none, one nation"
COST, MOVING, UNITS, FILL = "cost_per_order_usd", "transfer_per_order_usd", "transfer_units", "transfer_fill"
SERVICE = (
    "in_region_share", "spill_share", "lost_line_share", "click_to_delivery_hours", "on_time_share",
    "packages_per_order", "co2_kg_per_package",
)  # fmt: skip


class _Outcome(NamedTuple):
    """What a rule costs and brings under one policy in one world; changes are against `none`, on the same orders."""

    world: str
    policy: str
    transfers: str
    cost: Interval  # USD per order
    change: Interval  # of it
    percent: float  # of the cost of `none`
    moving: Interval  # USD of transfers per order, in `cost`
    units: Interval  # moved a day
    fill: float  # of transfer trucks, %
    stock: Interval  # change of the units held, %
    worth: float | None  # USD saved a day per unit more that is held; None where no more are held


class Page:
    """What was found, as a page."""

    def __init__(
        self,
        study: TransferStudy,
        rows: Mapping[tuple[str, str, str], Rows],
        sweep: Mapping[tuple[float, str], Rows],
        policies: list[str],
        scenario: Scenario,
    ) -> None:
        self.study, self.rows, self.sweep, self.policies = study, rows, sweep, policies
        self._interval = study.interval
        self.lead, self.main = policies[0], study.worlds[0].name
        self.network = build_network(scenario)
        self.outcomes = [
            self._outcome(world.name, policy, rule)
            for world in study.worlds
            for policy in policies
            for rule in (NATION, NONE, *TRANSFER_RULES)
        ]

    def findings(self) -> Findings:
        study = self.study
        method = _METHOD.format(
            warmup=study.warmup_days, days=study.days, episodes=study.episodes, seed=study.seed,
            rules=" ".join(self._settings(world) for world in study.worlds),
        )  # fmt: skip
        sections = [
            Section("Does it pay?", _PAYS, (self._costs(), self._parts())),
            Section("What customers see", _SERVICE, (self._service(),)),
            self._flow_section(),
        ]
        if study.linehaul:
            text = _SWEEP.format(world=self.main, policy=self.lead)
            sections.insert(2, Section("What linehaul may cost", text, (self._sweep(),)))
        places = study.side_by_side(lambda name: study.divided_world(name, study.worlds[0]), ", no transfers")
        return Findings(self._answer(), self._headlines(), tuple(sections), method, places)

    # ------------------------------------------------------------------------------------------------- numbers

    def _values(self, world: str, policy: str, rule: str, kpi: str) -> np.ndarray:
        """(E,)."""
        return np.array([row[kpi] for row in self.rows[world, policy, rule]], dtype=float)

    def _change(self, world: str, policy: str, rule: str, kpi: str) -> Interval:
        values = self._values(world, policy, rule, kpi) - self._values(world, policy, NONE, kpi)
        return self._interval(scale(kpi) * values)

    def _outcome(self, world: str, policy: str, rule: str) -> _Outcome:
        cost, moving, units, fill, held = (
            self._values(world, policy, rule, kpi) for kpi in (COST, MOVING, UNITS, FILL, STOCK)
        )
        before, change = self._values(world, policy, NONE, COST), self._change(world, policy, rule, COST)
        before_held, orders = self._values(world, policy, NONE, STOCK), self._values(world, policy, rule, ORDERS_A_DAY)
        more = float((held - before_held).mean())
        return _Outcome(
            world, policy, rule, self._interval(cost), change, 100 * change.mean / float(before.mean()),
            self._interval(moving), self._interval(units), 100 * float(fill.mean()),
            self._interval(100 * (held / before_held - 1)),
            -change.mean * float(orders.mean()) / more if rule in TRANSFER_RULES and more > 0 else None,
        )  # fmt: skip

    def _of(self, world: str, policy: str, rule: str) -> _Outcome:
        return next(o for o in self.outcomes if (o.world, o.policy, o.transfers) == (world, policy, rule))

    def _best_rule(self, world: str | None = None) -> str:
        return min(TRANSFER_RULES, key=lambda rule: self._of(world or self.main, self.lead, rule).cost.mean)

    # --------------------------------------------------------------------------------------------------- words

    def _answer(self) -> str:
        found = []
        for world in self.study.worlds:
            best = self._of(world.name, self.lead, self._best_rule(world.name))
            found.append(
                f"on {world.name}, {best.transfers} changes the cost per order by "
                f"{interval(best.change._asdict(), 3)} USD ({number(best.percent, 1, signed=True)} %), "
                f"moving {number(best.units.mean, 0)} units a day for {number(best.moving.mean, 3)} USD an order"
            )
        return f"With {self.lead}, transfers paid for in full: {'; '.join(found)}."

    def _headlines(self) -> tuple[Headline, ...]:
        heads = []
        for world in self.study.worlds:
            best = self._of(world.name, self.lead, self._best_rule(world.name))
            text = f"Cost per order on {world.name}, {best.transfers} less none"
            heads.append(Headline(f"{number(best.change.mean, 3, signed=True)} USD", text))
        best = self._of(self.main, self.lead, self._best_rule())
        in_region = self._change(self.main, self.lead, best.transfers, "in_region_share").mean
        heads.append(
            Headline(
                f"{number(in_region, 1, signed=True)} points", f"Orders in region on {self.main}, {best.transfers}"
            )
        )
        text = f"Units held on {self.main}, {best.transfers}: what base stock refills once it has left"
        heads.append(Headline(f"{number(best.stock.mean, 1, signed=True)} %", text))
        return tuple(heads)

    def _settings(self, world: TransferWorld) -> str:
        def said(rule: str) -> str:
            known = TRANSFER_RULES[rule].parameters
            own = world.rules.get(rule, {})
            return f"{rule} " + ", ".join(f"{name} {own.get(name, known[name].default):g}" for name in known)

        return f"On {world.name}: {'; '.join(said(rule) for rule in TRANSFER_RULES)}."

    # ------------------------------------------------------------------------------------------------- figures

    def _costs(self) -> Table:
        header = (
            "world", "policy", "transfers", "cost per order, USD", "less none, USD", "%", "transfers, USD per order",
            "units moved a day", "truck fill, %", "units held, change, %", "saved per unit more held, USD a day",
        )  # fmt: skip
        rows = tuple(
            (o.world, o.policy, o.transfers, interval(o.cost._asdict(), 3, signed=False),
             interval(o.change._asdict(), 3), number(o.percent, 1, signed=True), number(o.moving.mean, 3),
             number(o.units.mean, 0), number(o.fill, 0), number(o.stock.mean, 1, signed=True),
             NOTHING if o.worth is None else number(o.worth, 2))
            for o in self.outcomes
        )  # fmt: skip
        data = pd.DataFrame([flat(outcome) for outcome in self.outcomes]).astype({"worth": float})
        return Table("costs", "Costs", header, rows, data)

    def _changes(self, name: str, title: str, compared: list[_Outcome], kpis: dict[str, str], decimals: int) -> Table:
        """Changes of KPIs, named as their columns shall be, against `none`."""
        changes = [[self._change(o.world, o.policy, o.transfers, kpi) for kpi in kpis] for o in compared]
        rows = tuple(
            (o.world, o.policy, o.transfers, *(interval(change._asdict(), decimals) for change in own))
            for o, own in zip(compared, changes, strict=True)
        )
        data = pd.DataFrame(
            [
                {"world": o.world, "policy": o.policy, "transfers": o.transfers, "kpi": kpi, **change._asdict()}
                for o, own in zip(compared, changes, strict=True)
                for kpi, change in zip(kpis, own, strict=True)
            ]
        )
        return Table(name, title, ("world", "policy", "transfers", *kpis.values()), rows, data)

    def _parts(self) -> Table:
        moved = [o for o in self.outcomes if o.policy == self.lead and o.transfers in TRANSFER_RULES]
        kpis = {f"{name}_per_order_usd": name for name in COMPONENTS}
        return self._changes("parts", "Where the dollars go: USD per order, less none", moved, kpis, 3)

    def _service(self) -> Table:
        others = [o for o in self.outcomes if o.transfers != NONE]
        return self._changes("service", "Changes against none", others, {kpi: label(kpi) for kpi in SERVICE}, 2)

    def _sweep(self) -> Figure:
        none = {kpi: self._values(self.main, self.lead, NONE, kpi) for kpi in (COST, *SERVICE)}
        titles = {
            "Cost per order, less none, USD": lambda rows: np.array([row[COST] for row in rows]) - none[COST],
            "Transfers, USD per order": lambda rows: np.array([row[MOVING] for row in rows]),
            "Units moved a day": lambda rows: np.array([row[UNITS] for row in rows]),
            "In region, less none, points": lambda rows: (
                100 * (np.array([row["in_region_share"] for row in rows]) - none["in_region_share"])
            ),
            "Truck fill, %": lambda rows: 100 * np.array([row[FILL] for row in rows]),
        }
        panels = {
            title: [
                Line(rule, self.study.linehaul, [self._interval(of(self.sweep[x, rule])) for x in self.study.linehaul])
                for rule in TRANSFER_RULES
            ]
            for title, of in titles.items()
        }
        title = "What changes with the price of linehaul"
        return Figure(
            "linehaul", title, "Mean and 95 % interval over held-out episodes; the rules keep their settings.",
            lines_grid(panels, "price of linehaul, multiple"), long_table(panels, "linehaul"),
        )  # fmt: skip

    def _flow(self) -> np.ndarray:
        """Units a day from region (row) to region (column), of the main world's best rule: (R, R)."""
        rows = self.rows[self.main, self.lead, self._best_rule()]
        return np.asarray(np.mean([row[FLOW] for row in rows], axis=0))

    def _flow_section(self) -> Section:
        flow = self._flow()
        back = np.minimum(flow, flow.T).sum() / max(flow.sum(), 1e-9)
        text = _FLOWS.format(world=self.main, policy=self.lead, rule=self._best_rule(), back=number(100 * back, 0))
        caption = "Arrows are as wide as what goes more one way than the other; numbers are units a day received, net."
        arrows = Figure("flows_map", "Net flows between regions", caption, flow_map(self.network, flow))
        return Section("From where to where", text, (arrows, self._flow_table(flow)))

    def _flow_table(self, flow: np.ndarray) -> Table:
        names, sent, received = self.network.region_names, flow.sum(axis=1), flow.sum(axis=0)
        rows = tuple(
            (name, *(number(units, 0) for units in flow[r]), number(sent[r], 0), number(received[r], 0),
             number(received[r] - sent[r], 0, signed=True))
            for r, name in enumerate(names)
        )  # fmt: skip
        data = pd.DataFrame(flow, columns=list(names)).assign(
            origin=names, sent=sent, received=received, net=received - sent
        )
        header = ("from", *names, "sent", "received", "net")
        return Table("flows", "Units a day, from row to column", header, rows, data)


_PAYS = (
    "Every dollar of a transfer is in the cost per order: whole trucks from FC to FC at the price of any real truck, "
    "a model truck holding the same share of a trailer as those of packages, and the handling of each unit. Holding "
    "stock costs nothing here, and a sender's next review orders again what it gave away, so the network holds more "
    "units: the last column is the daily cost of holding one of them up to which the rule pays."
)
_SERVICE = "Shares are in percentage points."
_SWEEP = "{policy} in the world {world}, with the miles and docks of transfers at a multiple of their price."
_FLOWS = (
    "{policy} in the world {world}, under {rule}. A region receives transfers at the FC nearest to most of its "
    "demand. Of the units that leave a region for another, {back} % are matched by units that come back from there: "
    "each region has SKUs that the other lacks."
)
_METHOD = (
    "{warmup} days of warm-up, {days} days that count; {episodes} held-out episodes, seed {seed}; every rule and "
    "policy meets the same orders. Changes are paired by episode. None leaves stock where base stock puts it. Units "
    "leave at two in the morning, travel at 50 mph over great-circle miles × 1.2, and count towards their receiver's "
    "inventory position while they do. Units on the road at the end have been paid for.\n\n"
    "The rules were tuned on tuning orders, each with as many evaluations, for each world by itself, and keep their "
    "settings under every policy. {rules}"
)
