"""Laws that hold whatever anybody decides: nothing appears, nothing is lost, and the two books agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from regional_dispatch.envs.kernel import tick as kernel
from regional_dispatch.envs.kernel.decisions.scorers import DEFAULT_BACKGROUND
from regional_dispatch.envs.kernel.ledger import COMPONENTS, USD
from regional_dispatch.envs.kernel.metrics import N
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import Scenario
from tests.worlds import (
    SCARCE,
    TIGHT,
    US8,
    Reader,
    decide_at_random,
    find_all,
    random_tick,
    simulator,
    small,
    snapshot,
)

pytestmark = pytest.mark.slow

TICKS = 3400  # per long world; three of them make 10,000

LONG: dict[str, dict[str, Any]] = {
    "eight regions": {**US8, "network": {"fulfillment_centers": 8, "stations": 12}},
    "tight fleet": {
        **TIGHT,
        "trucks": {"fleet_headroom": 1.5, "spot_allowed": False},
        "demand": {"orders_per_day": 90},
    },
    "scarce stock": SCARCE,
}


def assert_every_package_is_in_one_place(sim: Simulator, row: int) -> list[int]:
    """Returns the packages under way."""
    read, record = Reader(sim, row), sim.state.row[row]
    sites, lanes, trucks = read.sites(), read.lanes(), read.trucks()
    places = [*sites, *lanes, *(load for loads in trucks.values() for load in loads)]
    under_way = [p for place in places for p in place]
    assert len(under_way) == len(set(under_way)) == record["packages"]
    assert record["packages_made"] == record["packages_done"] + record["packages"]
    free = read.unused()
    assert len(free) + len(under_way) == len(read.next) and not set(free) & set(under_way)
    assert sim.state.queue["packages"][row].tolist() == [len(place) for place in sites]
    assert sim.state.lane["count"][row].tolist() == [len(place) for place in lanes]
    return under_way


def assert_units_are_kept(sim: Simulator, row: int) -> None:
    s, levels, record = sim.state, sim.world.base_stock, sim.state.row[row]
    assert s.stock[row].min() >= 0 and s.pipeline[row].min() >= 0
    assert s.stock[row].sum(dtype=int) == levels[0].sum(dtype=int) + record["units_arrived"] - record["units_shipped"]
    position = s.stock[row].astype(int) + s.pipeline[row].sum(axis=0, dtype=int)
    most = levels[: record["setting"] + 1].max(axis=0)  # what left the assortment is sold down, and none is taken away
    assert (position <= most).all() and not position[most == 0].any()


def assert_trucks_are_kept(sim: Simulator, row: int) -> None:
    s = sim.state
    assert s.trucks_home[row].min() >= 0 and s.trucks_back[row].min() >= 0
    np.testing.assert_array_equal(s.trucks_home[row] + s.trucks_back[row].sum(axis=0), sim.world.net.fleet)


def assert_lines_are_kept(sim: Simulator, row: int, under_way: list[int]) -> None:
    """Placed lines wait, are lost, or travel in packages; without warm-up, `lines_due` counts the delivered ones."""
    s, record = sim.state, sim.state.row[row]
    travelling = int(s.package["lines"][row][under_way].sum())
    delivered = int(s.count[row, :, N.lines_due].sum())
    assert record["lines"] == s.line_count[row].sum() + record["lines_lost"] + travelling + delivered


def assert_laws(sim: Simulator, row: int) -> None:
    under_way = assert_every_package_is_in_one_place(sim, row)
    assert_units_are_kept(sim, row)
    assert_trucks_are_kept(sim, row)
    if not sim.state.row["settled"][row]:
        assert_lines_are_kept(sim, row, under_way)


def assert_books_agree(sim: Simulator, row: int) -> None:
    """To the cent: per component over all regions, and per region too, except lateness, which a holding lane bears."""
    cash, accrual = sim.state.cash[row], sim.state.accrual[row]
    for i, component in enumerate(COMPONENTS):
        assert cash[:, i].sum() == pytest.approx(accrual[:, i].sum(), abs=0.005), component
        if i != USD.late:
            np.testing.assert_allclose(cash[:, i], accrual[:, i], atol=0.005, err_msg=component)
    assert sim.packages_under_way(row) == 0 and not sim.state.line_count[row].any()
    assert not any(Reader(sim, row).sites()) and not any(Reader(sim, row).lanes()) and not Reader(sim, row).trucks()


def run_under_the_laws(scenario: Scenario, ticks: int, seed: int) -> Simulator:
    sim, rng = simulator(scenario, episode_key("evaluate", seed, 1)), np.random.default_rng(seed)
    assert_laws(sim, 0)
    for _ in range(ticks):
        sim.begin(0)
        assert_laws(sim, 0)
        assert sim.state.row["tick"][0] < sim.world.rules.horizon_tick
        decide_at_random(sim, 0, rng)
        if sim.finish(0):
            break
        assert_laws(sim, 0)
    return sim


@pytest.mark.parametrize("name", LONG)
def test_nothing_appears_and_nothing_vanishes_in_thousands_of_random_ticks(name: str) -> None:
    scenario = small(**{**LONG[name], "horizon_hours": TICKS, "warmup_hours": 0})
    sim = run_under_the_laws(scenario, TICKS, seed=1)
    assert sim.tick(0) == TICKS and sim.state.row["settled"][0] == 1
    assert_laws(sim, 0)
    assert_books_agree(sim, 0)
    assert sim.state.row["packages_done"][0] > 5_000


SHARES = st.lists(st.integers(0, 5), min_size=1, max_size=4).map(lambda x: tuple(x) if any(x) else (1,))
PARTITIONS = st.sampled_from(
    [{"kind": "national"}, {"kind": "balanced", "regions": 2}, {"kind": "balanced", "regions": 3}, US8["partition"]]
)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Random small worlds, odd ones included."""
    hours = draw(st.sampled_from([0.5, 1, 1.5, 3]))
    promises = draw(st.lists(st.floats(0.5, 60), min_size=1, max_size=3))
    return small(
        tick_hours=hours,
        horizon_hours=60,
        warmup_hours=0,
        start_hour=draw(st.integers(0, 167)),
        layout_seed=draw(st.integers(0, 99)),
        partition=draw(PARTITIONS),
        network={
            "fulfillment_centers": draw(st.integers(1, 6)),
            "sort_centers": draw(st.integers(1, 4)),
            "stations": draw(st.integers(3, 8)),
            "direct_max_miles": draw(st.sampled_from([0, 250, 1500])),
        },
        demand={
            "orders_per_day": draw(st.floats(0, 400)),
            "lines_per_order": draw(SHARES),
            "units_per_line": draw(SHARES),
            "promise_hours": tuple(promises),
            "promise_shares": (1.0,) * len(promises),
        },
        stock={
            "skus": draw(st.integers(1, 50)),
            "review_hours": draw(st.floats(0.3, 50)),
            "lead_time_hours": draw(st.floats(0, 50)),
            "safety_factor": draw(st.floats(-3, 3)),
        },
        capacity={
            "pick_headroom": draw(st.floats(0.1, 3)),
            "sort_headroom": draw(st.floats(0.1, 3)),
            "backlog_limit_hours": draw(st.floats(0.1, 10)),
        },
        trucks={
            "capacity_packages": draw(st.integers(1, 12)),
            "fleet_headroom": draw(st.floats(0, 2)),
            "spot_allowed": draw(st.booleans()),
        },
        slots={"orders": draw(st.integers(4, 40)), "candidates": draw(st.integers(1, 9))},
    )


@hypothesis_settings(max_examples=60)
@given(scenario=scenarios(), seed=st.integers(0, 1000))
def test_the_laws_hold_in_random_worlds(scenario: Scenario, seed: int) -> None:
    sim = run_under_the_laws(scenario, 10**6, seed)
    assert_laws(sim, 0)
    assert_books_agree(sim, 0)


@hypothesis_settings(max_examples=15)
@given(scenario=scenarios(), seed=st.integers(0, 1000))
def test_candidates_have_units_and_reach_the_station(scenario: Scenario, seed: int) -> None:
    sim, rng = simulator(scenario, seed), np.random.default_rng(seed)
    net = sim.world.net
    for _ in range(20):
        sim.begin(0)
        s, found = sim.state, np.zeros(sim.state.candidate.shape[1:3], np.int64)
        find_all(sim.world, s, 0, found)
        for r, j in zip(*np.nonzero(found), strict=True):
            line = s.line[0, r, (s.line_first[0, r] + j) % s.line.shape[2]]
            routes = s.candidate[0, r, j, : found[r, j]]
            assert len(set(routes.tolist())) == len(routes) and (s.candidate[0, r, j, found[r, j] :] == -1).all()
            assert (net.routes["station"][routes] == line["station"]).all()
            assert (s.stock[0, line["sku"], net.routes["fc"][routes]] >= line["units"]).all()
            inside = net.routes["in_region"][routes]
            assert (np.diff(inside) <= 0).all()
        decide_at_random(sim, 0, rng)
        sim.finish(0)


@pytest.mark.parametrize("name", LONG)
def test_the_books_agree_at_the_horizon_under_a_rule(name: str) -> None:
    sim = simulator(small(**{**LONG[name], "horizon_hours": 200}), 5, 6)
    sim.run(DEFAULT_BACKGROUND)
    for row in (0, 1):
        assert_books_agree(sim, row)


def test_a_line_nobody_can_serve_is_lost_and_paid_for() -> None:
    sim = simulator(small(**SCARCE), 5)
    sim.run(DEFAULT_BACKGROUND)
    lost = sim.state.row["lines_lost"][0]
    assert lost > 0
    assert sim.cash(0)["lost"] == pytest.approx(lost * 15.0)


def test_the_value_of_work_under_way_changes_nothing_and_is_what_settling_books() -> None:
    sim = simulator(small(**TIGHT), 5)
    rng = np.random.default_rng(0)
    while not random_tick(sim, 0, rng) and sim.tick(0) < 100:
        pass
    before = snapshot(sim, 0)
    usd = sim.state.cash[0].copy()
    kernel.value_work_under_way(sim.world, sim.state, 0, usd)
    assert snapshot(sim, 0) == before
    kernel.settle(sim.world, sim.state, 0)
    np.testing.assert_allclose(sim.state.cash[0], usd)
    assert_books_agree(sim, 0)


def test_what_packages_cost_adds_up_to_all_cash_but_the_lost_lines() -> None:
    """With a journey for every line, the journeys of package leaders hold every dollar of their packages."""
    sim, rng = simulator(small(**{**SCARCE, "horizon_hours": 80}), 5), np.random.default_rng(0)
    sim.keep_journeys(5000)
    sim.state.row["followed"] = 1
    number, done = 0, False
    while not done:
        sim.begin(0)
        s = sim.state
        for r in range(sim.regions):
            for j in range(int(s.slots[0, r])):
                s.line["journey"][0, r, (s.line_first[0, r] + j) % s.line.shape[2]] = number
                s.journey["leader"][0, number] = number
                number += 1
        decide_at_random(sim, 0, rng)
        done = sim.finish(0)
    assert number == sim.state.row["lines"][0]
    journey, record = sim.state.journey[0, :number], sim.state.row[0]
    leads = journey["leader"] == np.arange(number)
    assert (journey["done"][leads] == 1).all() and journey["void"].sum() > 0
    assert leads.sum() == record["packages_made"] + record["lines_lost"] and record["lines_lost"] > 0
    assert (journey["cost"][~leads] == 0).all()
    cash = sim.cash(0)
    assert journey["cost"].sum() == pytest.approx(sum(cash.values()) - cash["lost"], rel=1e-5)
