"""Stock algorithms on single decisions: they take the legal actions, learn, and play elsewhere as they play here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3 import DQN, PPO

from regional_dispatch.agents.config import PpoConfig
from regional_dispatch.agents.export import load_policy
from regional_dispatch.agents.stock.candidate_policy import CandidatePolicy
from regional_dispatch.agents.stock.candidate_q import CandidateQPolicy
from regional_dispatch.agents.stock.follow import FollowLearner
from regional_dispatch.agents.stock.joint import JointPolicy
from regional_dispatch.agents.stock.train import train_stock
from regional_dispatch.agents.stock.vec_env import DecisionVecEnv
from regional_dispatch.agents.training.run import Run
from regional_dispatch.baselines import baseline
from regional_dispatch.envs.dispatch_env import RegionalDispatchEnv
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.streams.layout import COLUMN_COUNT, LEGAL
from regional_dispatch.envs.world.demand import episode_key
from tests.worlds import TWO_REGIONS, small

WORLD = small(**TWO_REGIONS, horizon_hours=60, warmup_hours=6)
LEAST_COST = baseline("least_cost")
SMALL_PPO: dict[str, Any] = {"n_steps": 8, "batch_size": 256, "n_epochs": 4, "learning_rate": 3e-3, "seed": 0}
SMALL_DQN: dict[str, Any] = {"learning_starts": 128, "batch_size": 128, "train_freq": (1, "step"), "seed": 0}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def env(streams: int = 64, **arguments: Any) -> DecisionVecEnv:
    return DecisionVecEnv(streams, scenario=WORLD, credit="own", background=LEAST_COST.scorers, **arguments)


def learners() -> dict[str, Any]:
    return {
        "maskable_ppo": MaskablePPO(CandidatePolicy, env(), device="cpu", **SMALL_PPO),
        "ppo": PPO(CandidatePolicy, env(), device="cpu", **SMALL_PPO),
        "dqn": DQN(CandidateQPolicy, env(), device="cpu", **SMALL_DQN),
    }


@pytest.mark.parametrize("name", ["maskable_ppo", "ppo", "dqn"])
def test_an_exported_policy_decides_as_the_model_does(name: str) -> None:
    model = learners()[name]
    model.learn(1024)
    joint, exported = JointPolicy(model), ScorerPolicy(model.policy.scorers())
    world = RegionalDispatchEnv(WORLD)
    seen, _ = world.reset(seed=0)
    decided = 0
    for _ in range(24):
        action, _ = exported.predict(seen)
        np.testing.assert_array_equal(joint.predict(seen)[0], action)
        decided += int((seen["order_mask"].sum(axis=1) > 1).sum() + seen["lane_mask"].all(axis=1).sum())
        seen, *_ = world.step(action)
    assert decided > 50


@pytest.mark.parametrize("name", ["maskable_ppo", "ppo"])
def test_only_legal_actions_are_taken(name: str) -> None:
    model = learners()[name]
    seen = model.env.reset()
    for _ in range(10):
        action, _ = model.predict(seen, deterministic=False)
        table = seen.reshape(len(seen), -1, COLUMN_COUNT)
        assert (np.take_along_axis(table[..., LEGAL], action[:, None], axis=1) == 1).all()
        seen, *_ = model.env.step(action)


@pytest.mark.slow
def test_ppo_learns_to_cost_less_than_the_nearest_rule() -> None:
    model = MaskablePPO(CandidatePolicy, env(256), device="cpu", **SMALL_PPO)
    before = cost(model.policy.scorers())
    model.learn(60_000, callback=FollowLearner(after=40_000))
    after = cost(model.policy.scorers())
    assert after < cost(baseline("regional_nearest").scorers) < before
    assert model.env.background is not LEAST_COST.scorers


def cost(scorers: Any) -> float:
    sim, found = Simulator(WORLD), []
    for i in range(4):
        sim.reset(0, episode_key("tune", 0, i))
        sim.run(scorers)
        found.append(sim.kpis(0)["cost_per_order_usd"])
    return float(np.mean(found))


def test_relative_to_a_base_rule_it_starts_as_the_rule_and_is_not_exported() -> None:
    policy = {"base_score": 6.0}
    model = MaskablePPO(
        CandidatePolicy, env(base=LEAST_COST.scorers), policy_kwargs=policy, device="cpu", **SMALL_PPO
    )  # fmt: skip
    with pytest.raises(ValueError, match="relative to a base rule cannot be exported"):
        model.policy.scorers()
    joint = JointPolicy(model, LEAST_COST)
    world = RegionalDispatchEnv(WORLD)
    seen, _ = world.reset(seed=0)
    for _ in range(24):
        action = LEAST_COST.predict(seen)[0]
        np.testing.assert_array_equal(joint.predict(seen)[0], action)
        seen, *_ = world.step(action)


def test_whole_streams_tell_stable_baselines3_where_an_episode_is_cut() -> None:
    streams = DecisionVecEnv(2, scenario=small(**TWO_REGIONS, horizon_hours=8, warmup_hours=1))
    streams.reset()
    ended = np.zeros(2, bool)
    while not ended.any():
        seen, _, ended, infos = streams.step(np.zeros(2, np.int64))
    row = int(np.flatnonzero(ended)[0])
    assert infos[row]["TimeLimit.truncated"]
    assert infos[row]["terminal_observation"].shape == seen[row].shape


def test_a_saved_model_is_loaded_with_its_sizes(tmp_path: Path) -> None:
    model = MaskablePPO(CandidatePolicy, env(), policy_kwargs={"hidden": 8}, device="cpu", **SMALL_PPO)
    model.save(tmp_path / "model.zip")
    loaded = MaskablePPO.load(tmp_path / "model.zip", device="cpu")
    seen = model.env.reset()
    np.testing.assert_array_equal(*(one.predict(seen, deterministic=True)[0] for one in (model, loaded)))


def test_a_training_leaves_a_policy_curve_and_configuration(tmp_path: Path) -> None:
    run = Run(WORLD, PpoConfig(eval_episodes=1), 10**9, 3, tmp_path, "train_stock")
    train_stock("dqn", run, 0.2)
    policy = load_policy(tmp_path)
    assert policy.metadata["algorithm"] == "dqn"
    assert policy.seen == {("train", 3), ("tune", 3)}
    assert (tmp_path / "config.yaml").exists() and len((tmp_path / "curve.csv").read_text().splitlines()) >= 3
