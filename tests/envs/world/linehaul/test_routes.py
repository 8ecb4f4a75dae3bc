"""Routes: chains of lanes, their numbers, and their order by cost and distance."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from itertools import pairwise, product

import numpy as np
import pytest

from regional_dispatch.envs.world.network import Network, build_network
from regional_dispatch.envs.world.scenario import Scenario
from tests.networks import MAPS, MIDDLE, built, stops, with_air_lanes
from tests.worlds import TWO_REGIONS, small

TWO_MODES = {**TWO_REGIONS, "network": {"fulfillment_centers": 7, "sort_centers": 4, "stations": 10}}


@pytest.fixture(scope="module", params=[*MAPS, "two modes"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Scenario, Network]:
    if request.param != "two modes":
        return built(request.param)
    scenario = with_air_lanes(tmp_path_factory.mktemp("tables"), small(**TWO_MODES))
    return scenario, build_network(scenario)


def test_every_station_is_reached_from_every_fc(world: tuple[Scenario, Network]) -> None:
    net = world[1].net
    pairs = set(zip(net.routes["fc"].tolist(), net.routes["station"].tolist(), strict=True))
    assert pairs == {(f, d) for f in range(net.fcs) for d in range(net.stations)}


def test_route_numbers_add_up_along_the_legs(world: tuple[Scenario, Network]) -> None:
    scenario, network = world
    net, costs = network.net, scenario.costs
    per_package = net.lanes["cost"] / (scenario.trucks.capacity_packages * scenario.trucks.standard_fill)
    for p, route in enumerate(net.routes):
        n, sites = int(route["legs"]), stops(network, p)
        assert sites[0] == route["fc"] and sites[-1] == net.fcs + net.scs + route["station"]
        legs = route["lanes"][:n]
        assert (route["lanes"][n:] == -1).all()
        assert route["rest"].tolist() == [int(net.lanes["ticks"][legs[i:]].sum()) for i in range(4)]
        np.testing.assert_allclose(route["rest_cost"], [per_package[legs[i:]].sum() for i in range(4)])
        assert route["cost"] == pytest.approx(per_package[legs].sum() + costs.sort_usd * (n - 1) + costs.pick_pack_usd)
        assert route["miles"] == pytest.approx(net.lanes["miles"][legs].sum())
        assert route["in_region"] == (net.region_of_site[sites[0]] == net.region_of_site[sites[-1]])


Costs = dict[tuple[int, int], dict[str, float]]  # by origin and destination, and by mode
Routes = dict[tuple[str, ...], float]  # truck cost per package by the modes of the legs


def lane_costs(scenario: Scenario, network: Network) -> Costs:
    """Standard truck cost per package of every lane."""
    packages = scenario.trucks.capacity_packages * scenario.trucks.standard_fill
    costs: Costs = {}
    for lane, mode in zip(network.net.lanes, network.lane_modes.tolist(), strict=True):
        costs.setdefault((int(lane["origin"]), int(lane["dest"])), {})[mode] = float(lane["cost"]) / packages
    return costs


def cheapest(costs: Costs, chains: Iterable[tuple[int, ...]]) -> Routes:
    """The cheapest of some chains of sites, for every combination of modes."""
    found: Routes = {}
    for chain in chains:
        for legs in product(*(costs.get(pair, {}).items() for pair in pairwise(chain))):
            modes = tuple(mode for mode, _ in legs)
            found[modes] = min(sum(usd for _, usd in legs), found.get(modes, math.inf))
    return found


def expected_routes(scenario: Scenario, network: Network, costs: Costs, f: int, station: int) -> Routes:
    """The routes of a pair, by trying every chain of lanes."""
    net = network.net
    region, end = net.region_of_site, net.fcs + net.scs + station
    scs = range(net.fcs, net.fcs + net.scs)
    last = {c: min(costs[c, end].values()) for c in scs if (c, end) in costs}
    home = [c for c in last if region[c] == region[end]]
    feeds = [c for c in home if last[c] == min(last[x] for x in home)]
    origin = [c for c in scs if region[c] == region[f]]

    def one(first: Iterable[int], final: Collection[int]) -> Routes:
        return cheapest(costs, ((f, c, end) for c in first if c in final))

    def two(first: Iterable[int], final: Collection[int]) -> Routes:
        return cheapest(costs, ((f, a, b, end) for a in first for b in final if a != b))

    direct, sort = cheapest(costs, [(f, end)]), scenario.costs.sort_usd
    if region[f] == region[end] and (inside := {**direct, **one(origin, feeds)}):
        return inside
    if between := two(origin, feeds):
        return between
    over_one, over_two = one(scs, scs), two(scs, scs)
    if over_one and min(over_one.values()) + sort <= min(over_two.values(), default=math.inf) + 2 * sort:
        return over_one
    return over_two or direct


def test_a_pair_has_exactly_the_cheapest_route_of_each_allowed_kind(world: tuple[Scenario, Network]) -> None:
    """Where there are several modes: of each kind and combination of modes."""
    scenario, network = world
    costs = lane_costs(scenario, network)
    found: dict[tuple[int, int], list[tuple[tuple[str, ...], float]]] = {}
    for route in network.net.routes:
        modes = tuple(network.lane_modes[route["lanes"][: route["legs"]]].tolist())
        found.setdefault((int(route["fc"]), int(route["station"])), []).append((modes, float(route["rest_cost"][0])))
    for (f, d), routes in found.items():
        expected = expected_routes(scenario, network, costs, f, d)
        legs = [len(modes) for modes, _ in routes]
        assert legs == sorted(legs) and len(dict(routes)) == len(routes)
        assert dict(routes) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["national", "two regions", "five regions"])
def test_routes_stay_in_their_regions(name: str) -> None:
    """Where regions have sort centers and lanes to them: one sort at most inside, two between, each in its region."""
    every_lane = {**MIDDLE["network"], "inject_max_miles": 4000, "last_max_miles": 4000}
    network = build_network(small(**{**MAPS[name], "network": every_lane}))
    region = network.net.region_of_site
    sorting = set(region[network.net.fcs :][: network.net.scs].tolist())
    for p, route in enumerate(network.net.routes):
        sites = stops(network, p)
        at = region[sites].tolist()
        if not {at[0], at[-1]} <= sorting:
            continue
        if route["in_region"]:
            assert route["legs"] <= 2 and len(set(at)) == 1
        else:
            assert route["legs"] == 3 and at == [at[0], at[0], at[3], at[3]]


def test_tables_by_cost_and_distance_are_sorted(world: tuple[Scenario, Network]) -> None:
    net = world[1].net
    routes = net.routes
    for d in range(net.stations):
        own = net.by_cost[0, d][net.by_cost[0, d] >= 0]
        assert set(own.tolist()) == set(np.flatnonzero(routes["station"] == d).tolist())
        assert (np.diff(routes["cost"][own]) >= 0).all()
        for ways, local in ((net.inside[0, d], 1), (net.outside[0, d], 0)):
            assert ways["path"][ways["path"] >= 0].tolist() == own[routes["local"][own] == local].tolist()
        near = net.by_distance[0, d]["path"]
        near = near[near >= 0]
        np.testing.assert_array_equal(net.by_distance[0, d]["fc"][: len(near)], routes["fc"][near])
        assert sorted(routes["fc"][near].tolist()) == list(range(net.fcs))
        assert (np.diff(routes["air_miles"][near]) >= 0).all()
        for p in near:
            assert routes["cost"][p] == routes["cost"][own][routes["fc"][own] == routes["fc"][p]].min()
