"""The network as a PettingZoo environment: PettingZoo's own tests, and the same world as the other faces."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import gymnasium
import numpy as np
import pytest

pytest.importorskip("pettingzoo", reason="the extra [multiagent] is not installed")

from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test
from pettingzoo.utils import parallel_to_aec

from regional_dispatch.baselines import baseline
from regional_dispatch.envs.kernel.ledger import COMPONENTS
from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.parallel_env import RegionalDispatchParallelEnv, parallel_env
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.vector_env import RegionalDispatchVectorEnv
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import ScenarioError
from regional_dispatch.envs.world.shipped import HOME
from tests.worlds import TWO_REGIONS, small

WORLD = small(**TWO_REGIONS, horizon_hours=30, warmup_hours=6)
AGENTS = ["Region 01", "Region 02"]


@pytest.fixture(scope="module")
def env() -> RegionalDispatchParallelEnv:
    """Two regions; tests begin with `reset`."""
    return RegionalDispatchParallelEnv(WORLD)


def sampled(env: RegionalDispatchParallelEnv, infos: dict[str, dict[str, Any]]) -> dict[str, np.ndarray]:
    """A legal action of every agent."""
    return {agent: env.action_space(agent).sample(infos[agent]["action_mask"]) for agent in env.agents}


def played(env: RegionalDispatchParallelEnv, seed: int | None) -> list[Any]:
    """All that an episode of legal random actions returns, and the last return by itself."""
    returned: list[Any] = [env.reset(seed=seed)]
    for number, agent in enumerate(env.agents):
        env.action_space(agent).seed(number)
    while env.agents:
        returned.append(env.step(sampled(env, returned[-1][-1])))
    return returned


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("options", [{}, {"tables": True, "shared_reward": True}])
def test_pettingzoo_s_own_tests_pass(options: dict[str, Any]) -> None:
    parallel_api_test(parallel_env(WORLD, **options), num_cycles=40)
    parallel_seed_test(lambda: parallel_env(WORLD, **options), num_cycles=40)
    api_test(parallel_to_aec(parallel_env(WORLD, **options)), num_cycles=40)


def test_agents_are_the_regions_until_the_horizon(env: RegionalDispatchParallelEnv) -> None:
    assert env.possible_agents == AGENTS
    observations, infos = env.reset(seed=1)
    for tick in range(1, WORLD.horizon_ticks + 1):
        assert env.agents == AGENTS
        observations, rewards, terminations, truncations, infos = env.step(sampled(env, infos))
        for agent in AGENTS:
            assert env.observation_space(agent).contains(observations[agent])
            assert rewards[agent] * WORLD.reward_scale_usd == pytest.approx(-sum(infos[agent]["costs"].values()))
            assert infos[agent]["tick"] == tick
            assert ("kpis" in infos[agent]) == truncations[agent] == (tick == WORLD.horizon_ticks)
            assert terminations[agent] is False
    assert env.agents == []
    assert set(infos[AGENTS[0]]["kpis"]) == set(KPIS)
    assert not observations[AGENTS[0]]["orders"].any()  # the emptied network, and not the next episode's first orders
    with pytest.raises(gymnasium.error.ResetNeeded, match="call reset"):
        env.step({})


def test_masks_are_those_of_the_observation(env: RegionalDispatchParallelEnv) -> None:
    observations, infos = env.reset(seed=1)
    for _ in range(5):
        for agent in env.agents:
            mask = infos[agent]["action_mask"]
            assert mask.dtype == np.int8
            both = [observations[agent][name].ravel() for name in ("order_mask", "lane_mask")]
            np.testing.assert_array_equal(mask, np.concatenate(both))
        actions = sampled(env, infos)
        for agent in env.agents:
            options = env.action_space(agent).nvec
            assert infos[agent]["action_mask"][np.cumsum(options) - options + actions[agent]].all()
        observations, *_, infos = env.step(actions)


def test_a_seed_gives_the_same_episodes(env: RegionalDispatchParallelEnv) -> None:
    first, second = played(env, 7), played(env, None)
    again, other = played(RegionalDispatchParallelEnv(WORLD), 7), played(env, 8)
    assert equal(first, again)
    assert not equal(first, other)
    assert not equal(first, second)
    played(env, 7)
    assert equal(second, played(env, None))


def test_without_a_seed_every_environment_has_orders_of_its_own() -> None:
    one, other = (RegionalDispatchParallelEnv(WORLD) for _ in range(2))
    assert not equal(played(one, None), played(other, None))


@pytest.mark.parametrize("seed", [-1, 1.5, "1"])
def test_a_seed_is_a_whole_number_of_any_size(env: RegionalDispatchParallelEnv, seed: Any) -> None:
    with pytest.raises(ScenarioError, match=r"seed = .*: must be a whole number"):
        env.reset(seed=seed)
    for right in (np.int64(3), 2**80):
        env.reset(seed=right)  # type: ignore[arg-type]
        assert env.agents == AGENTS


def equal(first: Any, second: Any) -> bool:
    """Are two nested returns the same?"""
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(equal(first[name], second[name]) for name in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(equal, first, second))
    return bool(np.array_equal(first, second))


@pytest.mark.parametrize("tables", [False, True])
def test_it_is_the_vector_environment_s_world(tables: bool) -> None:
    env, vector = RegionalDispatchParallelEnv(WORLD, tables=tables), RegionalDispatchVectorEnv(2, WORLD, tables=tables)
    observations, infos = env.reset(seed=5)
    batch, _ = vector.reset(seed=5)
    for _ in range(WORLD.horizon_ticks - 1):
        for r, agent in enumerate(AGENTS):
            for name, array in observations[agent].items():
                np.testing.assert_array_equal(array, batch[name][r])
        actions = sampled(env, infos)
        observations, rewards, _, _, infos = env.step(actions)
        batch, reward, *_ = vector.step(np.stack([actions[agent] for agent in AGENTS]))
        assert list(rewards.values()) == reward.tolist()


def test_options_give_the_episode_of_an_evaluation(env: RegionalDispatchParallelEnv) -> None:
    """Agents that follow a rule pay what the compiled episode of that key pays, hour of the week included."""
    policy, key = baseline("regional_nearest+hybrid"), episode_key("evaluate", 3, 1)
    observations, infos = env.reset(options={"key": key, "week_tick": 40})
    paid = np.zeros((2, len(COMPONENTS)))
    while env.agents:
        observations, *_, infos = env.step({agent: policy.predict(observations[agent])[0] for agent in AGENTS})
        paid += [list(infos[agent]["costs"].values()) for agent in AGENTS]
    sim = Simulator(WORLD)
    sim.reset(0, key, 40)
    sim.run(policy.scorers)
    np.testing.assert_allclose(paid, sim.state.accrual[0], atol=1e-6)


@pytest.mark.parametrize("options", [{"key": -1}, {"key": 2**64}, {"key": 1.5}, {"week_tick": "0"}, {"key": True}])
def test_options_out_of_range_are_refused(env: RegionalDispatchParallelEnv, options: dict[str, Any]) -> None:
    with pytest.raises(ScenarioError, match="must be a whole number"):
        env.reset(options=options)


def test_an_unknown_option_is_named(env: RegionalDispatchParallelEnv) -> None:
    with pytest.warns(UserWarning, match="option 'keys' is not read; there are: key, week_tick"):
        env.reset(options={"keys": 1})


def test_a_shared_reward_is_the_mean_of_the_regions() -> None:
    own, shared = (played(RegionalDispatchParallelEnv(WORLD, shared_reward=yes), 3) for yes in (False, True))
    for (_, mine, *_), (_, ours, *_, infos) in zip(own[1:], shared[1:], strict=True):
        assert list(ours.values()) == pytest.approx([np.mean(list(mine.values()))] * 2)
        assert len({sum(infos[agent]["costs"].values()) for agent in AGENTS}) > 1 or not any(mine.values())


def test_state_shows_all_regions_and_lanes(env: RegionalDispatchParallelEnv) -> None:
    observations, infos = env.reset(seed=2)
    for _ in range(8):
        observations, *_, infos = env.step(sampled(env, infos))
    assert env.state_space.contains(env.state())
    parts = [observations[agent][name] for agent in AGENTS for name in ("region", "lanes")]
    np.testing.assert_array_equal(env.state(), np.concatenate(parts))


WRONG: dict[str, tuple[Any, str]] = {
    "short": (lambda right: right[:-1], "shape"),
    "none": (lambda right: None, "shape"),
    "a table": (lambda right: right[None], "shape"),
    "ragged": (lambda right: [[0], *right[1:].tolist()], "no array of integers"),
    "fractions": (lambda right: right + 0.5, "dtype float64"),
    "not a number": (lambda right: np.full(right.shape, np.nan), "dtype float64"),
    "text": (lambda right: right.astype(str), "dtype <U"),
    "negative": (lambda right: right - 1, r"action\[0\] = -1: the order slot 0 takes 0…"),
    "large": (lambda right: np.where(np.arange(len(right)) == 3, 2**40, right), r"action\[3\] = 109951162777"),
}  # fmt: skip


@pytest.mark.parametrize("kind", list(WRONG))
def test_malformed_actions_name_their_agent_and_change_nothing(env: RegionalDispatchParallelEnv, kind: str) -> None:
    change, message = WRONG[kind]
    env.reset(seed=1)
    right = np.zeros(env.action_space(AGENTS[0]).shape, np.int64)
    before = env.sim.state.row.copy()
    with pytest.raises(gymnasium.error.InvalidAction, match=f"agent 'Region 02'.*{message}"):
        env.step({AGENTS[0]: right, AGENTS[1]: change(right)})
    np.testing.assert_array_equal(env.sim.state.row, before)
    env.step({agent: right.tolist() for agent in AGENTS})


@pytest.mark.parametrize("names", [[], AGENTS[:1], [*AGENTS, "Region 03"], [0, 1]])
def test_every_agent_has_one_action(env: RegionalDispatchParallelEnv, names: list[Any]) -> None:
    env.reset(seed=1)
    right = np.zeros(env.action_space(AGENTS[0]).shape, np.int64)
    with pytest.raises(gymnasium.error.InvalidAction, match="must be one per agent of Region 01, Region 02"):
        env.step(dict.fromkeys(names, right))
    for wrong in (None, right, [right, right]):
        with pytest.raises(gymnasium.error.InvalidAction, match="must be a dictionary, agent → action"):
            env.step(wrong)  # type: ignore[arg-type]


def test_step_needs_a_reset() -> None:
    with pytest.raises(gymnasium.error.ResetNeeded, match="call reset"):
        RegionalDispatchParallelEnv(WORLD).step({})


def test_the_map_is_drawn_on_request() -> None:
    env = RegionalDispatchParallelEnv(WORLD, render_mode="rgb_array")
    env.reset(seed=1)
    frame = env.render()
    assert frame is not None and frame.ndim == 3 and frame.dtype == np.uint8
    env.close()
    with pytest.raises(ScenarioError, match="render_mode = 'human'"):
        RegionalDispatchParallelEnv(WORLD, render_mode="human")


def test_without_pettingzoo_the_rest_works_and_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['pettingzoo'] = None;"
        "import gymnasium, regional_dispatch;"
        "gymnasium.make('RegionalDispatch-v0', scenario='small').reset(seed=0);"
        "regional_dispatch.RegionalDispatchVectorEnv(scenario='small').reset();\n"
        "try: regional_dispatch.parallel_env\n"
        "except gymnasium.error.DependencyNotInstalled as error: print(error)"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=HOME)
    assert "needs the package 'pettingzoo'; install it with: pip install 'regional-dispatch[multiagent]'" in told.stdout


def test_thousands_of_malformed_actions_are_refused(env: RegionalDispatchParallelEnv) -> None:
    env.reset(seed=1)
    rng, size = np.random.default_rng(0), env.action_space(AGENTS[0]).shape[0]
    right = np.zeros(size, np.int64)
    for _ in range(2000):
        wrong: Any = rng.integers(-(2**62), 2**62, size=rng.integers(0, 2 * size)).astype(
            rng.choice(list("bhilBHILdO"))
        )
        if len(wrong) == size and wrong.dtype.kind in "iu" and ((wrong >= 0) & (wrong < 2)).all():
            continue
        with pytest.raises(gymnasium.error.InvalidAction, match="agent 'Region 01'"):
            env.step({AGENTS[0]: wrong, AGENTS[1]: right})
    assert env.sim.tick(0) == 0
