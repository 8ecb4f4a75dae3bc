"""The relaxed bound: below the cost of any policy, equal to brute force where that can be tried, and checked twice."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regional_dispatch.baselines import baseline, baseline_names
from regional_dispatch.baselines.bounds import truck_shares
from regional_dispatch.baselines.bounds.bound import BoundError, HindsightBound
from regional_dispatch.baselines.bounds.certificate import certified_usd
from regional_dispatch.baselines.bounds.known_orders import Orders, all_orders
from regional_dispatch.baselines.bounds.relaxation import (
    bound_at,
    build_problem,
    decision_ticks,
    relaxed_bound,
    search_prices,
    stock_prices,
)
from regional_dispatch.envs.kernel import tick as kernel
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.envs.world.world import World
from tests.worlds import SCARCE, TWO_REGIONS, WORLDS, decide_at_random, random_tick, simulator, small

pytestmark = pytest.mark.slow

KEYS = [episode_key("evaluate", 0, episode) for episode in range(2)]
MANY_LINES = {"demand": {"lines_per_order": (0.3,) + (0.05,) * 11, "orders_per_day": 60}}
WIDE = {"demand": {"lines_per_order": (0.2, 0.2, 0.2, 0.2, 0.1, 0.1)}, "stock": {"breadth": (0.75, 0.75, 0.5)}}
MORE_WORLDS = {
    **WORLDS,
    "orders of up to twelve lines": MANY_LINES,
    "lateness is free": {"costs": {"late_usd": 0, "late_usd_per_hour": 0}},
    "losing a line costs little": {"costs": {"lost_line_usd": 1}},
    "full standard fill": {"trucks": {"standard_fill": 1}},
    "much waits at the horizon": {"slots": {"orders": 6}, "demand": {"orders_per_day": 1500}, "horizon_hours": 40},
}


def paid(sim: Simulator) -> float:
    """Dollars of the whole episode of row 0, settlement included."""
    assert sim.state.row["settled"][0]
    return sum(sim.cash(0).values())


def baseline_usd(scenario: Scenario, key: int) -> dict[str, float]:
    sim = Simulator(scenario)
    out = {}
    for name in baseline_names():
        sim.reset(0, key)
        sim.run(baseline(name).scorers)
        out[name] = paid(sim)
    return out


def random_usd(scenario: Scenario, key: int, seed: int) -> float:
    sim, rng = simulator(scenario, key), np.random.default_rng(seed)
    while not random_tick(sim, 0, rng):
        pass
    return paid(sim)


def never_leaving_usd(scenario: Scenario, key: int) -> float:
    """The first candidate for every line, and not one truck that has the choice: the horizon settles what waits."""
    sim, rng = simulator(scenario, key), np.random.default_rng(0)
    while True:
        sim.begin(0)
        decide_at_random(sim, 0, rng)
        sim.state.line["choice"][0] = 0
        sim.state.go[0] = 0
        if sim.finish(0):
            return paid(sim)


@pytest.mark.parametrize("name", [name for name in MORE_WORLDS if name != "levers change"])
@pytest.mark.parametrize("key", KEYS)
def test_bound_is_below_every_policy(name: str, key: int) -> None:
    scenario = small(**{"horizon_hours": 96, **MORE_WORLDS[name]})
    bound = relaxed_bound(scenario, key, time_limit_s=0.15)
    for policy, usd in baseline_usd(scenario, key).items():
        assert bound.usd <= usd, policy
    assert bound.usd <= never_leaving_usd(scenario, key)
    assert bound.usd <= random_usd(scenario, key, seed=1)


def test_a_world_whose_levers_change_has_no_bound() -> None:
    with pytest.raises(BoundError, match="changes: bounds are for one setting of the levers"):
        relaxed_bound(small(**WORLDS["levers change"]), KEYS[0])


def test_bound_is_below_policies_on_replayed_orders(trace_world: Scenario) -> None:
    bound = relaxed_bound(trace_world, KEYS[0], time_limit_s=0.15)
    assert bound.orders == 240
    assert bound.usd <= min(baseline_usd(trace_world, KEYS[0]).values())


@cache
def scarce() -> tuple[Scenario, World, Orders]:
    scenario = small(**{**SCARCE, "horizon_hours": 96})
    return scenario, Simulator(scenario).world, all_orders(scenario, KEYS[0])


@cache
def scarce_usd() -> float:
    """The least that any rule and three kinds of chance pay in the scarce world."""
    scenario = scarce()[0]
    tried = [random_usd(scenario, KEYS[0], seed) for seed in range(3)]
    return min(*tried, *baseline_usd(scenario, KEYS[0]).values())


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0, 1), usd=st.floats(0, 20))
def test_any_prices_give_a_bound(seed: int, share: float, usd: float) -> None:
    _, world, orders = scarce()
    problem, rng = build_problem(world, orders), np.random.default_rng(seed)
    shape = (len(problem.priced_base), problem.windows)
    price = usd * rng.random(shape) * (rng.random(shape) < share)
    value, _ = bound_at(problem, price)
    assert value <= scarce_usd()
    certified, _ = certified_usd(world, orders, stock_prices(problem, price))
    assert certified == pytest.approx(value, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("name", ["national", "scarce stock", "lead over many reviews", "half-hour ticks"])
def test_stock_never_breaks_a_window(name: str) -> None:
    """Units that leave a shelf in a window never exceed its base stock, under random decisions."""
    scenario = small(**{"horizon_hours": 96, **WORLDS[name]})
    sim, rng = simulator(scenario, KEYS[0]), np.random.default_rng(0)
    rules, base = sim.world.rules, sim.world.base_stock[0].astype(int)
    left = np.zeros((rules.horizon_tick, *base.shape), int)
    for tick in range(rules.horizon_tick):
        sim.begin(0)
        decide_at_random(sim, 0, rng)
        before = sim.state.stock[0].astype(int)
        assert (before <= base).all()
        sim.finish(0)
        left[tick] = before - sim.state.stock[0]
    tightest = 0
    for sku in range(len(base)):
        reviews = [0, *range(sku % rules.review_ticks, rules.horizon_tick, rules.review_ticks)]
        for k, opens in enumerate(reviews):
            closes = sku % rules.review_ticks + k * rules.review_ticks + rules.lead_ticks
            taken = left[opens:closes, sku].sum(axis=0)
            assert (taken <= base[sku]).all()
            tightest += int((taken == base[sku]).sum())
    assert tightest > 0


@pytest.mark.parametrize("name", ["national", "lines wait for slots", "much waits at the horizon"])
def test_decision_ticks_are_those_of_the_kernel(name: str) -> None:
    scenario = small(**{"horizon_hours": 72, **MORE_WORLDS[name]})
    orders = all_orders(scenario, KEYS[0])
    sim, rng = simulator(scenario, KEYS[0]), np.random.default_rng(0)
    decided = np.full(len(orders.tick), scenario.horizon_ticks)
    for tick in range(scenario.horizon_ticks):
        sim.begin(0)
        s = sim.state
        for r in range(sim.regions):
            ring = (s.line_first[0, r] + np.arange(s.slots[0, r])) % s.line.shape[2]
            decided[s.line["order"][0, r, ring]] = tick
        decide_at_random(sim, 0, rng)
        sim.finish(0)
    ours = np.minimum(decision_ticks(sim.world, orders), scenario.horizon_ticks)
    assert ours.tolist() == decided.tolist()
    assert (decided > orders.tick).any()


def test_orders_without_a_decision_are_settled_to_the_cent() -> None:
    scenario = small(**MORE_WORLDS["much waits at the horizon"])
    sim, rng = simulator(scenario, KEYS[0]), np.random.default_rng(0)
    for _ in range(scenario.horizon_ticks):
        sim.begin(0)
        decide_at_random(sim, 0, rng)
        kernel.finish_tick(sim.world, sim.state, 0)
    with_lines, without = np.zeros(sim.state.cash.shape[1:]), np.zeros(sim.state.cash.shape[1:])
    kernel.value_work_under_way(sim.world, sim.state, 0, with_lines)
    assert sim.state.line_count[0].sum() > 100
    sim.state.line_count[0] = 0
    kernel.value_work_under_way(sim.world, sim.state, 0, without)
    fixed = build_problem(sim.world, all_orders(scenario, KEYS[0])).fixed_usd
    assert fixed == pytest.approx(with_lines.sum() - without.sum(), rel=1e-12)


def brute_force(world: World, orders: Orders, o: int, price: np.ndarray, tick: int) -> float:
    """Least cost of an order over every way to send each of its lines from some FC, or lose it."""
    net, rules, best = world.net, world.rules, np.inf
    pair = np.cumsum(world.base_stock[0] > 0).reshape(world.base_stock[0].shape) - 1
    skus = orders.sku[orders.first[o] : orders.first[o + 1]]
    units = orders.units[orders.first[o] : orders.first[o + 1]]
    package = {}
    for route in net.routes[net.routes["station"] == orders.station[o]]:
        late = tick + 1 + route["rest"][0] - orders.due[o]
        usd = rules.costs.pick_pack_usd + rules.costs.sort_usd * (route["legs"] - 1)
        usd += net.lanes["cost"][route["lanes"][: route["legs"]]].sum() / rules.truck_packages
        usd += rules.costs.late_usd + rules.late_usd_per_tick * late if late > 0 else 0
        package[int(route["fc"])] = min(usd, package.get(int(route["fc"]), np.inf))
    options = [
        [-1, *(fc for fc in package if world.base_stock[0][sku, fc] >= n)] for sku, n in zip(skus, units, strict=True)
    ]
    for chosen in product(*options):
        usd = sum(package[fc] for fc in set(chosen) - {-1}) + rules.costs.lost_line_usd * chosen.count(-1)
        for fc, sku, n in zip(chosen, skus, units, strict=True):
            if fc >= 0:
                usd += n * sum(price[pair[sku, fc], k] for k in range(price.shape[1]) if counts(world, k, sku, tick))
        best = min(best, usd)
    return best


def counts(world: World, window: int, sku: int, tick: int) -> bool:
    """Does a unit that leaves at `tick` count in the window that a review opens and the next one's order ends?"""
    review, lead = world.rules.review_ticks, world.rules.lead_ticks
    closing = sku % review + window * review
    return (window == 0 or tick >= closing - review) and tick < closing + lead


@pytest.mark.parametrize("changes", [WIDE, {**WIDE, **TWO_REGIONS}, {**WIDE, "costs": {"lost_line_usd": 4}}])
def test_subsets_equal_brute_force(changes: dict) -> None:
    scenario = small(**{**changes, "horizon_hours": 12, "warmup_hours": 0})
    orders, world = all_orders(scenario, KEYS[0]), Simulator(scenario).world
    problem = build_problem(world, orders)
    price = 0.7 * np.random.default_rng(1).random((len(problem.priced_base), problem.windows))
    assert np.diff(orders.first).max() == 6
    ticks, every = decision_ticks(world, orders), stock_prices(problem, price)
    wanted = [brute_force(world, orders, o, every, int(ticks[o])) for o in range(len(ticks))]
    value, _ = bound_at(problem, price)
    assert value == pytest.approx(sum(wanted) - (price * problem.priced_base[:, None]).sum(), rel=1e-9)


def test_large_orders_get_a_lower_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lighter bound of nine lines stays below their exact cover."""
    nine = {"lines_per_order": (0,) * 8 + (1,), "orders_per_day": 30}
    scenario = small(**{**WIDE, "demand": nine, "horizon_hours": 48})
    orders, world = all_orders(scenario, KEYS[0]), Simulator(scenario).world
    problem = build_problem(world, orders)
    price = np.random.default_rng(3).random((len(problem.priced_base), problem.windows))
    light, _ = bound_at(problem, price)
    monkeypatch.setattr("baselines.bounds.certificate._EXACT", 9)
    exact, rounding = certified_usd(world, orders, stock_prices(problem, price))
    spent = rounding - exact  # twice what stock prices give back
    assert 0.7 * (exact + spent / 2) < light + spent / 2 < exact + spent / 2


def test_excess_is_a_supergradient() -> None:
    """L lies below each of its tangents."""
    _, world, orders = scarce()
    problem, rng = build_problem(world, orders), np.random.default_rng(2)
    here = rng.random((len(problem.priced_base), problem.windows))
    value, excess = bound_at(problem, here)
    for _ in range(10):
        there = rng.random(here.shape) * rng.choice([0.1, 1, 5])
        assert bound_at(problem, there)[0] <= value + (excess * (there - here)).sum() + 1e-6


def test_prices_only_help() -> None:
    _, world, orders = scarce()
    problem = build_problem(world, orders)
    unpriced, _ = bound_at(problem, np.zeros((len(problem.priced_base), problem.windows)))
    search = search_prices(problem, np.inf, np.inf)
    assert search.usd > 1.01 * unpriced
    assert search.usd == pytest.approx(bound_at(problem, search.price)[0])
    assert search.usd <= scarce_usd()
    aimed = search_prices(problem, np.inf, 1.005 * unpriced)
    assert unpriced < aimed.usd


def test_certificate_is_checked() -> None:
    scenario, world, orders = scarce()
    bound = relaxed_bound(scenario, KEYS[0], time_limit_s=10)
    assert isinstance(bound, HindsightBound) and bound.kind == "relaxation" and bound.plan is None
    assert bound.usd < bound.details["certified_usd"] < bound.usd * (1 + 1e-3)  # it knows late departures' shares too
    assert bound.details["certificate_difference_usd"] > -1e-6
    assert bound.details["trucks_usd"] > 0
    assert (
        bound.details["without_stock_prices_usd"] < bound.details["full_trucks_usd"] <= bound.details["with_shares_usd"]
    )
    prices = np.full((int((world.base_stock[0] > 0).sum()), 9), -0.1)
    with pytest.raises(BoundError, match="at least 0"):
        certified_usd(world, orders, prices)


def test_no_orders_cost_nothing() -> None:
    bound = relaxed_bound(small(demand={"orders_per_day": 0}), KEYS[0])
    assert bound.orders == 0 and bound.usd == 0
    assert bound.details["sweeps"] <= truck_shares.LEAST_SWEEPS  # and it does not search until the time limit


def test_no_time_is_an_error() -> None:
    with pytest.raises(BoundError, match="time_limit_s = 0"):
        relaxed_bound(small(), KEYS[0], time_limit_s=0)
