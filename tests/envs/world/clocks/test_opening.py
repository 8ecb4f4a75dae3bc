"""Opening hours and timetables as tables write them."""

from __future__ import annotations

import numpy as np
import pytest

from regional_dispatch.envs.world.clocks.opening import (
    clock_hours,
    open_hours,
    read_days,
    read_timetable,
    timetable_hours,
)

WEEK = np.arange(168.0)


def hours(found: np.ndarray) -> list[int]:
    return np.flatnonzero(found).tolist()


@pytest.mark.parametrize(("text", "wanted"), [("6:30", 6.5), ("06", 6), ("24:00", 24), ("0:00", 0)])
def test_times_of_the_day(text: str, wanted: float) -> None:
    assert clock_hours(text) == wanted


@pytest.mark.parametrize("text", ["25:00", "6:75", "noon", "", "-1"])
def test_no_time_of_the_day(text: str) -> None:
    with pytest.raises(ValueError, match="HH:MM"):
        clock_hours(text)


def test_days_may_go_round_the_week() -> None:
    assert read_days("Fr-Mo") == {4, 5, 6, 0}
    assert read_days("Monday, wed") == {0, 2}
    assert read_days("") == set(range(7))
    with pytest.raises(ValueError, match="'xy' is no day"):
        read_days("xy")


def test_a_site_is_open_from_the_tick_that_starts_at_or_after_its_opening() -> None:
    assert hours(open_hours(WEEK, 6.5, 9.0, "Tu")) == [24 + 7, 24 + 8]
    assert hours(open_hours(WEEK, None, None, "Mo")) == list(range(24))


def test_a_night_shift_belongs_to_the_day_it_begins_on() -> None:
    assert hours(open_hours(WEEK, 22.0, 2.0, "Su")) == [0, 1, 6 * 24 + 22, 6 * 24 + 23]


def test_departures_by_day() -> None:
    assert read_timetable("06:00;18:00") == [(frozenset(range(7)), 6), (frozenset(range(7)), 18)]
    found = hours(timetable_hours(WEEK, "Mo-We 6:00 18:00, Sa 09:00"))
    assert found == [6, 18, 30, 42, 54, 66, 5 * 24 + 9]


def test_a_departure_within_a_tick_is_not_early() -> None:
    assert hours(timetable_hours(WEEK, "Mo 06:30")) == [7]


@pytest.mark.parametrize("text", ["Mo-Fr", "6:00 Mo", "later", "Mo 30:00"])
def test_a_timetable_without_a_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"HH:MM|no day"):
        read_timetable(text)


def test_a_departure_in_the_hour_that_the_clock_skips_is_at_the_next_tick() -> None:
    spring = np.array([0.0, 1.0, 3.0, 4.0])
    assert hours(timetable_hours(spring, "Mo 02:30")) == [2]
