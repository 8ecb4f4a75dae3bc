"""Worlds whose stock and lanes are planned for their regions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from regional_dispatch.envs.fingerprint import source_digest
from regional_dispatch.envs.world.levers import RunningLanes
from regional_dispatch.envs.world.network import Network, build_network
from regional_dispatch.envs.world.replacing import replacing
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.envs.world.stock import place_stock, stock_table
from regional_dispatch.evaluation.cells import digest
from regional_dispatch.planning.lanes.plan import LanePlan, lanes_table, plan_lanes
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
        _write(stock_table(network, cheapest_layout(scenario, network).base), path)
    return _with_stock(scenario, path)


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
        _write(lanes_table(network, plan), path)
    return _with_lanes(everything, path)


def with_stock(scenario: Scenario, network: Network, base: np.ndarray, path: Path) -> Scenario:
    """The world with base-stock levels `base`, (S, F) units, in a table that is written to `path`."""
    _write(stock_table(network, base), path)
    return _with_stock(scenario, path)


def with_lanes(scenario: Scenario, network: Network, plan: LanePlan, path: Path) -> Scenario:
    """The world on the lanes of a plan, in a table that is written to `path`."""
    _write(lanes_table(network, plan), path)
    return _with_lanes(scenario, path)


def _write(table: pd.DataFrame, path: Path) -> None:
    with replacing(path) as file:
        table.to_csv(file, index=False)


def _with_stock(scenario: Scenario, path: Path) -> Scenario:
    stock = scenario.stock.model_copy(update={"layout": "table", "placement": str(path.resolve())})
    return scenario.model_copy(update={"stock": stock})


def _with_lanes(scenario: Scenario, path: Path) -> Scenario:
    return scenario.model_copy(update={"lanes": RunningLanes(kind="file", path=str(path.resolve()))})


def _table(lab: Lab, kind: str, scenario: Scenario) -> Path:
    """Where the table of a plan lies."""
    return lab.worlds / f"{kind}_{digest(lab.digests.digest(scenario), source_digest(('planning', 'envs')))}.csv"
