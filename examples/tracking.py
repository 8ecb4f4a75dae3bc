"""Logs a training to Weights & Biases or to MLflow, in the ways that stable-baselines3 documents.

    pip install 'regional-dispatch[train,tracking]'
    python examples/tracking.py --to wandb
    python examples/tracking.py --to mlflow

`RegionalPPO` is a subclass of stable-baselines3's PPO: callbacks and loggers of the latter work as they are. Nothing
leaves this machine: wandb is offline unless WANDB_MODE says otherwise (`wandb sync` sends a run later), and mlflow
writes the folder `mlruns` unless MLFLOW_TRACKING_URI names a server.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import HumanOutputFormat, KVWriter, Logger

from regional_dispatch.agents.config import PpoConfig, load_ppo
from regional_dispatch.agents.mixed_vec_env import vec_env
from regional_dispatch.agents.ppo import RegionalPPO
from regional_dispatch.agents.training.curve import Curve
from regional_dispatch.agents.training.monitoring import KpiCallback, TuningEpisodes
from regional_dispatch.agents.training.tensorboard import tensorboard_logger
from regional_dispatch.envs.world.scenario import load_scenario


class MlflowWriter(KVWriter):
    """Writes stable-baselines3's scalars to the active MLflow run."""

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        """Writes what was recorded since the last dump; pictures and histograms stay out."""
        import mlflow

        numbers = {name: float(value) for name, value in key_values.items() if np.isscalar(value) and _is_finite(value)}
        mlflow.log_metrics(numbers, step=step)

    def close(self) -> None:
        """Nothing to release: the run is closed where it was opened."""


@contextmanager
def wandb_run(asked: Mapping[str, Any], folder: Path) -> Iterator[tuple[Logger, list[BaseCallback]]]:
    """A wandb run that copies what goes to TensorBoard, and wandb's own callback."""
    import wandb
    from wandb.integration.sb3 import WandbCallback

    os.environ.setdefault("WANDB_MODE", "offline")
    with wandb.init(project="regional-dispatch", config=dict(asked), dir=str(folder), sync_tensorboard=True):
        yield tensorboard_logger(folder / "tb", 0), [WandbCallback(model_save_path=str(folder / "model"))]


@contextmanager
def mlflow_run(asked: Mapping[str, Any], folder: Path) -> Iterator[tuple[Logger, list[BaseCallback]]]:
    """An MLflow run with the hyperparameters, and a logger that writes to it and to the terminal."""
    if "MLFLOW_TRACKING_URI" not in os.environ:
        os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
        os.environ["MLFLOW_TRACKING_URI"] = (folder / "mlruns").absolute().as_uri()
    import mlflow

    mlflow.set_experiment("regional-dispatch")
    with mlflow.start_run():
        mlflow.log_params(dict(asked))
        yield Logger(None, [HumanOutputFormat(sys.stdout), MlflowWriter()]), []


TRACKERS: dict[str, Callable[..., Any]] = {"wandb": wandb_run, "mlflow": mlflow_run}


def _is_finite(value: Any) -> bool:
    return not isinstance(value, str) and bool(np.isfinite(value))


def learner(asked: argparse.Namespace, ppo: PpoConfig) -> tuple[RegionalPPO, KpiCallback]:
    """A learner, and the callback that measures its cost on tuning episodes."""
    scenario = load_scenario(asked.scenario)
    env = vec_env([scenario], ppo.copies, asked.seed, ppo.pricing)
    arguments = ppo.algorithm(env.parts[0].sim.regions)
    episodes = TuningEpisodes([scenario], ppo.eval_episodes, asked.seed)
    kpis = KpiCallback(episodes, ppo.eval_every, Curve(asked.out / "curve.csv"), asked.out / "tb", ppo.pricing)
    return RegionalPPO("DispatchPolicy", env, seed=asked.seed, device="cpu", **arguments), kpis


def main() -> None:
    """Trains, with everything logged to the tracker."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", choices=TRACKERS, required=True, help="the tracker")
    parser.add_argument("--scenario", default="small", help="a scenario file, or the name of a shipped one")
    parser.add_argument("--ppo", default="small", help="a PPO file, or the name of a shipped one")
    parser.add_argument("--timesteps", type=int, default=46_080, help="ticks × rows (network copies × regions)")
    parser.add_argument("--seed", type=int, default=0, help="of orders, weights and exploration")
    parser.add_argument("--out", type=Path, default=Path("runs/tracking"), help="folder of the run")
    asked = parser.parse_args()

    torch.set_num_threads(1)
    asked.out.mkdir(parents=True, exist_ok=True)
    ppo = load_ppo(asked.ppo)
    hyperparameters = {**ppo.model_dump(mode="json"), "scenario": asked.scenario, "seed": asked.seed}
    with TRACKERS[asked.to](hyperparameters, asked.out) as (logger, callbacks):
        model, kpis = learner(asked, ppo)
        model.set_logger(logger)
        model.learn(asked.timesteps, callback=[kpis, *callbacks])
    print(f"lowest cost on the tuning episodes: {kpis.best_cost:.3f} USD an order")


if __name__ == "__main__":
    main()
