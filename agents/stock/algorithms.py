"""The stock algorithms, with settings that were chosen on tuning episodes of us8."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sb3_contrib import MaskablePPO
from stable_baselines3 import DQN
from stable_baselines3.common.base_class import BaseAlgorithm

from regional_dispatch.agents.stock.candidate_policy import CandidatePolicy
from regional_dispatch.agents.stock.candidate_q import CandidateQPolicy
from regional_dispatch.agents.stock.vec_env import DecisionVecEnv

STREAMS = 1024  # decisions a step


def maskable_ppo(env: DecisionVecEnv, seed: int) -> MaskablePPO:
    """sb3-contrib's MaskablePPO."""
    return MaskablePPO(
        CandidatePolicy, env, n_steps=16, batch_size=2048, n_epochs=4, learning_rate=3e-3, ent_coef=0.01, seed=seed,
        device="cpu",
    )  # fmt: skip


def dqn(env: DecisionVecEnv, seed: int) -> DQN:
    """stable-baselines3's DQN. It explores among all actions, and the environment takes an illegal one for action 0.

    Its share of explored actions stays as it is: an episode is one decision, so a bad one spoils no later ones.
    """
    return DQN(
        CandidateQPolicy, env, buffer_size=200_000, learning_starts=20_000, batch_size=2048, train_freq=(1, "step"),
        gradient_steps=4, learning_rate=3e-3, target_update_interval=10_000, exploration_initial_eps=0.3,
        exploration_final_eps=0.3, seed=seed, device="cpu",
    )  # fmt: skip


ALGORITHMS: dict[str, Callable[[DecisionVecEnv, int], Any]] = {"maskable_ppo": maskable_ppo, "dqn": dqn}


def learner(algorithm: str, env: DecisionVecEnv, seed: int) -> BaseAlgorithm:
    """An algorithm by its name in `ALGORITHMS`."""
    found: BaseAlgorithm = ALGORITHMS[algorithm](env, seed)
    return found
