"""Placement of stock: which FC carries what, and how much."""

from __future__ import annotations

import numpy as np
import pytest

from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError
from regional_dispatch.envs.world.stock import place_stock
from tests.worlds import small


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
