"""Placement of stock: which FC carries what, and how much."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.levers import Layout
from regional_dispatch.envs.world.network import Network, build_network
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError
from regional_dispatch.envs.world.stock import own_region_first, place_stock, velocity_classes
from regional_dispatch.envs.world.stock.regional import highest_averages
from regional_dispatch.planning.stock.market import build_market, line_coverage
from tests.worlds import TWO_REGIONS, US8, small


def placed(scenario: Scenario) -> np.ndarray:
    return place_stock(scenario, build_network(scenario))


def test_stock_too_large_to_count_is_an_error() -> None:
    with pytest.raises(ScenarioError, match=r"base-stock level of .* does not fit"):
        placed(small(demand={"orders_per_day": 5e6}))


def test_the_layout_seed_moves_the_stock_and_nothing_else() -> None:
    one, same, other = (Simulator(small(layout_seed=seed)) for seed in (1, 1, 2))
    assert (one.world.base_stock[0] == same.world.base_stock[0]).all()
    assert (one.world.base_stock[0] != other.world.base_stock[0]).any()
    assert (one.world.net.fleet == other.world.net.fleet).all()


def test_every_sku_stands_somewhere_and_breadth_follows_velocity() -> None:
    scenario = small(network={"fulfillment_centers": 10}, stock={"skus": 100, "breadth": (0.8, 0.5, 0.2)})
    assert (placed(scenario) > 0).sum(axis=1).tolist() == [8] * 10 + [5] * 30 + [2] * 60


# ---------------------------------------------------------------------------------------------------------- layouts

LAYOUTS = ("spread", "scattered", "regional")
REGIONS: dict[str, Any] = {
    **US8,
    "network": {"fulfillment_centers": 24, "sort_centers": 8, "stations": 40},
    "demand": {"orders_per_day": 1500},
    "stock": {"skus": 300, "breadth": (0.45, 0.2, 0.13)},
}


@pytest.fixture(scope="module")
def world() -> tuple[Scenario, Network, dict[str, np.ndarray]]:
    scenario = small(**REGIONS)
    network = build_network(scenario)
    return scenario, network, {name: place_stock(scenario, network, Layout(layout=name)) for name in LAYOUTS}


def test_layouts_differ_by_where_stock_stands_alone(
    world: tuple[Scenario, Network, dict[str, np.ndarray]],
) -> None:
    scenario, _, layouts = world
    velocity, spread = velocity_classes(scenario), layouts["spread"].astype(int)
    for name in ("scattered", "regional"):
        base = layouts[name].astype(int)
        assert (base != spread).any()
        np.testing.assert_array_equal((base > 0).sum(axis=1), (spread > 0).sum(axis=1))
        np.testing.assert_array_equal(*(np.bincount(velocity, each.sum(axis=1)) for each in (base, spread)))


def test_the_layout_of_a_scenario_is_the_one_that_is_placed(
    world: tuple[Scenario, Network, dict[str, np.ndarray]],
) -> None:
    _, network, layouts = world
    for name in LAYOUTS:
        scenario = small(**{**REGIONS, "stock": {**REGIONS["stock"], "layout": name}})
        np.testing.assert_array_equal(place_stock(scenario, network), layouts[name])


def test_stock_follows_the_regions(world: tuple[Scenario, Network, dict[str, np.ndarray]]) -> None:
    scenario, network, layouts = world
    market = build_market(scenario, network)
    scattered, spread, regional = (line_coverage(market, layouts[name]) for name in ("scattered", "spread", "regional"))
    assert scattered < spread < regional - 0.05


@pytest.mark.parametrize("layout", ["scattered", "regional"])
def test_every_layout_follows_the_layout_seed(layout: str) -> None:
    one, same, other = (
        placed(small(**TWO_REGIONS, layout_seed=seed, stock={"layout": layout, "breadth": (0.5, 0.5, 0.25)}))
        for seed in (1, 1, 2)
    )
    assert (one == same).all() and (one != other).any()


def test_scattered_stock_stands_where_buildings_are_large() -> None:
    scenario = small(
        network={"fulfillment_centers": 10, "stations": 40}, stock={"skus": 2000, "breadth": (0.1, 0.1, 0.1)}
    )
    network = build_network(scenario)
    size = network.net.site_capacity[:10].astype(float)
    carried = (place_stock(scenario, network, Layout(layout="scattered")) > 0).mean(axis=0)
    np.testing.assert_allclose(carried, size / size.sum(), atol=0.03)


def test_a_regional_fc_holds_stock_for_customers_of_its_region_first() -> None:
    scenario = small(**TWO_REGIONS, stock={"breadth": (1, 1, 1), "skus": 30, "layout": "regional"})
    network = build_network(scenario)
    net = network.net
    levels, of_fc = placed(scenario), net.region_of_site[: net.fcs]
    demand = np.bincount(net.region_of_site[net.fcs + net.scs :], network.station_share, 2)
    units = np.bincount(of_fc, levels[0].astype(float), 2)
    np.testing.assert_allclose(units / units.sum(), demand, atol=0.02)
    tried = own_region_first(network)
    of_station = net.region_of_site[net.fcs + net.scs :]
    for d, fcs in enumerate(tried):
        own = of_fc[fcs] == of_station[d]
        assert (np.diff(own.astype(int)) <= 0).all(), "an FC of another region is tried before one of its own"


def test_places_of_a_sku_are_divided_over_regions_by_demand() -> None:
    """Sainte-Laguë with averages .5, .3, .2, .167, .1, .1, …; the second region has one FC."""
    seats = highest_averages(np.array([0.5, 0.3, 0.2]), np.array([3, 1, 2]))
    expected = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1], [2, 1, 1], [3, 1, 1], [3, 1, 2]]
    assert seats.tolist() == expected


def test_a_region_without_fc_is_served_by_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "sites.csv").write_text(
        "name,kind,latitude,longitude,population\nF1,fc,40,-100,0\nF2,fc,40,-80,0\nS1,station,40,-99,5\n"
        "S2,station,40,-81,4\nS3,station,40,-85,2\n",
        encoding="utf-8",
    )
    lanes = "".join(f"F{f},S{s},{miles}\n" for f, s, miles in
                    ((1, 1, 60), (1, 2, 999), (1, 3, 900), (2, 1, 999), (2, 2, 60), (2, 3, 300)))  # fmt: skip
    (tmp_path / "lanes.csv").write_text("origin,destination,miles\n" + lanes, encoding="utf-8")
    (tmp_path / "regions.csv").write_text("site,region\nF1,A\nF2,B\nS1,A\nS2,B\nS3,C\n", encoding="utf-8")
    scenario = Scenario.model_validate(
        {
            "name": "three", "partition": {"kind": "file", "path": str(tmp_path / "regions.csv")},
            "network": {
                "kind": "tables", "sites": str(tmp_path / "sites.csv"), "lanes": str(tmp_path / "lanes.csv")
            },
            "stock": {"skus": 10, "breadth": (0.5, 0.5, 0.5), "layout": "regional"},
        }
    )  # fmt: skip
    assert (placed(scenario) > 0).sum(axis=0).tolist() == [0, 10], "B has the demand of C too, more than A has"


@pytest.mark.parametrize("layout", ["scattered", "regional"])
def test_a_world_without_orders_holds_one_unit_in_each_place(layout: str) -> None:
    base = placed(small(**TWO_REGIONS, demand={"orders_per_day": 0}, stock={"layout": layout}))
    assert np.unique(base).tolist() == [0, 1]
