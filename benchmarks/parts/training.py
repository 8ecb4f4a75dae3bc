"""Decisions learned from per second: this project's PPO on us8, beside SB3's PPO on environments that do nothing.

CPU time of one core and one thread. The null environments return zeros, so their time is SB3's learner alone, the most
that any environment leaves for it. One has the padded observations and actions of a region, as an off-the-shelf learner
sees them; in the other a sample is one decision, as here.
"""

from __future__ import annotations

import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.utils import set_random_seed

from benchmarks.measure import Settings, Spread, Target, rates, spread
from benchmarks.null_env import NullVecEnv
from benchmarks.text import cell, table
from benchmarks.worlds import US8
from regional_dispatch.agents.config import PpoConfig, load_ppo
from regional_dispatch.agents.credit.batch import LaneRecorders, LineRecorders
from regional_dispatch.agents.ppo import RegionalPPO
from regional_dispatch.agents.vec_env import RegionalVecEnv
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import load_scenario

TITLE = "Training"
UPDATES = 6  # timed, after one that warms up
LEAST_DECISIONS_PER_SECOND, MOST_ENVIRONMENT_SHARE = 45_000.0, 0.15
# What an environment would do: ticks of the network, and what policies see of it.
ENVIRONMENT = ((Simulator, "begin"), (Simulator, "finish"), (LineRecorders, "pack"), (LaneRecorders, "pack"))


class Stopwatch:
    """Sums the CPU seconds spent in methods of classes while it is open, by name."""

    def __init__(self, methods: tuple[tuple[type, str], ...]) -> None:
        self.methods = methods
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._kept: list[tuple[type, str, Any]] = []

    def __enter__(self) -> Stopwatch:
        for owner, name in self.methods:
            self._kept.append((owner, name, getattr(owner, name)))
            setattr(owner, name, self._timed(f"{owner.__name__}.{name}", getattr(owner, name)))
        return self

    def __exit__(self, *_: object) -> None:
        for owner, name, method in self._kept:
            setattr(owner, name, method)

    def _timed(self, label: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.process_time()
            try:
                return method(*args, **kwargs)
            finally:
                self.seconds[label] += time.process_time() - start

        return timed


def measure(settings: Settings) -> dict[str, Any]:
    """Our updates, then those of both null environments."""
    torch.set_num_threads(1)
    set_random_seed(0)
    updates = 2 if settings.quick else UPDATES
    ppo = load_ppo("default")
    env = RegionalVecEnv(load_scenario(US8), ppo.copies)
    ours = _ours(env, ppo, updates)
    slots, candidates = env.sim.world.rules.order_slots, env.sim.world.rules.candidates
    features = env.observation_space["orders"].shape[0] // slots  # type: ignore[index]
    one_decision = NullVecEnv(256, spaces.Box(-10, 10, (features,), np.float32), spaces.Discrete(candidates))
    found = {"ours": ours, "one_decision": _sb3(one_decision, ppo, "MlpPolicy", updates, 1.0)}
    if not settings.quick:
        padded = NullVecEnv(env.num_envs, env.observation_space, env.action_space)
        found["padded"] = _sb3(padded, ppo, "MultiInputPolicy", 5, ours["decisions_per_row_tick"])
    return found


def _ours(env: RegionalVecEnv, ppo: PpoConfig, updates: int) -> dict[str, Any]:
    model = RegionalPPO(
        "DispatchPolicy", env, seed=0, device="cpu", verbose=0, **ppo.algorithm(env.parts[0].sim.regions)
    )
    ticks = ppo.n_steps * env.num_envs
    model.learn(ticks)
    seconds, decisions, share = [], [], []
    with Stopwatch(ENVIRONMENT) as watch:
        for _ in range(updates):
            before, inside, start = model.decisions, sum(watch.seconds.values()), time.process_time()
            model.learn(ticks, reset_num_timesteps=False)
            seconds.append(time.process_time() - start)
            decisions.append(model.decisions - before)
            share.append((sum(watch.seconds.values()) - inside) / seconds[-1])
    if unused := {f"{owner.__name__}.{name}" for owner, name in ENVIRONMENT} - set(watch.seconds):
        raise RuntimeError(
            f"training never calls {', '.join(sorted(unused))}; ENVIRONMENT must say where its ticks are run"
        )
    parts = {name: total / sum(seconds) for name, total in watch.seconds.items()}
    return {
        "decisions": spread([n / s for n, s in zip(decisions, seconds, strict=True)]),
        "environment_share": spread(share), "parts": parts,
        "decisions_per_row_tick": float(np.mean(decisions)) / ticks,
        "minibatch": ppo.batch_size, "epochs": ppo.n_epochs,
    }  # fmt: skip


def _sb3(env: NullVecEnv, ppo: PpoConfig, policy: str, updates: int, decisions_per_sample: float) -> Spread:
    """SB3's PPO with our minibatch and epochs: decisions per CPU second."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of minibatches that do not divide the rollout
        model = PPO(
            policy, env, n_steps=ppo.n_steps, batch_size=ppo.batch_size, n_epochs=ppo.n_epochs, seed=0, device="cpu",
            policy_kwargs={"activation_fn": torch.nn.ReLU},
        )  # fmt: skip
    samples = ppo.n_steps * env.num_envs
    model.learn(samples)
    seconds = []
    for _ in range(updates):
        start = time.process_time()
        model.learn(samples, reset_num_timesteps=False)
        seconds.append(time.process_time() - start)
    return rates(samples * decisions_per_sample, seconds)


def targets(result: dict[str, Any]) -> list[Target]:
    """Decisions per second, and the environment's share."""
    rate, share = result["ours"]["decisions"]["median"], result["ours"]["environment_share"]["median"]
    return [
        Target("training on us8, decisions per CPU second", "≥ 45,000", f"{rate:,.0f}",
               rate >= LEAST_DECISIONS_PER_SECOND),
        Target("training on us8, the environment's share of the time", "≤ 15 %", f"{share:.0%}",
               share <= MOST_ENVIRONMENT_SHARE),
    ]  # fmt: skip


def section(result: dict[str, Any]) -> list[str]:
    """Rates as a table, and where the environment's share goes."""
    ours = result["ours"]
    rows = [
        ("`RegionalPPO` on `us8`, rollout and update", ours["decisions"]),
        ("SB3 `PPO`, null environment, one decision a sample", result["one_decision"]),
    ]
    if "padded" in result:
        rows.append(("SB3 `PPO`, null environment, padded observations of a region", result["padded"]))
    most = ours["decisions"]["median"]
    lines = [[name, cell(rate, 0), f"{rate['median'] / most:.2f}"] for name, rate in rows]
    parts = ", ".join(f"`{name}` {share:.1%}" for name, share in ours["parts"].items())
    return [
        f"Minibatches of {ours['minibatch']:,}, {ours['epochs']} epochs, `configs/ppo/default.yaml`. A padded sample "
        f"counts as the {ours['decisions_per_row_tick']:.1f} decisions that a region takes in a tick on average. SB3's "
        "learner is measured without an environment; it has two layers of 64, and its critic reads what its actor "
        "reads.", "",
        *table(["learner", "decisions per CPU second", "times ours"], lines), "",
        f"The environment's share of our training is {cell(ours['environment_share'], 1, 100)} %: {parts}.",
    ]  # fmt: skip
