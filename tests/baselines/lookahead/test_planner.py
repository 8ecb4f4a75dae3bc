"""A policy that looks ahead on drawn futures, or on orders that it is told."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest

from regional_dispatch.baselines import BaselineError, baseline
from regional_dispatch.baselines.lookahead.changes import KINDS, alternatives, most_promising
from regional_dispatch.baselines.lookahead.futures import Futures
from regional_dispatch.baselines.lookahead.options import Options
from regional_dispatch.baselines.lookahead.planner import Lookahead, _levels
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import Scenario, load_scenario
from regional_dispatch.evaluation.rollouts import evaluate_policies, evaluation_keys

COST = "cost_per_order_usd"
BASE = baseline("least_cost")


@pytest.fixture(scope="module")
def world() -> Scenario:
    return load_scenario("small", {"horizon_hours": "48"})


@pytest.fixture(scope="module")
def short() -> Scenario:
    """For what must hold in any episode."""
    return load_scenario("small", {"horizon_hours": "24"})


def thorough(known_hours: float = 0.0, **options: Any) -> Lookahead:
    return Lookahead(BASE, Options(thorough=1, **options), known_hours)


def costs(player: Lookahead, world: Scenario, episodes: int = 2) -> list[float]:
    return [row[COST] for row in player.rollout(world, evaluation_keys(episodes, 0))]


def plain(world: Scenario, episodes: int = 2) -> list[float]:
    frame = evaluate_policies(world, {"least_cost": BASE}, episodes, 0)
    return [float(cost) for cost in frame[COST]]


def test_told_all_orders_it_never_costs_more(world: Scenario) -> None:
    """Every change it keeps is cheaper in the only future there is."""
    told, base = costs(thorough(math.inf), world, 3), plain(world, 3)
    assert all(own <= other + 1e-9 for own, other in zip(told, base, strict=True))
    assert sum(told) < sum(base) - 0.01


def test_told_all_orders_the_episode_is_cheaper_by_what_its_changes_save(world: Scenario) -> None:
    key, base, real, player = evaluation_keys(1, 0)[0], Simulator(world), Simulator(world), thorough(math.inf)
    base.reset(0, key)
    base.run(BASE.scorers)
    row = player.episode(real, key)
    saved = {kind: row[f"{kind}_saved_usd"] for kind in KINDS}
    assert base.totals(0).episode_usd - real.totals(0).episode_usd == pytest.approx(sum(saved.values()))
    assert all((saved[kind] > 0) == (row[f"{kind}_changes"] > 0) for kind in KINDS)
    assert saved["send"] > 0


def test_regions_together_find_about_the_same_and_never_cost_more(world: Scenario) -> None:
    """Told all orders: at least half of what one change at a time saves, though regions share trucks and customers."""
    base, slow = plain(world, 3), costs(thorough(math.inf), world, 3)
    fast = costs(Lookahead(BASE, Options(), math.inf), world, 3)
    assert all(own <= other + 1e-9 for own, other in zip(fast, base, strict=True))
    assert sum(base) - sum(fast) > 0.5 * (sum(base) - sum(slow))


def test_a_change_names_every_region_whose_dollars_it_changes_at_once(world: Scenario) -> None:
    """That of a customer far away too, who pays less for the rest of the way once the truck has left."""
    sim = Simulator(world)
    sim.reset(0, 3)
    futures, draws = Lookahead(BASE, Options(futures=2, hours=0)).futures(sim), np.arange(2, dtype=np.uint64)
    beyond_the_ends = 0
    for tick in range(20, 47):
        sim.run(BASE.scorers, tick)
        sim.begin(0)
        sim.decide(0, BASE.scorers)
        best = futures.dollars(sim, [], draws)
        for change in alternatives(sim):
            at_once = (futures.dollars(sim, [change], draws) - best).mean(axis=0)
            others = [r for r in range(sim.regions) if r not in change.regions]
            assert at_once[others] == pytest.approx(0, abs=1e-9)
            if change.kind == "send":
                ends = sim.world.net.lanes[change.place[1]][["origin", "dest"]].tolist()
                beyond_the_ends += change.regions != set(sim.world.net.region_of_site[list(ends)].tolist())
        sim.finish(0)
    assert beyond_the_ends


@pytest.mark.parametrize("options", [Options(margin=1e9, futures=8), Options(margin=1e9, futures=3, thorough=1)])
def test_where_nothing_is_clearly_cheaper_the_base_policy_decides(short: Scenario, options: Options) -> None:
    """Trying decisions leaves no trace in the episode."""
    assert costs(Lookahead(BASE, options), short) == pytest.approx(plain(short), abs=1e-12)


@pytest.mark.parametrize(("hours", "same"), [(0.0, True), (12.0, False)])
def test_it_knows_no_orders_but_those_it_is_told(world: Scenario, hours: float, same: bool) -> None:
    """Two episodes alike up to now and apart from then on: with nothing told they look alike."""
    found = []
    for key in evaluation_keys(2, 0):
        sim = Simulator(world)
        sim.reset(0, 1)
        sim.run(BASE.scorers, 8)
        sim.begin(0)
        sim.decide(0, BASE.scorers)
        sim.state.row["key"] = key
        player = thorough(hours, futures=4)
        found.append(player.futures(sim).dollars(sim, [], np.arange(4, dtype=np.uint64)))
    assert np.array_equal(*found) == same


def test_a_short_future_ends_with_what_is_under_way_at_standard_cost(world: Scenario) -> None:
    sim = Simulator(world)
    sim.reset(0, 1)
    sim.run(BASE.scorers, 30)
    sim.begin(0)
    sim.decide(0, BASE.scorers)
    draws = np.arange(3, dtype=np.uint64)
    short, whole = (
        Lookahead(BASE, Options(futures=3, hours=hours)).futures(sim).dollars(sim, [], draws) for hours in (2, 99)
    )
    assert short.shape == (3, sim.regions)
    assert (sim.state.cash[0].sum() < short.sum(axis=1)).all() and (short.sum(axis=1) < whole.sum(axis=1)).all()


def test_the_same_episode_is_played_the_same_again(short: Scenario) -> None:
    player = Lookahead(BASE, Options(futures=4))
    again = pickle.loads(pickle.dumps(player))
    assert costs(player, short, 1) == costs(again, short, 1)
    assert player.digest == again.digest != Lookahead(BASE, Options(futures=5)).digest


def test_the_fullest_held_trucks_of_a_region_are_tried_first(world: Scenario) -> None:
    sim = Simulator(world)
    sim.reset(0, 3)
    sim.run(BASE.scorers, 40)
    sim.begin(0)
    sim.decide(0, BASE.scorers)
    found = alternatives(sim)
    held = [change for change in most_promising(found, 1, 0) if change.kind == "send"]
    assert len(held) == len({change.region for change in held}) > 1
    for change in held:
        rivals = [other.promise for other in found if other.kind == "send" and other.region == change.region]
        assert change.promise == min(rivals)


def test_units_priced_by_an_lp_are_refused() -> None:
    with pytest.raises(BaselineError, match=r"'shadow_price.*name another"):
        Lookahead(baseline("shadow_price"))


def test_a_change_is_tried_on_more_and_more_futures() -> None:
    assert [_levels(count) for count in (2, 8, 24, 96, 512)] == [[1], [2], [8], [8, 32], [8, 32, 128]]


def test_more_futures_than_are_played_together_are_played_in_batches(short: Scenario) -> None:
    sim = Simulator(short)
    sim.reset(0, 1)
    sim.begin(0)
    sim.decide(0, BASE.scorers)
    draws = np.arange(7, dtype=np.uint64)
    whole, batches = (Futures(short, copies, BASE.scorers, math.inf).dollars(sim, [], draws) for copies in (7, 3))
    assert whole.shape == (7, sim.regions) and np.array_equal(whole, batches)
