"""What the clocks show: local hours, opening hours, holidays and timetables, by tick of the calendar.

A row's calendar tick is `week_tick + tick`, modulo T. Without a calendar T is a week and every site has the clock of
the scenario. With one, T spans the episode, calendar tick 0 is `calendar.start`, and each zone has its own hours, days
that a clock change makes 23 or 25 hours long included.

Axes: N sites, L lanes, R regions, Z zones, T ticks of the calendar, Q opening hours, H timetables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.clocks.opening import open_hours, timetable_hours
from regional_dispatch.envs.world.scenario import Calendar, Scenario

HOURS_OF_WEEK = 168
NEVER_TICKS = 1_000_000  # from a tick to a departure that does not come


class Clock(NamedTuple):
    """What the kernel reads of the clocks."""

    zone: np.ndarray  # (N,) int16, of each site
    region_zone: np.ndarray  # (R,) int16, of most stations of each region
    shift: np.ndarray  # (Z, T) float64, hours from the calendar tick's own to the hour of the week there
    opening: np.ndarray  # (N,) int16, opening hours of each site
    works: np.ndarray  # (Q, T) uint8, 1 where a site with these opening hours picks and sorts
    timetable: np.ndarray  # (L,) int16, of each lane
    leaves: np.ndarray  # (H, T) uint8, 1 where a truck may leave
    wait: np.ndarray  # (H, T) int32, ticks until the next departure, 0 where one is now
    since: np.ndarray  # (H, T) int32, ticks since the latest departure, 0 where one is now
    instant: int  # 1 if some lane takes no time


class Calendars(NamedTuple):
    """Zones of the sites, and the local time of each at every calendar tick."""

    names: tuple[str, ...]  # (Z,) of zones; the first is the scenario's own
    zone: np.ndarray  # (N,) int16
    hour_of_week: np.ndarray  # (Z, T) float64, 0 ≤ h < 168, Monday midnight is 0
    date: np.ndarray  # (Z, T) datetime64[D]; NaT without a calendar
    shift: np.ndarray  # (Z, T) float64, see `Clock`


def calendar_ticks(scenario: Scenario) -> int:
    """T: a week, or with a calendar the episode, begun up to a week later."""
    if scenario.calendar is None:
        return scenario.ticks_per_week
    return scenario.horizon_ticks + scenario.ticks_per_week


def first_calendar_tick(scenario: Scenario) -> int:
    """The calendar tick at which an episode starts."""
    return 0 if scenario.calendar is not None else round(scenario.start_hour / scenario.tick_hours)


def build_calendars(scenario: Scenario, sites: pd.DataFrame) -> Calendars:
    """The local time of every zone. Without a calendar there is one clock, whatever zones the sites name."""
    hours = np.arange(calendar_ticks(scenario)) * scenario.tick_hours
    calendar = scenario.calendar
    if calendar is None:
        none = np.full((1, len(hours)), np.datetime64("NaT", "D"))
        return Calendars(("",), np.zeros(len(sites), np.int16), hours[None], none, np.zeros((1, len(hours))))
    of_site = zones_of_sites(calendar, sites)
    names = (calendar.time_zone, *sorted(set(of_site) - {calendar.time_zone}))
    local = np.stack([local_times(calendar, name, hours) for name in names])
    day = local.astype("datetime64[D]")
    hour = (local - day) / np.timedelta64(1, "s") / 3600
    weekday = (day.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    hour_of_week = weekday * 24.0 + hour
    zone = np.array([names.index(name) for name in of_site], dtype=np.int16)
    return Calendars(names, zone, hour_of_week, day, hour_of_week - hours)


def zones_of_sites(calendar: Calendar, sites: pd.DataFrame) -> list[str]:
    """The time zone of every site: its own, or the calendar's where the table names none."""
    if "time_zone" not in sites:
        return [calendar.time_zone] * len(sites)
    return [str(zone) for zone in sites["time_zone"].fillna("").replace("", calendar.time_zone)]


def local_times(calendar: Calendar, zone: str, hours: np.ndarray) -> np.ndarray:
    """What a zone's clocks show so many hours after the calendar's start: (T,) datetime64[s]."""
    utc = np.datetime64(calendar.starts_at.replace(tzinfo=None), "s") + np.round(hours * 3600).astype("timedelta64[s]")
    index = pd.DatetimeIndex(utc).tz_localize("UTC").tz_convert(ZoneInfo(zone))
    return np.asarray(index.tz_localize(None).to_numpy().astype("datetime64[s]"))


def build_clock(
    scenario: Scenario, calendars: Calendars, sites: pd.DataFrame, lanes: np.ndarray, departures: np.ndarray,
    region_of_site: np.ndarray,
) -> Clock:  # fmt: skip
    """The kernel's clocks.

    Args:
        scenario: holidays.
        calendars: local time by zone.
        sites: by number; columns `opens`, `closes` and `weekdays` where a table gives them.
        lanes: (L,) LANE.
        departures: (L,) str, timetables as a table gives them, empty for none.
        region_of_site: (N,) counted regions.
    """
    shut = _shut_days(scenario, calendars)
    some_shut, hours = np.asarray(shut.any(axis=1)), calendars.hour_of_week
    opening, works = _patterns(
        _opening_hours(calendars.zone, some_shut, sites),
        lambda key: open_hours(hours[key[0]], *key[1:]) & ~shut[key[0]],
    )
    lane_zones = zip(calendars.zone[lanes["origin"]].tolist(), departures.tolist(), strict=True)
    timetable, leaves = _patterns(
        [(zone, text) if text or some_shut[zone] else None for zone, text in lane_zones],
        lambda key: (timetable_hours(hours[key[0]], key[1]) if key[1] else True) & ~shut[key[0]],
    )
    stations = np.flatnonzero(sites["kind"].to_numpy() == "station")
    count = np.zeros((int(region_of_site.max()) + 1, len(calendars.names)), int)
    np.add.at(count, (region_of_site[stations], calendars.zone[stations]), 1)
    wait = _ticks_to_next(leaves)
    return Clock(
        calendars.zone,
        count.argmax(axis=1).astype(np.int16),
        calendars.shift,
        opening,
        works,
        timetable,
        leaves,
        wait,
        _ticks_to_next(leaves[:, ::-1])[:, ::-1].copy(),
        int((lanes["ticks"] == 0).any()),
    )


def _shut_days(scenario: Scenario, calendars: Calendars) -> np.ndarray:
    """Where a holiday keeps sites shut: (Z, T) bool."""
    holidays = scenario.calendar.holidays if scenario.calendar is not None else ()
    days = np.array([holiday.date for holiday in holidays if not holiday.works], dtype="datetime64[D]")
    return np.isin(calendars.date, days)


def holiday_factors(scenario: Scenario, calendars: Calendars) -> np.ndarray:
    """What demand is multiplied by on holidays: (Z, T)."""
    factor = np.ones(calendars.date.shape)
    for holiday in scenario.calendar.holidays if scenario.calendar is not None else ():
        factor[calendars.date == np.datetime64(holiday.date, "D")] = holiday.demand
    return factor


_Key = tuple[Any, ...]  # what a pattern is made from, its zone first


def _opening_hours(zone: np.ndarray, some_shut: np.ndarray, sites: pd.DataFrame) -> list[_Key | None]:
    """Zone, opening, closing and weekdays of every site; None where it is always open."""
    keys: list[_Key | None] = []
    columns = [sites[name] if name in sites else [None] * len(sites) for name in ("opens", "closes", "weekdays")]
    for z, *cells in zip(zone.tolist(), *columns, strict=True):
        given = [None if cell is None or cell != cell or cell == "" else cell for cell in cells]
        keys.append((z, *given) if some_shut[z] or any(cell is not None for cell in given) else None)
    return keys


def _patterns(keys: Sequence[_Key | None], made: Callable[[_Key], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The number of each key's pattern (n,) int16, and the patterns (Q, T) uint8, the first of which is always.

    Each pattern is made once, however many sites or lanes share it.

    Args:
        keys: None for always.
        made: a key's pattern, (T,) bool.
    """
    distinct = list(dict.fromkeys(key for key in keys if key is not None))
    rows = [made(key).astype(np.uint8) for key in distinct]
    always = np.ones(len(rows[0]) if rows else 1, np.uint8)
    number = {key: i + 1 for i, key in enumerate(distinct)}
    return np.array([number[key] if key else 0 for key in keys], dtype=np.int16), np.stack([always, *rows])


def _ticks_to_next(leaves: np.ndarray) -> np.ndarray:
    """Ticks until the next 1 of each row, which goes round at its end: (H, T) int32."""
    out = np.full(leaves.shape, NEVER_TICKS, np.int32)
    ticks = leaves.shape[1]
    for row, found in zip(leaves, out, strict=True):
        at = np.flatnonzero(row)
        if len(at):
            following = np.append(at, at[0] + ticks)
            found[:] = following[np.searchsorted(at, np.arange(ticks))] - np.arange(ticks)
    return out
