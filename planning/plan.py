"""The decisions of months for one world: where stock stands, and which lanes run, for the regions it has.

Stock comes first: lanes are planned for the flows that it brings. Axes: S SKUs, F FCs, L lanes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.levers import RunningLanes
from regional_dispatch.envs.world.network import Network, build_network
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError
from regional_dispatch.envs.world.stock import place_stock
from regional_dispatch.planning.lanes import LanePlan, plan_lanes
from regional_dispatch.planning.stock.cheapest import Plan as StockPlan
from regional_dispatch.planning.stock.cheapest import cheapest_layout

StockRule = Literal["cheapest", "as it is"]


class Plan(NamedTuple):
    """What was decided, and what it is expected to cost."""

    network: Network  # with all lanes
    base: np.ndarray  # (S, F) base-stock levels, units
    stock: StockPlan | None  # None if stock stays where the scenario says
    lanes: LanePlan
    seconds: float


def make_plan(scenario: Scenario, stock: StockRule = "cheapest", tell: Callable[[str], None] | None = None) -> Plan:
    """Plans stock and lanes of a world.

    Args:
        scenario: its regions, demand, storage and possible lanes. Lanes of an earlier plan are not kept.
        stock: `cheapest`, the layout of least expected cost with the same places and units; `as it is`, the scenario's.
        tell: called with a sentence as each part begins.

    Raises:
        ScenarioError: the scenario has changes, or no plan serves every station.
    """
    began = time.perf_counter()
    if scenario.changes:
        raise ScenarioError(
            f"{scenario.source_file or scenario.name}: changes: a plan is for one setting of the levers; remove them"
        )
    everything = scenario.model_copy(update={"lanes": RunningLanes()})
    network = build_network(everything)
    say = tell or (lambda sentence: None)
    if stock == "cheapest":
        say(f"placing {everything.stock.skus:,} SKUs in {network.net.fcs:,} FCs")
    found = cheapest_layout(everything, network) if stock == "cheapest" else None
    base = place_stock(everything, network) if found is None else found.base
    say(f"choosing among {len(network.net.lanes):,} lanes")
    lanes = plan_lanes(everything, network, base)
    return Plan(network, base, found, lanes, time.perf_counter() - began)


def regions_table(network: Network) -> pd.DataFrame:
    """The region of every site, as a boundary's file gives it: site, region."""
    return pd.DataFrame({"site": network.sites["name"], "region": network.sites["region"]})
