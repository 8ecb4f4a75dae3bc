"""Learners that were trained once for all tests, and what they see."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from regional_dispatch.agents.credit.charges import Charges
from regional_dispatch.agents.ppo import RegionalPPO
from regional_dispatch.agents.vec_env import RegionalVecEnv
from regional_dispatch.baselines import baseline
from tests.learners import COPIES, WORLD, learner, updates, without_maps


@pytest.fixture(autouse=True, scope="module")
def _no_maps() -> Iterator[None]:
    with without_maps():
        yield


@pytest.fixture(scope="session")
def trained() -> RegionalPPO:
    """A learner after three updates; not to be changed."""
    return updates(learner(), 3)


@pytest.fixture(scope="session")
def priced() -> RegionalPPO:
    """The same of one that prices lanes."""
    return updates(learner(nets={"price_hidden": 8, "averaging": 0.5}, charges=Charges(congestion_usd_per_hour=0.5)), 3)


@pytest.fixture(scope="session")
def observations() -> dict[str, np.ndarray]:
    """A batch of padded observations from both regions at all hours."""
    env = RegionalVecEnv(WORLD, COPIES, seed=9)
    observation, seen = env.reset(), []
    for _ in range(40):
        seen.append(observation)
        actions, _ = baseline("hybrid").predict(observation)
        observation, *_ = env.step(actions)
    return {name: np.concatenate([part[name] for part in seen]) for name in seen[0]}
