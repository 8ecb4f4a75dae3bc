"""Weeks of a trace are those of the calendar."""

from __future__ import annotations

import pytest

from regional_dispatch.envs.world.scenario import Scenario, part_of
from regional_dispatch.evaluation.periods import week_edges
from tests.worlds import small

HERE = "Europe/Berlin"


def six_weeks(start: str, hours: int, **demand: object) -> Scenario:
    world = small(calendar={"start": start, "time_zone": HERE}, horizon_hours=hours, warmup_hours=0)
    if not demand:
        return world
    return Scenario.model_validate({**world.model_dump(exclude_unset=True), "demand": {"kind": "trace", **demand}})


@pytest.mark.parametrize(("start", "hours", "second"), [("2023-03-20", 1007, 167), ("2023-10-23", 1009, 169)])
def test_weeks_begin_at_the_same_hour_when_clocks_change(start: str, hours: int, second: int) -> None:
    assert week_edges(six_weeks(start, hours)) == [0, *range(second, hours, 168), hours]


def test_weeks_without_a_calendar_have_168_hours_and_the_last_may_be_cut() -> None:
    assert week_edges(small(horizon_hours=400, warmup_hours=24)) == [24, 192, 360, 400]


def test_parts_of_a_trace_begin_at_midnight_after_a_clock_change() -> None:
    world = six_weeks("2023-03-20", 1007, path="orders.csv", weeks={"train": 1, "tune": 2})
    spans = {name: part_of(world, name) for name in ("train", "tune", "evaluate")}
    assert {name: (part.warmup_hours, part.horizon_hours) for name, part in spans.items()} == {
        "train": (0, 167), "tune": (167, 503), "evaluate": (503, 1007),
    }  # fmt: skip
