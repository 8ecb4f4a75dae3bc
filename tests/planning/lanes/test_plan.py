"""The lane plan: coverage, promises, bound, and flows."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from regional_dispatch.envs.world.levers import RunningLanes
from regional_dispatch.envs.world.network import Network, build_network
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError, load_scenario
from regional_dispatch.envs.world.stock import place_stock
from regional_dispatch.planning.lanes import LanePlan, lanes_table, plan_lanes
from regional_dispatch.planning.lanes.charges import play
from regional_dispatch.planning.lanes.flows import availability, expected_flows
from regional_dispatch.planning.lanes.paths import possible_paths
from regional_dispatch.planning.lanes.search import Options, evaluate, improve, slope_scaling


@pytest.fixture(scope="module")
def small() -> tuple[Scenario, Network, np.ndarray, LanePlan]:
    scenario = load_scenario("small")
    network = build_network(scenario)
    base = place_stock(scenario, network)
    return scenario, network, base, plan_lanes(scenario, network, base)


@pytest.fixture(scope="module")
def metros() -> tuple[Scenario, Network, np.ndarray, LanePlan]:
    """A nation of metros with lanes to choose among."""
    settings = {"network": "{kind: cities, fulfillment_centers: 12, sort_centers: 4, stations: 16}"}
    scenario = load_scenario("us8_spread", {**settings, "demand.orders_per_day": "900", "stock.skus": "120"})
    network = build_network(scenario)
    base = place_stock(scenario, network)
    return scenario, network, base, plan_lanes(scenario, network, base)


def a_few_options() -> Options:
    """Three FCs and two stations: each flow goes direct, or over one sort center (lanes 6–8 and 9–10)."""
    rate = np.array([0.02, 0.05, 0.3, 0.01, 0.04, 0.08])
    lanes, wait = [], []
    for flow in range(6):
        fc, station = divmod(flow, 2)
        lanes += [[flow, -1, -1], [6 + fc, 9 + station, -1]]
        wait += [[12 + flow, 0, 0], [7, 6, 0]]
    usd = np.array([4.0, 5.0, 3.0, 6.0, 4.0, 5.0, 2.0, 2.5, 2.0, 1.5, 1.5])
    return Options(
        rate, np.arange(0, 13, 2), np.array(lanes, dtype=np.int32), np.array(wait), np.tile([0.0, 0.3], 6), usd, 12, 20
    )


def test_the_search_finds_the_best_choice_and_the_bound_lies_below_it() -> None:
    options = a_few_options()
    every = [evaluate(options, options.first[:-1] + np.array(each)).usd for each in product((0, 1), repeat=6)]
    start = slope_scaling(options)
    found = improve(options, evaluate(options, play(options, start).option))
    assert found.usd == pytest.approx(min(every))
    assert 0.9 * min(every) < play(options, found).bound_usd <= min(every) + 1e-9


def test_the_plan_of_small_is_within_five_percent_of_its_bound(
    small: tuple[Scenario, Network, np.ndarray, LanePlan],
) -> None:
    plan = small[3]
    assert 0 <= plan.gap < 0.05


@pytest.mark.parametrize("world", ["small", "metros"])
def test_the_simulator_takes_the_planned_lanes(world: str, request: pytest.FixtureRequest, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Loading checks that every station has a route, and that no promise is lost that all lanes keep."""
    scenario, network, _, plan = request.getfixturevalue(world)
    path = tmp_path / "lanes.csv"
    table = lanes_table(network, plan)
    table.to_csv(path, index=False)
    assert table["fill"].between(0, 1, inclusive="right").all()
    planned = build_network(scenario.model_copy(update={"lanes": RunningLanes(kind="file", path=str(path))}))
    pairs = {(int(route["fc"]), int(route["station"])) for route in planned.net.routes}
    assert len(pairs) == network.net.fcs * network.net.stations
    used = np.unique(planned.net.routes["lanes"])
    assert set(used[used >= 0]) <= set(np.flatnonzero(plan.running))


def test_a_plan_has_what_its_lanes_carry(metros: tuple[Scenario, Network, np.ndarray, LanePlan]) -> None:
    scenario, network, _, plan = metros
    assert plan.running[plan.packages_per_day > 0].all()
    assert plan.running.sum() < len(plan.running)
    assert (plan.fill > 0).all() and (plan.fill <= 1).all() and (plan.priced_fill <= 1).all()
    room = plan.trucks_per_day * scenario.trucks.capacity_packages
    used = plan.packages_per_day > 0
    np.testing.assert_allclose(plan.fill[used], (plan.packages_per_day / np.where(used, room, 1))[used])
    assert 0 <= plan.gap < 0.3
    assert plan.usd_per_day >= (plan.trucks_per_day * network.net.lanes["cost"]).sum()


def test_the_same_world_gives_the_same_plan(metros: tuple[Scenario, Network, np.ndarray, LanePlan]) -> None:
    scenario, network, base, plan = metros
    again = plan_lanes(scenario, network, base)
    for name in ("running", "packages_per_day", "trucks_per_day", "priced_fill"):
        np.testing.assert_array_equal(getattr(again, name), getattr(plan, name))
    assert again.usd_per_day == plan.usd_per_day


def test_every_line_is_in_one_package(metros: tuple[Scenario, Network, np.ndarray, LanePlan]) -> None:
    """Orders of one line have one package; larger ones one to as many as they have lines."""
    scenario, network, base, _ = metros
    paths, usd = possible_paths(scenario, network), network.net.lanes["cost"] / 8
    for lines, most in (((1.0,), 1.0), ((0.0, 1.0), 2.0)):
        demand = scenario.demand.model_copy(update={"lines_per_order": lines})
        flows = expected_flows(scenario.model_copy(update={"demand": demand}), network, base, paths, usd)
        orders = scenario.demand.orders_per_day
        assert orders * (1 - 1e-9) <= flows.packages_per_day.sum() <= orders * most * (1 + 1e-9)
        station = flows.packages_per_day.sum(axis=1).reshape(network.net.fcs, -1).sum(axis=0)
        if most == 1:
            np.testing.assert_allclose(station / orders, network.station_share)


def test_home_first_serves_fewer_orders_from_other_regions(
    metros: tuple[Scenario, Network, np.ndarray, LanePlan],
) -> None:
    scenario, network, base, _ = metros
    paths, usd = possible_paths(scenario, network), network.net.lanes["cost"] / 8
    region, net = network.net.region_of_site, network.net
    same = (region[: net.fcs, None] == region[None, net.fcs + net.scs :]).reshape(-1)
    inside = [
        expected_flows(scenario, network, base, paths, usd, first).packages_per_day[same].sum()
        for first in (False, True)
    ]
    assert inside[1] > inside[0]


def test_a_shelf_with_more_units_runs_empty_less_often() -> None:
    stock = load_scenario("small").stock
    chance = availability(stock, np.array([[0, 1, 2, 5, 50]]))[0]
    assert chance[0] == 0 and 0.8 < chance[1] <= chance[-1] < 1


def test_promises_that_no_lane_can_keep_are_listed(small: tuple[Scenario, Network, np.ndarray, LanePlan]) -> None:
    scenario, network, base, plan = small
    assert plan.late_promises == ()
    demand = scenario.demand.model_copy(update={"promise_hours": (1.0, 28.0, 60.0)})
    hasty = plan_lanes(scenario.model_copy(update={"demand": demand}), network, base)
    assert {each.promise_hours for each in hasty.late_promises} == {1.0}
    assert all(each.fastest_hours > 1.0 for each in hasty.late_promises)


def test_no_orders_make_no_plan(small: tuple[Scenario, Network, np.ndarray, LanePlan]) -> None:
    scenario, network, base, _ = small
    none = scenario.model_copy(update={"demand": scenario.demand.model_copy(update={"orders_per_day": 0.0})})
    with pytest.raises(ScenarioError, match="orders_per_day = 0: must be above 0 to plan lanes"):
        plan_lanes(none, network, base)


def test_a_station_without_lane_is_named(small: tuple[Scenario, Network, np.ndarray, LanePlan]) -> None:
    scenario, network, base, _ = small
    last = network.net.fcs + network.net.scs + network.net.stations - 1
    lanes = network.net.lanes[network.net.lanes["dest"] != last]
    cut = network._replace(net=network.net._replace(lanes=lanes))
    with pytest.raises(ScenarioError, match=f"'{network.sites['name'].iloc[last]}'; add a lane to it"):
        plan_lanes(scenario, cut, base)
