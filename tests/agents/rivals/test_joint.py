"""The joint stream: one advantage for all decisions of a region and tick, made of the region's dollars."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from regional_dispatch.agents.config import PpoConfig
from regional_dispatch.agents.rivals.joint import REWARD_USD, JointPPO, Tick
from regional_dispatch.agents.vec_env import RegionalVecEnv
from tests.worlds import TWO_REGIONS, small


def learner(copies: int = 2) -> JointPPO:
    torch.set_num_threads(1)
    env = RegionalVecEnv(small(**TWO_REGIONS, horizon_hours=40, warmup_hours=0), copies, 3)
    ppo = PpoConfig(copies=copies, n_steps=12, batch_size=64, credit="joint", gamma=1.0, gae_lambda=1.0)
    return JointPPO("DispatchPolicy", env, seed=0, device="cpu", **ppo.algorithm(2))


def test_all_decisions_of_a_region_and_tick_share_one_advantage(monkeypatch: pytest.MonkeyPatch) -> None:
    model, seen = learner(), []
    advantages = JointPPO._advantages

    def spy(self: JointPPO, ticks: list[Tick]) -> list[np.ndarray]:
        found = advantages(self, ticks)
        seen.append((ticks, found))
        return found

    monkeypatch.setattr(JointPPO, "_advantages", spy)
    credited = []
    original = JointPPO._credited

    def keep(self: JointPPO, *recorders: Any) -> Any:
        credited.append(original(self, *recorders))
        return credited[-1]

    monkeypatch.setattr(JointPPO, "_credited", keep)
    model.learn(12 * 4 * 2)
    (ticks, found), (lines, _, lanes, lane_advantage, _) = seen[0], credited[0]
    expected = np.concatenate([a[t.line_row] for t, a in zip(ticks, found, strict=False)])
    np.testing.assert_array_equal(lines.reward, expected)
    assert len(np.unique(expected)) <= 12 * 4 < len(expected)
    assert len(lane_advantage) == len(lanes.action) > 0


def test_rewards_are_the_dollars_of_the_region() -> None:
    """Without discount and critic, the first advantage is minus what the region is booked until the last tick."""
    model = learner(copies=1)
    model.learn(12 * 2)
    model._ticks = []
    model.collect_rollouts(model.env, _Nothing(), None, 12)
    ticks, critic = model._ticks, model._critic
    with torch.no_grad():
        for parameter in critic.parameters():
            parameter.zero_()
    found = model._advantages(ticks)
    if not any(t.started.any() for t in ticks[1:]):
        booked = ticks[-1].accrued - ticks[0].accrued
        np.testing.assert_allclose(found[0] * REWARD_USD, -booked, rtol=1e-3)
        assert booked.min() > 0


class _Nothing:
    """A callback that lets everything go on."""

    def on_rollout_start(self) -> None: ...

    def on_rollout_end(self) -> None: ...

    def update_locals(self, local: dict[str, object]) -> None: ...

    def on_step(self) -> bool:
        return True


def test_several_networks_are_refused() -> None:
    with pytest.raises(ValueError, match="joint learns on one network"):
        PpoConfig(copies=2, networks=2, credit="joint")
