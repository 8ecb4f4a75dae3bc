"""Trains a stock algorithm for a budget of CPU time, and exports the best policy by the tuning episodes.

The folder has the files of any training (`agents.folder`), without checkpoints: the policy is a `policy.safetensors`
that `evaluate.py compare` plays like one of `train.py`.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import set_random_seed

from regional_dispatch.agents.export import save_policy
from regional_dispatch.agents.folder import CURVE_FILE, POLICY_FILE, TENSORBOARD
from regional_dispatch.agents.seeds import library_seed
from regional_dispatch.agents.stock.algorithms import STREAMS, learner
from regional_dispatch.agents.stock.vec_env import DecisionVecEnv
from regional_dispatch.agents.training.curve import Curve
from regional_dispatch.agents.training.monitoring import COST_TAG, OBJECTIVE, TuningEpisodes
from regional_dispatch.agents.training.run import Run, tuning_worlds, write_config
from regional_dispatch.agents.training.saving import saving_to
from regional_dispatch.agents.training.tensorboard import tensorboard_logger
from regional_dispatch.baselines import baseline
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.facts import world_facts
from regional_dispatch.envs.world.replacing import remove_strays

BACKGROUND = "least_cost"  # makes the decisions that are not drawn
_EVALUATIONS = 24
_ENDLESS = 10**12  # decisions; the time budget ends the training


class BestByTuning(BaseCallback):
    """Plays the tuning episodes at even intervals of CPU time and keeps the policy with the lowest cost.

    Args:
        episodes: the tuning episodes.
        seconds: CPU time of learning, without evaluations; training stops when it is used up.
        curve: gets a row per evaluation.
    """

    def __init__(self, episodes: TuningEpisodes, seconds: float, curve: Curve) -> None:
        super().__init__()
        self.episodes, self.seconds, self.curve = episodes, seconds, curve
        self.best: Scorers | None = None
        self.best_cost = np.inf
        self._next = 0.0

    def _on_training_start(self) -> None:
        self._since = time.process_time()

    def learned(self) -> float:
        """CPU seconds of learning so far."""
        return time.process_time() - self._since

    def _on_step(self) -> bool:
        if self.learned() >= self._next:
            self._check()
            self._next = self.learned() + self.seconds / _EVALUATIONS
        return self.learned() < self.seconds

    def _on_training_end(self) -> None:
        self._check()

    def _check(self) -> None:
        before = time.process_time()
        policy: Any = self.model.policy
        scorers = policy.scorers()
        kpis = self.episodes.kpis(ScorerPolicy(scorers))
        self._since += time.process_time() - before
        self.curve.add(self.num_timesteps, self.learned(), self.num_timesteps, kpis)
        self.logger.record(COST_TAG, kpis[OBJECTIVE])
        if kpis[OBJECTIVE] < self.best_cost:
            self.best, self.best_cost = scorers, kpis[OBJECTIVE]


def train_stock(algorithm: str, run: Run, seconds: float) -> None:
    """Trains for `seconds` of CPU time and leaves policy, curve, configuration and logs in the run's folder.

    Args:
        algorithm: a name of `agents.stock.algorithms.ALGORITHMS`.
        run: scenario, seed and folder; of the PPO file, the number of tuning episodes is used.
        seconds: CPU time of learning, without evaluations.

    Raises:
        SavingError: a file cannot be written.
    """
    seed = library_seed(run.seed)
    set_random_seed(seed)
    with saving_to(run.out):
        write_config(run)
        remove_strays(run.out)
        model, best = _learn(algorithm, run, seed, seconds)
        assert best.best is not None
        about = {
            "scenario": run.scenario.name, "seed": run.seed, "timesteps": model.num_timesteps, "algorithm": algorithm,
            "partition": run.scenario.partition.model_dump(mode="json", exclude_none=True), "command": run.command,
            "tuning_cost_per_order_usd": best.best_cost, "seen": [["train", run.seed], ["tune", run.seed]],
            "price_hours": None, "world": world_facts(run.scenario),
        }  # fmt: skip
        save_policy(run.out / POLICY_FILE, best.best, about)


def _learn(algorithm: str, run: Run, seed: int, seconds: float) -> tuple[BaseAlgorithm, BestByTuning]:
    background = baseline(BACKGROUND)
    env = DecisionVecEnv(STREAMS, scenario=run.scenario, credit="own", background=background.scorers)
    env.seed(seed)
    model = learner(algorithm, env, seed)
    model.set_logger(tensorboard_logger(run.out / TENSORBOARD / algorithm, 0))
    episodes = TuningEpisodes(tuning_worlds(run.scenario, run.ppo), run.ppo.eval_episodes, run.seed)
    best = BestByTuning(episodes, seconds, Curve(run.out / CURVE_FILE))
    model.learn(_ENDLESS, callback=best)
    return model, best
