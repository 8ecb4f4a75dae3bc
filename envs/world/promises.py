"""Promises in ticks."""

from __future__ import annotations

import numpy as np

from regional_dispatch.envs.world.scenario import GeneratedDemand, Scenario


def promise_ticks(scenario: Scenario) -> np.ndarray:
    """Ticks from order to promised delivery of each promise class of generated orders: (classes,) int32.

    The orders of a trace bring their own promises; for them these are the defaults.
    """
    demand = scenario.demand if isinstance(scenario.demand, GeneratedDemand) else GeneratedDemand()
    return np.array([max(1, round(hours / scenario.tick_hours)) for hours in demand.promise_hours], dtype=np.int32)
