"""Ten thousand malformed actions on every face: a clear error each, and the episode goes on as if nothing had come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import pytest
from gymnasium.error import InvalidAction, ResetNeeded

from regional_dispatch.agents.mixed_vec_env import vec_env
from regional_dispatch.envs.dispatch_env import RegionalDispatchEnv
from regional_dispatch.envs.vector_env import RegionalDispatchVectorEnv
from tests.worlds import TWO_REGIONS, small

WORLD = small(**TWO_REGIONS, horizon_hours=24, warmup_hours=2)
OTHER = small(**TWO_REGIONS, horizon_hours=24, warmup_hours=2, slots={"orders": 12})
ACTIONS = 10_000
HUGE = (-1, 2**31, 2**40, 2**62, -(2**63), 2**63 - 1)


class Face(NamedTuple):
    """An environment as somebody steps it."""

    env: Any
    shape: tuple[int, ...]  # of what `step` takes
    below: np.ndarray  # first value that is too large, by entry of a row


def single() -> Face:
    env = RegionalDispatchEnv(WORLD)
    return Face(env, env.action_space.shape, env.action_space.nvec)


def vector(**arguments: Any) -> Face:
    env = RegionalDispatchVectorEnv(scenario=WORLD, **arguments)
    return Face(env, env.action_space.shape, env.single_action_space.nvec)


def sb3(*worlds: Any) -> Face:
    env = vec_env(worlds, len(worlds))
    return Face(env, (env.num_envs, *env.action_space.shape), env.action_space.nvec)  # type: ignore[attr-defined]


FACES: dict[str, Callable[[], Face]] = {
    "single": single,
    "vector": lambda: vector(num_envs=4),
    "vector, cut off": lambda: vector(num_envs=3),
    "vector, one region": lambda: vector(num_envs=2, region=1),
    "vector, same step": lambda: vector(num_envs=2, autoreset_mode="SameStep"),
    "stable-baselines3": lambda: sb3(WORLD),
    "stable-baselines3, two networks": lambda: sb3(WORLD, OTHER),
}


def malformed(rng: np.random.Generator, face: Face) -> Any:
    """An action that is not in the space."""
    action = rng.integers(face.below, size=face.shape)
    at = tuple(rng.integers(face.shape).tolist())
    kind = rng.integers(12)
    if kind < 4:  # one number out of its range, a little or by far, in some type
        action[at] = rng.choice(HUGE) if rng.random() < 0.5 else face.below[at[-1]] + rng.integers(3)
        return action if kind < 3 or action[at] < 0 else action.astype(np.uint64)
    if kind == 4:
        return action.astype(rng.choice(["float64", "float32", "complex128", "datetime64[s]", "str"]))
    if kind == 5:
        return np.where(rng.random(face.shape) < 0.01, rng.choice([np.nan, np.inf, -np.inf]), action.astype(float))
    if kind == 6:
        return np.resize(action, rng.integers(0, 2 * max(face.shape), size=rng.integers(0, 4)))[..., None][..., 0:1]
    if kind == 7:
        return np.delete(action, 0, axis=int(rng.integers(len(face.shape))))
    if kind == 8:
        return action[None] if rng.random() < 0.5 else action[..., None]
    if kind == 9:
        return action.astype(object)
    if kind == 10:
        return [[1, 2], [3]] if rng.random() < 0.5 else action.tolist()[:-1]
    return rng.choice(np.array([None, 3, 2**70, "go", {}, {1: 2}, b"x", 1.5, object()], dtype=object))


@pytest.mark.parametrize("name", FACES)
def test_malformed_actions_are_refused_and_change_nothing(name: str) -> None:
    face, undisturbed = FACES[name](), FACES[name]()
    rng, actions = np.random.default_rng(1), np.random.default_rng(2)
    for one in (face, undisturbed):
        one.env.reset(**({} if "stable" in name else {"seed": 1}))
    each = ACTIONS // len(FACES) // 20 + 1
    for _ in range(20):
        for _ in range(each):
            with pytest.raises(InvalidAction, match="action"):
                face.env.step(malformed(rng, face))
        legal = actions.integers(face.below, size=face.shape)
        got, expected = face.env.step(legal), undisturbed.env.step(legal)
        for key, seen in expected[0].items():
            np.testing.assert_array_equal(got[0][key], seen)
        np.testing.assert_array_equal(got[1], expected[1])


@pytest.mark.parametrize("name", FACES)
def test_a_step_needs_a_running_episode(name: str) -> None:
    face = FACES[name]()
    nothing = np.zeros(face.shape, np.int64)
    for _ in range(2):
        with pytest.raises(ResetNeeded, match="call reset"):
            face.env.step(nothing)
    face.env.reset()
    face.env.step(nothing)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_step_after_the_end_changes_nothing(wrapped: bool) -> None:
    env = RegionalDispatchEnv(WORLD)
    outer: gymnasium.Env[Any, Any] = gymnasium.wrappers.TimeLimit(env, WORLD.horizon_ticks) if wrapped else env
    outer.reset(seed=3)
    nothing = np.zeros(env.action_space.shape, np.int64)
    for _ in range(WORLD.horizon_ticks):
        *_, truncated, info = outer.step(nothing)
    assert truncated
    for _ in range(3):
        with pytest.raises(ResetNeeded, match="after the end of the episode"):
            outer.step(nothing)
        assert env.kpis() == info["kpis"]


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "uint8", "uint64", "bool"])
def test_whole_numbers_of_every_kind_are_taken(dtype: str) -> None:
    env = RegionalDispatchEnv(WORLD)
    legal = np.ones(env.action_space.shape, dtype)
    rewards = []
    for action in (legal.astype(np.int64), legal, legal.tolist()):
        env.reset(seed=3)
        rewards.append([env.step(action)[1] for _ in range(8)])
    assert rewards[0] == rewards[1] == rewards[2]
