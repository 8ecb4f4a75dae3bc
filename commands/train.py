"""Train PPO to source orders and dispatch trucks."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
import torch
from rich.console import Console

from regional_dispatch.agents.config import PpoConfig, load_ppo
from regional_dispatch.agents.export import load_policy
from regional_dispatch.agents.folder import CHECKPOINT_ENDING, CONFIG_FILE, POLICY_FILE, TENSORBOARD
from regional_dispatch.agents.training.checkpoints import newest_checkpoint, refuse_pickled
from regional_dispatch.agents.training.monitoring import LEARNER_NAME, Kpis
from regional_dispatch.agents.training.run import Run, rules_beside, train, tuning_worlds
from regional_dispatch.agents.training.tensorboard import ADDRESS
from regional_dispatch.commands.options import Overrides, PpoOverrides, at_least, command_line, parse_overrides
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError, load_scenario, read_yaml
from regional_dispatch.evaluation.bounds import evaluate_bounds, hindsight
from regional_dispatch.evaluation.compare import compare_policies, save_comparison
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.folders.claim import claim
from regional_dispatch.evaluation.folders.kinds import TRAINING
from regional_dispatch.evaluation.folders.remove import remove_run
from regional_dispatch.evaluation.kpis import EPISODE_COST
from regional_dispatch.evaluation.policies import reference_names, resolve_policies
from regional_dispatch.evaluation.report.comparison import print_comparison
from regional_dispatch.evaluation.rollouts import evaluation_keys

BOUND = "hindsight_bound"


@dataclass(frozen=True)
class Command:
    """Train PPO to source orders and dispatch trucks.

    Writes policy.safetensors (the best policy by the tuning episodes), config.yaml, curve.csv (KPIs of each
    evaluation), tb/ (TensorBoard) and checkpoints/ into the folder. Watch it with: tensorboard --logdir CHECKPOINTS/tb

    Ctrl-C, SIGTERM and SIGHUP stop after the current update and save a checkpoint; --resume continues from it with the
    same result. A checkpoint holds numbers and no code, and a run goes on only in the world that it was begun in.
    """

    scenario: str = "us8"
    """A scenario file, or the name of a shipped one."""
    ppo: str = "default"
    """A PPO file, or the name of a shipped one. Its fields, with units and defaults, are in agents/config.py; most \
have the names of stable-baselines3."""
    timesteps: int | None = None
    """Length of training. Unit: ticks × rows (network copies × regions). Default: the PPO file's."""
    seed: int = 0
    """Seed of orders, weights and exploration."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where networks are trained; auto: on a GPU if there is one, and a resumed run where it was. Results differ by \
rounding."""
    out: Path = Path("runs/train")
    """Folder for the results; created if it is missing."""
    overrides: Overrides = ()
    """Change a field of the scenario, such as demand.orders_per_day=9000 (in the field's unit); may be repeated."""
    ppo_overrides: PpoOverrides = ()
    """Change a field of the PPO file, such as learning_rate=3e-4; may be repeated."""
    resume: Path | None = None
    """A training folder, or one of its checkpoints, to continue from; scenario, PPO file and seed are then the \
folder's. Checkpoints later than the one given are deleted."""
    references: str | None = None
    """Policies drawn as reference lines in TensorBoard and compared by --compare, separated by commas: baselines, \
tuned ones (tuned_linear, shadow_price+tuned_linear) or training folders. Default: regional_nearest, least_cost, and \
tuned_linear if the scenario has a tuned file."""
    bound: bool = False
    """Also draw a proven lower bound on the cost of the tuning episodes, with all orders known in advance. Takes \
seconds to minutes per episode before training starts."""
    compare: bool = False
    """After training, compare with the references on held-out orders and draw the map."""
    episodes: int = 8
    """Held-out episodes of that comparison. Unit: episodes."""
    overwrite: bool = False
    """Replace an earlier run in the folder."""

    def run(self) -> None:
        """Checks everything, trains, and if asked compares."""
        torch.set_num_threads(1)
        at_least("--seed", self.seed, 0)
        at_least("--episodes", self.episodes, 1)
        if self.timesteps is not None:
            at_least("--timesteps", self.timesteps, 1)
        run, checkpoint = self._resumed() if self.resume else (self._fresh(), None)
        references = self._references(run.scenario)
        if checkpoint is None and (run.out / CONFIG_FILE).exists():
            remove_run(run.out)  # the new run's input is checked by now
        bound = self._bound(run)
        print(f"watch: tensorboard --logdir {shlex.quote(str(run.out / TENSORBOARD))}, at {ADDRESS}", flush=True)
        train(run, references, bound, checkpoint)
        policy = load_policy(run.out)
        usd = policy.metadata["tuning_cost_per_order_usd"]
        print(f"policy: {run.out / POLICY_FILE}, the best of its evaluations: ${usd:.3f} an order on tuning episodes")
        if not self.compare:
            print("held-out orders decide which policy is better: --compare, or evaluate.py compare")
        else:
            policies = {LEARNER_NAME: policy, **references}
            with Console(stderr=True).status("comparing on held-out orders"):
                comparison = compare_policies(run.scenario, policies, self.episodes, run.seed, run.command)
            save_comparison(comparison, run.out)
            print_comparison(comparison.summary)
            print(f"results, map and logs: {run.out}")

    def _references(self, scenario: Scenario) -> dict[str, ScorerPolicy]:
        specs = reference_names(scenario.name) if self.references is None else self.references.split(",")
        policies = resolve_policies(specs, scenario, "--references")
        taken = {LEARNER_NAME, BOUND} & set(policies)
        if taken:
            raise InputError(
                f"--references = {self.references}: '{taken.pop()}' is the name of this run; give its full path"
            )
        return policies

    def _bound(self, run: Run) -> dict[str, Kpis]:
        """The mean bound of the tuning episodes, if it is asked for."""
        if not self.bound:
            return {}
        keys = evaluation_keys(run.ppo.eval_episodes, run.seed, "tune")
        worlds = tuning_worlds(run.scenario, run.ppo)
        with Console(stderr=True).status("bounding the tuning episodes"):
            bounds = [evaluate_bounds(world, keys[i :: len(worlds)], hindsight()) for i, world in enumerate(worlds)]
        return {BOUND: {EPISODE_COST: float(pd.concat(bounds)["bound_per_order_usd"].mean())}}

    def _fresh(self) -> Run:
        claim(self.out, TRAINING)
        scenario = load_scenario(self.scenario, parse_overrides(self.overrides))
        ppo = load_ppo(self.ppo, parse_overrides(self.ppo_overrides, "--ppo-set"))
        rules_beside(ppo, scenario.name)
        timesteps = ppo.timesteps if self.timesteps is None else self.timesteps
        if (self.out / CONFIG_FILE).exists():
            if not self.overwrite:
                raise InputError(
                    f"--out {self.out}: holds an earlier run; name another, or add --overwrite or --resume"
                )
            Simulator(scenario)  # finds errors in its tables before the earlier run is removed
        return Run(scenario, ppo, timesteps, self.seed, self.out, command_line(), device_for(self.device))

    def _resumed(self) -> tuple[Run, Path]:
        assert self.resume is not None
        for name in ("scenario", "ppo", "seed", "out", "overrides", "ppo_overrides"):
            if getattr(self, name) != getattr(Command, name):
                option = {"overrides": "set", "ppo_overrides": "ppo-set"}.get(name, name)
                raise InputError(
                    f"--{option}: --resume continues with the folder's own; leave it out, or train from scratch"
                )
        refuse_pickled(self.resume)
        is_file = self.resume.suffix == CHECKPOINT_ENDING
        folder = self.resume.parent.parent if is_file else self.resume
        saved = read_yaml(folder / CONFIG_FILE)
        claim(folder, TRAINING, "--resume")
        checkpoint = self.resume if is_file else newest_checkpoint(folder)
        try:
            scenario = Scenario(**saved["scenario"], source_file=saved["scenario_file"])
            ppo = PpoConfig(**saved["ppo"])
            timesteps = int(saved["timesteps"]) if self.timesteps is None else self.timesteps
            seed, device = int(saved["seed"]), str(saved["device"])
        except (KeyError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise ScenarioError(
                f"{folder / CONFIG_FILE}: not the file of a training run ({reason}); train from scratch"
            ) from None
        device = device_for(device if self.device == "auto" else self.device)
        return Run(scenario, ppo, timesteps, seed, folder, command_line(), device), checkpoint


def device_for(asked: str) -> str:
    """The device to train on.

    Args:
        asked: `auto`, `cpu` or `cuda`.

    Raises:
        InputError: `cuda`, and PyTorch finds no GPU.
    """
    found = torch.cuda.is_available()
    if asked == "cuda" and not found:
        raise InputError("--device cuda: PyTorch finds no GPU here; add --device cpu")
    return "cuda" if found and asked != "cpu" else "cpu"
