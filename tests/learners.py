"""Learners on a small world, shared by the tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch

from regional_dispatch.agents.ppo import RegionalPPO
from regional_dispatch.agents.training.monitoring import TuningEpisodes
from regional_dispatch.agents.vec_env import RegionalVecEnv
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
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


@contextmanager
def without_maps() -> Iterator[None]:
    """Trainings draw no maps, which take as long as the rest; the tests of `train.py` have a training that does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TuningEpisodes, "picture", lambda self, sim, policy: np.zeros((2, 2, 3), np.uint8))
        yield
