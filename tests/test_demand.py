"""Arrivals: shares, seasons, counts, streams, surges and traces."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regional_dispatch.envs.kernel.scorers import DEFAULT_BACKGROUND
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world import demand as d
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import HOURLY_SHARES, WEEKDAY_SHARES, Scenario, ScenarioError
from tests import reference
from tests.conftest import trace_scenario
from tests.worlds import simulator, small

SHARES = st.lists(st.floats(0, 1e6), min_size=1, max_size=60).filter(lambda x: sum(x) > 1e-6)


def tables(scenario: Scenario) -> d.Demand:
    return d.build_demand(scenario, build_network(scenario))


# ------------------------------------------------------------------------------------------ draws


@given(shares=SHARES)
def test_an_alias_table_holds_exactly_the_shares(shares: list[float]) -> None:
    alias, keep = d.alias_table(np.array(shares))
    mass = keep / len(shares)
    np.add.at(mass, alias, (1 - keep) / len(shares))
    np.testing.assert_allclose(mass, np.array(shares) / sum(shares), atol=1e-9)


def test_draws_from_an_alias_table_have_its_frequencies() -> None:
    shares = np.array([0.5, 0.0, 0.2, 0.3])
    alias, keep = d.alias_table(shares)
    drawn = np.bincount([d.draw_alias(alias, keep, d.draw(np.uint64(5), i)) for i in range(20_000)], minlength=4)
    assert drawn[1] == 0
    np.testing.assert_allclose(drawn / 20_000, shares, atol=0.015)


@given(key=st.integers(0, 2**64 - 1), j=st.integers(0, 1000))
def test_draws_are_splitmix64_uniforms(key: int, j: int) -> None:
    u = d.draw(np.uint64(key), j)
    assert 0 <= u < 1 and u == reference.uniform(key, j)
    assert int(d.mix(np.uint64(key))) == reference.mix(key)


def test_uniforms_fill_the_unit_interval_evenly() -> None:
    u = np.array([d.draw(np.uint64(d.episode_key("train", 0, i)), j) for i in range(100) for j in range(100)])
    counts = np.histogram(u, bins=20, range=(0, 1))[0]
    assert ((counts - 500) ** 2 / 500).sum() < 45  # chi-square, 19 degrees: 1 in 1,000 is 43.8
    assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < 0.04


def test_a_class_is_drawn_by_its_cumulative_share() -> None:
    cdf = np.array([0.2, 0.2, 0.7, 1.0])
    assert [d.draw_cdf(cdf, u) for u in (0.0, 0.199, 0.2, 0.69, 0.7, 0.999)] == [0, 0, 2, 2, 3, 3]


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
    season = table.season
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
    week = len(table.season)
    for t in (0, 5, week - 1):
        for j, hours in enumerate(d.FORECAST_HOURS):
            left, expected, n = hours / tick_hours, 0.0, 1
            while left > 1e-9:
                expected += min(1.0, left) * table.season[(t + n) % week]
                left, n = left - 1, n + 1
            assert table.season_next[t, j] == pytest.approx(expected)


def orders_per_tick(scenario: Scenario, episodes: int, ticks: int) -> np.ndarray:
    """Orders placed: (episodes, ticks)."""
    sim = simulator(scenario, *(d.episode_key("evaluate", 1, i) for i in range(episodes)))
    placed = [np.zeros(episodes)]
    for tick in range(ticks):
        sim.run(DEFAULT_BACKGROUND, until=tick + 1)
        placed.append(sim.state.row["orders"].astype(float))
    return np.diff(np.array(placed), axis=0).T


def test_orders_are_poisson_around_the_rate() -> None:
    scenario = small()
    rate = tables(scenario).rate[:24]
    orders = orders_per_tick(scenario, 60, 24)
    z = (orders.mean(axis=0) - rate) / np.sqrt(rate / 60)
    assert np.abs(z).max() < 4
    dispersion = ((orders - rate) ** 2 / rate).mean()
    assert dispersion == pytest.approx(1, abs=0.15)
    assert abs(np.corrcoef(orders[:, :-1].ravel() - np.tile(rate[:-1], 60), (orders - rate)[:, 1:].ravel())[0, 1]) < 0.1


def test_a_surge_multiplies_its_hours_alone() -> None:
    surges = [{"start_hour": 10, "end_hour": 14, "factor": 4}, {"start_hour": 12, "end_hour": 14, "factor": 0.5}]
    table = tables(small(demand={"surges": surges}))
    rates = [d.rate_at(table, t, t) / table.rate[t] for t in range(20)]
    assert rates == pytest.approx([1.0] * 10 + [4.0] * 2 + [2.0] * 2 + [1.0] * 6)
    plain, surged = (orders_per_tick(x, 40, 16).sum(axis=0) for x in (small(), small(demand={"surges": surges})))
    assert (plain[:10] == surged[:10]).all() and plain[10:12].sum() * 3 < surged[10:12].sum() < plain[10:12].sum() * 5


def test_lines_units_stations_and_promises_have_their_shares() -> None:
    scenario = small(demand={"orders_per_day": 5000, "lines_per_order": (0.5, 0.5), "units_per_line": (0.25, 0.75)})
    sim = simulator(scenario, 3)
    lines = []
    for tick in range(24):
        sim.begin(0)
        first, count = int(sim.state.line_first[0, 0]), int(sim.state.line_count[0, 0])
        waiting = np.roll(sim.state.line[0, 0], -first)[:count]
        lines.append(waiting[waiting["ordered"] == tick].copy())
        sim.decide(0, DEFAULT_BACKGROUND)
        sim.finish(0)
    seen = np.concatenate(lines)
    total = len(seen)
    assert total == sim.state.row["lines"][0]
    per_order = Counter(Counter(seen["order"].tolist()).values())
    assert per_order[1] / sim.state.row["orders"][0] == pytest.approx(0.5, abs=0.03)
    assert (seen["units"] == 2).mean() == pytest.approx(0.75, abs=0.03)
    np.testing.assert_allclose(np.bincount(seen["station"], minlength=6) / total, sim.network.station_share, atol=0.03)
    np.testing.assert_allclose(np.bincount(seen["sku"], minlength=40) / total, d.sku_shares(scenario), atol=0.02)
    promise = seen["due"] - seen["ordered"]
    for hours, share in zip(scenario.demand.promise_hours, scenario.demand.promise_shares, strict=True):
        assert (promise == hours).mean() == pytest.approx(share, abs=0.03)


# ------------------------------------------------------------------------------------------ traces


def test_a_trace_is_replayed_exactly(tmp_path: Path) -> None:
    rows = ["5.5,b,{2},7,3,20", "0,a,{0},1,1,10", "5,c,{5},39,1,0", "5.5,b,{2},8,1,20", "0,z,{1},2,2,10"]
    scenario = trace_scenario(tmp_path / "orders.csv", rows)
    sim = simulator(scenario, 1)
    seen = []
    for tick in range(8):
        sim.begin(0)
        for i in range(int(sim.state.line_count[0, 0])):
            line = sim.state.line[0, 0, int(sim.state.line_first[0, 0]) + i]
            seen.append((tick, *(int(line[name]) for name in ("order", "station", "sku", "units", "due"))))
        sim.decide(0, DEFAULT_BACKGROUND)
        sim.finish(0)
    assert seen == [
        (0, 0, 0, 1, 1, 10),
        (0, 1, 1, 2, 2, 10),
        (5, 2, 5, 39, 1, 6),
        (5, 3, 2, 7, 3, 25),
        (5, 3, 2, 8, 1, 25),
    ]


def test_a_trace_is_the_same_whatever_the_key(trace_world: Scenario) -> None:
    sim = simulator(trace_world, 1, 2)
    sim.run(DEFAULT_BACKGROUND)
    np.testing.assert_array_equal(sim.state.cash[0], sim.state.cash[1])
    assert (sim.state.row["orders"] == 240).all() and (sim.state.row["settled"] == 1).all()


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
        ([GOOD, "-1,b,{0},1,1,10"], ("row 3", "hour", "'-1'")),
        ([GOOD, "1,b,Atlantis,1,1,10"], ("row 3", "station", "'Atlantis'")),
        ([GOOD, "1,b,{0},40,1,10"], ("row 3", "sku", "40")),
        ([GOOD, "1,b,{0},1.5,1,10"], ("row 3", "sku", "1.5")),
        ([GOOD, "1,b,{0},1,0,10"], ("row 3", "units", "0")),
        ([GOOD, "1,b,{0},1,,10"], ("row 3", "units", "''")),
        ([GOOD, "1,b,{0},1,1,nan"], ("row 3", "promise_hours", "'nan'")),
        ([GOOD, "1,b,{0},1,1,9000"], ("row 3", "promise_hours", "9000")),
        ([GOOD, "1,a,{0},1,1,10"], ("order", "'a'", "one hour")),
        ([GOOD, "0,a,{1},1,1,10"], ("order", "'a'", "station")),
        ([GOOD, "0,a,{0},1,1,11"], ("order", "'a'", "promise")),
        ([GOOD] * 17, ("order has 17 lines", "16")),
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
