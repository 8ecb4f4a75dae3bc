"""Hours of a trace as a user names them, and the part that is counted as a sentence."""

from __future__ import annotations

import datetime as dt

import numpy as np

from regional_dispatch.envs.world.scenario import Scenario, TraceDemand
from regional_dispatch.evaluation.errors import InputError


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
