"""Trains a policy with RLlib's PPO, and writes it as a file like those of `train.py`."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# Ray reads these when it is imported. The first has an odd name: without it, Ray looks for an address of this machine
# that others can reach.
os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import numpy as np
import ray
import yaml
from ray.rllib.algorithms.ppo import PPO, PPOConfig
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.tune.registry import register_env

from regional_dispatch.agents.export import save_policy
from regional_dispatch.agents.folder import CONFIG_FILE, CURVE_FILE, POLICY_FILE
from regional_dispatch.agents.rllib.env import NetworkEnv
from regional_dispatch.agents.rllib.module import ScorerModule
from regional_dispatch.agents.rllib.settings import RllibSettings
from regional_dispatch.agents.training.curve import Curve
from regional_dispatch.agents.training.monitoring import OBJECTIVE, TuningEpisodes
from regional_dispatch.agents.training.saving import saving_to
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.facts import world_facts
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.replacing import remove_strays, replacing
from regional_dispatch.envs.world.scenario import Scenario, part_of

ENV = "regional_dispatch"  # RLlib's name of the environment
POLICY = "regions"  # and of the one policy that decides for all regions
OBJECT_STORE_BYTES = 100 << 20  # the least that Ray takes; nothing large is sent between processes


@dataclass(frozen=True)
class RllibRun:
    """One training run.

    Args:
        scenario: the network to train on.
        settings: hyperparameters.
        priors: `source_prior` and `dispatch_prior`, linear weights of the two scorers at the start as in a PPO file;
            empty ones start from random choices.
        minutes: length of training, in minutes of CPU time of this process, without evaluations.
        seed: of orders, weights and exploration.
        out: folder of the results.
        command: command line that started it, for the record.
    """

    scenario: Scenario
    settings: RllibSettings
    priors: Mapping[str, dict[str, float]]
    minutes: float
    seed: int
    out: Path
    command: str

    def check(self) -> None:
        """Raises ScenarioError if a setting is out of its range."""
        self.settings.check(len(build_network(self.scenario).region_names))

    def config(self) -> dict[str, Any]:
        """The configuration that is saved with the results; it is enough to train the same policy again."""
        return {
            "command": self.command,
            "seed": self.seed,
            "minutes": self.minutes,
            "rllib": {**asdict(self.settings), **self.priors},
            "scenario_file": self.scenario.source_file,
            "scenario": self.scenario.model_dump(mode="json"),
        }


class Best:
    """Plays the tuning episodes, writes the KPIs down, and keeps the policy with the lowest cost in a file.

    Args:
        run: scenario, settings, seed and folder.
    """

    def __init__(self, run: RllibRun) -> None:
        self.run = run
        self.episodes = TuningEpisodes([part_of(run.scenario, "tune")], run.settings.eval_episodes, run.seed)
        self.curve = Curve(run.out / CURVE_FILE)
        self.cost = np.inf

    def check(self, scorers: Scorers, timesteps: int, decisions: int, seconds: float) -> None:
        """Takes a policy after so many joint actions, decisions and seconds of training."""
        kpis = self.episodes.kpis(ScorerPolicy(scorers, "rllib"))
        self.curve.add(timesteps, seconds, decisions, kpis)
        if kpis[OBJECTIVE] < self.cost:
            self.cost = kpis[OBJECTIVE]
            save_policy(self.run.out / POLICY_FILE, scorers, self._about(timesteps))

    def _about(self, timesteps: int) -> dict[str, Any]:
        run, copies = self.run, range(self.run.settings.num_envs)
        return {
            "scenario": run.scenario.name, "seed": run.seed, "timesteps": timesteps, "device": "cpu",
            "partition": run.scenario.partition.model_dump(mode="json", exclude_none=True), "command": run.command,
            "tuning_cost_per_order_usd": self.cost, "world": world_facts(run.scenario), "price_hours": None,
            "seen": [*(["train", run.seed + copy] for copy in copies), ["tune", run.seed]],
        }  # fmt: skip


def train_rllib(run: RllibRun, told: Callable[[dict[str, float]], None] = lambda row: None) -> None:
    """Trains for the run's minutes, and leaves the policy with the lowest cost on the tuning episodes in its folder.

    Writes policy.safetensors, config.yaml and curve.csv, whose `seconds` are those of CPU time.

    Args:
        run: what to train.
        told: hears every row of the curve.

    Raises:
        ScenarioError: a setting is out of its range.
        SavingError: a file cannot be written.
    """
    run.check()
    best = Best(run)
    with saving_to(run.out):
        with replacing(_made(run.out) / CONFIG_FILE) as file:
            file.write_text(yaml.safe_dump(run.config(), sort_keys=False, allow_unicode=True), encoding="utf-8")
        remove_strays(run.out)
        with _algorithm(run) as algorithm:
            _learn(run, algorithm, best, told)


def _learn(run: RllibRun, algorithm: PPO, best: Best, told: Callable[[dict[str, float]], None]) -> None:
    seconds, updates = 0.0, 0
    while True:
        if updates % run.settings.eval_every == 0 or seconds >= 60 * run.minutes:
            best.check(_scorers(algorithm), *_played(algorithm), seconds)
            told(best.curve.rows[-1])
        if seconds >= 60 * run.minutes:
            return
        before = time.process_time()
        algorithm.train()
        seconds, updates = seconds + time.process_time() - before, updates + 1


def ppo_config(run: RllibRun) -> PPOConfig:
    """RLlib's configuration of a run: the new API stack, all in this process, one policy for all regions."""
    settings, agents = run.settings, len(build_network(run.scenario).region_names)
    world, actions = part_of(run.scenario, "train"), settings.actions(agents)
    register_env(ENV, lambda _: NetworkEnv(world, settings.shared_reward, settings.gamma))
    sizes = {"hidden": settings.hidden, "critic_hidden": settings.critic_hidden}
    module = RLModuleSpec(module_class=ScorerModule, model_config={**sizes, **run.priors})
    return (
        PPOConfig()
        .environment(ENV, disable_env_checking=True)
        .env_runners(
            num_env_runners=0, num_envs_per_env_runner=settings.num_envs,
            rollout_fragment_length=settings.ticks * agents,
        )
        .learners(num_learners=0)
        .multi_agent(policies={POLICY}, policy_mapping_fn=_policy_of, count_steps_by="agent_steps")
        .rl_module(rl_module_spec=module)
        .training(
            lr=settings.lr, gamma=settings.gamma, lambda_=settings.gae_lambda, clip_param=settings.clip_param,
            entropy_coeff=settings.entropy_coeff, use_kl_loss=False, num_epochs=settings.num_epochs,
            minibatch_size=actions // settings.num_minibatches, train_batch_size_per_learner=actions,
        )
        .debugging(seed=run.seed, log_level="ERROR")
    )  # fmt: skip


def _policy_of(agent: str, *args: Any, **kwargs: Any) -> str:
    return POLICY


@contextmanager
def _algorithm(run: RllibRun) -> Iterator[PPO]:
    """RLlib's PPO in a Ray of its own, which ends with the block."""
    logging.getLogger("ray.rllib").setLevel(logging.ERROR)  # else it says which of its two stacks it uses
    ray.init(
        "local", num_cpus=1, include_dashboard=False, _node_ip_address="127.0.0.1", log_to_driver=False,
        logging_level=logging.ERROR, object_store_memory=OBJECT_STORE_BYTES,
    )  # fmt: skip
    try:
        algorithm = ppo_config(run).build_algo()
        try:
            yield algorithm
        finally:
            algorithm.stop()
            shutil.rmtree(algorithm.logdir, ignore_errors=True)  # an empty folder in the user's home
    finally:
        ray.shutdown()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _scorers(algorithm: PPO) -> Scorers:
    module = algorithm.get_module(POLICY)
    assert isinstance(module, ScorerModule)
    return module.scorers()


def _played(algorithm: PPO) -> tuple[int, int]:
    """Joint actions and decisions so far."""
    copies = [env.unwrapped for env in algorithm.env_runner.env.envs]
    return sum(copy.actions for copy in copies), sum(copy.decisions for copy in copies)
