"""Placement of stock for regions: never above storage, never above the bound."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError, Stock
from regional_dispatch.envs.world.stock import base_stock, place_stock
from regional_dispatch.planning.stock.bound import coverage_bound
from regional_dispatch.planning.stock.market import Market, build_market, line_coverage, order_coverage
from regional_dispatch.planning.stock.placements import fastest_everywhere, in_proportion, optimise
from tests.worlds import TWO_REGIONS, small


def toy(daily: list[float], factor: float = 1.0, west: float = 0.6) -> Market:
    """Two stations and two FCs in the west, one of each in the east; a review and a lead time are a day."""
    share = np.array([0.7 * west, 0.3 * west, 1 - west])
    near = np.array([[0, 1, 2], [1, 0, 2], [2, 1, 0]], dtype=np.int32)
    stock = Stock(skus=len(daily), review_hours=12, lead_time_hours=12, safety_factor=factor)
    home = np.array([0, 0, 1])
    return Market(
        stock, np.array(daily), share, near, home, home, (np.array([0, 1]), np.array([2])), np.array([0.6, 0.4])
    )


def levels(market: Market, placed: np.ndarray) -> np.ndarray:
    return base_stock(market.stock, market.daily, market.station_share, market.near, placed)


def best_by_force(market: Market, storage: np.ndarray) -> float | None:
    """The most lines covered by any choice of FCs for every SKU; None if none fits."""
    choices = [np.array(row) for row in product([False, True], repeat=len(storage)) if any(row)]
    found = [
        line_coverage(market, np.array(placed))
        for placed in product(choices, repeat=len(market.daily))
        if (levels(market, np.array(placed)).sum(axis=0) <= storage).all()
    ]
    return max(found, default=None)


def sums(base: np.ndarray) -> np.ndarray:
    return base.sum(axis=0, dtype=np.int64)


# ------------------------------------------------------------------------------------------------------ the optimiser


@settings(max_examples=50)
@given(
    daily=st.lists(st.floats(0.1, 20), min_size=1, max_size=3),
    factor=st.floats(0, 2),
    west=st.floats(0.1, 0.9),
    storage=st.lists(st.integers(0, 40), min_size=3, max_size=3),
)
def test_what_is_reached_fits_and_lies_below_what_is_possible(
    daily: list[float], factor: float, west: float, storage: list[int]
) -> None:
    market, room = toy(sorted(daily, reverse=True), factor, west), np.array(storage)
    possible = best_by_force(market, room)
    try:
        best = optimise(market, room)
    except ScenarioError as error:
        assert "found no place for every SKU" in str(error)
        return
    assert possible is not None, "it found a placement where there is none"
    assert (sums(best.base) <= room).all()
    np.testing.assert_array_equal(best.base, levels(market, best.base > 0))
    assert line_coverage(market, best.base) <= possible + 1e-9
    assert possible <= best.bound.lines + 1e-9


@pytest.mark.parametrize("storage", [(9, 9, 9), (14, 0, 6), (12, 4, 3), (11, 13, 7), (30, 30, 30)])
def test_it_finds_what_trying_everything_finds(storage: tuple[int, ...]) -> None:
    market, room = toy([6.0, 3.0, 1.0]), np.array(storage)
    assert line_coverage(market, optimise(market, room).base) == pytest.approx(best_by_force(market, room))


def test_a_bound_is_reached_where_storage_is_ample() -> None:
    market = toy([6.0, 3.0, 1.0])
    best = optimise(market, np.array([40, 40, 40]))
    assert line_coverage(market, best.base) == pytest.approx(1) and best.bound.lines == 1
    assert order_coverage(market, best.base) == pytest.approx(1)


def test_an_order_is_covered_if_all_its_lines_are() -> None:
    """East has the first SKU alone, 2 / 3 of its lines; four orders of ten have two lines."""
    market = toy([4.0, 2.0])
    base = levels(market, np.array([[True, False, True], [True, False, False]]))
    east = 2 / 3
    assert line_coverage(market, base) == pytest.approx(0.6 + 0.4 * east)
    assert order_coverage(market, base) == pytest.approx(0.6 + 0.4 * (0.6 * east + 0.4 * east**2))


def test_a_sku_that_leaves_a_region_is_stocked_for_its_customers_elsewhere() -> None:
    market = toy([10.0], factor=0)
    both, one = (levels(market, np.array([row])) for row in ([True, False, True], [False, True, False]))
    assert both.tolist() == [[6, 0, 4]] and one.tolist() == [[0, 10, 0]]


def test_storage_that_is_too_small_is_refused() -> None:
    market = toy([6.0, 3.0])
    for place in (coverage_bound, optimise, fastest_everywhere):
        with pytest.raises(ScenarioError, match=r"storage of 6 units: found no place for every SKU; give more storage"):
            place(market, np.array([2, 2, 2]))


# ------------------------------------------------------------------------------------------------------- its rivals


def test_rivals_keep_to_the_same_storage() -> None:
    world = small(**TWO_REGIONS)
    network = build_network(world)
    market, base = build_market(world, network), place_stock(world, network)
    storage = sums(base)
    fastest, split = fastest_everywhere(market, storage), in_proportion(market, storage, base)
    for placed in (fastest, split, optimise(market, storage).base):
        assert (sums(placed) <= storage).all() and (placed.sum(axis=1) > 0).all()
    np.testing.assert_array_equal(split.sum(axis=1), base.sum(axis=1))
    widths = np.stack([(fastest[:, own] > 0).any(axis=1) for own in market.fcs_of], axis=1).sum(axis=1)
    assert widths[0] == 2 and (np.diff(widths) <= 0).all(), "the fastest stand in both regions, the rest in one"


def test_units_in_proportion_follow_demand() -> None:
    market, base = toy([6.0, 3.0, 1.0]), np.array([[5, 5, 0], [0, 5, 5], [2, 1, 1]])
    split = in_proportion(market, np.array([30, 30, 30]), base)
    assert split[:, 2].tolist() == [4, 4, 2] and split[:, :2].sum(axis=1).tolist() == [6, 6, 2]


# --------------------------------------------------------------------------------------------------------- the world


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stock": {"safety_factor": -0.5}}, r"small: stock.safety_factor = -0.5: must be 0 or more"),
        ({"demand": {"orders_per_day": 0}}, r"small: demand.orders_per_day = 0: must be above 0"),
    ],
)
def test_a_world_without_a_new_placement_is_refused(changes: dict[str, Any], message: str) -> None:
    world = small(**TWO_REGIONS, **changes)
    with pytest.raises(ScenarioError, match=message):
        build_market(world, build_network(world))


def test_an_fc_that_cannot_reach_a_station_is_named(tmp_path: Path) -> None:
    (tmp_path / "sites.csv").write_text(
        "name,kind,latitude,longitude,population\nF1,fc,40,-100,0\nF2,fc,41,-90,0\nS1,station,40,-99,1\nS2,station,41,-91,1\n",
        encoding="utf-8",
    )
    (tmp_path / "lanes.csv").write_text("origin,destination,miles\nF1,S1,60\nF2,S2,60\nF1,S2,500\n", encoding="utf-8")
    network = {"kind": "tables", "sites": str(tmp_path / "sites.csv"), "lanes": str(tmp_path / "lanes.csv")}
    world = Scenario.model_validate({"name": "cut off", "network": network})
    with pytest.raises(ScenarioError, match="no route from 'F2' to 'S1'; add lanes"):
        build_market(world, build_network(world))
