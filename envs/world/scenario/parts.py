"""Which part of a trace is played: for training, for tuning, or for evaluation, split by time.

Hours before the part are played too and not counted, so that shelves, trucks and queues are as they would be.
"""

from __future__ import annotations

import math

from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.scenario.model import Scenario
from regional_dispatch.envs.world.scenario.trace import TraceDemand

_WEEK = 168.0


def part_of(scenario: Scenario, stream: str) -> Scenario:
    """The scenario of one part of its trace; one of generated orders, or without `demand.weeks`, as it is.

    Args:
        scenario: the world.
        stream: `train`, `tune` or `evaluate`.

    Raises:
        ScenarioError: that part is empty.
    """
    demand = scenario.demand
    if not isinstance(demand, TraceDemand) or demand.weeks is None:
        return scenario
    trained = scenario.weeks_later(0.0, demand.weeks.train)
    tuned = scenario.weeks_later(trained, demand.weeks.tune)
    start, end = {
        "train": (0.0, trained), "tune": (trained, tuned), "evaluate": (tuned, scenario.horizon_hours),
    }[stream]  # fmt: skip
    if not start < min(end, scenario.horizon_hours):
        raise ScenarioError(
            f"{scenario.source_file or scenario.name}: demand.weeks: no week is left for '{stream}' of the "
            f"{scenario.horizon_hours / _WEEK:g} weeks of the horizon; give it some, or raise horizon_hours"
        )
    if demand.weeks.train and demand.size_from_days is None:  # shelves must not know what will be ordered
        demand = demand.model_copy(update={"size_from_days": 7 * demand.weeks.train})
    return window(scenario.model_copy(update={"demand": demand}), start, end)


def window(scenario: Scenario, start_hour: float | None, end_hour: float | None) -> Scenario:
    """The scenario with KPIs of some hours: from the end of the warm-up, and to the horizon, unless said otherwise.

    Raises:
        ScenarioError: the hours are not in the episode, or there are none.
    """
    warmup = max(scenario.warmup_hours, start_hour or 0.0)
    horizon = scenario.horizon_hours if end_hour is None else min(end_hour, scenario.horizon_hours)
    tick = scenario.tick_hours
    warmup, horizon = math.ceil(warmup / tick - 1e-9) * tick, math.floor(horizon / tick + 1e-9) * tick
    if not warmup < horizon:
        raise ScenarioError(
            f"{scenario.source_file or scenario.name}: no hour is left to count between {warmup:g} (the start, or the "
            f"end of the warm-up) and {horizon:g} (the end, or the horizon); move them apart"
        )
    return scenario.model_copy(update={"warmup_hours": warmup, "horizon_hours": horizon})
