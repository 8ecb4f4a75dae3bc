"""Opening hours and timetables as tables write them: `06:00`, `22:00`, `Mo-Fr`, `Mo-Fr 06:00;18:00, Sa 09:00`."""

from __future__ import annotations

import re

import numpy as np

DAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")
_CLOCK = re.compile(r"(\d{1,2})(?::(\d{2}))?(?::\d{2})?$")
_DAY_HOURS = 24.0


def clock_hours(text: str) -> float:
    """A time of the day, `6:30` or `6`, in hours from midnight, 0 to 24.

    Raises:
        ValueError: it is none.
    """
    found = _CLOCK.match(text.strip())
    hours = int(found[1]) + int(found[2] or 0) / 60 if found else -1.0
    if not 0 <= hours <= _DAY_HOURS or (found and int(found[2] or 0) > 59):
        raise ValueError(f"'{text}' is no time of the day; write it as HH:MM")
    return hours


def read_days(text: str) -> frozenset[int]:
    """Days of the week, `Mo-Fr`, `Sa,Su`, `Monday Wednesday`, as numbers, Monday 0; a range may go round the week.

    Raises:
        ValueError: a day is none.
    """
    days: set[int] = set()
    for part in re.split(r"[,;/\s]+", text.strip()):
        if not part:
            continue
        first, _, last = part.partition("-")
        low, high = _day(first), _day(last or first)
        days |= {(low + i) % 7 for i in range((high - low) % 7 + 1)}
    return frozenset(days or range(7))


def _day(text: str) -> int:
    short = text.strip().lower()[:2]
    if short not in DAYS:
        raise ValueError(f"'{text}' is no day of the week; write Mo, Tu, We, Th, Fr, Sa or Su")
    return DAYS.index(short)


def read_timetable(text: str) -> list[tuple[frozenset[int], float]]:
    """Departures as (days, hour of the day), from `06:00;18:00`, `Mo-Fr 06:00;18:00` or `Mo-Fr 6:00 18:00, Sa 09:00`.

    Raises:
        ValueError: a day or time is none, or there is no time.
    """
    days: frozenset[int] = frozenset(range(7))
    named, out = "", []
    for word in re.split(r"[,;\s]+", text.strip()):
        if not word:
            continue
        if word[0].isdigit():
            if named:
                days, named = read_days(named), ""
            out.append((days, clock_hours(word) % _DAY_HOURS))
        else:
            named = f"{named} {word}"
    if named or not out:
        raise ValueError(f"'{text}' names no departure{' after its last day' if named and out else ''}; add HH:MM")
    return out


def open_hours(hour_of_week: np.ndarray, opens: float | None, closes: float | None, days: str | None) -> np.ndarray:
    """The ticks at whose start a site is open: (T,) bool.

    Args:
        hour_of_week: (T,) local.
        opens: hour of the day; None for midnight.
        closes: hour of the day, exclusive; at or before `opens`, on the next day. None for midnight.
        days: on which it opens, see `read_days`; None for all.
    """
    low, high = opens or 0.0, _DAY_HOURS if closes is None else closes
    length = high - low if high > low else high - low + _DAY_HOURS
    since_opening = (hour_of_week % _DAY_HOURS - low) % _DAY_HOURS
    opened_on = np.floor((hour_of_week - since_opening + 1e-9) / _DAY_HOURS).astype(int) % 7
    return np.asarray((since_opening < length - 1e-9) & np.isin(opened_on, list(read_days(days or ""))))


def timetable_hours(hour_of_week: np.ndarray, text: str) -> np.ndarray:
    """The ticks at which trucks leave: (T,) bool. A departure within a tick is taken at the next one's start, so that
    none leaves early; where the clock skips its time, it is taken at the tick after.

    Args:
        hour_of_week: (T,) local, at the start of each tick.
        text: see `read_timetable`.
    """
    out = np.zeros(len(hour_of_week), dtype=bool)
    before = np.roll(hour_of_week, 1)
    if len(hour_of_week) > 1:
        before[0] = hour_of_week[0] - (hour_of_week[1] - hour_of_week[0])
    step = (hour_of_week - before) % 168
    step = np.where(step > 84, 0.0, step)  # the clock was set back
    for days, hour in read_timetable(text):
        for day in days:
            past = (hour_of_week - (day * _DAY_HOURS + hour)) % 168
            out |= (past < step - 1e-9) | (past < 1e-9) | (past > 168 - 1e-9)
    return out
