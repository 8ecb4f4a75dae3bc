"""Rows and regions on several threads."""

from __future__ import annotations

from typing import Any

import pytest

from regional_dispatch.baselines import baseline
from regional_dispatch.baselines.pricing import simulator_for
from regional_dispatch.envs.policy import Pricing
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from tests.worlds import SCARCE, TIGHT, TWO_REGIONS, lane_price, small, snapshot

POLICY = baseline("least_cost+hybrid").scorers
WORLDS: dict[str, dict[str, Any]] = {"tight": TIGHT, "scarce": SCARCE}


def run(sim: Simulator, threads: int) -> list[dict[str, Any]]:
    for row in range(sim.copies):
        sim.reset(row, episode_key("tune", 3, row), week_tick=7 * row)
    sim.run(POLICY, 60, threads=threads)
    halfway = [snapshot(sim, row) for row in range(sim.copies)]
    sim.run(POLICY, threads=threads)
    return halfway + [snapshot(sim, row) for row in range(sim.copies)]


@pytest.mark.parametrize("copies", [1, 5])
@pytest.mark.parametrize("world", WORLDS)
def test_any_number_of_threads_gives_the_same(world: str, copies: int) -> None:
    scenario = small(**{**TWO_REGIONS, **WORLDS[world]})
    alone = run(Simulator(scenario, copies), threads=1)
    for threads in (2, 7):
        assert run(Simulator(scenario, copies), threads=threads) == alone


def test_rows_that_outgrow_their_room_while_others_run_lose_nothing() -> None:
    scenario = small(**TWO_REGIONS)
    roomy, narrow = Simulator(scenario, 3), Simulator(scenario, 3)
    few = narrow.world.rules.order_slots * narrow.regions + 1
    narrow.state = narrow.state._replace(
        package=narrow.state.package[:, :few].copy(), tag=narrow.state.tag[:, :few].copy()
    )
    assert run(narrow, threads=3) == run(roomy, threads=1)
    assert narrow.state.package.shape[1] > few


def test_prices_of_units_and_lanes_are_the_same_on_threads() -> None:
    scenario = small(**{**TWO_REGIONS, **SCARCE})
    found = []
    for threads in (1, 4):
        sim = simulator_for(scenario, Pricing(24.0))
        sim.reset(0, episode_key("tune", 0, 0))
        sim.run(POLICY._replace(price=lane_price(alone=1.0, slack=-0.5)), threads=threads)
        found.append(snapshot(sim, 0))
    assert found[0] == found[1]
