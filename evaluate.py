"""Evaluates policies: `python evaluate.py compare --help`."""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.progress import Progress

from envs.scenario import load_scenario
from evaluation.cli import Overrides, at_least, guarded, parse_overrides
from evaluation.compare import compare_policies, read_summary, save_comparison
from evaluation.output import check_folder
from evaluation.policies import resolve_policies
from evaluation.report import markdown_table, print_comparison


@dataclass(frozen=True)
class Compare:
    """Compare policies on the same orders.

    Prints a table and writes results.csv (one row per policy and episode, all KPIs), summary.json (means and paired
    differences with 95 % intervals), map.png (the first policy) and config.yaml.
    """

    scenario: str = "us8"
    """A scenario file, or the name of a shipped one."""
    policies: str = "regional_nearest,national_nearest"
    """Policies, separated by commas: a baseline (source+dispatch, or either alone) or a training folder."""
    episodes: int = 8
    """Held-out episodes per policy. Unit: episodes, each as long as the scenario's horizon."""
    seed: int = 0
    """Seed of the orders. The same seed gives the same orders; none of them is met in training."""
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
        command = shlex.join(["python", Path(sys.argv[0]).name, *sys.argv[1:]])
        with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
            task = bar.add_task("episodes", total=len(policies) * self.episodes)
            comparison = compare_policies(
                scenario, policies, self.episodes, self.seed, command,
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


def main() -> None:
    """Reads the command line and runs the command."""
    commands = Annotated[Compare, tyro.conf.subcommand("compare")] | Annotated[Table, tyro.conf.subcommand("table")]
    command: Compare | Table = tyro.cli(commands, description=__doc__)
    command.run()


if __name__ == "__main__":
    guarded(main)
