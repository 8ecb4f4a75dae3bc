"""Shares of trucks: any give a bound, the search's exceed no truck's dollars, and small worlds show the gain."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
import pytest

from regional_dispatch.baselines import baseline, baseline_names
from regional_dispatch.baselines.bounds.bound import BoundError
from regional_dispatch.baselines.bounds.certificate import certified_usd
from regional_dispatch.baselines.bounds.hindsight import exact_bound
from regional_dispatch.baselines.bounds.known_orders import Orders, all_orders
from regional_dispatch.baselines.bounds.relaxation import (
    bound_at,
    build_problem,
    decision_ticks,
    relaxed_bound,
    stock_prices,
)
from regional_dispatch.baselines.bounds.truck_shares import package_usd, rates_of, share_trucks
from regional_dispatch.baselines.bounds.ways import Ways, list_ways
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import Scenario, load_scenario
from regional_dispatch.envs.world.world import World

pytestmark = pytest.mark.slow

KEY = episode_key("evaluate", 0, 0)


@cache
def few_orders() -> tuple[Scenario, World, Orders]:
    """So few orders a day that trucks are seldom full."""
    scenario = load_scenario("small", {"horizon_hours": "48"})
    return scenario, Simulator(scenario).world, all_orders(scenario, KEY)


def ways_of(world: World, orders: Orders) -> Ways:
    decided = decision_ticks(world, orders)
    ways = list_ways(world, orders, decided < world.rules.horizon_tick, decided)
    assert ways is not None
    return ways


def cheapest_rule_usd(scenario: Scenario) -> float:
    sim, usd = Simulator(scenario), []
    for name in baseline_names():
        sim.reset(0, KEY)
        sim.run(baseline(name).scorers)
        usd.append(sum(sim.cash(0).values()))
    return min(usd)


def no_prices(world: World, orders: Orders) -> np.ndarray:
    problem = build_problem(world, orders)
    return np.zeros((len(problem.priced_base), problem.windows))


def shared(world: World, orders: Orders) -> tuple[Ways, float]:
    """The search's shares, and its bound."""
    ways = ways_of(world, orders)
    return ways, share_trucks(world, build_problem(world, orders), no_prices(world, orders), ways, np.inf).usd


@pytest.mark.parametrize("seed", range(5))
def test_any_shares_give_a_bound(seed: int) -> None:
    """The certificate scales down what is too much, so shares drawn by chance are a bound too."""
    scenario, world, orders = few_orders()
    ways, rng = ways_of(world, orders), np.random.default_rng(seed)
    ways.share_usd[:] = rng.choice([0.1, 1, 10]) * rng.random(len(ways.share_usd)) ** rng.choice([1, 4])
    prices = stock_prices(build_problem(world, orders), no_prices(world, orders))
    certified, _ = certified_usd(world, orders, prices, ways)
    assert 0 < certified <= cheapest_rule_usd(scenario)


def test_negative_shares_are_refused() -> None:
    _, world, orders = few_orders()
    ways = ways_of(world, orders)
    ways.share_usd[0] = -1
    with pytest.raises(BoundError, match="at least 0"):
        certified_usd(world, orders, stock_prices(build_problem(world, orders), no_prices(world, orders)), ways)


def test_the_search_gains_and_its_certificate_agrees() -> None:
    scenario, world, orders = few_orders()
    full_trucks, _ = bound_at(build_problem(world, orders), no_prices(world, orders))
    ways, usd = shared(world, orders)
    assert 1.02 * full_trucks < usd <= cheapest_rule_usd(scenario)
    prices = stock_prices(build_problem(world, orders), no_prices(world, orders))
    assert certified_usd(world, orders, prices, ways)[0] == pytest.approx(usd, rel=1e-7)


def test_no_load_of_a_truck_has_shares_above_its_dollars() -> None:
    """Every load counts: at most one package an order on lanes from an FC, one a line on others."""
    _, world, orders = few_orders()
    ways, _ = shared(world, orders)
    of_ride = np.repeat(np.arange(len(ways.due)), np.diff(ways.ride))
    loads: dict[tuple[int, int], list[float]] = {}
    for e, lane in enumerate(ways.lane.tolist()):
        lines = int(np.diff(orders.first)[of_ride[e]])
        copies = 1 if world.net.lanes["origin"][lane] < world.net.fcs else lines
        for i, usd in enumerate(ways.share_usd[ways.first[e] : ways.first[e + 1]].tolist()):
            loads.setdefault((lane, int(ways.start[e]) + i), []).extend([usd] * copies)
    heaviest = {
        place: sum(sorted(usd)[-world.net.lanes["room"][place[0]] :]) / world.net.lanes["cost"][place[0]]
        for place, usd in loads.items()
    }
    assert max(heaviest.values()) < 1 + 1e-5
    assert np.mean([share > 0.99 for share in heaviest.values()]) > 0.2  # and many are shared out


def brute_force_usd(world: World, orders: Orders, ways: Ways, o: int, fc: int) -> float:
    """Least dollars of a package over every route and every choice of listed departures."""
    net, rules, best = world.net, world.rules, np.inf
    lines = {int(ways.lane[e]): e for e in range(ways.ride[o], ways.ride[o + 1])}
    for route in net.routes[(net.routes["station"] == orders.station[o]) & (net.routes["fc"] == fc)]:
        legs = [int(lane) for lane in route["lanes"][: route["legs"]]]
        spans = [range(ways.start[lines[x]], ways.start[lines[x]] + np.diff(ways.first)[lines[x]]) for x in legs]
        for times in product(*spans):
            here, usd = ways.decided[o] + 1, rules.costs.pick_pack_usd + rules.costs.sort_usd * (len(legs) - 1)
            for lane, t in zip(legs, times, strict=True):
                usd += np.inf if t < here else ways.share_usd[ways.first[lines[lane]] + t - ways.start[lines[lane]]]
                here = t + net.lanes["ticks"][lane]
            late = here - orders.due[o]
            best = min(best, usd + (rules.costs.late_usd + rules.late_usd_per_tick * late if late > 0 else 0))
    return best


def test_packages_cost_what_brute_force_finds() -> None:
    _, world, orders = few_orders()
    ways, rng = ways_of(world, orders), np.random.default_rng(1)
    ways.share_usd[:] = 3 * rng.random(len(ways.share_usd)).astype(np.float32)
    net = world.net
    usd = np.empty((len(ways.due), net.fcs))
    longest = int(net.routes["rest"].max())
    package_usd(ways, rates_of(world), net.lanes["ticks"].astype(np.int64), net.routes, longest, usd)
    checked = 0
    late = world.rules.costs.pick_pack_usd + world.rules.costs.late_usd  # a later departure may cost as little
    for o in np.flatnonzero((ways.due - ways.decided <= 28) & (ways.due < world.rules.horizon_tick))[:8]:
        for fc in np.flatnonzero(np.isfinite(usd[o])):
            wanted = brute_force_usd(world, orders, ways, int(o), int(fc))
            if wanted < late:
                assert usd[o, fc] == pytest.approx(wanted, rel=1e-6)
                checked += 1
    assert checked > 8


def test_small_worlds_come_closer_to_the_optimum() -> None:
    scenario, _, _ = few_orders()
    optimum, bound = exact_bound(scenario, KEY), relaxed_bound(scenario, KEY)
    assert optimum.kind == "exact"
    full_trucks = bound.details["full_trucks_usd"]
    assert full_trucks < bound.usd <= optimum.usd * (1 + 1e-6)
    assert bound.usd - full_trucks > 0.5 * (optimum.usd - full_trucks)
