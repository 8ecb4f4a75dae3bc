"""A world that a mutated input has become: built, and played for some hours with every law checked."""

from __future__ import annotations

from pathlib import Path

from regional_dispatch.baselines import baseline
from regional_dispatch.envs.audit.auditor import AuditError
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.needs import build_seconds, episode_seconds
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.envs.world.sites import build_sites, count_sites
from regional_dispatch.envs.world.trace import fitted

_TICKS = 30
_LONG_SECONDS = 2.0  # a legal world that takes longer is not played: time is told before, and is no hang


def play_some(scenario: Scenario, folder: Path) -> None:
    """Builds a world and plays its first ticks under audit.

    Args:
        scenario: the world.
        folder: for the file of a law that is broken.

    Raises:
        ScenarioError: it cannot be built.
        AssertionError: a law of the world is broken.
    """
    scenario = fitted(scenario)
    counts = count_sites(build_sites(scenario))
    if build_seconds(scenario, counts) + episode_seconds(scenario, counts) > _LONG_SECONDS:
        return
    sim = Simulator(scenario, audit=folder)
    sim.reset(0, 1)
    try:
        sim.run(baseline("least_cost").scorers, until=min(_TICKS, scenario.horizon_ticks))
    except AuditError as error:
        raise AssertionError(str(error)) from error
