"""The policy: weights per region, predict(), and the same decisions in torch, numpy, file and kernel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from regional_dispatch.agents.config import PpoConfig
from regional_dispatch.agents.export import load_policy, save_policy
from regional_dispatch.agents.policy import DispatchPolicy
from regional_dispatch.agents.ppo import RegionalPPO
from regional_dispatch.baselines import baseline
from regional_dispatch.envs.dispatch_env import RegionalDispatchEnv
from regional_dispatch.envs.kernel.decisions.features import (
    SOURCE_COUNT,
    SOURCE_FEATURES,
)
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from tests.learners import REGIONS, WORLD, changed, learner, mean_cost, updates, weights


def one(observations: dict[str, np.ndarray], row: int) -> dict[str, np.ndarray]:
    return {name: array[row] for name, array in observations.items()}


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


def test_a_saved_policy_loads_alone(trained: RegionalPPO, tmp_path: Path) -> None:
    trained.policy.save(tmp_path / "policy.pth")
    loaded = DispatchPolicy.load(tmp_path / "policy.pth", device="cpu")
    assert not changed(weights(trained), dict(loaded.state_dict()))
