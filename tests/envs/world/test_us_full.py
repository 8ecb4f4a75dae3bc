"""The US at its real size, and its thinned version: what is the same, and what is scaled."""

from __future__ import annotations

import numpy as np
import pytest

from regional_dispatch.envs.world.network import Network, build_network
from regional_dispatch.envs.world.scenario import Scenario, load_scenario
from regional_dispatch.envs.world.stock import place_stock

SHARE = 1 / 500
SCALED = ("demand.orders_per_day", "stock.skus", "trucks.capacity_packages")


@pytest.fixture(scope="module")
def full() -> Scenario:
    return load_scenario("us_full")


@pytest.fixture(scope="module")
def networks(full: Scenario) -> tuple[Network, Network]:
    return build_network(full), build_network(load_scenario("us_thin"))


def test_the_thinned_world_is_the_full_one_with_three_numbers_scaled(full: Scenario) -> None:
    thin = load_scenario("us_thin").model_dump()
    wanted = full.model_dump()
    for field in SCALED:
        group, name = field.split(".")
        wanted[group][name] = pytest.approx(wanted[group][name] * SHARE)
    own = ("name", "tests", "horizon_hours")
    assert {k: v for k, v in thin.items() if k not in own} == {k: v for k, v in wanted.items() if k not in own}


def test_sites_lanes_and_routes_are_the_same_and_every_region_has_its_own(networks: tuple[Network, Network]) -> None:
    full, thin = networks
    assert (full.net.fcs, full.net.scs, full.net.stations, full.net.regions) == (110, 60, 400, 8)
    assert full.sites.equals(thin.sites)
    for name in ("origin", "dest", "ticks", "miles"):
        np.testing.assert_array_equal(full.net.lanes[name], thin.net.lanes[name])
    np.testing.assert_array_equal(full.net.routes["lanes"], thin.net.routes["lanes"])
    np.testing.assert_allclose(full.net.routes["cost"], thin.net.routes["cost"])
    for kind in ("fc", "sc", "station"):
        assert full.sites.loc[full.sites["kind"] == kind, "region"].nunique() == 8


def test_sites_of_the_full_world_can_do_what_those_of_the_thinned_one_can(networks: tuple[Network, Network]) -> None:
    """Up to whole lines, packages and trucks."""
    full, thin = (network.net for network in networks)
    works = full.fcs + full.scs
    assert (np.abs(full.site_capacity * SHARE - thin.site_capacity)[:works] <= 6).all()
    assert (np.abs(full.fleet - thin.fleet)[:works] <= 2).all()


def test_the_most_popular_skus_of_the_full_world_fit_their_shelves(
    full: Scenario, networks: tuple[Network, Network]
) -> None:
    """The first SKUs have the highest levels, whatever comes after them."""
    skus = full.stock.model_copy(update={"skus": 8192})
    share = float((np.arange(1, 8193) ** -0.7).sum() / (np.arange(1, 1_000_001) ** -0.7).sum())
    demand = full.demand.model_copy(update={"orders_per_day": full.demand.orders_per_day * share})
    base = place_stock(full.model_copy(update={"stock": skus, "demand": demand}), networks[0])
    assert 15_000 < base.max() <= np.iinfo(np.int16).max
