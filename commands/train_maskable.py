"""Train MaskablePPO of sb3-contrib, unchanged, for a time budget; experiments compare with it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from regional_dispatch.agents.config import load_ppo
from regional_dispatch.agents.rivals.maskable import MODEL_FILE, train_maskable
from regional_dispatch.agents.training.run import Run
from regional_dispatch.commands.options import Overrides, PpoOverrides, above, at_least, command_line, parse_overrides
from regional_dispatch.envs.world.scenario import load_scenario
from regional_dispatch.evaluation.errors import InputError


@dataclass(frozen=True)
class Command:
    """Train MaskablePPO of sb3-contrib, unchanged, for a time budget; experiments compare with it.

    Writes the model, config.yaml and curve.csv into the folder.
    """

    scenario: str = "us8"
    """A scenario file, or the name of a shipped one."""
    ppo: str = "default"
    """A PPO file, or the name of a shipped one; only its copies, n_steps, eval_every and eval_episodes are used."""
    seconds: float = 600.0
    """How long to train. Unit: seconds of wall clock, without evaluations."""
    seed: int = 0
    """Seed of orders, weights and exploration."""
    out: Path = Path("runs/maskable")
    """Folder for the results; created if it is missing."""
    overrides: Overrides = ()
    """Change a field of the scenario; may be repeated."""
    ppo_overrides: PpoOverrides = ()
    """Change a field of the PPO file; may be repeated."""

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
