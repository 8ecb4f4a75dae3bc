"""Promises in ticks."""

from __future__ import annotations

import numpy as np

from regional_dispatch.envs.world.clocks.clock import Calendars
from regional_dispatch.envs.world.scenario import GeneratedDemand, Scenario


def promise_ticks(scenario: Scenario) -> np.ndarray:
    """Whole ticks within the promise of each promise class of generated orders: (classes,) int32.

    The orders of a trace bring their own promises; for them these are the defaults.
    """
    return _whole_ticks(scenario, np.array(_promised(scenario).promise_hours))


def local_promise_ticks(scenario: Scenario, calendars: Calendars) -> np.ndarray:
    """The same by when and where an order is placed, cut-offs included: (classes, Z, T) int32.

    The promise of an order after its class's cut-off counts from the station's next midnight.
    """
    demand = _promised(scenario)
    hour = calendars.hour_of_week % 24
    out = np.empty((len(demand.promise_hours), *hour.shape), dtype=np.int32)
    for i, hours in enumerate(demand.promise_hours):
        cut_off = demand.promise_cut_offs[i] if demand.promise_cut_offs else None
        late = np.zeros(hour.shape) if cut_off is None else np.where(hour >= cut_off - 1e-9, 24 - hour, 0.0)
        out[i] = _whole_ticks(scenario, hours + late)
    return out


def _promised(scenario: Scenario) -> GeneratedDemand:
    return scenario.demand if isinstance(scenario.demand, GeneratedDemand) else GeneratedDemand()


def _whole_ticks(scenario: Scenario, hours: np.ndarray) -> np.ndarray:
    """Ticks within some hours, int32; a promise is not rounded up."""
    return np.floor(hours / scenario.tick_hours + 1e-9).astype(np.int32)
