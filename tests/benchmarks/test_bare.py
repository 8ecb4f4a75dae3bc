"""The bare kernel: nothing gets lost in it, and it meets the orders that the real kernel meets."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.bare import Bare, build_bare, run_bare, time_bare
from regional_dispatch.baselines import baseline
from regional_dispatch.envs.simulator import Simulator, order_lines
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.envs.world.world import World, build_world
from tests.worlds import small

KEY = episode_key("tune", 3, 0)
HOURS = 24  # up to the second review, when shelves are filled up


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return small(horizon_hours=72, warmup_hours=24)


@pytest.fixture(scope="module")
def world(scenario: Scenario) -> World:
    return build_world(scenario, build_network(scenario))


@pytest.fixture(scope="module")
def ran(world: World) -> Bare:
    """A day up to the next review."""
    bare = build_bare(world)
    assert world.rules.review_ticks >= HOURS
    run_bare(world, bare, KEY, 0, HOURS)
    return bare


def test_units_are_on_the_shelf_or_taken(ran: Bare) -> None:
    assert ran.taken.sum() > 0
    np.testing.assert_array_equal(ran.base.sum(axis=0) - ran.stock.sum(axis=0), ran.taken)
    assert ran.stock.min() >= 0


def test_lines_wait_or_left_on_full_trucks_or_are_lost(ran: Bare, world: World) -> None:
    carried = ran.queue + ran.trucks * world.rules.truck_packages
    first_legs = np.isin(np.arange(len(world.net.lanes)), world.net.routes["lanes"][:, 0])
    from_fcs = first_legs & (world.net.lanes["origin"] < world.net.fcs)
    assert carried[from_fcs].sum() == ran.count[0] - ran.count[1]
    assert ran.trucks.sum() > 0
    assert ran.queue.max() < world.rules.truck_packages


def test_it_meets_the_orders_of_the_kernel(ran: Bare, scenario: Scenario) -> None:
    sim = Simulator(scenario)
    sim.reset(0, KEY, week_tick=0)
    sim.run(baseline("least_cost").scorers, until=HOURS)
    assert ran.count[0] == order_lines(sim)


def test_lines_without_stock_are_lost(world: World) -> None:
    bare = build_bare(world._replace(base_stock=np.zeros_like(world.base_stock)))
    run_bare(world, bare, KEY, 0, HOURS)
    assert bare.count[1] == bare.count[0] > 0
    assert bare.queue.sum() == 0


def test_the_ticks_after_the_warm_up_are_timed(scenario: Scenario) -> None:
    found = time_bare(scenario, KEY, 2)
    assert len(found["cpu_seconds"]) == 2
    assert found["lines"] > 0
