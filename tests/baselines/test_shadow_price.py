"""Shadow prices are the duals they claim to be: by hand, against another solver, and as worth of one more unit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from regional_dispatch.baselines.shadow_price import (
    Cycle,
    LinearProgramPricer,
    Prices,
    PricingError,
    coming_cycle,
    solve_by_sku,
    solve_by_steps,
    solve_jointly,
)
from regional_dispatch.envs.kernel.decisions.scorers import DEFAULT_BACKGROUND
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import sku_units_per_day
from tests.worlds import SCARCE, TWO_REGIONS, simulator, small

SEEDS = st.integers(0, 2**32 - 1)


def cycle(supply: Any, demand: Any, cost: Any, lost_usd: float = 10.0, capacity: Any = None, **more: Any) -> Cycle:
    """A cycle from plain lists, every FC carrying every SKU and one pick a unit."""
    supply, demand, cost = (np.array(x, float) for x in (supply, demand, cost))
    capacity = np.full(supply.shape[1], 1e6) if capacity is None else np.array(capacity, float)
    carried = more.get("carried", np.ones(supply.shape, bool))
    return Cycle(supply, carried, demand, cost, lost_usd, more.get("picks", np.ones(len(supply))), capacity)


def random_cycle(seed: int, tight_capacity: bool = False) -> Cycle:
    """Up to four SKUs in up to five FCs; some pairs have no route, some FCs lack the SKU, some costs exceed a loss."""
    rng = np.random.default_rng(seed)
    skus, fcs, stations = rng.integers(1, 5), rng.integers(1, 6), rng.integers(1, 7)
    carried = rng.random((skus, fcs)) < 0.8
    supply = np.where(carried, rng.gamma(1.0, 4.0, (skus, fcs)) * (rng.random((skus, fcs)) < 0.8), 0.0)
    demand = rng.gamma(1.0, 3.0, (skus, stations)) * (rng.random((skus, stations)) < 0.9)
    cost = np.where(rng.random((stations, fcs)) < 0.9, rng.uniform(2, 12, (stations, fcs)), np.inf)
    picks = rng.uniform(0.5, 2, skus)
    capacity = np.full(fcs, (picks @ demand).sum() * (0.3 if tight_capacity else 100) / fcs + 1e-3)
    return cycle(supply, demand, cost, capacity=capacity, carried=carried, picks=picks)


def plan_usd(c: Cycle) -> float:
    """The least cost of a cycle, all SKUs and rows as the module's page writes them, by scipy."""
    (skus, fcs), stations = c.supply.shape, len(c.cost)
    usd = np.where(c.carried[:, None, :] & np.isfinite(c.cost), c.cost, 1e4)
    flows = skus * stations * fcs
    index = np.arange(flows).reshape(skus, stations, fcs)
    upper = np.zeros((skus * fcs + fcs, flows + skus * stations))
    equal = np.zeros((skus * stations, flows + skus * stations))
    for s in range(skus):
        for f in range(fcs):
            upper[s * fcs + f, index[s, :, f]] = 1
            upper[skus * fcs + f, index[s, :, f]] = c.picks[s]
        for d in range(stations):
            equal[s * stations + d, index[s, d]] = equal[s * stations + d, flows + s * stations + d] = 1
    costs = np.concatenate([usd.ravel(), np.full(skus * stations, c.lost_usd)])
    bounds = np.concatenate([c.supply.ravel(), c.capacity])
    return float(linprog(costs, upper, bounds, equal, c.demand.ravel(), method="highs").fun)


def one_more(c: Cycle, sku: int, fc: int, units: float) -> Cycle:
    supply = c.supply.copy()
    supply[sku, fc] += units
    return c._replace(supply=supply)


# ----------------------------------------------------------------------------------------------------- by hand


def test_the_price_is_the_detour_a_taken_unit_causes() -> None:
    # FC 0 has one unit and three want it: the first station would pay 2 more elsewhere, the second half a dollar.
    found = solve_by_sku(cycle([[1, 5]], [[2, 1]], [[3, 5], [4, 4.5]]))
    np.testing.assert_allclose(found.unit_usd, [[2, 0]])
    np.testing.assert_allclose(found.load, [1, 2])
    assert found.usd == pytest.approx(3 + 5 + 4.5)


def test_when_all_shelves_empty_the_price_is_the_loss_saved() -> None:
    # Both stations lose some; a unit more at FC 0 saves 10 − 3 at the first, at FC 1 10 − 4.5 at the second.
    found = solve_by_sku(cycle([[1, 1]], [[2, 1.2]], [[3, 5], [4, 4.5]]))
    np.testing.assert_allclose(found.unit_usd, [[7, 5.5]])
    assert found.usd == pytest.approx(3 + 4.5 + 1.2 * 10)


def test_nothing_is_priced_where_serving_costs_more_than_losing() -> None:
    found = solve_by_sku(cycle([[1, 1]], [[5, 5]], [[11, 12], [13, np.inf]]))
    assert not found.unit_usd.any() and not found.load.any()
    assert found.usd == pytest.approx(100)


def test_picking_capacity_has_a_price_where_it_binds() -> None:
    # Units abound, but FC 0 picks one line a tick and four are wanted, at 2 USD less than from FC 1.
    c = cycle([[9, 9], [9, 9]], [[2], [2]], [[3, 5]], capacity=[1, 9])
    found = solve_jointly(c)
    np.testing.assert_allclose(found.pick_usd, [2, 0])
    np.testing.assert_allclose(found.total(c), [[2, 0], [2, 0]])
    np.testing.assert_allclose(found.load, [1, 3])


# ---------------------------------------------------------------------------------------------- on random cycles


@given(SEEDS, st.integers(1, 6))
@settings(max_examples=60)
def test_prices_and_plan_are_optimal(seed: int, near: int) -> None:
    """Strong duality against another formulation and solver; no price without a shortage (complementary slackness)."""
    c = random_cycle(seed)
    found = solve_by_sku(c, None, near)
    assert (found.unit_usd >= 0).all() and not found.unit_usd[~c.carried].any()
    assert found.usd == pytest.approx(plan_usd(c), abs=1e-6)
    for sku, fc in zip(*np.nonzero(found.unit_usd > 1e-6), strict=True):
        alone = Cycle(*(x[sku : sku + 1] for x in c[:3]), c.cost, c.lost_usd, c.picks[sku : sku + 1], c.capacity)
        assert solve_by_sku(alone).load[fc] == pytest.approx(c.picks[sku] * c.supply[sku, fc], abs=1e-6)


@given(SEEDS)
@settings(max_examples=40)
def test_a_price_lies_between_what_one_more_unit_saves_and_one_less_costs(seed: int) -> None:
    c, step = random_cycle(seed), 1e-4
    found, base = solve_by_sku(c), plan_usd(c)
    for sku, fc in zip(*np.nonzero(c.supply > step), strict=True):
        saved = (base - plan_usd(one_more(c, sku, fc, step))) / step
        missed = (plan_usd(one_more(c, sku, fc, -step)) - base) / step
        assert saved - 1e-3 <= found.unit_usd[sku, fc] <= missed + 1e-3


@given(SEEDS)
@settings(max_examples=40)
def test_sku_by_sku_is_all_in_one_where_capacity_is_slack(seed: int) -> None:
    c = random_cycle(seed)
    apart, joint = solve_by_sku(c), solve_jointly(c)
    assert not joint.pick_usd.any()
    assert apart.usd == pytest.approx(joint.usd, abs=1e-6)
    assert (c.picks @ c.supply + 1e-6 >= joint.load).all()


@given(SEEDS)
@settings(max_examples=40)
def test_the_joint_program_keeps_to_capacity(seed: int) -> None:
    c = random_cycle(seed, tight_capacity=True)
    found = solve_jointly(c)
    assert found.usd == pytest.approx(plan_usd(c), abs=1e-6)
    assert (found.load <= c.capacity + 1e-6).all()
    np.testing.assert_allclose(found.load[found.pick_usd > 1e-6], c.capacity[found.pick_usd > 1e-6])


@given(SEEDS)
@settings(max_examples=20)
def test_capacity_prices_by_steps_bound_the_optimum_and_ease_the_load(seed: int) -> None:
    c = random_cycle(seed, tight_capacity=True)
    free, best = solve_by_sku(c), solve_jointly(c)
    found = solve_by_steps(c, np.zeros(len(c.capacity)), 40)
    overload = [np.maximum(prices.load - c.capacity, 0).sum() for prices in (free, found)]
    assert found.usd <= best.usd + 1e-6
    assert overload[1] <= overload[0] + 1e-6


# --------------------------------------------------------------------------------------------------- in a world


def in_a_world(tick: int = 40, **changes: Any) -> Simulator:
    sim = simulator(small(**changes), 7)
    sim.run(DEFAULT_BACKGROUND, tick)
    return sim


def test_scarce_stock_has_prices_and_ample_stock_has_none() -> None:
    sim = in_a_world(**SCARCE)
    price = LinearProgramPricer()(sim, 0)
    assert price.dtype == np.float32 and price.shape == sim.world.base_stock[0].shape
    assert price.max() > 1 and (price >= 0).all()
    sim.state.stock[:] = 10_000
    sim.begin(0)  # beyond the tick's review, which would order down to base stock
    assert not LinearProgramPricer()(sim, 0).any()


def test_scale_and_demand_factor_do_what_they_say() -> None:
    sim = in_a_world(**SCARCE)
    price = LinearProgramPricer(scale=1)(sim, 0)
    np.testing.assert_allclose(LinearProgramPricer(scale=0.5)(sim, 0), price / 2, rtol=1e-6)
    assert not LinearProgramPricer(demand_factor=0)(sim, 0).any()
    assert LinearProgramPricer(scale=1, demand_factor=3)(sim, 0).mean() > price.mean()


@pytest.mark.parametrize("joint_columns", [0, 10**9])
def test_busy_fcs_are_priced_too_and_twice_the_same(joint_columns: int) -> None:
    changes = {**TWO_REGIONS, "capacity": {"pick_headroom": 0.6}, "demand": {"orders_per_day": 2000}}
    pricer = LinearProgramPricer(scale=1, joint_columns=joint_columns)
    sim = simulator(small(**changes), 7)
    runs = []
    for _ in range(2):
        sim.reset(0, 7)
        prices = [pricer(sim, 0)]
        sim.run(DEFAULT_BACKGROUND, 20)
        runs.append([*prices, pricer(sim, 0)])
    free = solve_by_sku(coming_cycle(sim, 0)).unit_usd
    assert (runs[0][1] > free + 1e-3).any()
    np.testing.assert_array_equal(runs[0], runs[1])


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("stock", [{}, {"lead_time_hours": 31, "review_hours": 7}, {"lead_time_hours": 0}])
def test_a_cycle_ends_when_a_unit_taken_now_is_replaced(stock: dict[str, Any], begun: bool) -> None:
    sim = simulator(small(stock=stock, demand={"orders_per_day": 0}), 7)
    sim.run(DEFAULT_BACKGROUND, 30)
    if begun:
        sim.begin(0)
    c = coming_cycle(sim, 0)
    ticks = np.round(1 / (c.picks * 1.1)).astype(int)  # 1.1 units a line
    if not begun:
        sim.begin(0)
    shelf = sim.state.stock[0]
    fc = sim.world.base_stock[0].argmax(axis=1)
    skus = np.arange(len(shelf))
    shelf[skus, fc] -= 1
    sim.state.moved[0] = 1
    replaced = np.zeros(len(shelf), int)
    for ahead in range(1, int(ticks.max()) + 1):
        sim.finish(0)
        sim.begin(0)
        replaced = np.where((replaced == 0) & (shelf[skus, fc] == sim.world.base_stock[0][skus, fc]), ahead, replaced)
    np.testing.assert_array_equal(replaced, ticks)


def test_a_cycle_counts_what_is_there_and_what_is_expected() -> None:
    sim = in_a_world(48, **TWO_REGIONS)
    c, rules = coming_cycle(sim, 0), sim.world.rules
    ticks = np.round(1 / (c.picks * 1.1)).astype(int)
    due = ticks == ticks.max()  # to be filled up to base stock in this very tick
    np.testing.assert_array_equal(c.supply[due], sim.world.base_stock[0][due])
    on_order = sim.state.stock[0] + sim.state.pipeline[0].sum(axis=0)
    np.testing.assert_array_equal(c.supply[~due], on_order[~due])
    assert ticks.max() == rules.review_ticks + rules.lead_ticks
    rate = sim.world.demand.rate
    expected = [rate[np.arange(48, 48 + n) % len(rate)].sum() / (rate.mean() * 24) for n in ticks]
    np.testing.assert_allclose(c.demand.sum(axis=1), expected * sku_units_per_day(sim.scenario))
    net = sim.world.net
    for d in range(net.stations):
        own = net.routes[net.routes["station"] == d]
        for f in range(net.fcs):
            assert c.cost[d, f] * 1.1 == pytest.approx(own["cost"][own["fc"] == f].min())


def test_surges_are_expected() -> None:
    surge = [{"start_hour": 0, "end_hour": 500, "factor": 3}]
    calm, busy = coming_cycle(in_a_world(0), 0), coming_cycle(in_a_world(0, demand={"surges": surge}), 0)
    np.testing.assert_allclose(busy.demand, 3 * calm.demand)


# ------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    "wrong", [{"every_hours": 0}, {"scale": -1}, {"demand_factor": -0.5}, {"near": 0}, {"time_limit_seconds": 0}]
)
def test_a_parameter_out_of_bounds_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(PricingError, match=next(iter(wrong))):
        LinearProgramPricer(**wrong)


def test_running_out_of_time_says_what_to_raise() -> None:
    with pytest.raises(PricingError, match="raise time_limit_seconds"):
        solve_by_sku(cycle([[1, 5]], [[2, 1]], [[3, 5], [4, 4.5]]), None, 6, 1e-12)


def test_numbers_no_program_can_hold_are_told() -> None:
    with pytest.raises(PricingError, match="finite and not negative"):
        solve_by_sku(cycle([[-1, 5]], [[2, -3]], [[3, 5], [4, 4.5]]))


def test_no_demand_has_no_price() -> None:
    found: Prices = solve_by_sku(cycle([[0, 0]], [[0, 0]], [[3, 5], [4, 4.5]]))
    assert not found.unit_usd.any() and found.usd == 0
