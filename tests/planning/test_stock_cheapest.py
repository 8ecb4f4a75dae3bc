"""Stock placed so that orders are expected to cost least: within storage, never below the bound, as good as can be."""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regional_dispatch.envs.world.levers import Layout
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import ScenarioError, Stock
from regional_dispatch.envs.world.stock import place_stock, velocity_classes
from regional_dispatch.planning.stock.cheapest import cheapest_layout, improve
from regional_dispatch.planning.stock.cost_bound import cost_bound
from regional_dispatch.planning.stock.orders import Orders, build_orders, cheapest_choice, expected_usd_per_order
from regional_dispatch.planning.stock.shelves import Shelves, build_shelves
from tests.worlds import US8, small

EIGHT: dict[str, Any] = {
    **US8,
    "network": {"fulfillment_centers": 20, "sort_centers": 8, "stations": 30},
    "demand": {"orders_per_day": 1500},
    "stock": {"skus": 150, "breadth": (0.45, 0.2, 0.13)},
}


def toy(seed: int = 0, places: tuple[int, ...] = (2, 1, 1), storage: float = 1000.0) -> tuple[Orders, Shelves]:
    """Four FCs and five stations on a square; a review and a lead time are a day; one unit is safety stock at least."""
    rng, skus = np.random.default_rng(seed), len(places)
    fcs, stations = rng.random((4, 2)), rng.random((5, 2))
    usd = 3 + 2 * np.linalg.norm(stations[:, None] - fcs[None], axis=2)
    share, popularity = rng.dirichlet(np.ones(5)), 1 / np.arange(1, skus + 1)
    orders = Orders(share, popularity / popularity.sum(), np.array([0.6, 0.3, 0.1]), usd, 15.0)
    stock = Stock(skus=skus, review_hours=12, lead_time_hours=12)
    units = np.array([30 * skus])
    daily = 60 * popularity / popularity.sum()
    return orders, Shelves(
        stock, daily, np.array(places), np.zeros(skus, dtype=int), units, np.full(4, storage)
    )  # fmt: skip


def every_layout(shelves: Shelves) -> list[np.ndarray]:
    fcs = range(len(shelves.storage))
    return [
        np.array([[f in own for f in fcs] for own in chosen])
        for chosen in product(*(list(combinations(fcs, n)) for n in shelves.places))
    ]


def best_by_force(orders: Orders, shelves: Shelves) -> float:
    """The least cost of any layout that keeps to the storage, infinite if there is none."""
    found = [np.inf]
    for carried in every_layout(shelves):
        choice = cheapest_choice(orders, carried)
        if (shelves.levels(carried, orders.station_share, choice.tried).sum(axis=0) <= shelves.storage).all():
            found.append(choice.usd)
    return min(found)


def improved(orders: Orders, shelves: Shelves, carried: np.ndarray) -> np.ndarray:
    base = improve(orders, shelves, carried)
    assert base is not None
    return base


def start(shelves: Shelves) -> np.ndarray:
    return np.arange(len(shelves.storage)) < shelves.places[:, None]


# ------------------------------------------------------------------------------------------------------ expected cost


def test_lines_that_share_an_fc_share_a_package() -> None:
    """Two SKUs in two FCs, half of the orders with two lines: such an order is one package in two cases of four."""
    orders = Orders(np.ones(1), np.full(2, 0.5), np.array([0.5, 0.5]), np.array([[3.0, 3.0]]), 15.0)
    apart, together = np.eye(2), np.array([[1, 0], [1, 0]])
    assert expected_usd_per_order(orders, together) == pytest.approx(3.0)
    assert expected_usd_per_order(orders, apart) == pytest.approx(0.5 * 3.0 + 0.5 * (0.5 * 3.0 + 0.5 * 6.0))


def test_a_farther_fc_is_tried_first_where_it_saves_a_package() -> None:
    """The near FC has one SKU of two; from the far one, which has both, a second line is no second package."""
    orders = Orders(np.ones(1), np.array([0.1, 0.9]), np.array([0.0, 1.0]), np.array([[3.0, 3.1]]), 15.0)
    choice = cheapest_choice(orders, np.array([[True, True], [False, True]]))
    assert choice.tried.tolist() == [[1, 0]]
    assert choice.usd == pytest.approx(3.1)


def test_a_line_without_route_is_lost() -> None:
    orders = Orders(np.ones(1), np.array([0.5, 0.5]), np.array([1.0]), np.array([[3.0, np.inf]]), 15.0)
    assert expected_usd_per_order(orders, np.eye(2)) == pytest.approx(0.5 * 3.0 + 0.5 * 15.0)


def test_packages_cost_their_route_and_what_comes_late() -> None:
    scenario = small(demand={"promise_hours": (1.0, 500.0), "promise_shares": (0.25, 0.75)})
    network = build_network(scenario)
    orders, net = build_orders(scenario, network), network.net
    prompt = build_orders(small(demand={"promise_hours": (500.0,), "promise_shares": (1.0,)}), network)
    cheapest = net.routes["cost"][net.by_cost[0, :, 0]]
    np.testing.assert_allclose(prompt.package_usd.min(axis=1), cheapest)
    assert (orders.package_usd - prompt.package_usd >= 0.25 * scenario.costs.late_usd).all()


# ----------------------------------------------------------------------------------------------------- the optimiser


@pytest.mark.parametrize("seed", range(6))
def test_it_finds_what_trying_everything_finds(seed: int) -> None:
    """Orders of one line: where a place stands is all that counts."""
    orders, shelves = toy(seed)
    orders = orders._replace(lines=np.ones(1))
    base = improved(orders, shelves, start(shelves))
    assert expected_usd_per_order(orders, base) == pytest.approx(best_by_force(orders, shelves))


@pytest.mark.parametrize("seed", range(3))
def test_split_orders_are_saved_as_well_as_by_trying_everything(seed: int) -> None:
    """Splits make local optima; of three SKUs each is a third of all lines, so it matters where the search starts."""
    orders, shelves = toy(seed)
    layouts = every_layout(shelves)
    starts = [layouts[i] for i in np.random.default_rng(0).choice(len(layouts), 8)]
    found = min(expected_usd_per_order(orders, improved(orders, shelves, carried)) for carried in starts)
    assert found <= best_by_force(orders, shelves) * 1.04


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 1000),
    places=st.tuples(st.integers(1, 4), st.integers(1, 2), st.integers(1, 2)),
    storage=st.sampled_from([28.0, 35.0, 50.0, 1000.0]),
)
def test_no_layout_lies_below_the_bound(seed: int, places: tuple[int, ...], storage: float) -> None:
    orders, shelves = toy(seed, places, storage)
    possible = best_by_force(orders, shelves)
    if np.isfinite(possible):
        assert cost_bound(orders, shelves) <= possible
    base = improve(orders, shelves, start(shelves))
    if base is None:
        return
    assert (base.sum(axis=0) <= storage).all() and base.sum() == shelves.units.sum()
    np.testing.assert_array_equal((base > 0).sum(axis=1), places)
    assert cost_bound(orders, shelves) <= expected_usd_per_order(orders, base)


def test_a_bound_is_reached_where_every_fc_carries_everything() -> None:
    """One package an order, from the nearest FC: nothing is lost in the linear program."""
    orders, shelves = toy(places=(4, 4, 4))
    nearest = float(orders.station_share @ orders.package_usd.min(axis=1))
    assert cost_bound(orders, shelves) == pytest.approx(nearest, rel=1e-5)
    assert expected_usd_per_order(orders, improved(orders, shelves, start(shelves))) == pytest.approx(nearest)


@pytest.mark.parametrize("name", ["spread", "scattered", "regional"])
def test_a_plan_has_the_places_and_units_of_a_simple_layout_and_costs_less(name: str) -> None:
    world = small(**EIGHT)
    network = build_network(world)
    simple = place_stock(world, network, Layout(layout=name)).astype(int)
    storage = 1.05 * simple.sum(axis=0)
    plan, velocity = cheapest_layout(world, network, storage), velocity_classes(world)
    np.testing.assert_array_equal((plan.base > 0).sum(axis=1), (simple > 0).sum(axis=1))
    np.testing.assert_array_equal(*(np.bincount(velocity, base.sum(axis=1)) for base in (plan.base, simple)))
    assert (plan.base.sum(axis=0) <= storage).all()
    orders = build_orders(world, network)
    assert plan.expected_usd_per_order == expected_usd_per_order(orders, plan.base)
    assert plan.expected_usd_per_order < 0.98 * expected_usd_per_order(orders, simple)
    assert 0 < plan.gap < 0.3


def test_without_splits_the_search_is_close_to_the_bound() -> None:
    """What is left of a gap is then storage and whole places; with splits the bound counts one package an order."""
    world = small(**{**EIGHT, "demand": {"orders_per_day": 1500, "lines_per_order": (1.0,)}})
    network = build_network(world)
    plan = cheapest_layout(world, network)
    assert plan.gap < 0.04


def test_a_plan_is_the_same_every_time() -> None:
    world = small(**EIGHT)
    network = build_network(world)
    one, same = (cheapest_layout(world, network).base for _ in range(2))
    np.testing.assert_array_equal(one, same)


def test_more_storage_where_customers_are_costs_less() -> None:
    world = small(**EIGHT)
    network = build_network(world)
    shelves = build_shelves(world, network)
    ample = cheapest_layout(world, network, storage=3 * shelves.storage)
    assert ample.expected_usd_per_order < cheapest_layout(world, network).expected_usd_per_order
    assert (ample.base.sum(axis=0) <= 3 * shelves.storage).all()


# ---------------------------------------------------------------------------------------------------------- bad input


def test_storage_that_is_too_small_is_refused() -> None:
    world = small()
    network = build_network(world)
    with pytest.raises(ScenarioError, match=r"small: storage of 40 units has no room for the [\d,]+ units of stock"):
        cheapest_layout(world, network, storage=np.full(4, 10))


def test_a_world_without_orders_is_refused() -> None:
    world = small(demand={"orders_per_day": 0})
    with pytest.raises(ScenarioError, match=r"small: demand.orders_per_day = 0: must be above 0"):
        cheapest_layout(world, build_network(world))


def test_storage_in_which_no_layout_fits_is_refused() -> None:
    """Room for all units, but in FCs so small that no place of the fastest SKU fits."""
    world = small()
    network = build_network(world)
    storage = np.array([build_shelves(world, network).units.sum(), 1, 1, 1])
    with pytest.raises(ScenarioError, match=r"small: storage of [\d,]+ units: found no layout that keeps to it"):
        cheapest_layout(world, network, storage)
