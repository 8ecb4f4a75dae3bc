"""Train a stock algorithm of stable-baselines3 on RegionalDecision-v0 for a budget of CPU time."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from regional_dispatch.agents.config import load_ppo
from regional_dispatch.agents.folder import CONFIG_FILE
from regional_dispatch.agents.stock.train import train_stock
from regional_dispatch.agents.training.run import Run
from regional_dispatch.commands.options import Overrides, PpoOverrides, above, at_least, command_line, parse_overrides
from regional_dispatch.envs.world.scenario import load_scenario
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.folders.claim import claim
from regional_dispatch.evaluation.folders.kinds import TRAINING
from regional_dispatch.evaluation.folders.remove import remove_run


@dataclass(frozen=True)
class Command:
    """Train a stock algorithm of stable-baselines3 on RegionalDecision-v0 for a budget of CPU time.

    Writes policy.safetensors, config.yaml, curve.csv and TensorBoard logs into the folder; `compare` plays it.
    """

    algorithm: Literal["maskable_ppo", "dqn"] = "maskable_ppo"
    """sb3-contrib's MaskablePPO, or stable-baselines3's DQN (agents/stock/algorithms.py)."""
    scenario: str = "us8"
    """A scenario file, or the name of a shipped one."""
    ppo: str = "default"
    """A PPO file, or the name of a shipped one; only its eval_episodes is used."""
    seconds: float = 300.0
    """How long to learn. Unit: seconds of CPU time, without evaluations."""
    seed: int = 0
    """Seed of orders, weights and exploration."""
    out: Path = Path("runs/stock")
    """Folder for the results; created if it is missing."""
    overwrite: bool = False
    """Replace an earlier run in the folder."""
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
        claim(self.out, TRAINING)
        if (self.out / CONFIG_FILE).exists():
            if not self.overwrite:
                raise InputError(f"--out {self.out}: holds an earlier run; name another, or add --overwrite")
            remove_run(self.out)
        train_stock(self.algorithm, Run(scenario, ppo, sys.maxsize, self.seed, self.out, command_line()), self.seconds)
