"""From a scenario and a PPO file to a trained policy in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import configure
from stable_baselines3.common.utils import set_random_seed

from agents.callbacks import CheckpointCallback, KpiCallback, ProgressCallback
from agents.config import PpoConfig
from agents.export import POLICY_FILE, PolicyFileError, load_policy, save_policy
from agents.mixed_vec_env import vec_env
from agents.ppo import RegionalPPO
from agents.vec_env import BatchVecEnv
from envs.generator import random_scenario
from envs.scenario import Scenario
from envs.scorers import Scorers

CONFIG_FILE = "config.yaml"


@dataclass(frozen=True)
class Run:
    """One training run."""

    scenario: Scenario
    ppo: PpoConfig
    timesteps: int
    seed: int
    out: Path
    command: str

    def config(self) -> dict[str, Any]:
        """What is saved beside the results, enough to train the same again."""
        return {
            "command": self.command,
            "seed": self.seed,
            "timesteps": self.timesteps,
            "ppo": self.ppo.model_dump(mode="json"),
            "scenario_file": self.scenario.source_file,
            "scenario": self.scenario.model_dump(mode="json"),
        }


def train(run: Run, baselines: dict[str, Scorers], checkpoint: Path | None = None) -> None:
    """Trains, and writes the best policy by the tuning episodes, configuration, TensorBoard logs and checkpoints.

    Args:
        run: what to train.
        baselines: name → scorers; their KPIs are the reference lines.
        checkpoint: one to go on from.

    Raises:
        PolicyFileError: the checkpoint is damaged or belongs to another network.
    """
    set_random_seed(run.seed)
    model = _resume(run, checkpoint) if checkpoint else _start(run)
    best_so_far = load_policy(run.out).scorers if checkpoint and (run.out / POLICY_FILE).exists() else None
    write_config(run)
    model.set_logger(configure(str(run.out / "tb" / "ppo"), ["tensorboard"]))
    ppo = run.ppo
    kpis = KpiCallback(
        run.scenario, baselines, ppo.eval_every, ppo.eval_episodes, run.seed, run.out / "tb", ppo.pricing
    )
    if best_so_far is not None:
        kpis.consider(best_so_far)  # it stays the best until it is beaten
    checkpoints = CheckpointCallback(run.out / "checkpoints", run.ppo.checkpoint_every)
    left = max(0, run.timesteps - model.num_timesteps)
    progress = ProgressCallback(left, kpis)
    callbacks: list[BaseCallback] = [kpis, progress, checkpoints]
    try:
        model.learn(left, callback=callbacks, reset_num_timesteps=checkpoint is None)
    except KeyboardInterrupt:
        path = checkpoints.save()
        _save_best(run, kpis, model.num_timesteps)
        raise KeyboardInterrupt(f"saved {path}; go on with: python train.py --resume {run.out}") from None
    finally:
        progress.close()
    _save_best(run, kpis, model.num_timesteps)


def _save_best(run: Run, kpis: KpiCallback, timesteps: int) -> None:
    if kpis.best is None:  # stopped before the first evaluation
        return
    about = {
        "scenario": run.scenario.name, "seed": run.seed, "timesteps": timesteps,
        "partition": run.scenario.partition.model_dump(mode="json", exclude_none=True), "command": run.command,
        "tuning_cost_per_order_usd": kpis.best_cost, "seen": [["train", run.seed], ["tune", kpis.seed]],
        "price_hours": run.ppo.price_hours,
    }  # fmt: skip
    save_policy(run.out / POLICY_FILE, kpis.best, about)


def newest_checkpoint(folder: Path) -> Path:
    """The newest checkpoint of a training folder.

    Raises:
        PolicyFileError: there is none.
    """
    found = sorted((folder / "checkpoints").glob("*.zip"))
    if not found:
        raise PolicyFileError(f"{folder}: no checkpoints/*.zip to resume from; train without --resume")
    return found[-1]


def write_config(run: Run) -> None:
    """Saves the exact configuration, atomically."""
    run.out.mkdir(parents=True, exist_ok=True)
    temporary = run.out / f".{CONFIG_FILE}.part"
    temporary.write_text(yaml.safe_dump(run.config(), sort_keys=False, allow_unicode=True), encoding="utf-8")
    temporary.replace(run.out / CONFIG_FILE)


def _start(run: Run) -> RegionalPPO:
    env = _env(run)
    arguments = run.ppo.algorithm(env.parts[0].sim.regions)
    return RegionalPPO("DispatchPolicy", env, seed=run.seed, device="cpu", verbose=0, **arguments)


def _resume(run: Run, checkpoint: Path) -> RegionalPPO:
    started = _load(checkpoint).episodes
    known = started if len(started) == run.ppo.copies else ()
    return _load(checkpoint, _env(run, known))


def _env(run: Run, started: Sequence[int] = ()) -> BatchVecEnv:
    """The scenario's copies, or those of the generated networks that stand in its place."""
    ppo = run.ppo
    scenarios = [random_scenario(seed, "train") for seed in range(ppo.networks or 0)] or [run.scenario]
    return vec_env(scenarios, ppo.copies, run.seed, started, ppo.pricing)


def _load(checkpoint: Path, env: BatchVecEnv | None = None) -> RegionalPPO:
    try:
        return RegionalPPO.load(checkpoint, env=env, device="cpu")
    except Exception as error:  # a damaged archive can fail in any of the layers that read it
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise PolicyFileError(
            f"{checkpoint}: damaged, or of another scenario or version ({reason}); resume from an older checkpoint "
            "beside it, or train anew"
        ) from None
