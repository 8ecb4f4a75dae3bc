"""Evaluates policies and tunes baselines: `python evaluate.py compare --help`, `python evaluate.py tune --help`."""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console
from rich.progress import Progress

from baselines.tuned import FOLDER, file_name, write_tuned
from envs.scenario import load_scenario
from evaluation.cli import Overrides, above, at_least, guarded, parse_overrides
from evaluation.compare import compare_policies, read_summary, save_comparison
from evaluation.output import check_file, check_folder
from evaluation.policies import resolve_policies
from evaluation.report import markdown_table, print_comparison, print_tuned, tuning_bar
from evaluation.tuning import Plan, starting_point, tunable, tune, tuned_file


@dataclass(frozen=True)
class Compare:
    """Compare policies on the same orders.

    Prints a table and writes results.csv (one row per policy and episode, all KPIs), summary.json (means and paired
    differences with 95 % intervals), map.png (the first policy) and config.yaml.
    """

    scenario: str = "us8"
    """A scenario file, or the name of a shipped one."""
    policies: str = "regional_nearest,national_nearest"
    """Policies, separated by commas: a baseline (source+dispatch, or either alone), a tuned one (tuned_linear, \
tuned_shadow_price+hybrid, or its YAML file), or a training folder."""
    episodes: int = 8
    """Held-out episodes per policy. Unit: episodes, each as long as the scenario's horizon."""
    seed: int = 0
    """Seed of the orders. The same seed gives the same orders; none of them is met in training."""
    stream: Literal["evaluate", "tune"] = "evaluate"
    """Which orders: evaluate, the held-out ones; tune, to choose settings without a look at those."""
    out: Path = Path("runs/compare")
    """Folder for the results; made if it is missing."""
    overrides: Overrides = ()
    """Changes a field of the scenario, such as demand.orders_per_day=9000 (in the field's unit); may be repeated."""

    def run(self) -> None:
        """Checks everything, evaluates everything, then writes."""
        at_least("--episodes", self.episodes, 1)
        at_least("--seed", self.seed, 0)
        check_folder(self.out)
        scenario = load_scenario(self.scenario, parse_overrides(self.overrides))
        policies = resolve_policies(self.policies.split(","), scenario)
        with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
            task = bar.add_task("episodes", total=len(policies) * self.episodes)
            comparison = compare_policies(
                scenario, policies, self.episodes, self.seed, _command(), stream=self.stream,
                progress=lambda name: bar.update(task, advance=1, description=name),
            )  # fmt: skip
        arguments = {**asdict(self), "out": str(self.out), "overrides": list(self.overrides)}
        config = {"command": "compare", "arguments": arguments, "scenario": scenario.model_dump(mode="json")}
        save_comparison(comparison, self.out, config)
        print_comparison(comparison.summary)
        print(f"results: {self.out}")


@dataclass(frozen=True)
class Table:
    """Print the table of an earlier comparison as Markdown."""

    summary: tyro.conf.Positional[Path]
    """The summary.json that `compare` wrote."""

    def run(self) -> None:
        """Prints it."""
        print(markdown_table(read_summary(self.summary)), end="")


@dataclass(frozen=True)
class Tune:
    """Tune a baseline's parameters on tuning orders, by CMA-ES.

    Writes one file with the parameters and how they were found. Compare it as tuned_NAME, such as tuned_linear, or by
    the file's path. Ctrl-C keeps the best so far.
    """

    scenario: str = "us8"
    """A scenario file, or the name of a shipped one."""
    baseline: str = "linear"
    """A baseline with parameters: source+dispatch, either alone, or linear (any weights over all features)."""
    budget: float = 20.0
    """How long to search. Unit: minutes; ends with the generation under way."""
    evaluations: int | None = None
    """How long to search, instead of --budget. Unit: settings tried, rounded up to whole generations."""
    out: Path | None = None
    """The YAML file to write, in the place of an elder. Default: configs/baselines/SCENARIO.BASELINE.yaml, where \
tuned_NAME finds it."""
    start: Path | None = None
    """A tuned file of the same baseline to go on from. Default: the baseline's untuned parameters."""
    seed: int = 0
    """Seed of the orders and of the search. The orders are of the tuning stream, never met in evaluation."""
    episodes: int = 1
    """Orders of each evaluation. Unit: episodes, new ones each generation."""
    check_episodes: int = 8
    """Orders of the choice at the end between start, mean and best setting. Unit: episodes."""
    workers: int = 2
    """Episodes played side by side. Unit: threads. The result does not depend on it."""
    overrides: Overrides = ()
    """Changes a field of the scenario, such as demand.orders_per_day=9000 (in the field's unit); may be repeated."""

    def run(self) -> None:
        """Checks everything, tunes, then writes."""
        plan = self._plan()
        scenario = load_scenario(self.scenario, parse_overrides(self.overrides))
        tunable(self.baseline)
        out = self.out or FOLDER / file_name(scenario.name, self.baseline)
        check_file(out, (".yaml", ".yml"))
        start = starting_point(self.baseline, self.start)
        with tuning_bar() as progress:
            found = tune(scenario, self.baseline, start, plan, progress)
        tuned = tuned_file(scenario, self.baseline, start, plan, found, _command())
        write_tuned(out, tuned)
        print_tuned(tuned, out)
        if found.interrupted:
            raise KeyboardInterrupt(f"wrote the best so far to {out}; go on with --start {out}")

    def _plan(self) -> Plan:
        minutes = above("--budget", self.budget, 0) if self.evaluations is None else None
        if self.evaluations is not None:
            at_least("--evaluations", self.evaluations, 1)
        at_least("--seed", self.seed, 0)
        for option in ("episodes", "check_episodes", "workers"):
            at_least(f"--{option.replace('_', '-')}", getattr(self, option), 1)
        return Plan(self.seed, self.episodes, self.check_episodes, minutes, self.evaluations, self.workers)


def _command() -> str:
    return shlex.join(["python", Path(sys.argv[0]).name, *sys.argv[1:]])


def main() -> None:
    """Reads the command line and runs the command."""
    commands = (
        Annotated[Compare, tyro.conf.subcommand("compare")]
        | Annotated[Tune, tyro.conf.subcommand("tune")]
        | Annotated[Table, tyro.conf.subcommand("table")]
    )
    command: Compare | Tune | Table = tyro.cli(commands, description=__doc__)
    command.run()


if __name__ == "__main__":
    guarded(main)
