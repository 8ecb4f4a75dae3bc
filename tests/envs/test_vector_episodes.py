"""Where episodes of the vector environment begin and end: autoreset modes, seeds and options."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from regional_dispatch.envs import ENV_ID
from regional_dispatch.envs.kernel.ledger import COMPONENTS
from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.vector_env import RegionalDispatchVectorEnv
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import ScenarioError
from tests.worlds import TWO_REGIONS, small

WORLD = small(**TWO_REGIONS, horizon_hours=20, warmup_hours=6)
REGIONS, COPIES = 2, 3
ROWS = REGIONS * COPIES
NOTHING = np.zeros((ROWS, len(RegionalDispatchVectorEnv(scenario=WORLD).single_action_space.nvec)), np.int64)
Step = tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]


def batch(mode: AutoresetMode = AutoresetMode.NEXT_STEP, **arguments: Any) -> RegionalDispatchVectorEnv:
    return RegionalDispatchVectorEnv(ROWS, WORLD, autoreset_mode=mode, **arguments)


@pytest.fixture(scope="module")
def vector() -> RegionalDispatchVectorEnv:
    """Tests begin with `reset`."""
    return batch()


def play(env: RegionalDispatchVectorEnv, steps: int, actions_seed: int = 0) -> list[Step]:
    rng = np.random.default_rng(actions_seed)
    return [env.step(rng.integers(env.single_action_space.nvec, size=NOTHING.shape)) for _ in range(steps)]


def orders(env: RegionalDispatchVectorEnv, ticks: int = 8, **reset: Any) -> np.ndarray:
    """What each copy's rows see of their order lines after some ticks: (copies, …)."""
    env.reset(**reset)
    for _ in range(ticks):
        seen, *_ = env.step(NOTHING)
    return seen["orders"].reshape(COPIES, -1)


# --------------------------------------------------------------------------------------------------- autoreset modes


def test_next_step_starts_episodes_in_a_step_of_its_own(vector: RegionalDispatchVectorEnv) -> None:
    vector.reset(seed=2)
    for _ in range(2):
        *_, last, begun = play(vector, WORLD.horizon_ticks + 1)
        seen, _, terminated, truncated, infos = last
        assert truncated.all() and not terminated.any()
        assert not seen["orders"].any()  # the emptied network
        assert (infos["tick"] == WORLD.horizon_ticks).all()
        assert set(infos["kpis"]) == set(KPIS) and infos["_kpis"].all()
        assert (infos["kpis"]["cost_per_order_usd"] > 0).all()

        seen, reward, terminated, truncated, infos = begun
        assert not (reward.any() or terminated.any() or truncated.any())
        assert not (infos["tick"].any() or any(column.any() for column in infos["costs"].values()))
        assert "kpis" not in infos
        assert seen["orders"].any()


def test_same_step_returns_the_first_observation_of_the_next_episode() -> None:
    env, other = batch(AutoresetMode.SAME_STEP), batch()
    env.reset(seed=2), other.reset(seed=2)
    expected, last = play(other, WORLD.horizon_ticks + 1), play(env, WORLD.horizon_ticks)[-1]
    seen, reward, terminated, truncated, infos = last
    np.testing.assert_array_equal(reward, expected[-2][1])
    assert truncated.all() and not terminated.any()
    for name in seen:
        np.testing.assert_array_equal(seen[name], expected[-1][0][name])
        np.testing.assert_array_equal(np.stack([one[name] for one in infos["final_obs"]]), expected[-2][0][name])
    assert infos["_final_obs"].all() and infos["_final_info"].all()
    assert not infos["tick"].any()
    paid = sum(infos["final_info"]["costs"].values())
    np.testing.assert_allclose(-paid / WORLD.reward_scale_usd, reward)
    assert set(infos["final_info"]["kpis"]) == set(KPIS)
    following = play(env, WORLD.horizon_ticks)[-1]
    assert following[3].all()


def test_disabled_waits_for_the_user() -> None:
    env = batch(AutoresetMode.DISABLED)
    env.reset(seed=2)
    assert play(env, WORLD.horizon_ticks)[-1][3].all()
    with pytest.raises(gymnasium.error.ResetNeeded, match="call reset"):
        env.step(NOTHING)
    env.reset()
    env.step(NOTHING)


def test_a_mask_starts_some_copies() -> None:
    env = batch(AutoresetMode.DISABLED)
    env.reset(seed=2)
    before = play(env, 5)[-1][0]
    mask = np.array([False, False, True, True, False, False])
    options = {"reset_mask": mask}
    seen, infos = env.reset(seed=9, options=options)
    assert options == {"reset_mask": mask}  # wrappers read it too
    assert infos["tick"].tolist() == [5, 5, 0, 0, 5, 5]
    np.testing.assert_array_equal(infos["_costs"], mask)
    for name in seen:
        np.testing.assert_array_equal(seen[name][~mask], before[name][~mask])
    assert play(env, WORLD.horizon_ticks - 5)[-1][3].tolist() == [True, True, False, False, True, True]
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(NOTHING)
    env.reset(options={"reset_mask": ~mask})
    assert play(env, 5)[-1][3].tolist() == mask.tolist()


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.array([True, False, True, True, False, False]), "leaves out row 1; rows of one copy start together"),
        (np.zeros(ROWS, bool), "one True"),
        (np.ones(3, bool), "must be a bool array"),
        (np.ones(ROWS), "must be a bool array"),
        ([True] * ROWS, "must be a bool array"),
    ],
    ids=str,
)
def test_a_wrong_mask_is_refused(mask: Any, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        batch(AutoresetMode.DISABLED).reset(options={"reset_mask": mask})


def test_a_mask_needs_autoreset_to_be_disabled(vector: RegionalDispatchVectorEnv) -> None:
    with pytest.raises(ScenarioError, match='reset_mask needs autoreset_mode="Disabled"'):
        vector.reset(options={"reset_mask": np.ones(ROWS, bool)})


def test_kpis_come_in_every_step_when_asked_for() -> None:
    env = batch(kpis=True)
    assert np.isnan(env.reset(seed=1)[1]["kpis"]["cost_per_order_usd"]).all()
    steps = play(env, WORLD.horizon_ticks)
    assert all(infos["_kpis"].all() for *_, infos in steps)
    without = batch()
    without.reset(seed=1)
    last = play(without, WORLD.horizon_ticks)[-1][4]["kpis"]
    for name in KPIS:
        np.testing.assert_array_equal(steps[-1][4]["kpis"][name], last[name])


def test_information_has_a_column_for_all_rows(vector: RegionalDispatchVectorEnv) -> None:
    vector.reset(seed=1)
    for _, reward, *_, infos in play(vector, 4):
        assert tuple(infos["costs"]) == tuple(infos["cash"]) == COMPONENTS
        np.testing.assert_allclose(reward * WORLD.reward_scale_usd, -sum(infos["costs"].values()), atol=1e-9)
        for name in ("costs", "cash", "tick", "action_mask"):
            assert infos[f"_{name}"].all()


# ------------------------------------------------------------------------------------------------------------- seeds


def test_without_a_seed_the_first_episodes_are_random_and_the_next_ones_follow() -> None:
    env = batch()
    first, following = orders(env), orders(env)
    assert (first != following).any()
    assert (first != orders(batch())).any()
    assert (orders(env, seed=4) == orders(batch(), seed=4)).all()


def test_each_copy_has_the_orders_of_its_own_seed(vector: RegionalDispatchVectorEnv) -> None:
    hour = {"week_tick": 60}
    one = orders(vector, seed=[5, 5, 6, 6, 5, 5], options=hour)
    np.testing.assert_array_equal(one[0], one[2])
    assert (one[0] != one[1]).any()
    np.testing.assert_array_equal(one[1], orders(vector, seed=(6,) * ROWS, options=hour)[0])
    np.testing.assert_array_equal(one, orders(vector, seed=np.array([5, 5, 6, 6, 5, 5]), options=hour))


def test_every_seed_of_a_copys_rows_counts(vector: RegionalDispatchVectorEnv) -> None:
    hour = {"week_tick": 60}
    base = orders(vector, seed=[1, 2, 3, 4, 5, 6], options=hour)
    np.testing.assert_array_equal(base, orders(vector, seed=[1, 2, 3, 4, 5, 6], options=hour))
    other = orders(vector, seed=[1, 9, 3, 4, 5, 6], options=hour)
    assert (base[0] != other[0]).any()
    np.testing.assert_array_equal(base[1:], other[1:])


def test_copies_without_a_seed_go_on(vector: RegionalDispatchVectorEnv) -> None:
    vector.reset(seed=3)
    second = orders(vector)
    vector.reset(seed=3)
    np.testing.assert_array_equal(orders(vector, seed=[8, 8, None, None, None, None])[1:], second[1:])


@pytest.mark.parametrize("seed", [0, 2**40, 2**70, np.int64(7), np.uint32(7)])
def test_seeds_have_any_size(vector: RegionalDispatchVectorEnv, seed: Any) -> None:
    np.testing.assert_array_equal(orders(vector, 2, seed=seed), orders(vector, 2, seed=int(seed)))


@pytest.mark.parametrize("seed", [-1, 1.5, "7", True, [1, 2, 3], [1, 2, 3, 4, 5, -6], [None, None, None, 1.0, 1, 1]])
def test_a_wrong_seed_is_refused_and_changes_nothing(vector: RegionalDispatchVectorEnv, seed: Any) -> None:
    vector.reset(seed=1)
    expected = vector.step(NOTHING)[0]
    vector.reset(seed=1)
    with pytest.raises(ScenarioError, match="seed"):
        vector.reset(seed=seed)
    np.testing.assert_array_equal(vector.step(NOTHING)[0]["orders"], expected["orders"])


# ----------------------------------------------------------------------------------------------------------- options


def test_options_go_to_all_copies_or_to_each(vector: RegionalDispatchVectorEnv) -> None:
    keys = [episode_key("evaluate", 0, number) for number in range(COPIES)]
    by_copy = orders(vector, options={"key": keys, "week_tick": 100})
    for copy, key in enumerate(keys):
        np.testing.assert_array_equal(by_copy[copy], orders(vector, options={"key": key, "week_tick": 100})[0])
    assert (by_copy[0] != by_copy[1]).any()
    seen, _ = vector.reset(options={"week_tick": [0, 12, 12]})
    np.testing.assert_allclose(seen["region"][::REGIONS, 1], [1, -1, -1], atol=1e-6)  # cosine of the hour


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kee": 1}, "'kee' is unknown; there are key, week_tick"),
        ({"key": [1, 2]}, "key has 2 values: must be one, or one per copy, 3"),
        ({"key": [1, 2, -3]}, "key = -3: must be a whole number"),
        ({"key": 2**64}, "key = 18446744073709551616"),
        ({"week_tick": 168}, "week_tick = 168: must be a whole number, 0…167"),
        ({"week_tick": 1.0}, "week_tick = 1.0"),
        ([], "must be a dictionary"),
    ],
    ids=str,
)
def test_wrong_options_are_refused_and_change_nothing(
    vector: RegionalDispatchVectorEnv, options: Any, message: str
) -> None:
    vector.reset(seed=1)
    expected = vector.step(NOTHING)[0]
    vector.reset(seed=1)
    with pytest.raises(ScenarioError, match=message):
        vector.reset(seed=7, options=options)
    np.testing.assert_array_equal(vector.step(NOTHING)[0]["orders"], expected["orders"])


def test_a_made_batch_can_be_made_again() -> None:
    made = gymnasium.make_vec(ENV_ID, num_envs=3, scenario=WORLD, autoreset_mode="SameStep")
    again = gymnasium.make_vec(made.spec)
    assert again.num_envs == 3
    assert again.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert made.spec.max_episode_steps == again.spec.max_episode_steps == WORLD.horizon_ticks
