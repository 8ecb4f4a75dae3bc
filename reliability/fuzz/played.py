"""A world that a mutated input has become: built, and played for some hours."""

from __future__ import annotations

import numpy as np

from regional_dispatch.baselines import baseline
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.needs import build_seconds, episode_seconds
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.envs.world.sites import build_sites, count_sites
from regional_dispatch.envs.world.trace import fitted

_TICKS = 30
_LONG_SECONDS = 2.0  # a legal world that takes longer is not played: time is told before, and is no hang


def play_some(scenario: Scenario) -> None:
    """Builds a world and plays its first ticks.

    Raises:
        ScenarioError: it cannot be built.
        AssertionError: a law of the world is broken.
    """
    scenario = fitted(scenario)
    counts = count_sites(build_sites(scenario))
    if build_seconds(scenario, counts) + episode_seconds(scenario, counts) > _LONG_SECONDS:
        return
    sim = Simulator(scenario)
    sim.reset(0, 1)
    sim.run(baseline("least_cost").scorers, until=min(_TICKS, scenario.horizon_ticks))
    state = sim.state
    for name in ("cash", "accrual", "count"):
        assert np.isfinite(getattr(state, name)).all(), f"{name} is not finite"
    for name in ("stock", "trucks_home"):
        assert (getattr(state, name) >= 0).all(), f"{name} is negative"
    np.testing.assert_allclose(state.cash.sum(axis=2) * 0, 0)
