"""Episodes on common orders: fresh, reused and batched simulators, prices, keys."""

from __future__ import annotations

import pytest

from regional_dispatch.baselines import baseline
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.evaluation.rollouts import evaluate_policies, evaluation_keys, play, rollout
from tests.worlds import SCARCE, TWO_REGIONS, small

WORLD = small(**TWO_REGIONS, horizon_hours=48, warmup_hours=12)
REGIONAL, NATIONAL = baseline("regional_nearest"), baseline("national_nearest+immediate")


def test_batches_and_reuse_give_the_episodes_of_a_fresh_simulator() -> None:
    keys = evaluation_keys(4, seed=1)
    batched = Simulator(WORLD, copies=3)
    expected = [play(WORLD, REGIONAL, key).kpis(0) for key in keys]
    assert rollout(batched, NATIONAL.scorers, keys) != expected
    assert rollout(batched, REGIONAL.scorers, keys) == expected


def test_play_can_stop_while_trucks_are_under_way() -> None:
    sim = play(WORLD, REGIONAL, evaluation_keys(1, seed=1)[0], until=WORLD.horizon_ticks - 1)
    assert sim.tick(0) == WORLD.horizon_ticks - 1
    assert sim.packages_under_way(0) > 0


def test_a_policy_that_wants_prices_gets_them_on_its_schedule() -> None:
    world = small(**SCARCE, horizon_hours=60, warmup_hours=12)
    policy = baseline("shadow_price", {"source.scale": 1.0})
    frame = evaluate_policies(world, {"plain": baseline("least_cost"), "priced": policy}, episodes=2, seed=0)
    cost = frame.groupby("policy")["cost_per_order_usd"].mean()
    assert cost["plain"] != cost["priced"]
    sim = play(world, policy, evaluation_keys(1, seed=0)[0])
    assert sim.state.row["priced"][0] == 1 and sim.state.price[0].max() > 0


@pytest.mark.parametrize(("episodes", "seed"), [(0, 0), (1, -1)])
def test_keys_need_an_episode_and_a_seed(episodes: int, seed: int) -> None:
    with pytest.raises(ValueError, match=f"not {episodes} and {seed}"):
        evaluation_keys(episodes, seed)
