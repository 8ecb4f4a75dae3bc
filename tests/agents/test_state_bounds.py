"""States of every kind of world are within the bounds, and what is beyond them is refused."""

from __future__ import annotations

import numpy as np
import pytest

from regional_dispatch.agents.state_bounds import check_state
from regional_dispatch.baselines import baseline
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from tests.worlds import TWO_REGIONS, WORLDS, small


@pytest.mark.parametrize("reevaluate", [False, True])
@pytest.mark.parametrize("name", WORLDS)
def test_a_state_that_was_simulated_is_within_its_bounds(name: str, reevaluate: bool) -> None:
    sim = Simulator(small(**WORLDS[name]), reevaluate=reevaluate)
    sim.keep_journeys(64)
    sim.sample_lanes(64)
    for episode in range(2):
        sim.reset(0, episode_key("train", 1, episode))
        for until in range(1, sim.world.rules.horizon_tick + 1, 5):
            sim.run(baseline("least_cost+hybrid").scorers, until=until)
            check_state(sim)


@pytest.mark.parametrize(
    ("array", "field", "value"),
    [
        ("package", "next", 10**6), ("package", "route", 10**6), ("lane", "head", -2), ("queue", "tail", 10**6),
        ("line", "sku", -1), ("line", "station", 99), ("row", "fresh", 10**6), ("row", "tick", -1), ("active", "", 99),
        ("arriving", "", 10**6), ("candidate", "", 10**6), ("line_first", "", -1), ("journey", "leader", 10**6),
        ("cash", "", np.nan), ("go", "", 2),
    ],
)  # fmt: skip
def test_a_number_out_of_bounds_is_named(array: str, field: str, value: float) -> None:
    sim = Simulator(small(**TWO_REGIONS))
    sim.reset(0, episode_key("train", 1, 0))
    sim.run(baseline("least_cost").scorers, until=20)
    found = getattr(sim.state, array)
    (found[field] if field else found).reshape(-1)[-1] = value
    with pytest.raises(ValueError, match=rf"state\.{array}"):
        check_state(sim)
