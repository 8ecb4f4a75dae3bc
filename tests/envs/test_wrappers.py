"""Gymnasium's wrappers and vector environments around the single environment and the batch."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import wrappers
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AsyncVectorEnv, AutoresetMode
from gymnasium.wrappers import vector as vector_wrappers

from regional_dispatch.envs import ENV_ID
from regional_dispatch.envs.vector_env import RegionalDispatchVectorEnv
from tests.worlds import TWO_REGIONS, small

WORLD = small(**TWO_REGIONS, horizon_hours=12, warmup_hours=2)
HORIZON = WORLD.horizon_ticks
MODES = list(AutoresetMode)


def single(**arguments: Any) -> gymnasium.Env[Any, Any]:
    return gymnasium.make(ENV_ID, scenario=WORLD, **arguments)


def batch(num_envs: int = 3, **arguments: Any) -> RegionalDispatchVectorEnv:
    return gymnasium.make_vec(ENV_ID, num_envs=num_envs, scenario=WORLD, **arguments)  # type: ignore[return-value]


def legal(env: Any) -> np.ndarray:
    return env.action_space.sample(mask=env.unwrapped.action_masks())


# ------------------------------------------------------------------------------------------- the single environment


def test_the_specification_of_a_made_environment_has_the_horizon() -> None:
    env = single()
    assert env.spec.max_episode_steps == env.unwrapped.spec.max_episode_steps == HORIZON
    assert single(max_episode_steps=5).spec.max_episode_steps == 5
    assert gymnasium.spec(ENV_ID).max_episode_steps is None  # the registered one knows no scenario


@pytest.mark.parametrize("by", ["specification", "text"])
def test_an_environment_made_from_its_specification_ends_in_the_same_step(by: str) -> None:
    first = gymnasium.make(ENV_ID, scenario="small", overrides={"horizon_hours": 12, "warmup_hours": 2})
    again = gymnasium.make(first.spec if by == "specification" else EnvSpec.from_json(first.spec.to_json()))
    assert again.spec.max_episode_steps == HORIZON
    for env in (first, again):
        env.reset(seed=1)
        ends = [env.step(legal(env))[2:4] for _ in range(HORIZON)]
        assert ends == [(False, False)] * (HORIZON - 1) + [(False, True)]


def test_statistics_have_the_length_and_the_return() -> None:
    env = wrappers.RecordEpisodeStatistics(single())
    for _ in range(2):
        env.reset()
        rewards = []
        for _ in range(HORIZON):
            _, reward, *_, info = env.step(legal(env))
            rewards.append(reward)
        assert info["episode"]["l"] == HORIZON
        assert info["episode"]["r"] == pytest.approx(sum(rewards))


@pytest.mark.parametrize(
    "wrap",
    [
        wrappers.NormalizeReward,
        wrappers.FlattenObservation,
        lambda env: wrappers.NormalizeObservation(wrappers.FlattenObservation(env)),
        lambda env: wrappers.TimeLimit(env, HORIZON),
        lambda env: wrappers.TimeAwareObservation(wrappers.FlattenObservation(env)),
        wrappers.Autoreset,
    ],
    ids=["NormalizeReward", "FlattenObservation", "NormalizeObservation", "TimeLimit", "TimeAware", "Autoreset"],
)
def test_wrappers_play_an_episode(wrap: Any) -> None:
    env = wrap(single())
    env.reset(seed=1)
    for _ in range(HORIZON):
        seen, reward, terminated, truncated, _ = env.step(legal(env))
    assert truncated and not terminated
    assert np.isfinite(reward)
    assert env.observation_space.contains(seen)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))], ids=["copy", "pickle"])
def test_a_copy_goes_on_alone(copied: Any) -> None:
    env = single()
    env.reset(seed=3)
    for _ in range(4):
        env.step(legal(env))
    other = copied(env)
    before = env.unwrapped.sim.state.cash.copy()
    actions = [env.action_space.sample() for _ in range(5)]
    theirs = [other.step(action) for action in actions]
    np.testing.assert_array_equal(env.unwrapped.sim.state.cash, before)
    ours = [env.step(action) for action in actions]
    for (seen, reward, *_), (other_seen, other_reward, *_) in zip(ours, theirs, strict=True):
        assert reward == other_reward
        for name in seen:
            np.testing.assert_array_equal(seen[name], other_seen[name])
    np.testing.assert_array_equal(env.reset()[0]["orders"], other.reset()[0]["orders"])
    assert other.spec.max_episode_steps == HORIZON


@pytest.mark.parametrize("mode", MODES)
def test_gymnasiums_own_vector_environment_takes_the_single_one(mode: AutoresetMode) -> None:
    env = gymnasium.make_vec(
        ENV_ID, num_envs=2, vectorization_mode="sync", vector_kwargs={"autoreset_mode": mode}, scenario=WORLD
    )
    _, infos = env.reset(seed=[1, 2])
    assert infos["action_mask"].shape == (2, env.single_action_space.nvec.sum())
    for _ in range(HORIZON):
        *_, truncated, infos = env.step(env.action_space.sample())
    assert truncated.all()
    assert "kpis" in (infos["final_info"] if mode is AutoresetMode.SAME_STEP else infos)


def test_processes_of_their_own_take_the_single_environment() -> None:
    env = AsyncVectorEnv([single, single])
    env.reset(seed=[1, 2], options={"week_tick": 3})
    for _ in range(3):
        seen, *_ = env.step(env.action_space.sample())
    assert env.observation_space.contains(seen)
    assert env.get_attr("region") == (0, 0)
    env.close()


# ---------------------------------------------------------------------------------------------------------- the batch


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("arguments", [{}, {"region": 1}], ids=["shared", "one region"])
def test_vector_statistics_have_the_length_and_the_return(mode: AutoresetMode, arguments: dict[str, Any]) -> None:
    env = vector_wrappers.RecordEpisodeStatistics(batch(autoreset_mode=mode, **arguments))
    env.reset(seed=1)
    total, length, found = np.zeros(env.num_envs), 0, 0
    while found < 2:
        _, reward, _, truncated, infos = env.step(legal(env))
        total, length = total + reward, length + 1
        if truncated.any():
            np.testing.assert_allclose(infos["episode"]["r"], total)
            assert infos["episode"]["l"].tolist() == [HORIZON] * env.num_envs
            assert infos["_episode"].all()
            found, total, length = found + 1, total * 0, 0
            if mode is AutoresetMode.DISABLED:
                env.reset(options={"reset_mask": np.ones(env.num_envs, bool)})
    assert list(env.length_queue) == [HORIZON] * 2 * env.num_envs


@pytest.mark.parametrize(
    "wrap",
    [
        vector_wrappers.NormalizeReward,
        vector_wrappers.FlattenObservation,
        lambda envs: vector_wrappers.NormalizeObservation(vector_wrappers.FlattenObservation(envs)),
        vector_wrappers.DictInfoToList,
        lambda envs: vector_wrappers.ClipReward(envs, -1, 0),
    ],
    ids=["NormalizeReward", "FlattenObservation", "NormalizeObservation", "DictInfoToList", "ClipReward"],
)
def test_vector_wrappers_play_episodes(wrap: Any) -> None:
    env = wrap(batch())
    env.reset(seed=1)
    ends = []
    for _ in range(2 * (HORIZON + 1)):
        _, reward, _, truncated, _ = env.step(legal(env))
        assert np.isfinite(reward).all()
        ends.append(bool(truncated.all()))
    assert ends == ([False] * (HORIZON - 1) + [True, False]) * 2


def test_information_as_a_list_is_that_of_the_rows() -> None:
    env = vector_wrappers.DictInfoToList(batch(autoreset_mode=AutoresetMode.SAME_STEP))
    _, infos = env.reset(seed=1)
    assert [set(info) for info in infos] == [{"costs", "cash", "tick", "action_mask"}] * 3
    for _ in range(HORIZON):
        *_, infos = env.step(legal(env))
    for info in infos:
        assert info["final_info"]["tick"] == HORIZON
        assert info["final_info"]["kpis"]["cost_per_order_usd"] > 0
        assert set(info["final_obs"]) == set(env.single_observation_space)


@pytest.mark.parametrize("face", ["single", "batch"])
def test_a_video_is_recorded(face: str, tmp_path: Path) -> None:
    pytest.importorskip("moviepy", reason="the extra [video]")
    made = single(render_mode="rgb_array") if face == "single" else batch(2, render_mode="rgb_array")
    wrapper = wrappers.RecordVideo if face == "single" else vector_wrappers.RecordVideo
    folder = tmp_path / "videos"
    env = wrapper(made, str(folder), episode_trigger=lambda _: True, video_length=4)  # type: ignore[operator]
    env.reset(seed=1)
    for _ in range(5):
        env.step(legal(env))
    env.close()
    assert [path.suffix for path in folder.iterdir()] == [".mp4"]
    assert next(folder.iterdir()).stat().st_size > 5_000
