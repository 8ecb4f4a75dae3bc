"""Which part of a trace is played: for training, for tuning, or for evaluation, split by time.

Hours before the part are played too and not counted, so that shelves, trucks and queues are as they would be.
"""

from __future__ import annotations

import datetime as dt
import math

import numpy as np

from regional_dispatch.envs.world.scenario import Scenario, ScenarioError, TraceDemand
from regional_dispatch.evaluation.errors import InputError

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
    train, tune = _WEEK * demand.weeks.train, _WEEK * demand.weeks.tune
    start, end = {
        "train": (0.0, train), "tune": (train, train + tune), "evaluate": (train + tune, scenario.horizon_hours),
    }[stream]  # fmt: skip
    if not start < min(end, scenario.horizon_hours):
        raise ScenarioError(
            f"{scenario.source_file or scenario.name}: demand.weeks: no week is left for '{stream}' of the "
            f"{scenario.horizon_hours / _WEEK:g} weeks of the horizon; give it some, or raise horizon_hours"
        )
    return window(scenario, start, end)


def window(scenario: Scenario, start_hour: float | None, end_hour: float | None) -> Scenario:
    """The scenario with KPIs of some hours: from the end of the warm-up, and to the horizon, unless said otherwise.

    Raises:
        InputError: the hours are not in the episode, or there are none.
    """
    warmup = max(scenario.warmup_hours, start_hour or 0.0)
    horizon = scenario.horizon_hours if end_hour is None else min(end_hour, scenario.horizon_hours)
    tick = scenario.tick_hours
    warmup, horizon = math.ceil(warmup / tick - 1e-9) * tick, math.floor(horizon / tick + 1e-9) * tick
    if not warmup < horizon:
        raise InputError(
            f"{scenario.source_file or scenario.name}: no hour is left to count between {warmup:g} (the start, or the "
            f"end of the warm-up) and {horizon:g} (the end, or the horizon); move them apart"
        )
    return scenario.model_copy(update={"warmup_hours": warmup, "horizon_hours": horizon})


def hour_of(scenario: Scenario, text: str | None, option: str) -> float | None:
    """An hour of the episode from an hour, or from a date on the network's clock.

    Raises:
        InputError: it is neither, or a date where the scenario has no calendar.
    """
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{option} = {text}: give an hour of the episode, or a date such as 2024-12-01") from None
    if scenario.calendar is None:
        raise InputError(f"{option} = {text}: the scenario has no calendar; give an hour of the episode, or a calendar")
    begin = scenario.calendar.starts_at
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=_zone(scenario))
    return (zoned - begin).total_seconds() / 3600


def _zone(scenario: Scenario) -> dt.tzinfo:
    from zoneinfo import ZoneInfo

    assert scenario.calendar is not None
    return ZoneInfo(scenario.calendar.time_zone)


def time_text(scenario: Scenario, hour: float) -> str:
    """An hour of the episode as a date on the network's clock, or as it is."""
    if scenario.calendar is None:
        return f"hour {hour:g}"
    moment = scenario.calendar.starts_at + dt.timedelta(hours=hour)
    return str(np.datetime64(moment.astimezone(_zone(scenario)).replace(tzinfo=None), "m")).replace("T", " ")


def split_text(scenario: Scenario, stream: str | None = None) -> str:
    """Which part of a trace is counted, as a sentence.

    Args:
        scenario: of the part.
        stream: the part's name; None if it was named by its hours.
    """
    first, last = (time_text(scenario, hour) for hour in (scenario.warmup_hours, scenario.horizon_hours))
    weeks = scenario.demand.weeks if isinstance(scenario.demand, TraceDemand) else None
    counted = f"A trace, counted from {first} to {last}"
    if weeks is None:
        return (
            f"{counted}. It is not split: a policy that was trained or tuned on this file has seen these orders, and "
            "looks better than it is (demand.weeks splits it)."
        )
    part = "" if stream is None else f", the part '{stream}'"
    return f"{counted}{part}. Split by time: {weeks.train:g} weeks to train on, then {weeks.tune:g} to tune on."
