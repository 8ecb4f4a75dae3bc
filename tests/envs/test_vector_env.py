"""The batched faces of the environment: Gymnasium's vector environment and stable-baselines3's VecEnv."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

from regional_dispatch.agents.vec_env import RegionalVecEnv
from regional_dispatch.baselines import baseline
from regional_dispatch.envs import ENV_ID
from regional_dispatch.envs.dispatch_env import RegionalDispatchEnv
from regional_dispatch.envs.faces.rows import RegionRows
from regional_dispatch.envs.kernel.ledger import COMPONENTS
from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.vector_env import RegionalDispatchVectorEnv
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import ScenarioError
from tests.worlds import TWO_REGIONS, small

WORLD = small(**TWO_REGIONS, horizon_hours=30, warmup_hours=6)
REGIONS, COPIES = 2, 3
ROWS = REGIONS * COPIES


@pytest.fixture(scope="module")
def vector() -> RegionalDispatchVectorEnv:
    """Three copies of two regions; tests begin with `reset`."""
    return RegionalDispatchVectorEnv(ROWS, WORLD)


@pytest.fixture(scope="module")
def sb3() -> RegionalVecEnv:
    """The same for stable-baselines3."""
    return RegionalVecEnv(WORLD, COPIES, seed=4)


def waiting_orders(rows: RegionRows, copy: int) -> list[list[tuple[int, ...]]]:
    """The lines up for decision in each region of a copy."""
    s = rows.sim.state
    fields = ["sku", "order", "ordered", "due", "station", "units"]
    rings = [np.roll(s.line[copy, r], -s.line_first[copy, r]) for r in range(rows.sim.regions)]
    return [ring[: s.slots[copy, r]][fields].tolist() for r, ring in enumerate(rings)]


# ------------------------------------------------------------------------------------------------- Gymnasium's face


def test_make_vec_gives_the_batched_environment() -> None:
    made = gymnasium.make_vec(ENV_ID, num_envs=4, vectorization_mode="vector_entry_point", scenario=WORLD)
    assert isinstance(made.unwrapped, RegionalDispatchVectorEnv)
    assert made.num_envs == 4
    assert made.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    observation, _ = made.reset(seed=1)
    assert made.observation_space.contains(observation)
    made.close()


def test_spaces_are_the_single_environments_once_per_row(vector: RegionalDispatchVectorEnv) -> None:
    single = RegionalDispatchEnv(WORLD)
    assert vector.single_observation_space == single.observation_space
    assert vector.single_action_space == single.action_space
    observation, _ = vector.reset(seed=1)
    for name, array in observation.items():
        assert array.shape == (ROWS, *single.observation_space[name].shape)
    observation, reward, terminated, truncated, infos = vector.step(vector.action_space.sample())
    assert vector.observation_space.contains(observation)
    assert reward.shape == terminated.shape == truncated.shape == (ROWS,)
    assert terminated.dtype == truncated.dtype == bool
    assert tuple(infos["costs"]) == COMPONENTS
    np.testing.assert_allclose(reward * WORLD.reward_scale_usd, -sum(infos["costs"].values()), atol=1e-6)


def test_one_copy_is_the_default() -> None:
    assert RegionalDispatchVectorEnv(scenario=WORLD).num_envs == REGIONS


@pytest.mark.parametrize("num_envs", [0, -2, 1.5, True, "4"])
def test_the_number_of_rows_is_a_whole_number(num_envs: Any) -> None:
    with pytest.raises(ScenarioError, match=f"num_envs = {num_envs!r}: must be a whole number ≥ 1"):
        RegionalDispatchVectorEnv(num_envs, WORLD)


@pytest.mark.parametrize("num_envs", [1, 3])
def test_regions_without_a_row_follow_the_background(num_envs: int) -> None:
    """Rows of a batch that is cut off see and pay what they do where the other regions play the same rule."""
    rule = baseline("national_nearest+hybrid")
    few = RegionalDispatchVectorEnv(num_envs, WORLD, background=rule.scorers)
    whole = RegionalDispatchVectorEnv(-(-num_envs // REGIONS) * REGIONS, WORLD)
    seen, all_seen = few.reset(seed=3)[0], whole.reset(seed=3)[0]
    rng = np.random.default_rng(1)
    for _ in range(WORLD.horizon_ticks):
        for name in seen:
            np.testing.assert_array_equal(seen[name], all_seen[name][:num_envs])
        actions = rng.integers(few.single_action_space.nvec, size=few.action_space.shape)
        by_rule, _ = rule.predict({name: part[num_envs:] for name, part in all_seen.items()})
        seen, reward, *_ = few.step(actions)
        all_seen, rewards, *_ = whole.step(np.concatenate([actions, by_rule]))
        np.testing.assert_allclose(reward, rewards[:num_envs], atol=1e-9)


def test_rows_of_one_region_are_single_environments() -> None:
    """Each in a copy of its own, with the same background."""
    vector = RegionalDispatchVectorEnv(3, WORLD, region="Region 02", tables=True)
    assert (vector.sim.copies, vector.get_attr("region"), vector.get_attr("copy")) == (3, (1, 1, 1), (0, 1, 2))
    keys = [episode_key("evaluate", 0, number) for number in range(3)]
    seen, _ = vector.reset(options={"key": keys, "week_tick": [0, 10, 20]})
    singles = [RegionalDispatchEnv(WORLD, region=1, tables=True) for _ in keys]
    for copy, single in enumerate(singles):
        single.reset(options={"key": keys[copy], "week_tick": 10 * copy})
    rng = np.random.default_rng(1)
    for _ in range(WORLD.horizon_ticks):
        actions = rng.integers(vector.single_action_space.nvec, size=vector.action_space.shape)
        seen, reward, _, truncated, infos = vector.step(actions)
        for row, single in enumerate(singles):
            alone, alone_reward, _, alone_truncated, info = single.step(actions[row])
            assert (reward[row], truncated[row], infos["tick"][row]) == (alone_reward, alone_truncated, info["tick"])
            np.testing.assert_array_equal(infos["action_mask"][row], info["action_mask"])
            for group in ("costs", "cash"):
                assert {name: column[row] for name, column in infos[group].items()} == info[group]
            for name in alone:
                np.testing.assert_array_equal(seen[name][row], alone[name])


@pytest.mark.parametrize("region", ["Atlantis", 2, 1.0])
def test_an_unknown_region_is_named_beside_those_there_are(region: Any) -> None:
    with pytest.raises(ScenarioError, match="Region 01, Region 02"):
        gymnasium.make_vec(ENV_ID, num_envs=2, scenario=WORLD, region=region)


def test_an_unknown_scenario_is_named() -> None:
    with pytest.raises(ScenarioError, match="us9"):
        RegionalDispatchVectorEnv(scenario="us9")


def test_rows_of_a_copy_share_its_orders_and_copies_do_not(vector: RegionalDispatchVectorEnv) -> None:
    vector.reset(seed=5)
    for _ in range(12):
        vector.step(np.zeros((ROWS, *vector.single_action_space.shape), np.int64))
    rows = vector.region_rows
    numbers = [[line[1] for region in waiting_orders(rows, copy) for line in region] for copy in range(COPIES)]
    assert numbers[0] != numbers[1]
    first, second = waiting_orders(rows, 0)
    assert first
    assert second
    stations = rows.sim.network.net.region_of_site[-rows.sim.network.net.stations :]
    assert {int(stations[line[4]]) for line in first} <= {0}
    assert {int(stations[line[4]]) for line in second} <= {1}
    assert not {line[1] for line in first} & {line[1] for line in second}  # one numbering of orders, parted by region


def test_the_same_seed_gives_the_same_batch(vector: RegionalDispatchVectorEnv) -> None:
    def play(seed: int) -> list[np.ndarray]:
        observation, _ = vector.reset(seed=seed)
        rng, seen = np.random.default_rng(0), [observation["orders"]]
        for _ in range(WORLD.horizon_ticks + 5):
            actions = rng.integers(vector.single_action_space.nvec, size=vector.action_space.shape)
            observation, reward, *_ = vector.step(actions)
            seen += [observation["orders"], observation["lanes"], reward]
        return seen

    first, again, other = play(7), play(7), play(8)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any((a != b).any() for a, b in zip(first, other, strict=True))


def test_copies_start_spread_over_the_week(vector: RegionalDispatchVectorEnv) -> None:
    observation, _ = vector.reset(seed=2)
    assert [vector.region_rows.week_tick(copy) for copy in range(COPIES)] == [0, 56, 112]
    week = observation["region"][::REGIONS, 2:4]
    assert len(np.unique(week.round(4), axis=0)) == COPIES


def test_returned_observations_are_the_users_own(vector: RegionalDispatchVectorEnv) -> None:
    observation, _ = vector.reset(seed=2)
    kept = {name: array.copy() for name, array in observation.items()}
    vector.step(vector.action_space.sample())
    for name, array in observation.items():
        np.testing.assert_array_equal(array, kept[name])


def test_masks_are_those_of_the_observation(vector: RegionalDispatchVectorEnv) -> None:
    observation, infos = vector.reset(seed=2)
    parts = [observation[name].reshape(ROWS, -1) for name in ("order_mask", "lane_mask")]
    np.testing.assert_array_equal(vector.action_masks(), np.concatenate(parts, axis=1).astype(bool))
    np.testing.assert_array_equal(vector.action_masks(), infos["action_mask"])
    assert infos["action_mask"].dtype == np.int8


@pytest.mark.parametrize("name", ["regional_nearest+hybrid", "national_nearest+immediate"])
def test_rows_that_follow_a_baseline_do_what_the_kernel_does(name: str) -> None:
    """Every row decided by `predict()` pays what the compiled episodes with the same keys and hours pay."""
    policy = baseline(name)
    vector = RegionalDispatchVectorEnv(ROWS, WORLD, tables=True)
    observation, _ = vector.reset(seed=6)
    paid = np.zeros((ROWS, len(COMPONENTS)))
    for _ in range(WORLD.horizon_ticks):
        actions, _ = policy.predict(observation)
        observation, *_, infos = vector.step(actions)
        paid += np.stack(list(infos["costs"].values()), axis=1)

    sim = Simulator(WORLD, COPIES)
    for copy in range(COPIES):
        sim.reset(copy, episode_key("train", 6, copy), vector.region_rows.week_tick(copy))
    sim.run(policy.scorers)
    np.testing.assert_allclose(paid, sim.state.accrual.reshape(ROWS, -1), atol=1e-6)


def test_a_row_does_not_hang_on_the_copies_beside_it() -> None:
    alone, among = (RegionalDispatchVectorEnv(rows, WORLD) for rows in (REGIONS, ROWS))
    first, _ = alone.reset(seed=3)
    batch, _ = among.reset(seed=3)
    rng = np.random.default_rng(1)
    for _ in range(WORLD.horizon_ticks - 1):
        for name in first:
            np.testing.assert_array_equal(first[name], batch[name][:REGIONS])
        actions = rng.integers(among.single_action_space.nvec, size=among.action_space.shape)
        first, reward, *_ = alone.step(actions[:REGIONS])
        batch, rewards, *_ = among.step(actions)
        np.testing.assert_array_equal(reward, rewards[:REGIONS])


def test_attributes_and_methods_of_rows_are_those_of_the_single_environment() -> None:
    vector = gymnasium.make_vec(ENV_ID, num_envs=3, scenario=WORLD)
    vector.reset(seed=1)
    single = RegionalDispatchEnv(WORLD)
    assert vector.get_attr("region") == (0, 1, 0)
    assert vector.get_attr("action_space") == (single.action_space,) * 3
    assert vector.get_attr("scenario") == (WORLD,) * 3
    assert {one.max_episode_steps for one in vector.get_attr("spec")} == {WORLD.horizon_ticks}
    np.testing.assert_array_equal(vector.call("action_masks"), vector.action_masks())
    for _ in range(WORLD.horizon_ticks):
        *_, infos = vector.step(np.zeros(vector.action_space.shape, np.int64))
    kpis = vector.call("kpis")
    assert [one["cost_per_order_usd"] for one in kpis] == infos["kpis"]["cost_per_order_usd"].tolist()
    with pytest.raises(AttributeError, match="'weather'"):
        vector.get_attr("weather")


def test_users_may_set_attributes_of_their_own_and_the_background() -> None:
    vector = RegionalDispatchVectorEnv(3, WORLD)
    vector.set_attr("weather", ["rain", "sun", "snow"])
    vector.set_attr("alarm", 7)
    assert (vector.get_attr("weather"), vector.get_attr("alarm")) == (("rain", "sun", "snow"), (7, 7, 7))
    rule = baseline("least_cost").scorers
    vector.set_attr("background", rule)
    assert all(one is rule for one in vector.get_attr("background"))
    for name, values, message in (
        ("weather", ["rain"], "1 values for 3 rows"), ("background", [rule, rule, 3], "the same Scorers"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            vector.set_attr(name, values)
    for name in ("scenario", "region", "kpis"):
        with pytest.raises(AttributeError, match="cannot be set"):
            vector.set_attr(name, 0)


def test_rendering_gives_the_map_of_each_rows_copy() -> None:
    vector = RegionalDispatchVectorEnv(3, WORLD, render_mode="rgb_array")
    vector.reset(seed=1)
    for _ in range(20):
        vector.step(vector.action_space.sample(mask=vector.action_masks()))
    first, second, third = vector.render() or ()
    assert first.dtype == np.uint8
    assert first.shape == third.shape == (800, 1280, 3)
    assert (first == second).all() and (first != third).any()
    assert (vector.call("render")[2] == third).all()
    vector.close()
    with pytest.warns(UserWarning, match="rgb_array"):
        assert RegionalDispatchVectorEnv(2, WORLD).call("render") == (None, None)


def test_wrong_arguments_are_named() -> None:
    for arguments, message in (
        ({"autoreset_mode": "never"}, "autoreset_mode = 'never': must be one of 'NextStep'"),
        ({"render_mode": "human"}, "render_mode = 'human'"),
        ({"scenario": "small", "overrides": [{}, {"horizon_hours": 24}]}, "all copies play the same scenario"),
        ({"scenario": WORLD, "overrides": {"horizon_hours": 24}}, "a Scenario object is used as it is"),
        ({"background": baseline("least_cost")}, "background: is of type ScorerPolicy; must be the scorers"),
        ({"lane_price": 3}, "lane_price: is of type int"),
        ({"max_episode_steps": 7}, "max_episode_steps = 7: episodes end at the scenario's horizon, 30 steps"),
    ):  # fmt: skip
        with pytest.raises(ScenarioError, match=message):
            RegionalDispatchVectorEnv(**{"num_envs": 2, "scenario": WORLD, **arguments})


# --------------------------------------------------------------------------------------- stable-baselines3's face


def test_sb3_can_bootstrap_at_the_horizon(sb3: RegionalVecEnv) -> None:
    sb3.reset()
    rng = np.random.default_rng(0)
    for tick in range(1, WORLD.horizon_ticks + 1):
        actions = rng.integers(sb3.action_space.nvec, size=(ROWS, *sb3.action_space.shape))
        observation, rewards, dones, infos = sb3.step(actions)
        assert rewards.dtype == np.float32
        assert dones.all() == dones.any() == (tick == WORLD.horizon_ticks)
        for row, info in enumerate(infos):
            cost = sum(info["costs"].values())
            assert rewards[row] * WORLD.reward_scale_usd == pytest.approx(-cost, rel=1e-5, abs=1e-3)
            assert ("terminal_observation" in info) == ("TimeLimit.truncated" in info) == dones[row]
    for row, info in enumerate(infos):
        assert info["TimeLimit.truncated"] is True
        assert sb3.observation_space.contains(info["terminal_observation"])
        assert not info["terminal_observation"]["orders"].any()
        assert tuple(info["kpis"]) == tuple(KPIS)
        assert observation["orders"][row].size == sb3.observation_space["orders"].shape[0]
    assert observation["orders"].any()


def test_both_faces_show_the_same_world(sb3: RegionalVecEnv) -> None:
    vector = RegionalDispatchVectorEnv(ROWS, WORLD, autoreset_mode=AutoresetMode.SAME_STEP)  # as in stable-baselines3
    sb3.seed(12)
    ours, (theirs, _) = sb3.reset(), vector.reset(seed=12)
    rng = np.random.default_rng(2)
    for _ in range(WORLD.horizon_ticks + 3):
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name])
        actions = rng.integers(sb3.action_space.nvec, size=(ROWS, *sb3.action_space.shape))
        ours, rewards, *_ = sb3.step(actions)
        theirs, reward, *_ = vector.step(actions)
        np.testing.assert_allclose(rewards, reward, rtol=1e-6)


def test_masks_reach_sb3_contrib(sb3: RegionalVecEnv) -> None:
    observation = sb3.reset()
    assert is_masking_supported(sb3)
    masks = get_action_masks(sb3)
    assert masks.dtype == bool
    assert masks.shape == (ROWS, sb3.action_space.nvec.sum())
    np.testing.assert_array_equal(masks[:, : -observation["lane_mask"][0].size].reshape(ROWS, -1),
                                  observation["order_mask"].reshape(ROWS, -1).astype(bool))  # fmt: skip
    np.testing.assert_array_equal(sb3.env_method("action_masks", indices=[4, 1]), masks[[4, 1]])
    assert sb3.get_attr("render_mode", indices=1) == [None]
    assert sb3.env_is_wrapped(VecMonitor) == [False] * ROWS


@pytest.mark.parametrize("algorithm", [PPO, MaskablePPO])
@pytest.mark.parametrize("face", ["one region", "all regions"])
def test_the_stock_algorithms_learn(algorithm: Any, face: str) -> None:
    env = DummyVecEnv([lambda: RegionalDispatchEnv(WORLD)]) if face == "one region" else RegionalVecEnv(WORLD, 1)
    model = algorithm("MultiInputPolicy", env, n_steps=64, batch_size=64, n_epochs=2, seed=0, device="cpu")
    before = model.predict(env.reset(), deterministic=True)[0]
    weights = [parameter.detach().clone() for parameter in model.policy.parameters()]
    model.learn(128 * env.num_envs)
    assert model.num_timesteps == 128 * env.num_envs
    assert any((old != new).any() for old, new in zip(weights, model.policy.parameters(), strict=True))
    assert before.shape == (env.num_envs, *env.action_space.shape)


def test_maskable_ppo_takes_legal_actions_alone(sb3: RegionalVecEnv) -> None:
    model = MaskablePPO("MultiInputPolicy", sb3, n_steps=8, batch_size=8, seed=0, device="cpu")
    observation = sb3.reset()
    for _ in range(5):
        masks = get_action_masks(sb3)
        actions, _ = model.predict(observation, action_masks=masks)
        offsets = np.cumsum(sb3.action_space.nvec) - sb3.action_space.nvec
        assert np.take_along_axis(masks, offsets + actions, axis=1).all()
        observation, *_ = sb3.step(actions)


def test_sb3s_options_are_refused(sb3: RegionalVecEnv) -> None:
    sb3.set_options(), sb3.set_options([{}] * ROWS)
    with pytest.raises(ScenarioError, match="this VecEnv takes none"):
        sb3.set_options({"week_tick": 3})


@pytest.mark.parametrize("face", ["gymnasium", "stable-baselines3"])
def test_the_batched_faces_refuse_wrong_actions_and_steps_before_reset(face: str) -> None:
    env: Any = RegionalDispatchVectorEnv(scenario=WORLD) if face == "gymnasium" else RegionalVecEnv(WORLD, copies=1)
    single = env.single_action_space if face == "gymnasium" else env.action_space
    nothing = np.zeros((env.num_envs, *single.shape), np.int64)
    with pytest.raises(gymnasium.error.ResetNeeded, match="call reset"):
        env.step(nothing)
    env.reset()
    for wrong, message in ((nothing[:-1], "must be"), (nothing[:, :-1], "of shape"), (nothing + 99, "takes 0…")):
        with pytest.raises(gymnasium.error.InvalidAction, match=message):
            env.step(wrong)
    env.step(nothing)
