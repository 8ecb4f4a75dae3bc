"""RLlib's PPO on the multi-agent environment: what its networks choose is what the exported file decides."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

# See `agents.rllib.train`; Ray is imported before it here.
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
pytest.importorskip("ray.rllib", reason="the extra [ray] is not installed")
pytest.importorskip("pettingzoo", reason="the extra [multiagent] is not installed")

from ray.rllib.core.columns import Columns

from regional_dispatch.agents.export import load_policy
from regional_dispatch.agents.rllib.distribution import SlotChoices
from regional_dispatch.agents.rllib.env import NetworkEnv
from regional_dispatch.agents.rllib.module import FORBIDDEN, ScorerModule
from regional_dispatch.agents.rllib.settings import RllibSettings
from regional_dispatch.envs.kernel.ledger import COMPONENTS
from regional_dispatch.envs.parallel_env import RegionalDispatchParallelEnv
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import ScenarioError, load_scenario
from tests.processes import run_here
from tests.worlds import TWO_REGIONS, small

pytestmark = pytest.mark.slow
WORLD = small(**TWO_REGIONS, horizon_hours=30, warmup_hours=6)
PRIORS: dict[str, Any] = {"source_prior": {"cost": -8.0}, "dispatch_prior": {"bias": -2.0, "late_if_held": 4.0}}
SHORT = {"horizon_hours": "24", "warmup_hours": "2"}


def module_of(env: RegionalDispatchParallelEnv, **priors: Any) -> ScorerModule:
    """An untrained module whose scorers choose by chance, or near a rule."""
    torch.manual_seed(1)
    agent = env.possible_agents[0]
    config = {"hidden": 8, "critic_hidden": 8, "source_prior": {}, "dispatch_prior": {}, **priors}
    module = ScorerModule(
        observation_space=env.observation_space(agent), action_space=env.action_space(agent), model_config=config
    )
    with torch.no_grad():
        for net in (module.source, module.dispatch):
            net.w3.normal_()
    return module


def batch_of(observations: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, Any]:
    """All agents' observations as RLlib gives them to a module."""
    names = next(iter(observations.values()))
    return {Columns.OBS: {name: torch.as_tensor(np.stack([seen[name] for seen in observations.values()]))
                          for name in names}}  # fmt: skip


def paid(env: RegionalDispatchParallelEnv, policy: ScorerPolicy, key: int) -> np.ndarray:
    """USD that the agents of an episode accrue when each follows a policy: (R, components)."""
    observations, _ = env.reset(options={"key": key})
    total = np.zeros((len(env.agents), len(COMPONENTS)))
    while env.agents:
        actions = {agent: policy.predict(observations[agent])[0] for agent in env.agents}
        observations, *_, infos = env.step(actions)
        total += [list(infos[agent]["costs"].values()) for agent in env.possible_agents]
    return total


@pytest.mark.parametrize("priors", [{}, PRIORS])
def test_the_module_s_best_choices_are_those_of_its_exported_scorers(priors: dict[str, Any]) -> None:
    env = RegionalDispatchParallelEnv(WORLD, tables=True)
    module = module_of(env, **priors)
    policy = ScorerPolicy(module.scorers())
    observations, _ = env.reset(seed=3)
    went = 0
    while env.agents:
        logits = module.forward_inference(batch_of(observations))[Columns.ACTION_DIST_INPUTS]
        best = module.get_inference_action_dist_cls().from_logits(logits).to_deterministic().sample().numpy()
        actions = {agent: policy.predict(observations[agent])[0] for agent in env.agents}
        np.testing.assert_array_equal(best, np.stack(list(actions.values())))
        went += int(best.sum())
        observations, *_ = env.step(actions)
    assert went > 0


def test_sampled_choices_are_legal_and_have_the_probability_of_their_slots() -> None:
    env = RegionalDispatchParallelEnv(WORLD, tables=True)
    module = module_of(env)
    observations, infos = env.reset(seed=3)
    for _ in range(6):
        output = module.forward_exploration(batch_of(observations))
        choices = module.get_exploration_action_dist_cls().from_logits(output[Columns.ACTION_DIST_INPUTS])
        actions = choices.sample()
        for row, agent in enumerate(env.agents):
            options = env.action_space(agent).nvec
            assert infos[agent]["action_mask"][np.cumsum(options) - options + actions[row].numpy()].all()
        parts = np.split(output[Columns.ACTION_DIST_INPUTS].numpy(), np.cumsum(env.action_space(agent).nvec)[:-1], 1)
        alone = [torch.distributions.Categorical(logits=torch.as_tensor(part)) for part in parts]
        for ours, theirs in (
            (choices.logp(actions), sum(d.log_prob(a) for d, a in zip(alone, actions.T, strict=True))),
            (choices.entropy(), sum(d.entropy() for d in alone)),
        ):
            torch.testing.assert_close(ours, theirs)
        observations, *_, infos = env.step(dict(zip(env.agents, actions.numpy(), strict=True)))


def test_divergence_of_choices_leaves_out_what_is_forbidden() -> None:
    one, other = (SlotChoices(torch.tensor([[a, 0.0, FORBIDDEN, 0.0, 1.0]]), 1, 3) for a in (0.0, 2.0))
    assert one.kl(one).item() == 0
    first, second = (torch.tensor([a, 0.0]).log_softmax(0) for a in (0.0, 2.0))
    torch.testing.assert_close(one.kl(other), (first.exp() * (first - second)).sum()[None])


def test_a_seed_fixes_the_starts_of_episodes_and_they_are_spread_over_the_week() -> None:
    def hours(seed: int) -> list[float]:
        env = NetworkEnv(WORLD, False, 0.98)
        starts = [env.reset(seed=seed if first else None)[0] for first in (True, False, False, False)]
        return [float(seen[0]["region"][2]) for seen in starts]

    assert hours(1) == hours(1) != hours(2)
    assert len(set(hours(1))) == 4


def test_decisions_with_a_choice_are_counted() -> None:
    env = NetworkEnv(WORLD, False, 0.98)
    assert (env.actions, env.decisions) == (0, 0)
    seen, expected = env.reset(seed=1)[0], 0
    for _ in range(5):
        for agent in env.agents:
            expected += sum(int((seen[agent][name].sum(-1) > 1).sum()) for name in ("order_mask", "lane_mask"))
        seen, *_ = env.step({agent: np.zeros(env.action_spaces[agent].shape, np.int64) for agent in env.agents})
    assert (env.actions, env.decisions) == (10, expected)
    assert expected > 0


def test_rewards_are_scaled_alike_for_all_agents_and_their_returns_have_a_spread_of_one() -> None:
    env, plain = NetworkEnv(WORLD, False, 0.9), RegionalDispatchParallelEnv(WORLD)
    nothing = {agent: np.zeros(env.action_spaces[agent].shape, np.int64) for agent in env.agents}
    returns, seen = np.zeros(2), []
    for episode in range(6):
        env.reset(seed=episode)
        returns[:] = 0
        plain.reset(options={"key": int(env.par_env.sim.state.row["key"][0]),
                             "week_tick": int(env.par_env.sim.state.row["week_tick"][0])})  # fmt: skip
        for _ in range(WORLD.horizon_ticks):
            scaled = list(env.step(nothing)[1].values())
            own = list(plain.step({env.names[agent]: action for agent, action in nothing.items()})[1].values())
            factors = {round(part / whole, 6) for part, whole in zip(scaled, own, strict=True) if whole}
            assert len(factors) <= 1 and all(factor > 0 for factor in factors)
            returns = 0.9 * returns + scaled
            seen += [returns]
    assert 0.5 < np.std(seen[len(seen) // 2 :]) < 2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_minibatches": 9, "ticks": 2, "num_envs": 2}, "num-minibatches = 9: an update has 8 joint actions"),
        ({"lr": 0.0}, "lr = 0: must be above 0, at most 1"),
        ({"gamma": float("nan")}, "gamma = nan"),
        ({"ticks": 0}, "ticks = 0: must be 1 or more"),
        ({"entropy_coeff": -1.0}, "entropy-coeff = -1"),
    ],
)
def test_settings_out_of_range_are_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        RllibSettings(**wrong).check(regions=2)


def test_agents_have_an_order_that_a_seed_fixes() -> None:
    """RLlib keeps agents in sets, and the order of names in a set differs from process to process."""
    env = NetworkEnv(WORLD, False, 0.98)
    assert env.possible_agents == [0, 1]
    observations, _ = env.reset(seed=1)
    nothing = {agent: np.zeros(env.action_spaces[agent].shape, np.int64) for agent in env.agents}
    _, rewards, terminated, truncated, _ = env.step(nothing)
    assert list(observations) == list(rewards) == [0, 1]
    assert terminated == truncated == {0: False, 1: False, "__all__": False}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a command that trained for a few updates."""
    folder = tmp_path_factory.mktemp("rllib")
    options = {"num-envs": 2, "ticks": 6, "num-minibatches": 2, "num-epochs": 1, "eval-every": 1, "eval-episodes": 1}
    ended = run_here(
        folder, "evaluate.py", "train_rllib", "--scenario", "small", "--minutes", "0.02", "--seed", "5",
        "--out", "run",
        *(part for name, value in options.items() for part in (f"--rllib.{name}", str(value))),
        *(part for name, value in SHORT.items() for part in ("--set", f"{name}={value}")),
    )  # fmt: skip
    assert ended.code == 0, ended.err
    assert "policy: run/policy.safetensors" in ended.out
    return folder


def test_a_training_leaves_a_curve_its_configuration_and_the_best_policy(trained: Path) -> None:
    curve = pd.read_csv(trained / "run" / "curve.csv")
    assert len(curve) >= 3
    assert (curve["timesteps"] == 2 * 6 * 3 * curve.index).all()  # copies × ticks × regions an update
    assert curve["decisions"].is_monotonic_increasing
    about = load_policy(trained / "run").metadata
    assert about["tuning_cost_per_order_usd"] == pytest.approx(curve["cost_per_order_usd"].min())
    assert about["seen"] == [["train", 5], ["train", 6], ["tune", 5]]
    assert yaml.safe_load((trained / "run" / "config.yaml").read_text())["rllib"]["ticks"] == 6


def test_weights_move(trained: Path) -> None:
    curve = pd.read_csv(trained / "run" / "curve.csv")
    assert curve["cost_per_order_usd"].nunique() > 1


def test_agents_that_follow_the_file_pay_what_the_compiled_policy_pays(trained: Path) -> None:
    world, policy, key = load_scenario("small", SHORT), load_policy(trained / "run"), episode_key("evaluate", 0, 0)
    sim = Simulator(world)
    sim.reset(0, key)
    sim.run(policy.scorers)
    np.testing.assert_allclose(paid(RegionalDispatchParallelEnv(world), policy, key), sim.state.accrual[0], atol=1e-6)


def test_compare_plays_the_file_and_an_earlier_run_is_kept(trained: Path) -> None:
    settings = [part for name, value in SHORT.items() for part in ("--set", f"{name}={value}")]
    ended = run_here(trained, "evaluate.py", "compare", "--scenario", "small", "--policies", "run,least_cost",
                     "--episodes", "1", *settings)  # fmt: skip
    assert ended.code == 0, ended.err
    assert set(pd.read_csv(trained / "runs" / "compare" / "results.csv")["policy"]) == {"run", "least_cost"}
    again = run_here(trained, "evaluate.py", "train_rllib", "--scenario", "small", "--out", "run")
    assert again.code == 2
    assert "holds an earlier run" in again.err
