"""Worlds whose stock and lanes are planned for their regions."""

from __future__ import annotations

from pathlib import Path

from regional_dispatch.envs.fingerprint import source_digest
from regional_dispatch.envs.world.levers import RunningLanes
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.replacing import replacing
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.envs.world.stock import place_stock, stock_table
from regional_dispatch.evaluation.cells import digest
from regional_dispatch.planning.lanes.plan import lanes_table, plan_lanes
from regional_dispatch.planning.stock.cheapest import cheapest_layout
from regional_dispatch.studies.framework.lab import Lab


def on_all_lanes(scenario: Scenario) -> Scenario:
    """The world without a plan: one that was made for other regions may lose promises under these."""
    return scenario.model_copy(update={"lanes": RunningLanes()})


def on_cheapest_stock(lab: Lab, scenario: Scenario) -> Scenario:
    """The world with its units where they are expected to cost least, at the same places per SKU.

    The layout's table lies in the lab's folder, named after all that it depends on, so it is made once.

    Raises:
        ScenarioError: no layout keeps to the storage.
    """
    path = _table(lab, "stock", scenario)
    if not path.exists():
        network = build_network(scenario)
        with replacing(path) as file:
            stock_table(network, cheapest_layout(scenario, network).base).to_csv(file, index=False)
    stock = scenario.stock.model_copy(update={"layout": "table", "placement": str(path.resolve())})
    return scenario.model_copy(update={"stock": stock})


def on_planned_lanes(lab: Lab, scenario: Scenario) -> Scenario:
    """The world with the lanes that a plan lets run, of those it has.

    The plan's table lies in the lab's folder, named after all that it depends on, so it is made once.

    Raises:
        ScenarioError: no lane reaches a station.
    """
    everything = on_all_lanes(scenario)
    path = _table(lab, "lanes", everything)
    if not path.exists():
        network = build_network(everything)
        plan = plan_lanes(everything, network, place_stock(everything, network))
        with replacing(path) as file:
            lanes_table(network, plan).to_csv(file, index=False)
    return everything.model_copy(update={"lanes": RunningLanes(kind="file", path=str(path.resolve()))})


def _table(lab: Lab, kind: str, scenario: Scenario) -> Path:
    """Where the table of a plan lies."""
    return lab.worlds / f"{kind}_{digest(lab.digests.digest(scenario), source_digest(('planning', 'envs')))}.csv"
