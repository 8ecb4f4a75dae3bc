"""Train RLlib's PPO on the multi-agent environment, one agent a region."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from regional_dispatch.agents.config import load_ppo
from regional_dispatch.agents.folder import CONFIG_FILE, POLICY_FILE
from regional_dispatch.agents.rllib.settings import RllibSettings
from regional_dispatch.commands.options import Overrides, above, at_least, command_line, parse_overrides
from regional_dispatch.envs.world.scenario import load_scenario
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.folders.claim import claim
from regional_dispatch.evaluation.folders.kinds import TRAINING
from regional_dispatch.evaluation.folders.remove import remove_run


@dataclass(frozen=True)
class Command:
    """Train RLlib's PPO on the multi-agent environment, one agent a region.

    All regions share one policy, a scorer of candidates and a scorer of lanes. Writes policy.safetensors (the best one
    by the tuning episodes, in the format of train.py), config.yaml and curve.csv into the folder. Needs the extras
    [ray,multiagent].
    """

    scenario: str = "us8_spread"
    """A scenario file, or the name of a shipped one."""
    minutes: float = 10.0
    """How long to train. Unit: minutes of CPU time of this process, without evaluations."""
    seed: int = 0
    """Seed of orders, weights and exploration."""
    out: Path = Path("runs/rllib")
    """Folder for the results; created if it is missing."""
    prior: bool = False
    """Start near a rule, with the priors of the PPO file `default`. Otherwise the policy starts from random choices."""
    rllib: RllibSettings = field(default_factory=RllibSettings)
    """Hyperparameters, under RLlib's names where it has them."""
    overwrite: bool = False
    """Replace an earlier run in the folder."""
    overrides: Overrides = ()
    """Change a field of the scenario; may be repeated."""

    def run(self) -> None:
        """Checks everything and trains."""
        at_least("--seed", self.seed, 0)
        above("--minutes", self.minutes, 0)
        claim(self.out, TRAINING)
        earlier = (self.out / CONFIG_FILE).exists()
        if earlier and not self.overwrite:
            raise InputError(f"--out {self.out}: holds an earlier run; name another, or add --overwrite")
        import pettingzoo  # noqa: F401  # its absence is an error of this command, and not of the environment
        import torch

        from regional_dispatch.agents.rllib.train import RllibRun, train_rllib  # other commands need no Ray

        torch.set_num_threads(1)
        scenario = load_scenario(self.scenario, parse_overrides(self.overrides))
        ppo = load_ppo("default")
        priors = {name: dict(getattr(ppo, name)) if self.prior else {} for name in ("source_prior", "dispatch_prior")}
        run = RllibRun(scenario, self.rllib, priors, self.minutes, self.seed, self.out, command_line())
        run.check()
        if earlier:
            remove_run(self.out)
        train_rllib(run, _tell)
        print(f"policy: {self.out / POLICY_FILE}")


def _tell(row: dict[str, float]) -> None:
    """A row of the curve on stderr."""
    minutes, cost = row["seconds"] / 60, row["cost_per_order_usd"]
    print(f"{minutes:6.2f} CPU minutes, {row['decisions']:>10,} decisions: {cost:.3f} an order", file=sys.stderr)
