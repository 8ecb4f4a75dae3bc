"""Train variants with several seeds each, and measure them on held-out orders."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from regional_dispatch.commands.options import at_least, command_line
from regional_dispatch.envs.world.shipped import find_file
from regional_dispatch.evaluation.benchmark.page import cell_bar
from regional_dispatch.evaluation.bounds import hindsight
from regional_dispatch.evaluation.cells import Worlds
from regional_dispatch.evaluation.execution.executor import Executor, Processes
from regional_dispatch.evaluation.execution.ray_board import Board
from regional_dispatch.evaluation.execution.ray_executor import open_executor
from regional_dispatch.evaluation.experiments.file import load_experiment, narrowed, ready
from regional_dispatch.evaluation.experiments.page import experiment_page, print_experiment, training_bars
from regional_dispatch.evaluation.experiments.remote import train_on
from regional_dispatch.evaluation.experiments.run import evaluate_experiment, save_experiment, trainings
from regional_dispatch.evaluation.experiments.trainings import Outcome, Training, finished, run_all
from regional_dispatch.evaluation.folders.claim import claim
from regional_dispatch.evaluation.folders.kinds import EXPERIMENT


@dataclass(frozen=True)
class Command:
    """Train variants with several seeds each, and measure them on held-out orders.

    Writes experiment.md (all tables), summary.json (everything by name, with 95 % intervals), results.csv (one row per
    variant, policy and episode), curves.png, and a training folder per variant and seed. Finished trainings and
    evaluations are kept and done again only if something they depend on has changed: after Ctrl-C, the same command
    continues. If a training fails, the others are done and the exit code is 1.
    """

    name: tyro.conf.Positional[str]
    """An experiment file, or the name of a shipped one, such as main. Its fields are in \
evaluation/experiments/file.py."""
    out: Path | None = None
    """Folder for the results; created if it is missing. Default: runs/experiments/NAME."""
    workers: int = 2
    """Trainings, and then evaluations, in parallel. Unit: processes of one thread each."""
    ray: str | None = None
    """Train and evaluate on a Ray cluster instead: its address, HOST:PORT or ray://HOST:PORT; or auto, the one that \
runs here or that RAY_ADDRESS names, or else a new one on this machine with as many CPUs as --workers."""
    variants: str | None = None
    """Names of the variants to train and measure, separated by commas. Default: all of the file."""
    train: bool = True
    """Train what is not finished. --no-train only evaluates the trainings that are finished."""
    bound: bool = True
    """Compute hindsight bounds where the file asks for them, minutes each. --no-bound leaves them out."""

    def run(self) -> None:
        """Checks everything, trains what is missing, evaluates, then writes."""
        at_least("--workers", self.workers, 1)
        path = find_file("experiments", self.name)
        experiment = load_experiment(path)
        if self.variants is not None:
            experiment = narrowed(experiment, [name.strip() for name in self.variants.split(",")], path)
        out = self.out or Path("runs") / "experiments" / experiment.name
        claim(out, EXPERIMENT)
        variants = ready(experiment, path)
        wanted = trainings(variants, out, Worlds())
        bound = hindsight() if self.bound and any(item.variant.bound for item in variants) else None
        with open_executor(Processes(self.workers), self.ray) as executor:
            outcomes = self._trained(wanted, executor) if self.train else finished(wanted)
            with cell_bar() as progress:
                result = evaluate_experiment(
                    experiment, variants, outcomes, out, executor, bound, command_line(), progress
                )
        save_experiment(result, experiment_page(result.summary), out)
        print_experiment(result.summary)
        print(f"results: {out}")
        failed = [str(folder) for folder, outcome in outcomes.items() if outcome.error]
        if failed and self.train:
            print(f"error: {len(failed)} of {len(wanted)} trainings failed: {', '.join(failed)}", file=sys.stderr)
            sys.exit(1)

    def _trained(self, wanted: list[Training], executor: Executor) -> dict[Path, Outcome]:
        with training_bars(len(wanted)) as bars:
            return (
                run_all(wanted, self.workers, bars) if self.ray is None else train_on(executor, wanted, bars, Board())
            )
