"""Tables of demand: shares, seasons, keys of episodes, and traces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world import demand as d
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import HOURLY_SHARES, WEEKDAY_SHARES, Scenario, ScenarioError
from tests.conftest import trace_scenario
from tests.worlds import small

SHARES = st.lists(st.floats(0, 1e6), min_size=1, max_size=60).filter(lambda x: sum(x) > 1e-6)


def tables(scenario: Scenario) -> d.Demand:
    return d.build_demand(scenario, build_network(scenario))


# ------------------------------------------------------------------------------------------ keys and shares


@given(shares=SHARES)
def test_an_alias_table_holds_exactly_the_shares(shares: list[float]) -> None:
    alias, keep = d.alias_table(np.array(shares))
    mass = keep / len(shares)
    np.add.at(mass, alias, (1 - keep) / len(shares))
    np.testing.assert_allclose(mass, np.array(shares) / sum(shares), atol=1e-9)


def test_streams_never_share_a_key() -> None:
    keys = {stream: {d.episode_key(stream, seed, i) for seed in range(20) for i in range(20)} for stream in d.STREAMS}
    assert all(len(own) == 400 for own in keys.values())
    assert {stream: {key >> 62 for key in own} for stream, own in keys.items()} == {
        k: {v} for k, v in d.STREAMS.items()
    }
    assert max(max(own) for own in keys.values()) < 2**64
    assert d.episode_key("train", 3, 4) == d.episode_key("train", 3, 4)


# ------------------------------------------------------------------------------------------ seasons and counts


@pytest.mark.parametrize("tick_hours", [0.25, 0.5, 1, 1.5, 2, 6])
def test_a_season_has_mean_one_and_the_shares_of_days_and_hours(tick_hours: float) -> None:
    table = tables(small(tick_hours=tick_hours))
    season = table.season[0]
    assert len(season) == round(168 / tick_hours) and season.mean() == pytest.approx(1)
    by_day = season.reshape(7, -1).sum(axis=1)
    np.testing.assert_allclose(by_day / by_day.sum(), np.array(WEEKDAY_SHARES) / sum(WEEKDAY_SHARES))
    if tick_hours <= 1:
        by_hour = season.reshape(7, 24, -1).sum(axis=(0, 2))
        np.testing.assert_allclose(by_hour / by_hour.sum(), np.array(HOURLY_SHARES) / sum(HOURLY_SHARES))
    assert table.rate.sum() / 7 == pytest.approx(200)


@pytest.mark.parametrize("tick_hours", [0.5, 1, 2])
def test_the_season_ahead_sums_the_next_hours(tick_hours: float) -> None:
    table = tables(small(tick_hours=tick_hours))
    week = len(table.season[0])
    for t in (0, 5, week - 1):
        for j, hours in enumerate(d.FORECAST_HOURS):
            left, expected, n = hours / tick_hours, 0.0, 1
            while left > 1e-9:
                expected += min(1.0, left) * table.season[0, (t + n) % week]
                left, n = left - 1, n + 1
            assert table.season_next[0, t, j] == pytest.approx(expected)


# ------------------------------------------------------------------------------------------ traces


def test_a_trace_has_the_array_types_of_generated_demand(trace_world: Scenario) -> None:
    """Else the kernel would be compiled a second time."""
    generated, traced = tables(small()), tables(trace_world)
    for name in d.Demand._fields:
        a, b = getattr(generated, name), getattr(traced, name)
        assert (a.dtype, a.ndim, b.flags.c_contiguous) == (b.dtype, b.ndim, True), name


GOOD = "0,a,{0},1,1,10"


@pytest.mark.parametrize(
    "rows, words",
    [
        ([GOOD, "soon,b,{0},1,1,10"], ("row 3", "hour", "'soon'")),
        ([GOOD, "1,b,Atlantis,1,1,10"], ("row 3", "station", "'Atlantis'")),
        ([GOOD, "1,b,{0},1,,10"], ("row 3", "units", "''")),
        ([GOOD, "1,b,{0},1,1,nan"], ("row 3", "promise_hours", "'nan'")),
        ([GOOD, "1,b,{0},1,1,9000"], ("row 3", "promise_hours", "9000")),
        ([], ("no rows",)),
    ],
)  # fmt: skip
def test_a_wrong_trace_names_file_row_column_and_value(tmp_path: Path, rows: list[str], words: tuple[Any, ...]) -> None:
    path = tmp_path / "orders.csv"
    scenario = trace_scenario(path, rows)
    with pytest.raises(ScenarioError) as error:
        Simulator(scenario)
    for word in (str(path), *words):
        assert word in str(error.value)


def test_a_missing_trace_names_the_file(tmp_path: Path) -> None:
    scenario = small(demand={"kind": "trace", "path": str(tmp_path / "none.csv"), "orders_per_day": 10})
    with pytest.raises(ScenarioError, match=r"none\.csv: no such file"):
        Simulator(scenario)
