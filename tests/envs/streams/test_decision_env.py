"""One decision a step: what is charged, what an action stands for, and what is refused."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.env_checker import check_env as check_env_of_sb3

from regional_dispatch.baselines import baseline
from regional_dispatch.envs.decision_env import RegionalDecisionEnv
from regional_dispatch.envs.decision_vector_env import RegionalDecisionVectorEnv
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.policy import scores
from regional_dispatch.envs.registration import DECISION_ID
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.streams.layout import DISPATCH_COLUMNS, GO, LANE, LEGAL, SOURCE_COLUMNS
from regional_dispatch.envs.streams.sampled import SampledStreams
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import ScenarioError
from tests.worlds import TWO_REGIONS, small

WORLD = small(**TWO_REGIONS, horizon_hours=40, warmup_hours=6)
LEAST_COST = baseline("least_cost").scorers
NEAREST = baseline("national_nearest+immediate").scorers
BOTH = pytest.mark.parametrize("arguments", [{}, {"credit": "own", "background": LEAST_COST}], ids=["whole", "own"])


def whole(num_envs: int = 1, **arguments: Any) -> RegionalDecisionVectorEnv:
    return RegionalDecisionVectorEnv(num_envs, WORLD, tables=True, **arguments)


def own(num_envs: int = 8, **arguments: Any) -> RegionalDecisionVectorEnv:
    return RegionalDecisionVectorEnv(num_envs, WORLD, "own", tables=True, **{"background": LEAST_COST, **arguments})


def choices(table: np.ndarray, policy: Scorers) -> np.ndarray:
    """The actions that scorers take in tables of decisions: (n,)."""
    group = np.zeros(1, int)
    line = scores(policy.source, group, table[None, ..., SOURCE_COLUMNS])[0]
    lane = table[..., GO] * scores(policy.dispatch, group, table[None, ..., DISPATCH_COLUMNS])[0]
    score = np.where(table[..., LANE] > 0, lane, line)
    return np.where(table[..., LEGAL] > 0, score, -np.inf).argmax(axis=1)


# --------------------------------------------------------------------------------------------------------- contracts


@BOTH
@pytest.mark.parametrize("base", [None, LEAST_COST], ids=["no base", "base"])
def test_both_checkers_accept_it(arguments: dict[str, Any], base: Scorers | None) -> None:
    made = gymnasium.make(DECISION_ID, scenario=WORLD, base=base, **arguments).unwrapped
    check_env(made, skip_render_check=True)
    check_env_of_sb3(made)


@BOTH
@pytest.mark.parametrize("num_envs", [1, 3, 50])
def test_make_vec_takes_any_number_of_streams(arguments: dict[str, Any], num_envs: int) -> None:
    made = gymnasium.make_vec(
        DECISION_ID, num_envs=num_envs, vectorization_mode="vector_entry_point", scenario=WORLD, **arguments
    )
    seen, infos = made.reset(seed=1)
    for _ in range(3):
        assert seen in made.observation_space
        seen, reward, *_, infos = made.step(infos["action_mask"].argmax(axis=1))
        assert reward.shape == (num_envs,) and np.isfinite(reward).all()


@BOTH
def test_the_same_seed_gives_the_same_episode(arguments: dict[str, Any]) -> None:
    runs = []
    for _ in range(2):
        env = RegionalDecisionVectorEnv(6, WORLD, **arguments)
        _, infos = env.reset(seed=7)
        rewards = []
        for _ in range(12):
            _, reward, *_, infos = env.step(infos["action_mask"].shape[1] - 1 - infos["action_mask"][:, ::-1].argmax(1))
            rewards.append(reward)
        runs.append(rewards)
    np.testing.assert_array_equal(*runs)


def test_a_mask_is_what_the_action_space_samples_with() -> None:
    env = RegionalDecisionEnv(WORLD)
    _, info = env.reset(seed=0)
    for _ in range(30):
        action = env.action_space.sample(info["action_mask"])
        assert env.action_masks()[action]
        *_, info = env.step(action)


# ------------------------------------------------------------------------------------------------- all decisions


def test_the_rewards_of_an_episode_sum_to_the_ledger_s_dollars() -> None:
    env, rng = RegionalDecisionEnv(WORLD), np.random.default_rng(0)
    _, info = env.reset(seed=3)
    total, truncated = 0.0, False
    while not truncated:
        _, reward, terminated, truncated, info = env.step(rng.choice(np.flatnonzero(info["action_mask"])))
        assert not terminated
        total += reward
    state = env.streams.sim.state
    assert total * WORLD.reward_scale_usd == pytest.approx(-state.accrual[0].sum(), abs=0.005)
    assert state.accrual[0].sum() == pytest.approx(state.cash[0].sum(), abs=0.005)
    assert info["kpis"]["cost_per_order_usd"] > 0
    with pytest.raises(ResetNeeded):
        env.step(np.int64(0))


@pytest.mark.parametrize("seed", [5, 6])
def test_a_policy_decides_the_same_here_and_in_the_kernel(seed: int) -> None:
    env = whole()
    seen, _ = env.reset(seed=seed)
    key, week_tick = int(env.streams.sim.state.row["key"][0]), env.streams.region_rows.week_tick(0)
    truncated, infos = np.zeros(1, bool), {}
    while not truncated[0]:
        seen, _, _, truncated, infos = env.step(choices(seen, LEAST_COST))
    sim = Simulator(WORLD)
    sim.reset(0, key, week_tick)
    sim.run(LEAST_COST)
    expected = sim.kpis(0)
    for name in ("cost_per_order_usd", "on_time_share", "in_region_share"):
        assert infos["kpis"][name][0] == expected[name]


def test_action_0_is_the_base_rule() -> None:
    env = whole(base=LEAST_COST)
    env.reset(seed=2)
    key, week_tick = int(env.streams.sim.state.row["key"][0]), env.streams.region_rows.week_tick(0)
    infos: dict[str, Any] = {}
    while not env._ended.all():
        *_, infos = env.step(np.zeros(1, np.int64))
    sim = Simulator(WORLD)
    sim.reset(0, key, week_tick)
    sim.run(LEAST_COST)
    assert infos["kpis"]["cost_per_order_usd"][0] == sim.kpis(0)["cost_per_order_usd"]


def test_an_action_that_is_not_legal_stands_for_action_0() -> None:
    ends = []
    for illegal in (False, True):
        env, rewards = RegionalDecisionEnv(WORLD, tables=True), []
        env.reset(seed=4)
        for _ in range(60):
            masked = np.flatnonzero(~env.action_masks())
            _, reward, *_ = env.step(masked[-1] if illegal and len(masked) else np.int64(0))
            rewards.append(reward)
        ends.append(rewards)
    assert ends[0] == ends[1]


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_streams_begin_their_next_episode_as_the_mode_says(mode: AutoresetMode) -> None:
    env = whole(2, autoreset_mode=mode)
    env.reset(seed=0)
    ended = np.zeros(2, bool)
    while not ended.any():
        seen, _, _, ended, infos = env.step(np.zeros(2, np.int64))
    row = int(np.flatnonzero(ended)[0])
    if mode == AutoresetMode.SAME_STEP:
        assert infos["final_obs"][row].shape == seen[row].shape
        assert infos["final_info"]["kpis"]["cost_per_order_usd"][row] > 0
        assert env.streams.sim.tick(row) < WORLD.horizon_hours - 1
    else:
        assert infos["kpis"]["cost_per_order_usd"][row] > 0
        _, reward, _, ended, infos = env.step(np.zeros(2, np.int64))
        assert reward[row] == 0 and infos["idle"][row] and not ended[row]
        assert env.streams.sim.tick(row) < WORLD.horizon_hours - 1


# ------------------------------------------------------------------------------------------------- own decisions


def test_every_episode_is_one_decision_with_its_own_charge() -> None:
    env, seen_lines, seen_lanes = own(12), 0, 0
    seen, infos = env.reset(seed=0)
    for _ in range(25):
        idle = seen[..., LEGAL].sum(axis=1) <= 1
        lanes = seen[:, 0, LANE] > 0
        seen_lines, seen_lanes = seen_lines + (~lanes).sum(), seen_lanes + lanes.sum()
        seen, reward, terminated, truncated, infos = env.step(choices(seen, LEAST_COST))
        assert terminated.all() and not truncated.any()
        assert (reward[~lanes & ~idle] < 0).all()  # no order is free
        assert (reward[infos["idle"]] == 0).all()
    assert seen_lines > 50 and seen_lanes > 50


def test_a_single_line_costs_what_its_package_is_booked() -> None:
    """One order in the whole network: its own charge is every dollar of the ledger, but the shadow price."""
    lonely = small(
        **TWO_REGIONS, horizon_hours=90, warmup_hours=1, demand={"orders_per_day": 0.6, "lines_per_order": (1.0,)},
    )  # fmt: skip
    found = 0
    for key in range(40):
        streams = SampledStreams(Simulator(lonely), 1, LEAST_COST, follow_hours=90)
        sim = streams.sim
        sim.reset(0, key)
        sim.begin(0)
        while not streams.tick.read(0) and not sim.finish(0):
            sim.begin(0)
        if streams.tick.lines[0] != 1:
            continue
        price = float(streams.tick.price[0, 0, 0])
        charged = float(streams._charges(0, np.zeros(1, np.int64), np.zeros(1, np.int64))[0])
        if int(sim.state.row["orders"][0]) == 1:
            found += 1
            assert charged - price == pytest.approx(float(sim.state.accrual[0].sum()), abs=0.005)
    assert found >= 3


def test_the_background_makes_all_other_decisions_and_may_be_changed() -> None:
    costs = []
    for scorers in (LEAST_COST, NEAREST):
        env = own(64, background=LEAST_COST)
        seen, _ = env.reset(seed=0)
        env.background = scorers
        total = 0.0
        for _ in range(10):
            seen, reward, *_ = env.step(choices(seen, LEAST_COST))
            total -= reward.sum()
        costs.append(total)
    assert costs[1] > 1.1 * costs[0]  # half-empty trucks of others raise what one's own packages pay


# ------------------------------------------------------------------------------------------------------- refusals

REFUSED = {
    "credit": ({"credit": "mine"}, "credit = 'mine': must be one of whole, own"),
    "background of whole": ({"background": LEAST_COST}, "background: with credit='whole'"),
    "background's name": (
        {"credit": "own", "background": "least_cost"},
        "background: is of type str; must be the scorers",
    ),
    "base's name": ({"base": "least_cost"}, "base: is of type str; must be the scorers"),
    "hours": ({"credit": "own", "follow_hours": 0.0}, "follow_hours = 0.0: must be above 0"),
    "overrides": ({"overrides": {"demand.orders": "1"}}, "demand.orders"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_argument_that_cannot_be_used_is_named(name: str) -> None:
    arguments, message = REFUSED[name]
    for make in (RegionalDecisionEnv, lambda **given: RegionalDecisionVectorEnv(2, **given)):
        with pytest.raises(ScenarioError, match=message.replace("(", r"\(")):
            make(**{"scenario": WORLD if name != "overrides" else "small", **arguments})


def test_options_and_modes_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ScenarioError, match="reset options 'warp'"):
        RegionalDecisionEnv(WORLD).reset(options={"warp": 9})
    with pytest.raises(ScenarioError, match="autoreset_mode = 'Disabled'"):
        whole(autoreset_mode="Disabled")
    with pytest.raises(ScenarioError, match="with credit='own' must be SameStep"):
        own(autoreset_mode="NextStep")
    with pytest.raises(ScenarioError, match="with credit='whole' streams make every decision"):
        whole().background = LEAST_COST
    with pytest.raises(ScenarioError, match="background: is of type int; must be the scorers"):
        own().background = 3
    with pytest.raises(ScenarioError, match="horizon_hours must be two ticks or more"):
        RegionalDecisionEnv(small(**TWO_REGIONS, horizon_hours=1, warmup_hours=0), "own")
    with pytest.raises(ScenarioError, match="num_envs = 0"):
        whole(0)


@BOTH
def test_ten_thousand_malformed_actions_are_refused(arguments: dict[str, Any]) -> None:
    env, rng = RegionalDecisionVectorEnv(4, WORLD, **arguments), np.random.default_rng(0)
    with pytest.raises(ResetNeeded):
        env.step(np.zeros(4, np.int64))
    env.reset(seed=0)
    before = env.streams.observe()
    for _ in range(10_000):
        with pytest.raises(InvalidAction):
            env.step(malformed(rng, 4, env.streams.actions))
    np.testing.assert_array_equal(before, env.streams.observe())
    env.step(np.zeros(4, np.int64))


def malformed(rng: np.random.Generator, rows: int, actions: int) -> Any:
    """Actions that no space of so many rows and actions holds."""
    good = rng.integers(actions, size=rows)
    bad = good.copy()
    bad[rng.integers(rows)] = rng.choice([-1, actions, 2**40, -(2**60), 2**63 - 1])
    return [
        bad, good[:-1], np.append(good, 0), good[None], good.astype(float), np.full(rows, np.nan), good.astype(str),
        good.astype(object), np.zeros(0, int), np.int64(0), good.astype(complex), bad.astype(np.float32),
    ][rng.integers(12)]  # fmt: skip


def test_keys_of_episodes_come_from_the_training_stream() -> None:
    env = whole()
    env.reset(seed=0)
    assert int(env.streams.sim.state.row["key"][0]) >> 62 == episode_key("train", 0, 0) >> 62
