"""Trains the off-the-shelf rival of `agents.maskable`: `python -m evaluation.experiments.train_maskable --help`."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small networks: one thread is several times faster than two
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import tyro

from agents.config import load_ppo
from agents.export import PolicyFileError
from agents.maskable import MODEL_FILE, train_maskable
from agents.training import Run
from envs.scenario import load_scenario
from evaluation.cli import InputError, Overrides, above, at_least, guarded, parse_overrides

PpoOverrides = Annotated[
    tuple[str, ...], tyro.conf.arg(name="ppo-set", metavar="FIELD=VALUE"), tyro.conf.UseAppendAction
]


@dataclass(frozen=True)
class Maskable:
    """Train sb3-contrib's MaskablePPO, as it comes, for a time budget."""

    scenario: str = "us8"
    """A scenario file, or the name of a shipped one."""
    ppo: Path = Path("configs/ppo/default.yaml")
    """PPO file; its copies, n_steps, eval_every and eval_episodes count."""
    seconds: float = 600.0
    """How long to train. Unit: seconds of wall clock, evaluations left out."""
    seed: int = 0
    """Seed of orders, weights and exploration."""
    out: Path = Path("runs/maskable")
    """Folder for the results; made if it is missing."""
    overrides: Overrides = ()
    """Changes a field of the scenario; may be repeated."""
    ppo_overrides: PpoOverrides = ()
    """Changes a field of the PPO file; may be repeated."""

    def run(self) -> None:
        """Checks everything and trains."""
        torch.set_num_threads(1)
        at_least("--seed", self.seed, 0)
        above("--seconds", self.seconds, 0)
        scenario = load_scenario(self.scenario, parse_overrides(self.overrides))
        ppo = load_ppo(self.ppo, parse_overrides(self.ppo_overrides, "--ppo-set"))
        if (self.out / MODEL_FILE).exists():
            raise InputError(f"--out {self.out}: holds an earlier run; name another")
        command = shlex.join(["python", "-m", "evaluation.experiments.train_maskable", *sys.argv[1:]])
        train_maskable(Run(scenario, ppo, sys.maxsize, self.seed, self.out, command), self.seconds)


def main() -> None:
    """Reads the command line and trains."""
    tyro.cli(Maskable).run()


if __name__ == "__main__":
    guarded(main, extra=(PolicyFileError,))
