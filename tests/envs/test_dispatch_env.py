"""`RegionalDispatch-v0`, the single-region environment, as its users meet it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_env_for_sb3
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor

from regional_dispatch.agents.networks import ScorerNet
from regional_dispatch.baselines import baseline
from regional_dispatch.envs import ENV_ID
from regional_dispatch.envs.dispatch_env import RegionalDispatchEnv
from regional_dispatch.envs.faces.infos import region_kpis
from regional_dispatch.envs.kernel.decisions.features import DISPATCH_COUNT, SOURCE_COUNT
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.kernel.ledger import COMPONENTS
from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError
from tests.worlds import FEW_SLOTS, LEVERS, SCARCE, TIGHT, TWO_REGIONS, small, snapshot

SHORT = {"horizon_hours": 48, "warmup_hours": 6}
WORLD = small(**{**TWO_REGIONS, **SHORT})
KEY = episode_key("evaluate", 3, 0)
Step = tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]


@pytest.fixture(scope="module")
def env() -> RegionalDispatchEnv:
    """Shared by tests that begin with `reset`."""
    return RegionalDispatchEnv(WORLD)


@pytest.fixture(scope="module")
def tables() -> RegionalDispatchEnv:
    """The same with tables."""
    return RegionalDispatchEnv(WORLD, tables=True)


def legal_action(rng: np.random.Generator, masks: np.ndarray, space: gymnasium.spaces.MultiDiscrete) -> np.ndarray:
    """A random legal value per slot."""
    parts = np.split(masks, np.cumsum(space.nvec)[:-1])
    return np.array([rng.choice(np.flatnonzero(part)) for part in parts])


def play(env: RegionalDispatchEnv, seed: int | None, actions_seed: int = 0, **options: Any) -> list[Step]:
    """An episode under random legal actions; its first entry is what `reset` returns."""
    rng = np.random.default_rng(actions_seed)
    observation, info = env.reset(seed=seed, options=options or None)
    steps: list[Step] = [(observation, 0.0, False, False, info)]
    while not steps[-1][3]:
        steps.append(env.step(legal_action(rng, env.action_masks(), env.action_space)))
    return steps


def assert_same_episode(one: list[Step], other: list[Step]) -> None:
    assert len(one) == len(other)
    for (a, *rest_a, info_a), (b, *rest_b, info_b) in zip(one, other, strict=True):
        assert rest_a == rest_b
        for name in a:
            np.testing.assert_array_equal(a[name], b[name], err_msg=name)
        assert {k: v for k, v in info_a.items() if k != "action_mask"} == {
            k: v for k, v in info_b.items() if k != "action_mask"
        }


# ------------------------------------------------------------------------------------------------------- contracts


@pytest.mark.parametrize("arguments", [{}, {"tables": True}, {"render_mode": "rgb_array"}], ids=str)
def test_gymnasium_finds_nothing_to_mend(arguments: dict[str, Any]) -> None:
    made = gymnasium.make(ENV_ID, scenario=WORLD, **arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(made.unwrapped)
    made.close()


def test_stable_baselines3_finds_nothing_to_mend(env: RegionalDispatchEnv) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env_for_sb3(env, warn=True)


def test_observations_and_actions_have_the_documented_form(
    env: RegionalDispatchEnv, tables: RegionalDispatchEnv
) -> None:
    m, k = env.observation_space["order_mask"].shape
    lanes = env.observation_space["lane_mask"].shape[0]
    assert tables.observation_space["orders"].shape == (m, k, SOURCE_COUNT)
    assert tables.observation_space["lanes"].shape == (lanes, DISPATCH_COUNT)
    assert env.observation_space["orders"].shape == (m * k * SOURCE_COUNT,)
    assert env.observation_space["lanes"].shape == (lanes * DISPATCH_COUNT,)
    assert env.action_space.nvec.tolist() == [k] * m + [2] * lanes
    for observation, *_ in play(env, 1):
        assert env.observation_space.contains(observation)


def test_tables_are_the_same_numbers_reshaped(env: RegionalDispatchEnv, tables: RegionalDispatchEnv) -> None:
    for (flat, *_), (table, *_) in zip(play(env, 5), play(tables, 5), strict=True):
        for name in flat:
            np.testing.assert_array_equal(flat[name].ravel(), table[name].ravel())


def test_returned_observations_are_the_users_own(env: RegionalDispatchEnv) -> None:
    observation, _ = env.reset(seed=2)
    kept = {name: array.copy() for name, array in observation.items()}
    masks = env.action_masks()
    env.step(np.zeros_like(env.action_space.nvec))
    for name, array in observation.items():
        np.testing.assert_array_equal(array, kept[name])

    observation, _ = env.reset(seed=2)
    for array in observation.values():
        array[:] = 1
    np.testing.assert_array_equal(env.action_masks(), masks)


# -------------------------------------------------------------------------------------------------------- episodes


def test_the_same_seed_gives_the_same_episode(env: RegionalDispatchEnv) -> None:
    again = RegionalDispatchEnv(WORLD)
    assert_same_episode(play(env, 11), play(again, 11))
    assert_same_episode(play(env, None), play(again, None))  # and the same episodes after it


def test_other_seeds_give_other_episodes(env: RegionalDispatchEnv) -> None:
    first, other, following = (
        [reward for _, reward, *_ in steps] for steps in (play(env, 11), play(env, 12), play(env, None))
    )
    assert first != other
    assert other != following


def test_a_key_meets_the_orders_of_an_evaluation(env: RegionalDispatchEnv) -> None:
    env.reset(seed=1, options={"key": KEY})
    evaluated = Simulator(WORLD)
    evaluated.reset(0, KEY)
    evaluated.begin(0)
    assert snapshot(env.sim, 0)["waiting"] == snapshot(evaluated, 0)["waiting"] != [[]] * env.sim.regions
    assert_same_episode(play(env, 1, key=KEY), play(env, 2, key=KEY))


def test_an_episode_can_start_at_any_hour_of_the_week(env: RegionalDispatchEnv) -> None:
    monday, _ = env.reset(options={"key": KEY})
    noon, _ = env.reset(options={"key": KEY, "week_tick": 12})
    np.testing.assert_allclose(monday["region"][:2], [0, 1], atol=1e-6)  # sine and cosine of the hour
    np.testing.assert_allclose(noon["region"][:2], [0, -1], atol=1e-6)


def test_episodes_are_truncated_at_the_horizon_and_never_terminated(env: RegionalDispatchEnv) -> None:
    steps = play(env, 4)[1:]
    assert len(steps) == WORLD.horizon_ticks
    assert [truncated for *_, truncated, _ in steps] == [False] * (len(steps) - 1) + [True]
    assert not any(terminated for _, _, terminated, _, _ in steps)
    assert [info["tick"] for *_, info in steps] == list(range(1, WORLD.horizon_ticks + 1))


def test_levers_that_change_leave_the_spaces_as_they_are() -> None:
    """A nation is cut, stocked for its regions, and joined again under the agent's eyes."""
    env = RegionalDispatchEnv(small(**LEVERS))
    steps = play(env, seed=0)
    assert all(env.observation_space.contains(observation) for observation, *_ in steps)
    assert env.sim.state.row["setting"][0] == 3 and steps[-1][3]
    assert sum(env.sim.cash(0).values()) == pytest.approx(sum(env.sim.accrual(0).values()))


def test_after_the_horizon_the_network_is_empty(env: RegionalDispatchEnv) -> None:
    observation = play(env, 4)[-1][0]
    assert not observation["orders"].any()
    assert not observation["lanes"].any()
    assert env.sim.packages_under_way(0) == 0


# ----------------------------------------------------------------------------------------------------------- masks


@pytest.mark.parametrize("changes", [TWO_REGIONS, TIGHT, FEW_SLOTS, SCARCE], ids=["roomy", "tight", "slots", "scarce"])
def test_masks_say_what_is_legal(changes: dict[str, Any]) -> None:
    env = RegionalDispatchEnv(small(**{**changes, **SHORT}), region=1, tables=True)
    rng = np.random.default_rng(6)
    observation, info = env.reset(seed=6)
    truncated = False
    while not truncated:
        order_mask, lane_mask = observation["order_mask"].astype(bool), observation["lane_mask"].astype(bool)
        masks = env.action_masks()
        assert masks.dtype == bool
        assert masks.shape == (env.action_space.nvec.sum(),)
        np.testing.assert_array_equal(masks, np.concatenate([order_mask.ravel(), lane_mask.ravel()]))
        np.testing.assert_array_equal(masks, info["action_mask"])
        assert info["action_mask"].dtype == np.int8
        # Every slot has a legal value, the first candidate or to hold; and where nothing is shown, no other.
        assert order_mask[:, 0].all()
        assert lane_mask[:, 0].all()
        shown = observation["orders"].any(axis=-1)
        np.testing.assert_array_equal(order_mask[:, 1:], shown[:, 1:])
        assert not lane_mask[~observation["lanes"].any(axis=-1), 1].any()
        observation, _, _, truncated, info = env.step(legal_action(rng, masks, env.action_space))


def test_without_trucks_no_lane_may_go() -> None:
    env = RegionalDispatchEnv(small(**SHORT, trucks={"spot_allowed": False}))
    env.reset(seed=1)
    env.sim.state.trucks_home[:] = 0
    for _ in range(12):
        observation, *_ = env.step(np.ones_like(env.action_space.nvec))
        assert not observation["lane_mask"][:, 1].any()
    assert observation["lanes"].any()  # packages wait all the same


def test_an_illegal_candidate_is_replaced(env: RegionalDispatchEnv) -> None:
    env.reset(seed=8)
    for _ in range(WORLD.horizon_ticks):
        *_, info = env.step(env.action_space.nvec - 1)
    assert info["kpis"]["replanned_share"] > 0
    assert info["kpis"]["lost_line_share"] == 0


def test_a_go_for_an_empty_lane_is_forgotten(env: RegionalDispatchEnv) -> None:
    """It does not lie in wait for the lane's next packages."""
    episodes = []
    for first in (0, 1):
        observation, _ = env.reset(seed=8)
        assert not observation["lanes"].any()
        action = np.zeros_like(env.action_space.nvec)
        action[len(observation["order_mask"]) :] = first
        rewards = [env.step(action)[1]]
        while len(rewards) < WORLD.horizon_ticks:
            rewards.append(env.step(np.zeros_like(action))[1])
        episodes.append(rewards)
    assert episodes[0] == episodes[1]


# ----------------------------------------------------------------------------------------------- rewards and infos


@pytest.mark.parametrize("region", [0, 1])
def test_rewards_are_the_dollars_of_the_region(region: int) -> None:
    world = small(**{**TWO_REGIONS, **SHORT}, reward_scale_usd=37)
    env = RegionalDispatchEnv(world, region=region)
    steps = play(env, 9)
    rewards = np.array([reward for _, reward, *_ in steps])
    costs = np.array([list(info["costs"].values()) for *_, info in steps])
    cash = np.array([list(info["cash"].values()) for *_, info in steps])
    np.testing.assert_allclose(rewards * 37, -costs.sum(axis=1), atol=1e-6)
    np.testing.assert_allclose(costs.sum(axis=0), env.sim.state.accrual[0, region], atol=1e-6)
    np.testing.assert_allclose(cash.sum(axis=0), env.sim.state.cash[0, region], atol=1e-6)
    assert rewards.sum() < 0


def test_infos_name_every_component_and_kpi(env: RegionalDispatchEnv) -> None:
    steps = play(env, 9)
    for *_, truncated, info in steps:
        assert set(info) == {"costs", "cash", "tick", "action_mask"} | ({"kpis"} if truncated else set())
        assert tuple(info["costs"]) == tuple(info["cash"]) == COMPONENTS
    assert tuple(info["kpis"]) == tuple(KPIS)
    assert info["kpis"] == region_kpis(env.sim, 0, 0) == env.kpis()
    assert info["kpis"]["cost_per_order_usd"] > 0


def test_kpis_come_in_every_step_when_asked_for(env: RegionalDispatchEnv) -> None:
    asked = RegionalDispatchEnv(WORLD, kpis=True)
    with_kpis, without = play(asked, 9), play(env, 9)
    assert all(tuple(info["kpis"]) == tuple(KPIS) for *_, info in with_kpis)
    assert with_kpis[0][4]["kpis"]["cost_per_order_usd"] is None  # nothing to measure yet
    assert with_kpis[-1][4]["kpis"] == without[-1][4]["kpis"]


# ------------------------------------------------------------------------------------------------------- arguments


def test_a_region_goes_by_name_or_number(env: RegionalDispatchEnv) -> None:
    name = env.sim.network.region_names[1]
    by_name, by_number = RegionalDispatchEnv(WORLD, region=name), RegionalDispatchEnv(WORLD, region=1)
    assert by_name.region == by_number.region == 1
    assert_same_episode(play(by_name, 3), play(by_number, 3))


def changed(action: np.ndarray, at: int, value: int) -> np.ndarray:
    """A copy with one entry changed."""
    action = action.copy()
    action[at] = value
    return action


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda a, e: a[:-1], r"action of shape \(\d+,\): must be"),
        (lambda a, e: a[None], r"action of shape \(1, \d+\): must be"),
        (lambda a, e: a.astype(float), "action of dtype float64: must be integers"),
        (lambda a, e: np.full(a.shape, np.nan), "must be integers"),
        (lambda a, e: changed(a, 0, e.sim.world.rules.candidates), "the order slot 0 takes 0…"),
        (lambda a, e: changed(a, 0, -1), r"action\[0\] = -1: the order slot 0"),
        (lambda a, e: changed(a, len(a) - 1, 2), "= 2: the lane slot"),
        (lambda a, e: changed(a, 1, 2**40), r"action\[1\]"),
    ],
)
def test_an_action_outside_the_space_is_refused_and_changes_nothing(
    env: RegionalDispatchEnv, wrong: Callable[[np.ndarray, RegionalDispatchEnv], np.ndarray], message: str
) -> None:
    env.reset(seed=5)
    nothing = np.zeros(env.action_space.shape, np.int64)
    with pytest.raises(gymnasium.error.InvalidAction, match=message):
        env.step(wrong(nothing, env))
    after = env.step(nothing)
    env.reset(seed=5)
    assert_same_episode([after], [env.step(nothing)])


def test_a_step_needs_a_running_episode() -> None:
    env = RegionalDispatchEnv(WORLD)
    nothing = np.zeros(env.action_space.shape, np.int64)
    with pytest.raises(gymnasium.error.ResetNeeded, match="call reset"):
        env.step(nothing)
    env.reset(seed=1)
    while not env.step(nothing)[3]:
        pass
    with pytest.raises(gymnasium.error.ResetNeeded, match="after the end of the episode"):
        env.step(nothing)


@pytest.mark.parametrize("region", ["Atlantis", 2, -1, 1.0, None])
def test_an_unknown_region_is_named_beside_those_there_are(region: Any) -> None:
    with pytest.raises(ScenarioError, match="Region 01, Region 02") as error:
        RegionalDispatchEnv(WORLD, region=region)
    assert repr(region) in str(error.value)


def test_an_unknown_scenario_is_named_beside_those_there_are() -> None:
    with pytest.raises(ScenarioError, match=r"us9.*us8"):
        gymnasium.make(ENV_ID, scenario="us9")


def test_an_unknown_field_is_named() -> None:
    with pytest.raises(ScenarioError, match=r"us8.yaml: demand.*ordrs = 3: unknown field"):
        gymnasium.make(ENV_ID, scenario="us8", overrides={"demand.ordrs": "3"})


def test_an_unknown_render_mode_is_named() -> None:
    with pytest.raises(ScenarioError, match=r"render_mode = 'human'.*rgb_array"):
        RegionalDispatchEnv(WORLD, render_mode="human")


def test_rendering_gives_a_picture() -> None:
    env = RegionalDispatchEnv(WORLD, render_mode="rgb_array")
    env.reset(seed=1)
    first = env.render()
    for _ in range(30):
        env.step(np.ones_like(env.action_space.nvec))
    later = env.render()
    assert first is not None
    assert later is not None
    assert first.dtype == np.uint8
    assert first.ndim == 3
    assert first.shape[-1] == 3
    assert first.shape == later.shape
    assert (first != later).any()
    env.close()


def test_without_a_render_mode_nothing_is_drawn(env: RegionalDispatchEnv) -> None:
    env.reset(seed=1)
    with pytest.warns(UserWarning, match="rgb_array"):
        assert env.render() is None


# --------------------------------------------------------------------------------------- predict() and the kernel


def random_network(seed: int, groups: int = 1) -> Scorers:
    """Two networks with random weights of all kinds, as a learner would export them."""
    torch.manual_seed(seed)
    nets = [ScorerNet(SOURCE_COUNT, 16, groups), ScorerNet(DISPATCH_COUNT, 16, groups)]
    with torch.no_grad():
        for net in nets:
            for parameter in net.parameters():
                parameter.add_(0.2 * torch.randn_like(parameter))
    return Scorers(*(net.export() for net in nets))


def dollars_by_kernel(world: Scenario, scorers: Scorers) -> np.ndarray:
    sim = Simulator(world)
    sim.reset(0, KEY)
    sim.run(scorers)
    return np.stack([sim.state.cash[0], sim.state.accrual[0]])


def dollars_by_predict(world: Scenario, policy: ScorerPolicy, region: int, tables: bool = False) -> np.ndarray:
    """One region decided by `predict()`, step by step; the others by the compiled policy."""
    env = RegionalDispatchEnv(world, region=region, background=policy.scorers, tables=tables)
    observation, _ = env.reset(options={"key": KEY})
    truncated = False
    while not truncated:
        action, _ = policy.predict(observation)
        observation, _, _, truncated, _ = env.step(action)
    return np.stack([env.sim.state.cash[0], env.sim.state.accrual[0]])


SOME_POLICIES: dict[str, Callable[[], ScorerPolicy]] = {
    "national_nearest+immediate": lambda: baseline("national_nearest+immediate"),
    "national_nearest+scheduled": lambda: baseline("national_nearest+scheduled"),
    "regional_nearest+full_truck": lambda: baseline("regional_nearest+full_truck"),
    "regional_nearest+last_safe_hour": lambda: baseline("regional_nearest+last_safe_hour"),
    "regional_nearest+hybrid": lambda: baseline("regional_nearest+hybrid"),
    "networks": lambda: ScorerPolicy(random_network(1)),
    "a network per region": lambda: ScorerPolicy(random_network(2, groups=2)),
}


@pytest.mark.parametrize("name", SOME_POLICIES)
def test_predict_decides_as_the_kernel_does(name: str) -> None:
    policy = SOME_POLICIES[name]()
    by_kernel = dollars_by_kernel(WORLD, policy.scorers)
    for region, tables in ((0, False), (1, True)):
        by_predict = dollars_by_predict(WORLD, policy, region, tables)
        np.testing.assert_allclose(by_predict, by_kernel, rtol=0, atol=1e-9)


@pytest.mark.parametrize("changes", [FEW_SLOTS, TIGHT, SCARCE], ids=["lines wait", "few trucks", "scarce stock"])
def test_predict_decides_as_the_kernel_does_where_things_run_short(changes: dict[str, Any]) -> None:
    world, policy = small(**{**changes, **SHORT}), baseline("regional_nearest+hybrid")
    by_predict = dollars_by_predict(world, policy, 0)
    np.testing.assert_allclose(by_predict, dollars_by_kernel(world, policy.scorers), rtol=0, atol=1e-9)


def test_predict_takes_batches(env: RegionalDispatchEnv) -> None:
    policy = ScorerPolicy(random_network(3, groups=2))
    single = [observation for observation, *_ in play(env, 2)]
    single += [observation for observation, *_ in play(RegionalDispatchEnv(WORLD, region=1), 2)]
    batch = {name: np.stack([observation[name] for observation in single]) for name in single[0]}
    actions, state = policy.predict(batch)
    assert state is None
    np.testing.assert_array_equal(actions, [policy.predict(observation)[0] for observation in single])


def test_sb3s_evaluation_takes_a_baseline() -> None:
    monitored = Monitor(RegionalDispatchEnv(WORLD))
    mean, _ = evaluate_policy(baseline("regional_nearest"), monitored, n_eval_episodes=1)  # type: ignore[arg-type]
    assert mean < 0
