"""Stock that is moved from FC to FC: what the world does with it, and what is paid."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from regional_dispatch.baselines import baseline
from regional_dispatch.baselines.shadow_price import coming_cycle
from regional_dispatch.baselines.transfers.rules import transfer_rule
from regional_dispatch.envs.kernel.ledger import COMPONENTS, USD
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.transfers import Moves
from regional_dispatch.envs.world.geography import great_circle_miles
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.rollouts import rollout
from tests.worlds import TWO_REGIONS, simulator, small, snapshot

SCORERS = baseline("least_cost").scorers
NO_ORDERS = {"orders_per_day": 200, "surges": [{"start_hour": 0, "end_hour": 9999, "factor": 1e-9}]}
QUIET = {**TWO_REGIONS, "demand": NO_ORDERS, "stock": {"review_hours": 24, "lead_time_hours": 5}}
THIN = {**TWO_REGIONS, "stock": {"breadth": (0.5, 0.25, 0.25)}, "horizon_hours": 240}


def moves(*rows: tuple[int, int, int, int]) -> Moves:
    """SKU, origin, destination, units."""
    return Moves(*np.array(rows, np.int64).reshape(-1, 4).T)


def stocked(sim: Simulator) -> tuple[int, int, int]:
    """A SKU, an FC that has some of it, and an FC of the other region."""
    region = sim.world.net.region_of_site
    sku, fc = np.argwhere(sim.state.stock[0] >= 4)[0].tolist()
    return sku, fc, next(f for f in range(sim.world.net.fcs) if region[f] != region[fc])


class Shuffle:
    """Moves random units of random shelves to anywhere, several times a day."""

    every_hours, hour = 7.0, 3.0

    def __call__(self, sim: Simulator, row: int) -> Moves:
        rng, stock = np.random.default_rng([sim.tick(row), int(sim.state.row["key"][row])]), sim.state.stock[row]
        sku, origin = np.nonzero((stock > 0) & (rng.random(stock.shape) < 0.2))
        fcs = stock.shape[1]
        dest = (origin + 1 + rng.integers(0, max(1, fcs - 1), len(sku))) % fcs
        units = rng.integers(1, stock[sku, origin] + 1)
        keep = dest != origin
        return Moves(sku[keep], origin[keep], dest[keep], units[keep])


def test_units_leave_at_once_travel_and_join_the_other_shelf() -> None:
    sim = simulator(small(**QUIET), 5)
    sku, origin, dest = stocked(sim)
    sites = sim.network.sites
    lat, lon = sites["latitude"].to_numpy(float), sites["longitude"].to_numpy(float)
    miles = 1.2 * great_circle_miles(lat[[origin]], lon[[origin]], lat[[dest]], lon[[dest]])[0, 0]
    hours = int(np.ceil(miles / 80))  # the small world's trucks
    before = sim.state.stock[0].astype(int)
    sim.move(0, moves((sku, origin, dest, 3)))
    assert sim.state.stock[0, sku, origin] == before[sku, origin] - 3
    assert sim.state.road[0, sku, dest] == 3 and sim.state.road[0].sum() == 3
    sim.run(SCORERS, hours)
    assert sim.state.stock[0, sku, dest] == before[sku, dest]
    sim.begin(0)
    assert sim.state.stock[0, sku, dest] == before[sku, dest] + 3
    assert not sim.state.road.any() and sim.state.row["shipments"][0] == 0


def test_whole_trucks_and_handling_are_paid_once_by_the_region_that_receives() -> None:
    scenario = small(**QUIET, warmup_hours=0, transfers={"units_per_truck": 4000, "handling_usd": 0.25})
    sim = simulator(scenario, 5)
    s, region = sim.state, sim.world.net.region_of_site
    sku, origin, dest = stocked(sim)
    s.stock[0, sku, origin] = 20
    sim.move(0, moves((sku, origin, dest, 4), (sku, origin, dest, 5)))  # a model truck holds 6 of a real one's 4,000
    truck = (2.26 * sim.transfer_lanes.miles[origin, dest] + 100) * 3 / 2000
    for view in (s.cash, s.accrual):
        assert view[0, region[dest], USD.transfer] == pytest.approx(2 * truck + 9 * 0.25)
        assert view.sum() == pytest.approx(view[0, region[dest], USD.transfer])
    sim.run(SCORERS)
    kpis = sim.kpis(0)
    assert kpis["transfer_units"] == pytest.approx(9 / 5) and kpis["transfer_trucks"] == pytest.approx(2 / 5)
    assert kpis["transfer_fill"] == pytest.approx(9 / 12)
    assert sum(sim.cash(0).values()) == pytest.approx(sum(sim.accrual(0).values())) == pytest.approx(2 * truck + 2.25)


def test_dollars_and_co2_of_transfers_are_in_the_totals() -> None:
    found = {}
    for rule in (None, Shuffle()):
        sim = Simulator(small(**THIN), transfers=rule)
        found[rule is None] = rollout(sim, SCORERS, [5])[0]
    with_them, without = found[False], found[True]
    parts = [f"{name}_per_order_usd" for name in COMPONENTS]
    assert with_them["cost_per_order_usd"] == pytest.approx(sum(with_them[part] for part in parts))
    assert with_them["transfer_per_order_usd"] > 0 == without["transfer_per_order_usd"]
    assert with_them["co2_kg_per_package"] > 1.5 * without["co2_kg_per_package"]


def test_what_is_on_the_road_is_not_ordered_again_and_too_much_orders_nothing() -> None:
    sim = simulator(small(**QUIET), 5)
    sim.run(SCORERS, 1)
    base = sim.world.base_stock[0]
    sku, origin, _ = stocked(sim)
    dest = next(f for f in range(sim.world.net.fcs) if base[sku, f] > 0 and f != origin)
    assert sku % 24 != 1  # its review is not due now
    sim.state.stock[0, sku, dest] = 0
    sim.state.stock[0, sku, origin] += base[sku, dest] + 7
    sim.move(0, moves((sku, origin, dest, int(base[sku, dest]) - 1)))
    assert coming_cycle(sim, 0).supply[sku, dest] == base[sku, dest] - 1
    sim.run(SCORERS, 48)
    assert sim.state.pipeline[0].min() == 0  # the origin has more than base stock
    ordered = int(sim.state.row["units_arrived"][0]) + sim.state.pipeline[0].sum(dtype=int)
    assert ordered == 1 and sim.state.stock[0, sku, dest] + sim.state.road[0, sku, dest] == base[sku, dest]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((0, 0, 1, 0), "units = 0: must lie in 1…"),
        ((99, 0, 1, 1), "sku = 99: must lie in 0…39"),
        ((0, 0, 4, 1), "dest = 4: must lie in 0…3"),
        ((0, 1, 1, 1), "origin and dest are both FC 1"),
    ],
)
def test_bad_moves_are_refused(row: tuple[int, int, int, int], message: str) -> None:
    sim = simulator(small(**QUIET), 5)
    before = snapshot(sim, 0)
    with pytest.raises(ValueError, match=message):
        sim.move(0, moves(row))
    assert snapshot(sim, 0) == before


def test_no_more_leaves_than_is_on_hand() -> None:
    sim = simulator(small(**QUIET), 5)
    sku, origin, dest = stocked(sim)
    there, before = int(sim.state.stock[0, sku, origin]), snapshot(sim, 0)
    with pytest.raises(ValueError, match=f"{there + 1} units are to leave, {there} are on hand; move fewer"):
        sim.move(0, moves((sku, origin, dest, there - 1), (sku, origin, dest, 2)))
    assert snapshot(sim, 0) == before


@st.composite
def worlds(draw: st.DrawFn) -> Scenario:
    """Small worlds with odd ticks, reviews and partitions."""
    return small(
        tick_hours=draw(st.sampled_from([0.5, 1, 3])),
        horizon_hours=72,
        warmup_hours=draw(st.sampled_from([0, 24])),
        start_hour=draw(st.integers(0, 167)),
        partition=draw(st.sampled_from([{"kind": "national"}, TWO_REGIONS["partition"]])),
        stock={
            "skus": draw(st.integers(1, 30)),
            "review_hours": draw(st.floats(0.5, 50)),
            "lead_time_hours": draw(st.floats(0, 50)),
            "safety_factor": draw(st.floats(-2, 2)),
        },
    )


@hypothesis_settings(max_examples=25)
@given(scenario=worlds(), key=st.integers(0, 1000))
def test_units_and_dollars_are_conserved_under_any_moves(scenario: Scenario, key: int) -> None:
    sim = Simulator(scenario, transfers=Shuffle())
    sim.reset(0, key)
    s, base, moved = sim.state, sim.world.base_stock[0].sum(dtype=int), 0
    for until in range(1, scenario.horizon_ticks + 1):
        sim.run(SCORERS, until)
        s = sim.state
        record, road = s.row[0], s.shipment[0][: s.row["shipments"][0]]
        assert s.stock.min() >= 0 and s.pipeline.min() >= 0 and s.road.min() >= 0
        held = s.stock[0].sum(dtype=int) + s.road[0].sum(dtype=int)
        assert held == base + record["units_arrived"] - record["units_shipped"]
        assert road["units"].sum() == s.road[0].sum(dtype=int) and (road["tick"] >= until - 1).all()
        moved += len(road)
    assert moved > 0 or (s.stock > 0).sum() < 10  # of a few shelves, one in five may be none
    for i, component in enumerate(COMPONENTS):
        assert s.cash[0, :, i].sum() == pytest.approx(s.accrual[0, :, i].sum(), abs=0.005), component
        if i != USD.late:
            np.testing.assert_allclose(s.cash[0, :, i], s.accrual[0, :, i], atol=0.005)


@pytest.mark.parametrize("rule", [Shuffle(), transfer_rule("threshold", {"min_fill": 0.1}), transfer_rule("lp")])
def test_rows_of_a_batch_do_not_meet(rule: Any) -> None:
    scenario, keys = small(**THIN), (3, 4, 5)
    batch = Simulator(scenario, 3, transfers=rule)
    for row, key in enumerate(keys):
        batch.reset(row, key, week_tick=5 * row)
    batch.run(SCORERS, 100)
    for row, key in enumerate(keys):
        alone = Simulator(scenario, transfers=rule)
        alone.reset(0, key, week_tick=5 * row)
        alone.run(SCORERS, 100)
        assert snapshot(alone, 0) == snapshot(batch, row) and snapshot(alone, 0)["shipment"] is not None
    assert batch.state.cash[:, :, USD.transfer].sum(axis=1).min() > 0


def test_a_snapshot_in_mid_transfer_continues_the_same() -> None:
    scenario = small(**THIN)
    one, other = (Simulator(scenario, transfers=Shuffle()) for _ in range(2))
    one.reset(0, 5)
    one.run(SCORERS, 40)
    assert one.state.road.any()
    other.restore({name: array.copy() for name, array in one.snapshot().items()})
    for sim in (one, other):
        sim.run(SCORERS)
    assert snapshot(one, 0) == snapshot(other, 0)
    one.reset(0, 5)
    assert not one.state.road.any() and one.state.row["shipments"][0] == 0


def test_step_by_step_and_in_one_go_are_the_same() -> None:
    whole, steps = (Simulator(small(**THIN), transfers=Shuffle()) for _ in range(2))
    whole.reset(0, 5)
    whole.run(SCORERS)
    steps.reset(0, 5)
    done = False
    while not done:
        steps.begin(0)
        steps.decide(0, SCORERS)
        done = steps.finish(0)
    assert snapshot(whole, 0) == snapshot(steps, 0)
