"""Arrivals in the kernel: counts, surges, shares, and traces."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from regional_dispatch.envs.kernel.decisions.scorers import DEFAULT_BACKGROUND
from regional_dispatch.envs.kernel.phases.arrivals import _rate_at
from regional_dispatch.envs.world import demand as d
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.envs.world.trace import trace_of
from tests.conftest import trace_scenario
from tests.worlds import simulator, small


def tables(scenario: Scenario) -> d.Demand:
    return d.build_demand(scenario, build_network(scenario))


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
    rates = [_rate_at(table, t, t) / table.rate[t] for t in range(20)]
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


def test_a_trace_is_replayed_exactly(tmp_path: Path) -> None:
    rows = ["5.5,b,{2},7,3,20", "0,a,{0},1,1,10", "5,c,{5},39,1,0", "5.5,b,{2},8,1,20", "0,z,{1},2,2,10"]
    scenario = trace_scenario(tmp_path / "orders.csv", rows)
    sim = simulator(scenario, 1)
    seen, number = [], {name: i for i, name in enumerate(trace_of(scenario).sku_names)}
    for tick in range(8):
        sim.begin(0)
        for i in range(int(sim.state.line_count[0, 0])):
            line = sim.state.line[0, 0, int(sim.state.line_first[0, 0]) + i]
            seen.append((tick, *(int(line[name]) for name in ("order", "station", "sku", "units", "due"))))
        sim.decide(0, DEFAULT_BACKGROUND)
        sim.finish(0)
    assert seen == [
        (0, 0, 0, number["1"], 1, 10),
        (0, 1, 1, number["2"], 2, 10),
        (5, 2, 5, number["39"], 1, 5),  # promised at once
        (5, 3, 2, number["7"], 3, 25),  # by half past, so the tick that begins half an hour before
        (5, 3, 2, number["8"], 1, 25),
    ]
    assert trace_of(scenario).sku_names[0] == "7"  # the most ordered comes first


def test_a_trace_is_the_same_whatever_the_key(trace_world: Scenario) -> None:
    sim = simulator(trace_world, 1, 2)
    sim.run(DEFAULT_BACKGROUND)
    np.testing.assert_array_equal(sim.state.cash[0], sim.state.cash[1])
    assert (sim.state.row["orders"] == 240).all() and (sim.state.row["settled"] == 1).all()
