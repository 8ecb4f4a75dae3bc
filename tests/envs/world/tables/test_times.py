"""Times with an offset, on a clock, and in other forms; the hours of a clock change."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from regional_dispatch.envs.world.findings import Findings
from regional_dispatch.envs.world.tables.source import Batch
from regional_dispatch.envs.world.tables.times import elapsed_hours, read_times

NEW_YORK = "America/New_York"
START = dt.datetime(2024, 11, 2, 4, tzinfo=dt.UTC)  # midnight in New York


def hours(texts: list[str], time_format: str | None = None) -> tuple[list[float], Findings]:
    findings = Findings()
    batch = Batch({"time": pa.array(texts).dictionary_encode()}, np.arange(2, 2 + len(texts)), {})
    times = read_times(Path("orders.csv"), batch, "time", NEW_YORK, time_format, findings)
    return elapsed_hours(times, START).tolist(), findings


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2024-11-02 06:30", 6.5),
        ("2024-11-02T06:30:36", 6.51),
        ("2024-11-02T06:30Z", 2.5),
        ("2024-11-02 06:30:00.000000+01:00", 1.5),
        ("2024-11-02 06:30-04:00", 6.5),
        ("2024-11-02", 0),
        ("2024/11/02 6:30 PM", 18.5),
        ("2024-11-02 12:15 a.m.", 0.25),
        ("2024-11-03 00:30", 24.5),
        ("2024-11-03 08:00", 33),  # the day has 25 hours
        ("11/13/2024 00:00", 265),
        ("13.11.2024 00:00", 265),
        ("13.11.24", 265),
    ],
)
def test_forms_of_a_time(text: str, hour: float) -> None:
    found, findings = hours([text])
    assert found == [pytest.approx(hour)] and not findings.all


@pytest.mark.parametrize(
    ("time_format", "text"),
    [
        ("%d/%m/%Y %H:%M", "02/11/2024 06:30"),
        ("%m/%d/%Y %H:%M", "11/02/2024 06:30"),
        ("%d/%m/%Y %H:%M %z", "02/11/2024 10:30 +0000"),
        ("unix_seconds", "1730543400"),
        ("unix_milliseconds", "1730543400000"),
        ("excel_days", "45598.2708333"),
    ],
)
def test_a_format_of_the_scenario(time_format: str, text: str) -> None:
    assert hours([text], time_format)[0] == [pytest.approx(6.5, abs=1e-4)]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["02/11/2024 06:30"], "row 2: time = '02/11/2024 06:30': day or month first?"),
        (["1730543400"], "as unix_seconds it is 2024-11-02 10:30 UTC; set time_format: unix_seconds"),
        (["45598.2708333"], "as excel_days it is 2024-11-02 06:29"),
        (["2024-11-02 06:30", "2024-02-30 06:30"], "row 3: time = '2024-02-30 06:30': must be a date with a time"),
        (["2024-11-02 25:10"], "must be a date with a time"),
        (["13/11/2024", "11/13/2024"], "row 3: time = '11/13/2024': must be a date"),
        (["soon"], "must be a date with a time"),
    ],
)
def test_what_has_two_readings_or_none_is_refused(texts: list[str], message: str) -> None:
    assert message in str(hours(texts)[1].errors[0])


def test_the_hour_that_a_clock_shows_twice_or_skips_is_said() -> None:
    found, findings = hours(["2024-11-03 01:30", "2024-11-03 01:30-05:00", "2025-03-09 02:30", "2025-03-09 03:00"])
    assert found[:2] == [25.5, 26.5] and found[2] - found[3] == pytest.approx(0.5)
    first, second = map(str, findings.warnings)
    assert "row 2" in first and "shows this hour twice" in first
    assert "row 4" in second and "skips this hour" in second
