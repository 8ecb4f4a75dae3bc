"""The local hour and day of every order of a trace."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.clocks.clock import local_times, zones_of_sites
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.envs.world.tables.orders import Orders

_EVENING = 20  # a last day whose last order is earlier than this hour is not whole
_MONDAY = dt.date(2024, 1, 1)  # stands for the first Monday where a trace has no calendar


class Clock(NamedTuple):
    """Days and hours as the customers' clocks show them. Axes: O orders, D days."""

    day: np.ndarray  # (O,) int64, whole days only, −1 on days that are cut off
    hour: np.ndarray  # (O,) int64, 0–23
    dates: tuple[dt.date, ...]  # (D,) of the whole days, in order
    dated: bool  # False: there is no calendar, and dates only count days from a Monday

    @property
    def weekday(self) -> np.ndarray:
        """(D,) 0 for Monday."""
        return np.array([date.weekday() for date in self.dates], dtype=np.int64)

    def name(self, day: int) -> str:
        """A day as text."""
        return str(self.dates[day]) if self.dated else f"day {day + 1}"


def clock_of(scenario: Scenario, sites: pd.DataFrame, orders: Orders) -> Clock:
    """When orders were placed, on the clock of their station.

    The first and the last day are left out where the trace begins or ends in the middle of them at some station.

    Args:
        scenario: its calendar, or else its `start_hour`.
        sites: by number; stations may have a `time_zone`.
        orders: of its trace.
    """
    zones = _zones(scenario, sites)
    local = np.empty(len(orders.hours), "datetime64[s]")
    for zone in set(zones):
        own = np.isin(orders.station, [i for i, other in enumerate(zones) if other == zone])
        local[own] = _local(scenario, orders.hours[own], zone)
    ends = [_local(scenario, np.array([0.0, orders.hours[-1]]), zone) for zone in set(zones)]
    first = max(begin.astype("datetime64[D]") + (begin.astype("datetime64[D]") < begin) for begin, _ in ends)
    last = min(end.astype("datetime64[D]") - (_hour(end) < _EVENING) for _, end in ends)
    days = np.arange(first, last + 1)
    number = (local.astype("datetime64[D]") - first).astype(np.int64)
    number = np.where((number >= 0) & (number < len(days)), number, -1)
    return Clock(number, _hour(local), tuple(days.tolist()), scenario.calendar is not None)


def _hour(times: np.ndarray) -> np.ndarray:
    return np.asarray((times - times.astype("datetime64[D]")).astype("timedelta64[h]").astype(np.int64))


def _local(scenario: Scenario, hours: np.ndarray, zone: str) -> np.ndarray:
    """Hours since the start as times on the clock of a zone: (n,) datetime64[s]."""
    if scenario.calendar is None:
        elapsed = np.round(hours * 3600).astype("timedelta64[s]")
        return np.datetime64(_MONDAY, "s") + np.timedelta64(int(scenario.start_hour * 3600), "s") + elapsed
    return local_times(scenario.calendar, zone, hours)


def _zones(scenario: Scenario, sites: pd.DataFrame) -> list[str]:
    """The time zone of every station."""
    stations = sites[sites["kind"] == "station"]
    return ["UTC"] * len(stations) if scenario.calendar is None else zones_of_sites(scenario.calendar, stations)
