"""PPO with credit per decision: it learns, continues, and saves and loads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

from regional_dispatch.agents.config import PpoConfig
from regional_dispatch.agents.credit.charges import Charges
from regional_dispatch.agents.credit.lines import Lines
from regional_dispatch.agents.export import load_policy
from regional_dispatch.agents.ppo import RegionalPPO
from regional_dispatch.agents.training.run import Run, rules_beside, train
from regional_dispatch.agents.vec_env import RegionalVecEnv
from regional_dispatch.baselines import baseline
from regional_dispatch.envs.dispatch_env import RegionalDispatchEnv
from regional_dispatch.envs.kernel.decisions.features import (
    SHADOW_PRICE_USD,
    SOURCE_COUNT,
    SOURCE_FEATURES,
)
from regional_dispatch.envs.kernel.decisions.lane_price import LANE_PRICE_COUNT, LANE_PRICE_FEATURES
from regional_dispatch.envs.kernel.decisions.score import Scorer
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.vector_env import RegionRows
from regional_dispatch.envs.world.demand import episode_key
from tests.conftest import trace_scenario
from tests.learners import COPIES, REGIONS, SMALL_NETS, WORLD, changed, learner, mean_cost, updates, weights
from tests.worlds import TWO_REGIONS, small


def test_two_updates_move_every_network() -> None:
    model = learner()
    before = weights(model)
    updates(model, 2)
    assert model.num_timesteps == 2 * 12 * COPIES * REGIONS
    assert model.decisions > 100
    assert changed(before, weights(model)) == {"source_actor", "dispatch_actor", "source_critic", "dispatch_critic"}
    assert all(torch.isfinite(array).all() for array in weights(model).values())


def test_the_price_of_lanes_learns_from_the_end_of_an_episode_too() -> None:
    """What packages cost their lanes is kept when a copy starts its next episode within a rollout."""
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
    model = RegionalPPO("DispatchPolicy", env, n_steps=36, batch_size=2, n_epochs=2, policy_kwargs=SMALL_NETS, seed=0)
    updates(model, 2)
    logged = {name: value for name, value in model.logger.name_to_value.items() if name.startswith("train/")}
    assert logged["train/dispatch_decisions"] / 2 > logged["train/source_decisions"]
    assert np.isfinite(list(logged.values())).all()
    assert all(torch.isfinite(array).all() for array in weights(model).values())


def test_episodes_are_logged_as_by_a_monitor() -> None:
    """A learner that takes a rule's decisions logs the rewards that the rule collects in a monitored environment."""
    rule = baseline("least_cost+last_safe_hour")
    nets = {"source_prior": {"order_plan": 1e5, "cost": -1e3}}
    model = learner(seed=3, n_steps=100, nets=nets, dispatch_rule=rule.scorers.dispatch)
    updates(model, 1)
    env = VecMonitor(RegionalVecEnv(WORLD, COPIES, 3))
    seen, ended = env.reset(), [False]
    while not all(ended):
        actions = [rule.predict({name: array[row] for name, array in seen.items()})[0] for row in range(env.num_envs)]
        seen, _, ended, infos = env.step(np.array(actions))
    ours, theirs = list(model.ep_info_buffer or []), [info["episode"] for info in infos]
    assert [info["l"] for info in ours] == [info["l"] for info in theirs] == [96] * 4
    np.testing.assert_allclose([info["r"] for info in ours], [info["r"] for info in theirs], rtol=1e-5)


def test_seeds_may_have_any_size() -> None:
    """Orders take all of a seed, and so do weights and exploration."""
    first, again, other = (updates(learner(seed), 1) for seed in (2**70 + 4, 2**70 + 4, 2**70 + 5))
    assert training_rows(first).seed == 2**70 + 4
    assert not changed(weights(first), weights(again))
    assert changed(weights(first), weights(other))
    with pytest.raises(ValueError, match="seed = -1: must be 0 or more"):
        learner(-1)


def test_an_update_can_have_a_single_line(trained: RegionalPPO) -> None:
    zeros = np.zeros(1, np.int64)
    x, mask = np.ones((1, 3, SOURCE_COUNT), np.float32), np.ones((1, 3), bool)
    lines = Lines(x, mask, zeros, zeros, zeros.astype(np.float32), zeros.astype(np.float32))
    assert trained._engine.line_values(lines).value.shape == (1,)


def test_a_second_learn_forgets_what_was_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second `learn()` resets the copies; open decisions of the episodes it cuts must not come back as free."""
    model = learner()
    costs: list[np.ndarray] = []
    judged = model._engine.line_values

    def note(lines: Lines) -> np.ndarray:
        costs.append(-lines.reward)
        assert model._lanes is not None
        waiting_for_a_successor = model._lanes.each[0]._kept[0]
        assert waiting_for_a_successor.tick.max() < model._regional_env().parts[0].sim.tick(0)
        return judged(lines)

    monkeypatch.setattr(model._engine, "line_values", note)
    for _ in range(3):
        updates(model, 2)
    assert len(costs) == 6
    assert min(cost.min() for cost in costs) >= WORLD.costs.pick_pack_usd - 1e-3


def test_learning_goes_on_where_it_stopped() -> None:
    """`reset_num_timesteps=False` keeps episodes and open decisions."""
    model = updates(learner(), 2)
    assert model._lines is not None
    waiting, ticks = model._lines.each[0]._open.sum(), model._regional_env().parts[0].sim.tick(0)
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
