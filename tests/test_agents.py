"""PPO with credit per decision: it learns, saves, loads, and decides the same in torch, numpy and the kernel."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import save
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

from regional_dispatch.agents.config import PpoConfig, load_ppo
from regional_dispatch.agents.credit.decisions import Charges, Lines
from regional_dispatch.agents.export import FORMAT, FilePolicy, PolicyFileError, load_policy, save_policy
from regional_dispatch.agents.networks import ScorerNet
from regional_dispatch.agents.policy import DispatchPolicy
from regional_dispatch.agents.ppo import RegionalPPO
from regional_dispatch.agents.training.run import Run, rules_beside, train
from regional_dispatch.agents.vec_env import RegionalVecEnv
from regional_dispatch.baselines import baseline
from regional_dispatch.envs.dispatch_env import RegionalDispatchEnv
from regional_dispatch.envs.kernel.features import (
    DISPATCH_COUNT,
    DISPATCH_FEATURES,
    SHADOW_PRICE_USD,
    SOURCE_COUNT,
    SOURCE_FEATURES,
)
from regional_dispatch.envs.kernel.lane_price import LANE_PRICE_COUNT, LANE_PRICE_FEATURES, MOST_HIDDEN, NO_PRICE
from regional_dispatch.envs.kernel.score import Scorer, scorer_shapes
from regional_dispatch.envs.kernel.scorers import Scorers
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.vector_env import RegionRows
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import ScenarioError
from tests.conftest import trace_scenario
from tests.worlds import TWO_REGIONS, small

WORLD = small(**TWO_REGIONS, horizon_hours=96, warmup_hours=12)
COPIES, REGIONS = 2, 2
SMALL_NETS = {"hidden": 8, "critic_hidden": 8}


def learner(seed: int = 0, copies: int = COPIES, nets: dict[str, Any] | None = None, **arguments: Any) -> RegionalPPO:
    """A learner on the small world."""
    settings = {"n_steps": 12, "batch_size": 256, "n_epochs": 2, "learning_rate": 3e-3, "device": "cpu", **arguments}
    env = RegionalVecEnv(WORLD, copies, seed)
    return RegionalPPO("DispatchPolicy", env, seed=seed, policy_kwargs={**SMALL_NETS, **(nets or {})}, **settings)


def updates(model: RegionalPPO, count: int, **how: Any) -> RegionalPPO:
    """Learns for so many updates."""
    assert model.env is not None
    return model.learn(count * model.n_steps * model.env.num_envs, **how)


def weights(model: RegionalPPO, part: str = "") -> dict[str, torch.Tensor]:
    return {name: p.clone() for name, p in model.policy.state_dict().items() if name.startswith(part)}


def changed(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}


def mean_cost(scorers: Scorers) -> float:
    """USD per order over four episodes that no learner meets."""
    sim = Simulator(WORLD, 4)
    for row in range(4):
        sim.reset(row, episode_key("evaluate", 0, row))
    sim.run(scorers)
    return float(np.mean([sim.kpis(row)["cost_per_order_usd"] for row in range(4)]))


@pytest.fixture(scope="module")
def trained() -> RegionalPPO:
    """A learner after three updates; not to be changed."""
    return updates(learner(), 3)


@pytest.fixture(scope="module")
def priced() -> RegionalPPO:
    """The same of one that prices lanes."""
    return updates(learner(nets={"price_hidden": 8, "averaging": 0.5}, charges=Charges(congestion_usd_per_hour=0.5)), 3)


@pytest.fixture(scope="module")
def observations() -> dict[str, np.ndarray]:
    """A batch of padded observations from both regions at all hours."""
    env = RegionalVecEnv(WORLD, COPIES, seed=9)
    observation, seen = env.reset(), []
    for _ in range(40):
        seen.append(observation)
        actions, _ = baseline("hybrid").predict(observation)
        observation, *_ = env.step(actions)
    return {name: np.concatenate([part[name] for part in seen]) for name in seen[0]}


def one(observations: dict[str, np.ndarray], row: int) -> dict[str, np.ndarray]:
    return {name: array[row] for name, array in observations.items()}


# --------------------------------------------------------------------------------------------------------- learning


def test_two_updates_move_every_network() -> None:
    model = learner()
    before = weights(model)
    updates(model, 2)
    assert model.num_timesteps == 2 * 12 * COPIES * REGIONS
    assert model.decisions > 100
    assert changed(before, weights(model)) == {"source_actor", "dispatch_actor", "source_critic", "dispatch_critic"}
    assert all(torch.isfinite(array).all() for array in weights(model).values())


def test_the_price_of_lanes_learns_from_the_end_of_an_episode_too() -> None:
    """What packages cost their lanes is kept when a copy starts anew within a rollout."""
    samples = []
    for ticks in (90, 100):  # the episode ends after 96
        model = learner(nets={"price_hidden": 8}, n_steps=ticks)
        updates(model, 1)
        samples.append(model.logger.name_to_value["train/price_samples"])
    assert samples[1] >= samples[0] > 100


def test_what_is_evaluated_has_averaged_weights() -> None:
    """After two updates: half the weights of the first, half of the second; experience has the latest."""
    model = learner(nets={"price_hidden": 8, "averaging": 0.5})
    latest = []
    for _ in range(2):
        updates(model, 1)
        latest.append(model.scorers(latest=True))
    for kind in Scorers._fields:
        (first, second), mean = (getattr(scorers, kind).w3 for scorers in latest), getattr(model.scorers(), kind).w3
        assert not np.array_equal(first, second)
        np.testing.assert_allclose(mean, (first + second) / 2, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("decisions", ["source", "dispatch"])
def test_one_kind_of_decision_can_be_trained_alone(decisions: str) -> None:
    """The rule named by `other` takes the rest, in what is exported too."""
    model = learner(**beside(decisions, "regional_nearest+hybrid"))
    before = weights(model)
    updates(model, 2)
    assert changed(before, weights(model)) == {f"{decisions}_actor", f"{decisions}_critic"}
    exported, own, rule = model.scorers(), model.policy.scorers(), baseline("regional_nearest+hybrid").scorers
    for kind in ("source", "dispatch"):
        expected = own if kind == decisions else rule
        for ours, theirs in zip(getattr(exported, kind), getattr(expected, kind), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def beside(decisions: str, other: str) -> dict[str, Scorer]:
    """The learner's arguments where one kind of decision is trained and a rule takes the other."""
    return rules_beside(PpoConfig.model_validate({"decisions": decisions, "other": other}), WORLD.name)


@pytest.mark.parametrize("price_hidden", [0, 8])
@pytest.mark.parametrize("decisions", ["source", "dispatch"])
def test_the_rule_decides_what_is_not_trained(decisions: str, price_hidden: int) -> None:
    """Up to the first update a learner that starts as a rule, beside a rule, is these two rules in the kernel."""
    rules = baseline("least_cost+last_safe_hour").scorers
    priors = {"source": {"source_prior": {"order_plan": 1e5, "cost": -1e3}},
              "dispatch": {"dispatch_prior": {"bias": -50.0, "late_if_held": 100.0}}}  # fmt: skip
    nets = {**priors[decisions], "price_hidden": price_hidden}
    model = learner(seed=3, nets=nets, n_steps=60, **beside(decisions, "least_cost+last_safe_hour"))
    price = model.scorers().price
    updates(model, 1)
    rows = training_rows(model)
    twin = Simulator(WORLD, COPIES)
    for copy in range(COPIES):
        twin.reset(copy, episode_key("train", 3, copy), rows.week_tick(copy))
    twin.run(rules._replace(price=price), until=60)
    for copy in range(COPIES):
        twin.begin(copy)
    np.testing.assert_array_equal(rows.sim.state.stock, twin.state.stock)
    np.testing.assert_array_equal(rows.sim.state.cash, twin.state.cash)
    assert twin.state.cash.sum() > 1000


def training_rows(model: RegionalPPO) -> RegionRows:
    """The network copies it learns on."""
    env = model.env
    assert isinstance(env, RegionalVecEnv)
    return env.region_rows


@pytest.mark.parametrize("decisions", ["source", "dispatch"])
def test_a_saved_policy_has_the_rule_that_decided_beside_it(decisions: str, tmp_path: Path) -> None:
    config = PpoConfig.model_validate({
        "decisions": decisions, "other": "regional_nearest+hybrid", "copies": 1, "n_steps": 8, "hidden": 8,
        "critic_hidden": 8, "eval_episodes": 1,
    })  # fmt: skip
    train(Run(small(**TWO_REGIONS, horizon_hours=40, warmup_hours=12), config, 32, 5, tmp_path, "test"), {})
    scorers, rule = load_policy(tmp_path).scorers, baseline("regional_nearest+hybrid").scorers
    same = [all(map(np.array_equal, ours, theirs)) for ours, theirs in zip(scorers[:2], rule[:2], strict=True)]
    assert same == [decisions == "dispatch", decisions == "source"]


class Listener(RegionalPPO):
    """Takes what lines were charged and learns nothing from it."""

    heard: list[Lines]

    def train(self) -> None:
        assert self._lines is not None
        self.heard = [*getattr(self, "heard", []), self._lines.take()]


def test_without_settlement_lines_under_way_at_the_horizon_are_free(tmp_path: Path) -> None:
    """Those that have arrived are charged as ever; the others pay the price of their units alone."""
    rows = [f"{hour},{n},{{{n % 6}}},{n},1,30" for n, hour in enumerate((1, 2, 5, 9, 118, 119, 119))]
    taken = []
    for settlement in (True, False):
        env = RegionalVecEnv(trace_scenario(tmp_path / "orders.csv", rows), 1)
        nets = {**SMALL_NETS, "dispatch_prior": {"bias": 50.0}}
        charges = Charges(settlement=settlement)
        model = Listener("DispatchPolicy", env, n_steps=120, charges=charges, policy_kwargs=nets, seed=0, device="cpu")
        taken.append(updates(model, 1).heard[0])
    units = [SHADOW_PRICE_USD * lines.x[np.arange(7), lines.action, SOURCE_FEATURES.index("shadow_price")]
             for lines in taken]  # fmt: skip
    settled, free = ((lines.reward + usd)[lines.log_prob.argsort()] for lines, usd in zip(taken, units, strict=True))
    assert (settled < -2).all()
    late = np.isclose(free, 0, atol=1e-5)
    assert late.sum() == 3
    np.testing.assert_array_equal(free[~late], settled[~late])


def test_lane_prices_are_learned_and_exported_with_the_charge_for_queued_work() -> None:
    model = learner(nets={"price_hidden": 8}, charges=Charges(congestion_usd_per_hour=0.5))
    before = weights(model)
    updates(model, 2)
    assert changed(before, weights(model)) == {
        "source_actor", "dispatch_actor", "source_critic", "dispatch_critic", "lane_price",
    }  # fmt: skip
    assert model.policy.lane_price is not None
    own, exported = model.policy.lane_price.export(), model.scorers().price
    charge = np.zeros(LANE_PRICE_COUNT)
    charge[LANE_PRICE_FEATURES.index("backlog")] = 12 * 0.5  # the feature counts in 12 hours
    np.testing.assert_allclose(exported.weight - own.weight, charge[None], rtol=0, atol=1e-5)
    for name in set(Scorer._fields) - {"weight"}:
        np.testing.assert_array_equal(getattr(exported, name), getattr(own, name))


def test_learning_beats_its_own_start_and_every_rule_at_hand() -> None:
    model = learner(copies=4, n_steps=24, batch_size=512, n_epochs=3, nets={"hidden": 32, "critic_hidden": 64})
    start = mean_cost(model.scorers())
    updates(model, 12)
    learned = mean_cost(model.scorers())
    assert learned < 0.85 * start
    assert learned < 0.85 * mean_cost(baseline("immediate").scorers)
    assert learned < 0.95 * mean_cost(baseline("regional_nearest+last_safe_hour").scorers)


def test_the_same_seed_learns_the_same() -> None:
    first, again, other = (updates(learner(seed), 2) for seed in (4, 4, 5))
    assert not changed(weights(first), weights(again))
    assert changed(weights(first), weights(other))


def test_few_orders_in_tiny_minibatches_leave_everything_finite() -> None:
    """Lanes that wait for days make many decisions an order; no minibatch may lack either kind."""
    quiet = small(**TWO_REGIONS, demand={"orders_per_day": 20})
    env = RegionalVecEnv(quiet, 1)
    model = RegionalPPO("DispatchPolicy", env, n_steps=36, batch_size=2, policy_kwargs=SMALL_NETS, seed=0)
    updates(model, 2)
    logged = {name: value for name, value in model.logger.name_to_value.items() if name.startswith("train/")}
    assert logged["train/dispatch_decisions"] / 2 > logged["train/source_decisions"]
    assert np.isfinite(list(logged.values())).all()
    assert all(torch.isfinite(array).all() for array in weights(model).values())


def test_an_update_can_have_a_single_line(trained: RegionalPPO) -> None:
    zeros = np.zeros(1, np.int64)
    x, mask = np.ones((1, 3, SOURCE_COUNT), np.float32), np.ones((1, 3), bool)
    lines = Lines(x, mask, zeros, zeros, zeros.astype(np.float32), zeros.astype(np.float32))
    assert trained._line_values(lines).shape == (1,)


def test_learning_anew_forgets_what_was_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second `learn()` starts the copies anew; decisions of the cut episodes must not come back as free."""
    model = learner()
    costs: list[np.ndarray] = []
    judged = model._line_values

    def note(lines: Lines) -> np.ndarray:
        costs.append(-lines.reward)
        assert model._lanes is not None
        waiting_for_a_successor = model._lanes.books[0]._kept[0]
        assert waiting_for_a_successor.tick.max() < model._regional_env().parts[0].sim.tick(0)
        return judged(lines)

    monkeypatch.setattr(model, "_line_values", note)
    for _ in range(3):
        updates(model, 2)
    assert len(costs) == 6
    assert min(cost.min() for cost in costs) >= WORLD.costs.pick_pack_usd - 1e-3


def test_learning_goes_on_where_it_stopped() -> None:
    """`reset_num_timesteps=False` keeps episodes and open decisions."""
    model = updates(learner(), 2)
    assert model._lines is not None
    waiting, ticks = model._lines.books[0]._open.sum(), model._regional_env().parts[0].sim.tick(0)
    assert waiting > 0
    updates(model, 1, reset_num_timesteps=False)
    assert model._regional_env().parts[0].sim.tick(0) == ticks + 12
    assert model.num_timesteps == 3 * 12 * COPIES * REGIONS


def test_wrapped_environments_work_and_others_are_named() -> None:
    wrapped = VecMonitor(RegionalVecEnv(WORLD, 1))
    RegionalPPO("DispatchPolicy", wrapped, n_steps=4, policy_kwargs=SMALL_NETS, device="cpu").learn(16)
    other = DummyVecEnv([lambda: RegionalDispatchEnv(WORLD)])
    with pytest.raises(TypeError, match="RegionalVecEnv, not on a DummyVecEnv"):
        RegionalPPO("DispatchPolicy", other, device="cpu").learn(16)


# ------------------------------------------------------------------------------------------------- weights by region


def test_a_policy_per_region_has_weights_per_region() -> None:
    config = PpoConfig.model_validate({"weights": "per_region"})
    groups = config.algorithm(REGIONS)["policy_kwargs"]["groups"]
    assert groups == REGIONS
    model = updates(learner(nets={"groups": groups}), 2)
    for scorer in (model.scorers().source, model.scorers().dispatch):
        assert len(scorer.bias) == REGIONS
        assert (scorer.w1[0] != scorer.w1[1]).any()
    assert mean_cost(model.scorers()) > 0


def test_each_region_is_decided_by_its_own_weights(observations: dict[str, np.ndarray]) -> None:
    """Region 1's decisions change with its own weights, and with no others."""
    model = learner(nets={"groups": REGIONS})
    before, _ = model.predict(observations, deterministic=True)
    with torch.no_grad():
        model.policy.dispatch_actor.bias[1] += 1000.0
    after, _ = model.predict(observations, deterministic=True)
    slots = observations["order_mask"].shape[1]
    region = np.arange(len(before)) % REGIONS
    np.testing.assert_array_equal(before[region == 0], after[region == 0])
    np.testing.assert_array_equal(after[region == 1][:, slots:], observations["lane_mask"][region == 1][..., 1])


# ---------------------------------------------------------------------------------------------------------- predict


@pytest.mark.parametrize("deterministic", [True, False])
def test_predict_respects_the_masks(
    trained: RegionalPPO, observations: dict[str, np.ndarray], deterministic: bool
) -> None:
    masks = [observations[name].astype(bool) for name in ("order_mask", "lane_mask")]
    slots = masks[0].shape[1]
    for _ in range(5):
        actions, state = trained.predict(observations, deterministic=deterministic)
        assert state is None
        assert actions.shape == (len(masks[0]), *trained.action_space.shape)
        for mask, part in zip(masks, (actions[:, :slots], actions[:, slots:]), strict=True):
            assert np.take_along_axis(mask, part[..., None], axis=-1).all()


def test_predict_takes_single_observations(trained: RegionalPPO, observations: dict[str, np.ndarray]) -> None:
    batch, _ = trained.predict(observations, deterministic=True)
    for row in range(0, len(batch), 17):
        action, _ = trained.predict(one(observations, row), deterministic=True)
        np.testing.assert_array_equal(action, batch[row])


def test_evaluate_actions_agrees_with_forward(trained: RegionalPPO, observations: dict[str, np.ndarray]) -> None:
    tensors, _ = trained.policy.obs_to_tensor(observations)
    with torch.no_grad():
        actions, values, log_prob = trained.policy(tensors)
        again, same, entropy = trained.policy.evaluate_actions(tensors, actions)
        torch.testing.assert_close(trained.policy.predict_values(tensors), values)
    torch.testing.assert_close(again, values)
    torch.testing.assert_close(same, log_prob)
    assert (entropy >= 0).all()
    assert (log_prob <= 0).all()


@pytest.mark.parametrize("groups", [1, REGIONS])
def test_torch_numpy_and_file_decide_the_same(groups: int, observations: dict[str, np.ndarray], tmp_path: Path) -> None:
    model = updates(learner(nets={"groups": groups}), 2)
    save_policy(tmp_path / "policy.safetensors", model.scorers(), {})
    by_torch, _ = model.predict(observations, deterministic=True)
    by_numpy, _ = ScorerPolicy(model.scorers()).predict(observations)
    by_file, _ = load_policy(tmp_path).predict(observations)
    assert len(np.unique(by_torch)) > 2
    np.testing.assert_array_equal(by_file, by_numpy)
    assert (by_torch == by_numpy).mean() > 0.9999  # scores in another order of addition may tie


def test_the_exported_policy_pays_the_same_in_the_kernel(trained: RegionalPPO) -> None:
    """A whole episode by torch's `predict()` for one region and the kernel for the other, against the kernel alone."""
    key, scorers = episode_key("evaluate", 2, 0), trained.scorers()
    sim = Simulator(WORLD)
    sim.reset(0, key)
    sim.run(scorers)
    for region in range(REGIONS):
        env = RegionalDispatchEnv(WORLD, region=region, background=scorers)
        observation, _ = env.reset(options={"key": key})
        truncated = False
        while not truncated:
            action, _ = trained.predict(observation, deterministic=True)
            observation, _, _, truncated, _ = env.step(action)
        np.testing.assert_allclose(env.sim.state.cash, sim.state.cash, rtol=0, atol=1e-9)


# ----------------------------------------------------------------------------------------------------- the networks


@pytest.mark.parametrize("groups", [1, 3])
def test_a_network_scores_as_its_export(groups: int) -> None:
    torch.manual_seed(3)
    net = ScorerNet(5, 7, groups)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter))
    x, region = torch.randn(40, 6, 5), torch.arange(40) % 3
    e = net.export()
    assert all(array.dtype == np.float32 for array in e)
    for row in range(40):
        g = min(int(region[row]), groups - 1)
        hidden = np.maximum(x[row].numpy() @ e.w1[g] + e.b1[g], 0)
        hidden = np.maximum(hidden @ e.w2[g] + e.b2[g], 0)
        wanted = hidden @ e.w3[g] + x[row].numpy() @ e.weight[g] + e.bias[g]
        np.testing.assert_allclose(net(x, region)[row].detach().numpy(), wanted, rtol=1e-4, atol=1e-4)


def test_priors_start_the_policy_from_a_rule(observations: dict[str, np.ndarray]) -> None:
    nets = {
        "source_prior": {"in_region": 1000.0, "air_miles": -100.0},
        "dispatch_prior": {"bias": -50.0, "late_if_held": 100.0},
    }
    actions, _ = learner(nets=nets).predict(observations, deterministic=True)
    wanted, _ = baseline("regional_nearest+last_safe_hour").predict(observations)
    slots = observations["order_mask"].shape[1]
    np.testing.assert_array_equal(actions[:, slots:], wanted[:, slots:])
    # Routes from one FC are equally near; the rule leaves open which of them it is.
    x = observations["orders"].reshape(*observations["order_mask"].shape, SOURCE_COUNT)
    for name in ("in_region", "air_miles"):
        column = x[..., SOURCE_FEATURES.index(name)]
        chosen, ruled = (np.take_along_axis(column, a[:, :slots, None], -1) for a in (actions, wanted))
        np.testing.assert_array_equal(chosen, ruled)


# ---------------------------------------------------------------------------------------------- saving and loading


def test_a_saved_learner_loads_and_goes_on(
    trained: RegionalPPO, observations: dict[str, np.ndarray], tmp_path: Path
) -> None:
    trained.save(tmp_path / "learner.zip")
    loaded = RegionalPPO.load(tmp_path / "learner.zip", env=RegionalVecEnv(WORLD, COPIES), device="cpu")
    for name, array in weights(trained).items():
        assert torch.equal(array, weights(loaded)[name])
    for deterministic in (True, False):
        actions = []
        for model in (trained, loaded):
            torch.manual_seed(0)
            actions.append(model.predict(observations, deterministic=deterministic)[0])
        np.testing.assert_array_equal(*actions)
    assert (loaded.num_timesteps, loaded.decisions) == (trained.num_timesteps, trained.decisions)
    assert loaded.charges == trained.charges
    updates(loaded, 1, reset_num_timesteps=False)
    assert loaded.num_timesteps == trained.num_timesteps + 12 * COPIES * REGIONS


def test_a_saved_policy_loads_alone(trained: RegionalPPO, tmp_path: Path) -> None:
    trained.policy.save(tmp_path / "policy.pth")
    loaded = DispatchPolicy.load(tmp_path / "policy.pth", device="cpu")
    assert not changed(weights(trained), dict(loaded.state_dict()))


def test_a_policy_file_holds_weights_features_and_facts(trained: RegionalPPO, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "run" / "policy.safetensors"
    save_policy(path, trained.scorers(), {"seed": 3, "scenario": "small"})
    policy = load_policy(path.parent)
    assert isinstance(policy, FilePolicy)
    assert policy.name == "run"
    assert (policy.metadata["seed"], policy.metadata["scenario"]) == (3, "small")
    assert policy.metadata["source_features"] == list(SOURCE_FEATURES)
    for ours, theirs in zip(trained.scorers(), policy.scorers, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b)
    assert [file.name for file in path.parent.iterdir()] == ["policy.safetensors"]


@pytest.mark.parametrize(
    ("facts", "seen"),
    [
        ({"seed": 3, "seen": [["train", 3], ["tune", 4]]}, {("train", 3), ("tune", 4)}),
        ({"seed": 3}, {("train", 3), ("tune", 3)}),  # files of before `seen` was kept
        ({}, set()),
    ],
)
def test_a_policy_file_tells_the_orders_it_learned_from(
    facts: dict[str, Any], seen: set[tuple[str, int]], trained: RegionalPPO, tmp_path: Path
) -> None:
    save_policy(tmp_path / "policy.safetensors", trained.scorers(), facts)
    assert load_policy(tmp_path).seen == seen


def test_a_baseline_can_be_saved_as_a_policy(observations: dict[str, np.ndarray], tmp_path: Path) -> None:
    """A rule has no hidden layer; a file may hold one all the same."""
    rule = baseline("regional_nearest+hybrid")
    save_policy(tmp_path / "rule.safetensors", rule.scorers, {})
    policy = load_policy(tmp_path / "rule.safetensors")
    np.testing.assert_array_equal(policy.predict(observations)[0], rule.predict(observations)[0])


def test_a_policy_that_prices_lanes_plays_the_same_from_its_file(priced: RegionalPPO, tmp_path: Path) -> None:
    save_policy(tmp_path / "policy.safetensors", priced.scorers(), {})
    sims = []
    for scorers in (priced.scorers(), load_policy(tmp_path).scorers, priced.scorers()._replace(price=NO_PRICE)):
        sim = Simulator(WORLD)
        sim.reset(0, episode_key("evaluate", 2, 0))
        sim.run(scorers)
        sims.append(sim)
    np.testing.assert_array_equal(sims[1].state.cash, sims[0].state.cash)
    assert sims[1].kpis(0) == sims[0].kpis(0)
    assert sims[2].kpis(0) != sims[0].kpis(0)  # the prices matter


# -------------------------------------------------------------------------------------------------------- bad files


def _tensors_and_facts(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    with safe_open(path, framework="numpy") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata())  # noqa: SIM118


def _rewritten(change: Callable[[dict[str, np.ndarray], dict[str, str]], None]) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        tensors, facts = _tensors_and_facts(path)
        change(tensors, facts)
        path.write_bytes(save(tensors, facts))

    return spoil


def _set(name: str, array: np.ndarray) -> Callable[[Path], None]:
    return _rewritten(lambda tensors, facts: tensors.update({name: array}))


def _fact(name: str, value: str) -> Callable[[Path], None]:
    return _rewritten(lambda tensors, facts: facts.update({name: value}))


WIDE = np.zeros((1, SOURCE_COUNT + 1), np.float32)
NAN = np.full(1, np.nan, np.float32)
# What is wrong → how a good file is spoilt, and what the message must name.
BAD_FILES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "missing": (Path.unlink, "no such file; train"),
    "junk": (lambda path: path.write_bytes(b"\x80junk" * 50), "damaged.*train anew"),
    "empty": (lambda path: path.write_bytes(b""), "damaged.*train anew"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-100]), "damaged.*train anew"),
    "cut in its header": (lambda path: path.write_bytes(path.read_bytes()[:40]), "damaged.*train anew"),
    "another project's": (_fact("format", "other"), f"not a policy of this project.*{FORMAT}"),
    "no facts": (lambda path: path.write_bytes(save(_tensors_and_facts(path)[0])), "not a policy of this project"),
    "facts that are no JSON": (_fact("seed", "{"), "metadata.*train anew"),
    "a feature more": (
        _fact("source_features", json.dumps([*SOURCE_FEATURES, "moon"])),
        f"source_features: trained on {SOURCE_COUNT + 1} features, this version has {SOURCE_COUNT}.*moon.*train anew",
    ),
    "seen that is no list": (_fact("seen", "3"), "seen = 3: must be pairs.*train anew"),
    "an unknown stream": (_fact("seen", '[["moon", 1]]'), "seen = .*moon.*: must be pairs.*train anew"),
    "features in another order": (
        _fact("dispatch_features", json.dumps(DISPATCH_FEATURES[::-1])), "dispatch_features.*another order.*train anew",
    ),
    "a tensor missing": (
        _rewritten(lambda tensors, facts: tensors.pop("source.w2")), r"source\.w2.*missing.*train anew",
    ),
    "too many weights": (_set("source.weight", WIDE), rf"source\.weight.*\(1, {SOURCE_COUNT}\).*train anew"),
    "a scalar": (_set("dispatch.bias", np.array(1, np.float32)), r"dispatch\.bias.*\(1,\).*train anew"),
    "no bias": (_set("dispatch.bias", np.zeros(0, np.float32)), r"dispatch\.bias.*\(1,\).*train anew"),
    "a narrow layer": (_set("dispatch.w2", np.zeros((1, 8, 7), np.float32)), r"dispatch\.w2.*\(1, 8, 8\).*train anew"),
    "double precision": (_set("source.b1", np.zeros((1, 8))), r"source\.b1.*float32.*train anew"),
    "not a number": (_set("dispatch.bias", NAN), r"dispatch\.bias.*finite.*train anew"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_policy_file_is_named_with_its_mend(name: str, trained: RegionalPPO, tmp_path: Path) -> None:
    spoil, message = BAD_FILES[name]
    path = tmp_path / "policy.safetensors"
    save_policy(path, trained.scorers(), {"seed": 1})
    load_policy(path)
    spoil(path)
    with pytest.raises(PolicyFileError, match=message) as error:
        load_policy(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


TOO_WIDE = Scorer(**{
    name: np.zeros(shape, np.float32) for name, shape in scorer_shapes(1, LANE_PRICE_COUNT, MOST_HIDDEN + 1).items()
})  # fmt: skip
BAD_PRICES: dict[str, tuple[Callable[[Path], None], str]] = {
    "missing": (_rewritten(lambda tensors, facts: tensors.pop("price.w1")), r"price\.w1.*missing.*train anew"),
    "weights of another kind": (_set("price.weight", WIDE), rf"price\.weight.*\(1, {LANE_PRICE_COUNT}\).*train anew"),
    "no bias": (_set("price.bias", np.zeros(0, np.float32)), r"price\.\w+.*\(0,.*train anew"),
    "not a number": (_set("price.bias", NAN), r"price\.bias.*finite.*train anew"),
    "wider than the kernel has room for": (
        _rewritten(lambda tensors, facts: tensors.update({f"price.{k}": a for k, a in TOO_WIDE._asdict().items()})),
        rf"price\.w3.*{MOST_HIDDEN + 1} wide, at most {MOST_HIDDEN}.*train anew",
    ),
    "other features": (
        _fact("price_features", json.dumps([*LANE_PRICE_FEATURES, "moon"])), "price_features.*moon.*train anew",
    ),
    "a file from before lanes were priced": (
        _rewritten(lambda tensors, facts: facts.pop("price_features")), "price_features.*train anew",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_PRICES)
def test_a_bad_price_of_lanes_is_named_with_its_mend(name: str, priced: RegionalPPO, tmp_path: Path) -> None:
    spoil, message = BAD_PRICES[name]
    path = tmp_path / "policy.safetensors"
    save_policy(path, priced.scorers(), {"seed": 1})
    spoil(path)
    with pytest.raises(PolicyFileError, match=message) as error:
        load_policy(path)
    assert str(error.value).startswith(f"{path}: ")


def test_a_folder_without_a_policy_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyFileError, match=r"policy\.safetensors: no such file"):
        load_policy(tmp_path)


# ---------------------------------------------------------------------------------------------------- configuration


@pytest.mark.parametrize("name", ["default", "quickstart"])
def test_shipped_files_use_stable_baselines3s_names(name: str) -> None:
    folder = Path(__file__).resolve().parent.parent / "configs" / "ppo"
    arguments = load_ppo(folder / f"{name}.yaml").algorithm(8)
    stock = PPO.__init__.__annotations__
    ours = RegionalPPO.__init__.__annotations__
    assert set(arguments) <= set(stock) | set(ours)
    assert {"n_steps", "batch_size", "n_epochs", "gamma", "gae_lambda", "clip_range", "learning_rate"} <= set(arguments)


def test_the_learning_rate_falls_to_its_share() -> None:
    config = PpoConfig(learning_rate=1e-3, learning_rate_end=0.1)
    assert [config.schedule(left) for left in (1.0, 0.5, 0.0)] == pytest.approx([1e-3, 5.5e-4, 1e-4])


# What is wrong → field, YAML text and what the message must name.
BAD_FIELDS = {
    "unknown field": ("cost_priors", "2", "cost_priors = 2: unknown field"),
    "wrong type": ("n_steps", "many", "n_steps = 'many'.*integer"),
    "negative": ("learning_rate", "-1e-3", "learning_rate = .*-.*greater than 0"),
    "out of range": ("gamma", "1.5", "gamma = 1.5.*less than or equal to 1"),
    "unknown choice": ("weights", "one", "weights = 'one'.*'shared' or 'per_region'"),
    "unknown feature": ("dispatch_prior", "{fil: 1}", "dispatch_prior.*fil.*fill"),
    "infinite": ("ent_coef", ".inf", "ent_coef = inf.*finite"),
}


@pytest.mark.parametrize("name", BAD_FIELDS)
def test_a_bad_field_is_named_with_file_and_value(name: str, tmp_path: Path) -> None:
    field, text, message = BAD_FIELDS[name]
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("n_steps: 4\n", encoding="utf-8")
    bad.write_text(f"{field}: {text}\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match=f"bad.yaml: {message}"):
        load_ppo(bad)
    with pytest.raises(ScenarioError, match=f"good.yaml: {message}"):
        load_ppo(good, {field: text})


def test_names_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text("8: 4\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"odd.yaml: 8"):
        load_ppo(path)


def test_exponents_without_a_point_are_numbers(tmp_path: Path) -> None:
    """PyYAML reads 1e-3 as text."""
    path = tmp_path / "ppo.yaml"
    path.write_text("learning_rate: 1e-3\n", encoding="utf-8")
    assert load_ppo(path).learning_rate == 1e-3


def test_scorers_have_one_layout() -> None:
    """What a learner exports is what the kernel reads."""
    scorers = learner().scorers()
    assert isinstance(scorers, Scorers)
    for scorer, features in zip(scorers[:2], (SOURCE_COUNT, DISPATCH_COUNT), strict=True):
        assert isinstance(scorer, Scorer)
        assert scorer.weight.shape == (1, features)
        assert scorer.w1.shape == (1, features, 8)
    assert scorers.price.weight.shape == (0, LANE_PRICE_COUNT)
    assert learner(nets={"price_hidden": 4}).scorers().price.w1.shape == (1, LANE_PRICE_COUNT, 4)
