"""Layouts of stock and plans of lanes: what they are expected to cost, and what they cost when they are played."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from regional_dispatch.envs.world.levers import Layout
from regional_dispatch.envs.world.network import Network, build_network
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.envs.world.stock import place_stock
from regional_dispatch.planning.lanes import plan_lanes
from regional_dispatch.planning.stock.cheapest import cheapest_layout
from regional_dispatch.planning.stock.orders import build_orders, expected_usd_per_order
from regional_dispatch.studies.framework.base import Study
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.framework.planned import on_all_lanes, with_lanes, with_stock
from regional_dispatch.studies.plans.page import CHEAPEST, Laned, Page, Stocked, lane_world, layout_world
from regional_dispatch.studies.report.findings import Findings


class Plans(Study):
    """Plays layouts on planned lanes, and planned lanes against all lanes."""

    layouts: tuple[Literal["scattered", "spread", "regional", "cheapest"], ...] = Field(
        ("scattered", "spread", "regional", "cheapest"), min_length=2,
        description="Layouts of stock to compare: rules, and `cheapest`, the optimiser's.",
    )  # fmt: skip
    rule: Literal["scattered", "spread", "regional"] = Field(
        "regional", description="The layout that others are compared with; it is one of `layouts`."
    )
    sides: dict[str, dict[str, Any]] = Field(
        min_length=1, description="Worlds in which planned lanes are compared with all lanes: name → fields of the "
        "scenario, dotted.",
    )  # fmt: skip

    def run(self, lab: Lab) -> Findings:
        """Plans, writes the tables of the plans, and plays."""
        base = on_all_lanes(self.base())
        network = build_network(base)
        stocked = self._stocked(base, network)
        worlds: dict[str, Scenario] = {}
        for name, one in stocked.items():
            world = with_stock(base, network, one.base, lab.worlds / f"stock_{name}.csv")
            own = self._laned(world)
            worlds[layout_world(name)] = with_lanes(world, own.network, own.plan, lab.worlds / f"lanes_{name}.csv")
        laned: dict[str, Laned] = {}
        for side, fields in self.sides.items():
            world = on_all_lanes(self.world(fields))
            laned[side] = self._laned(world)
            worlds[lane_world(side, False)] = world
            path = lab.worlds / f"lanes_{side.replace(' ', '_')}.csv"
            worlds[lane_world(side, True)] = with_lanes(world, laned[side].network, laned[side].plan, path)
        players = self.players()
        return Page(self, stocked, laned, worlds, lab.play(worlds, players), tuple(players)).findings()

    def _stocked(self, base: Scenario, network: Network) -> dict[str, Stocked]:
        orders = build_orders(base, network)
        found: dict[str, Stocked] = {}
        for name in self.layouts:
            plan = cheapest_layout(base, network) if name == CHEAPEST else None
            levels = place_stock(base, network, Layout(layout=name)) if plan is None else plan.base  # type: ignore[arg-type]
            found[name] = Stocked(levels, expected_usd_per_order(orders, levels), plan)
        return found

    def _laned(self, world: Scenario) -> Laned:
        network = build_network(world)
        return Laned(network, plan_lanes(world, network, place_stock(world, network)))
