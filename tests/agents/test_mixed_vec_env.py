"""Several networks side by side: each is what it is alone, and one policy learns from all of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.vec_env import VecMonitor

from regional_dispatch.agents.config import PpoConfig, load_ppo
from regional_dispatch.agents.export import load_policy
from regional_dispatch.agents.mixed_vec_env import MixedVecEnv, vec_env
from regional_dispatch.agents.ppo import RegionalPPO
from regional_dispatch.agents.training.run import Run, train, training_worlds, tuning_worlds
from regional_dispatch.agents.vec_env import RegionalVecEnv
from regional_dispatch.baselines import baseline
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError
from tests.worlds import TWO_REGIONS, small

THREE_REGIONS = {"partition": {"kind": "balanced", "regions": 3}}
SHORT = {"horizon_hours": 24, "warmup_hours": 2}
WORLDS = [
    small(**TWO_REGIONS, **SHORT),
    small(**THREE_REGIONS, **SHORT, network={"fulfillment_centers": 9, "stations": 12}, demand={"orders_per_day": 900}),
]

QUICK: dict[str, Any] = {
    "n_steps": 12, "batch_size": 512, "n_epochs": 2, "policy_kwargs": {"hidden": 8, "critic_hidden": 8},
}  # fmt: skip


@pytest.fixture
def mixed() -> MixedVecEnv:
    env = vec_env(WORLDS, copies=4, seed=3)
    assert isinstance(env, MixedVecEnv)
    return env


def alone(number: int) -> RegionalVecEnv:
    """One of the networks by itself, with the copies it has among the others."""
    return RegionalVecEnv(WORLDS[number], 2, 3, among=(2 * number, 4))


def legal(masks: np.ndarray, nvec: np.ndarray) -> np.ndarray:
    """The last legal value of every slot: (rows, slots)."""
    groups = np.split(masks, np.cumsum(nvec)[:-1], axis=1)
    return np.stack([group.shape[1] - 1 - group[:, ::-1].argmax(axis=1) for group in groups], axis=1)


def test_every_network_plays_as_it_does_alone(mixed: MixedVecEnv) -> None:
    parts = [alone(0), alone(1)]
    rows = [slice(0, 4), slice(4, 10)]
    assert mixed.num_envs == 10
    seen, own = mixed.reset(), [part.reset() for part in parts]
    ended = np.zeros(10, bool)
    while not ended.any():
        for name, array in seen.items():
            assert mixed.observation_space[name].shape == array.shape[1:]  # type: ignore[index]
            for part, of in zip(own, rows, strict=True):
                width = part[name].shape[1]
                np.testing.assert_array_equal(array[of, :width], part[name])
        masks = mixed.action_masks()
        assert masks.shape == (10, mixed.action_space.nvec.sum())  # type: ignore[attr-defined]
        actions = legal(masks, mixed.action_space.nvec)  # type: ignore[attr-defined]
        seen, rewards, ended, infos = mixed.step(actions)
        for number, (part, of) in enumerate(zip(parts, rows, strict=True)):
            choices = legal(part.action_masks(), part.action_space.nvec)  # type: ignore[attr-defined]
            own[number], wanted, over, _ = part.step(choices)
            np.testing.assert_array_equal(rewards[of], wanted)
            np.testing.assert_array_equal(ended[of], over)
    last = infos[0]["terminal_observation"]
    assert {name: array.shape for name, array in last.items()} == {n: a.shape[1:] for n, a in seen.items()}


def test_slots_that_a_network_lacks_have_one_legal_value(mixed: MixedVecEnv) -> None:
    seen = mixed.reset()
    for mask in ("order_mask", "lane_mask"):
        lacking = seen[mask][:4, alone(0).observation_space[mask].shape[0] :]  # type: ignore[index]
        assert lacking.shape[1] > 0
        assert (lacking[..., 0] == 1).all() and (lacking[..., 1:] == 0).all()


def test_copies_of_all_networks_start_at_staggered_hours_with_orders_of_their_own(mixed: MixedVecEnv) -> None:
    mixed.reset()
    hours = [part.region_rows.week_tick(copy) for part in mixed.parts for copy in range(2)]
    assert hours == [0, 42, 84, 126]
    keys = {int(part.sim.state.row["key"][copy]) for part in mixed.parts for copy in range(2)}
    assert len(keys) == 4


def test_one_policy_learns_from_all_networks(mixed: MixedVecEnv) -> None:
    model = RegionalPPO("DispatchPolicy", VecMonitor(mixed), seed=0, device="cpu", **QUICK)
    before = {name: array.clone() for name, array in model.policy.state_dict().items()}
    model.learn(4 * 12 * mixed.num_envs)
    episodes = [part.region_rows.episodes.tolist() for part in mixed.parts]
    assert episodes == [[3, 3]] * 2  # two of 24 ticks each are over
    after = model.policy.state_dict()
    assert all(torch.isfinite(array).all() for array in after.values())
    assert any(not torch.equal(before[name], after[name]) for name in before)
    action, _ = model.predict(mixed.reset(), deterministic=True)
    assert action.shape == (10, len(mixed.action_space.nvec))  # type: ignore[attr-defined]


def test_a_restored_learner_goes_on_as_the_saved_one(mixed: MixedVecEnv, tmp_path: Path) -> None:
    update = 12 * mixed.num_envs
    model = RegionalPPO("DispatchPolicy", mixed, seed=0, device="cpu", **QUICK)
    model.learn(3 * update)  # past the horizon of 24 ticks
    kept = {name: array.copy() for name, array in model.snapshot().items()}
    model.save(tmp_path / "learner.zip")
    twin = RegionalPPO.load(tmp_path / "learner.zip", env=vec_env(WORLDS, copies=4, seed=3), device="cpu")
    twin.restore(kept)
    for learner in (model, twin):
        torch.manual_seed(1)
        np.random.seed(1)
        learner.learn(2 * update, reset_num_timesteps=False)
    wanted, found = ({**one.snapshot(), **one.policy.state_dict()} for one in (model, twin))
    assert wanted.keys() == found.keys()
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
    assert any((wanted[name] != array).any() for name, array in kept.items() if wanted[name].shape == array.shape)


def test_training_on_generated_networks_writes_a_policy_and_goes_on(tmp_path: Path) -> None:
    ppo = PpoConfig(networks=2, copies=2, n_steps=4, eval_episodes=1, hidden=8, critic_hidden=8)
    scenario: Scenario = WORLDS[0]
    rivals = {"least_cost": baseline("least_cost")}
    run = Run(scenario, ppo, timesteps=40, seed=0, out=tmp_path, command="train")
    assert [world.name for world in (*training_worlds(scenario, ppo), *tuning_worlds(scenario, ppo))] == [
        "train_0",
        "train_1",
        "tune_0",
    ]
    train(run, rivals)
    assert load_policy(tmp_path).scorers
    checkpoint = max((tmp_path / "checkpoints").glob("*.safetensors"))
    done = int(checkpoint.stem)
    longer = replace(run, timesteps=done + 40)
    train(longer, rivals, checkpoint=checkpoint)
    assert int(max((tmp_path / "checkpoints").glob("*.safetensors")).stem) > done


@pytest.mark.parametrize(
    ("setting", "message"),
    [({"networks": "3"}, "copies 4 must be a multiple of networks"),
     ({"networks": "2", "weights": "per_region"}, "set weights: shared")],
)  # fmt: skip
def test_networks_that_do_not_fit_are_refused(setting: dict[str, str], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        load_ppo("configs/ppo/default.yaml", setting)
