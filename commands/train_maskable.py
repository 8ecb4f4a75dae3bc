"""Train sb3-contrib's MaskablePPO, as it comes, for a time budget."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small networks: one thread is several times faster than two
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import tyro

from regional_dispatch.agents.config import load_ppo
from regional_dispatch.agents.rivals.maskable import MODEL_FILE, train_maskable
from regional_dispatch.agents.training.run import Run
from regional_dispatch.commands.options import Overrides, above, at_least, command_line, parse_overrides
from regional_dispatch.envs.world.scenario import load_scenario
from regional_dispatch.evaluation.errors import InputError

PpoOverrides = Annotated[
    tuple[str, ...], tyro.conf.arg(name="ppo-set", metavar="FIELD=VALUE"), tyro.conf.UseAppendAction
]


@dataclass(frozen=True)
class Command:
    """Train sb3-contrib's MaskablePPO, as it comes, for a time budget."""

    scenario: str = "us8"
    """A scenario file, or the name of a shipped one."""
    ppo: str = "default"
    """A PPO file, or the name of a shipped one; its copies, n_steps, eval_every and eval_episodes count."""
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
        train_maskable(Run(scenario, ppo, sys.maxsize, self.seed, self.out, command_line()), self.seconds)
