"""A simulator under way, for pictures of it."""

from __future__ import annotations

from regional_dispatch.baselines import baseline
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import Scenario
from tests.worlds import TWO_REGIONS, simulator, small

RULE = baseline("regional_nearest+immediate").scorers


def running(ticks: int, scenario: Scenario | None = None) -> Simulator:
    """The small world in two regions, or another, after some ticks under a rule."""
    sim = simulator(scenario or small(**TWO_REGIONS), 5)
    sim.run(RULE, ticks)
    return sim
