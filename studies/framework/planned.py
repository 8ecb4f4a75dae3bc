"""Worlds whose lanes are planned for their regions and stock."""

from __future__ import annotations

from regional_dispatch.envs.fingerprint import source_digest
from regional_dispatch.envs.world.levers import RunningLanes
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.replacing import replacing
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.envs.world.stock import place_stock
from regional_dispatch.evaluation.cells import digest
from regional_dispatch.planning.lanes.plan import lanes_table, plan_lanes
from regional_dispatch.studies.framework.lab import Lab


def on_all_lanes(scenario: Scenario) -> Scenario:
    """The world without a plan: one that was made for other regions may lose promises under these."""
    return scenario.model_copy(update={"lanes": RunningLanes()})


def on_planned_lanes(lab: Lab, scenario: Scenario) -> Scenario:
    """The world with the lanes that a plan lets run, of those it has.

    The plan's table lies in the lab's folder, named after all that it depends on, so it is made once.

    Raises:
        ScenarioError: no lane reaches a station.
    """
    everything = on_all_lanes(scenario)
    path = lab.worlds / f"lanes_{digest(lab.digests.digest(everything), source_digest(('planning', 'envs')))}.csv"
    if not path.exists():
        network = build_network(everything)
        plan = plan_lanes(everything, network, place_stock(everything, network))
        with replacing(path) as file:
            lanes_table(network, plan).to_csv(file, index=False)
    return everything.model_copy(update={"lanes": RunningLanes(kind="file", path=str(path.resolve()))})
