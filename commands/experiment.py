"""Train variants with several seeds each, and prove what they are worth on held-out orders."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from regional_dispatch.commands.options import at_least, command_line
from regional_dispatch.evaluation.benchmark.page import cell_bar
from regional_dispatch.evaluation.bounds import hindsight
from regional_dispatch.evaluation.cells import Worlds
from regional_dispatch.evaluation.experiments.file import load_experiment, narrowed, ready
from regional_dispatch.evaluation.experiments.page import experiment_page, print_experiment, training_bars
from regional_dispatch.evaluation.experiments.run import evaluate_experiment, save_experiment, trainings
from regional_dispatch.evaluation.experiments.trainings import Outcome, Training, finished, run_all
from regional_dispatch.evaluation.output import check_folder


@dataclass(frozen=True)
class Command:
    """Train variants with several seeds each, and prove what they are worth on held-out orders.

    Writes experiment.md (all tables), summary.json (everything by name, with 95 % intervals), results.csv (one row per
    variant, policy and episode), curves.png, and a training folder per variant and seed. Finished trainings and
    evaluations are kept and done again only if something they depend on has changed, so after Ctrl-C the same command
    goes on. If a training fails the rest goes on, and the exit code is 1.
    """

    file: tyro.conf.Positional[Path]
    """An experiment file, such as configs/experiments/main.yaml; its fields are in evaluation/experiments/file.py."""
    out: Path | None = None
    """Folder for the results; made if it is missing. Default: runs/experiments/NAME."""
    workers: int = 2
    """Trainings, and then evaluations, side by side. Unit: processes of one thread."""
    variants: str | None = None
    """Names of the variants to do, separated by commas. Default: all of the file."""
    train: bool = True
    """Train what is not finished; --no-train, evaluate what there is."""
    bound: bool = True
    """Compute hindsight bounds where the file asks for them, minutes each; --no-bound, nowhere."""

    def run(self) -> None:
        """Checks everything, trains what is missing, evaluates, then writes."""
        at_least("--workers", self.workers, 1)
        experiment = load_experiment(self.file)
        if self.variants is not None:
            experiment = narrowed(experiment, [name.strip() for name in self.variants.split(",")], self.file)
        out = self.out or Path("runs") / "experiments" / experiment.name
        check_folder(out)
        variants = ready(experiment, self.file)
        wanted = trainings(variants, out, Worlds())
        outcomes = self._trained(wanted) if self.train else finished(wanted)
        bound = hindsight() if self.bound and any(item.variant.bound for item in variants) else None
        with cell_bar() as progress:
            result = evaluate_experiment(
                experiment, variants, outcomes, out, self.workers, bound, command_line(), progress
            )
        save_experiment(result, experiment_page(result.summary), out)
        print_experiment(result.summary)
        print(f"results: {out}")
        failed = [str(folder) for folder, outcome in outcomes.items() if outcome.error]
        if failed and self.train:
            print(f"error: {len(failed)} of {len(wanted)} trainings failed: {', '.join(failed)}", file=sys.stderr)
            sys.exit(1)

    def _trained(self, wanted: list[Training]) -> dict[Path, Outcome]:
        with training_bars(len(wanted)) as bars:
            return run_all(wanted, self.workers, bars)
