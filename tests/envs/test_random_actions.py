"""Arrays of any shape, type and content at every face: a clear error, or a step. `make test-checked` finds any index
that goes astray."""

from __future__ import annotations

from functools import cache
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import InvalidAction
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from regional_dispatch.envs.decision_env import RegionalDecisionEnv
from regional_dispatch.envs.decision_vector_env import RegionalDecisionVectorEnv
from regional_dispatch.envs.dispatch_env import RegionalDispatchEnv
from regional_dispatch.envs.parallel_env import RegionalDispatchParallelEnv
from regional_dispatch.envs.vector_env import RegionalDispatchVectorEnv
from regional_dispatch.envs.world.errors import ScenarioError
from tests.worlds import TWO_REGIONS, small

WORLD = small(**TWO_REGIONS, horizon_hours=48, warmup_hours=2)
FACES = {
    "single": lambda: RegionalDispatchEnv(WORLD),
    "vector": lambda: RegionalDispatchVectorEnv(num_envs=3, scenario=WORLD),
    "parallel": lambda: RegionalDispatchParallelEnv(WORLD),
    "decision, whole": lambda: RegionalDecisionEnv(WORLD),
    "decision, own": lambda: RegionalDecisionEnv(WORLD, credit="own", follow_hours=4),
    "decisions, whole": lambda: RegionalDecisionVectorEnv(num_envs=2, scenario=WORLD),
    "decisions, own": lambda: RegionalDecisionVectorEnv(num_envs=5, scenario=WORLD, credit="own", follow_hours=4),
}


@cache
def face(name: str) -> Any:
    return FACES[name]()


def shapes(env: Any) -> st.SearchStrategy[Any]:
    space = env.action_space(env.possible_agents[0]) if callable(env.action_space) else env.action_space
    right = st.just(space.shape)
    return right | right | arrays.array_shapes(min_dims=0, max_dims=3, max_side=5) | right.map(lambda s: s[1:])


def actions(env: Any) -> st.SearchStrategy[Any]:
    kinds = arrays.integer_dtypes(endianness="=") | arrays.boolean_dtypes() | arrays.floating_dtypes(endianness="=")
    small_numbers = arrays.arrays(np.int64, shapes(env), elements=st.integers(-1, 12), fill=st.integers(0, 1))
    zeros = shapes(env).map(lambda shape: np.zeros(shape, np.int64))
    return arrays.arrays(kinds, shapes(env)) | small_numbers | zeros | st.none() | st.text(max_size=2)


@pytest.mark.parametrize("name", FACES)
@settings(max_examples=60)
@given(data=st.data())
def test_any_array_is_refused_or_played(name: str, data: st.DataObject) -> None:
    env = face(name)
    env.reset(seed=data.draw(st.integers(0, 2**70)))
    for _ in range(3):
        action = data.draw(actions(env))
        if callable(env.action_space):
            action = data.draw(st.just(dict.fromkeys(env.possible_agents, action)) | st.just({"nowhere": action}))
        try:
            env.step(action)
        except (InvalidAction, gymnasium.error.ResetNeeded) as error:
            assert len(str(error)) > 10


pytestmark = pytest.mark.filterwarnings("ignore:.*is not read")  # PettingZoo's own test passes an option
VALUES = st.integers(-3, 2**70) | st.floats() | st.none() | st.lists(st.integers(-1, 9))


@pytest.mark.parametrize("name", FACES)
@settings(max_examples=40)
@given(
    seed=st.none() | st.integers(-5, 2**80) | st.floats() | st.text(max_size=2) | st.booleans(),
    options=st.none() | st.dictionaries(st.sampled_from(["key", "week_tick", "reset_mask", "x"]), VALUES),
)
def test_any_seed_and_options_are_refused_or_taken(name: str, seed: Any, options: Any) -> None:
    env = face(name)
    try:
        env.reset(seed=seed, options=options)
    except ScenarioError as error:
        assert len(str(error)) > 10
