"""Evaluates policies and tunes baselines: `python evaluate.py compare --help`, and so for the other commands."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # of its workers too: small networks, and cores that are all taken
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import shlex
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console
from rich.progress import Progress

from baselines.bounds import BoundError
from baselines.transfers import transfer_rule
from baselines.tuned import FOLDER, file_name, write_tuned
from envs.generator import random_scenario
from envs.scenario import load_scenario, scenario_yaml
from evaluation.benchmark import run_suite, save_benchmark
from evaluation.benchmark_page import benchmark_page, cell_bar, print_overview
from evaluation.bounds import NO_BOUND_REEVALUATED, NO_BOUND_TRANSFERRED, hindsight
from evaluation.catalogue import print_baselines
from evaluation.cells import Worlds
from evaluation.cli import InputError, Overrides, above, at_least, guarded, parse_overrides
from evaluation.compare import compare_policies, read_summary, save_comparison
from evaluation.experiments.experiment import evaluate_experiment, save_experiment, trainings
from evaluation.experiments.file import load_experiment, narrowed, ready
from evaluation.experiments.page import experiment_page, print_experiment, training_bars
from evaluation.experiments.ship import ship
from evaluation.experiments.trainings import Outcome, Training, finished, run_all
from evaluation.output import check_file, check_folder, write_file
from evaluation.policies import PRETRAINED, resolve_policies
from evaluation.provenance import provenance
from evaluation.report import markdown_table, print_comparison, print_tuned, tuning_bar
from evaluation.rollouts import evaluation_keys, play
from evaluation.suite import load_suite, stages
from evaluation.tuning import Plan, starting_point, tunable, tune, tuned_file


@dataclass(frozen=True)
class Compare:
    """Compare policies on the same orders.

    Prints a table and writes results.csv (one row per policy and episode, all KPIs), summary.json (means and paired
    differences with 95 % intervals), map.png (the first policy) and config.yaml. With --bound also what each policy
    costs above the hindsight bound.
    """

    scenario: str = "us8"
    """A scenario file, or the name of a shipped one."""
    policies: str = "regional_nearest,national_nearest"
    """Policies, separated by commas: a baseline (source+dispatch, or either alone), a tuned one (tuned_linear, \
tuned_shadow_price+hybrid, or its YAML file), one that comes with the package (pretrained/us8), or a training folder."""
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
    bound: bool = False
    """Also compute a proven lower bound on each episode's dollars, all its orders known in advance: exact on small \
scenarios, a relaxation on large ones. Takes seconds to minutes an episode."""
    bound_seconds: float = 600.0
    """Longest search of a bound, with --bound; a bound is valid whenever its search ends. Unit: seconds an episode."""
    reevaluate: bool = False
    """Merge the unpicked packages of split orders once an hour, under every policy."""
    transfers: str | None = None
    """Move stock between regions by a rule, under every policy: threshold, or lp. Default: it stays where it is."""

    def run(self) -> None:
        """Checks everything, evaluates everything, then writes."""
        at_least("--episodes", self.episodes, 1)
        at_least("--seed", self.seed, 0)
        above("--bound-seconds", self.bound_seconds, 0)
        if self.bound and self.reevaluate:
            raise InputError(f"--bound with --reevaluate: {NO_BOUND_REEVALUATED}; leave one out")
        if self.bound and self.transfers:
            raise InputError(f"--bound with --transfers: {NO_BOUND_TRANSFERRED}; leave one out")
        if self.transfers:
            transfer_rule(self.transfers)
        check_folder(self.out)
        scenario = load_scenario(self.scenario, parse_overrides(self.overrides))
        policies = resolve_policies(self.policies.split(","), scenario)
        with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
            task = bar.add_task("episodes", total=(len(policies) + self.bound) * self.episodes)
            comparison = compare_policies(
                scenario, policies, self.episodes, self.seed, _command(), stream=self.stream,
                progress=lambda name: bar.update(task, advance=1, description=name),
                reevaluate=self.reevaluate, bound=hindsight(self.bound_seconds) if self.bound else None,
                transfers=self.transfers,
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


@dataclass(frozen=True)
class Bench:
    """Play a suite: policies × scenarios.

    Writes benchmark.md (all tables), summary.json (everything by name, with 95 % intervals) and results.csv (one row
    per scenario, policy and episode, all KPIs). Each cell is kept in the folder's cells/ and computed again only if
    something it depends on has changed, so after Ctrl-C the same command goes on.
    """

    suite: Path = Path("configs/suites/main.yaml")
    """A suite file: scenarios, policies, episodes, bounds; its fields are in evaluation/suite.py."""
    out: Path = Path("runs/benchmark")
    """Folder for the results; made if it is missing."""
    episodes: int | None = None
    """Held-out episodes per scenario and policy. Unit: episodes. Default: the suite's."""
    seed: int | None = None
    """Seed of the orders and of the bootstrap. Default: the suite's."""
    policies: str = ""
    """More policies, beside the suite's, separated by commas: training folders, or any that `compare` takes."""
    bound: bool = True
    """Compute hindsight bounds where the suite asks for them, minutes each; --no-bound, nowhere."""
    workers: int = 2
    """Cells computed side by side. Unit: processes."""

    def run(self) -> None:
        """Checks everything, computes what is missing, then writes."""
        at_least("--workers", self.workers, 1)
        check_folder(self.out)
        more = tuple(self.policies.split(",")) if self.policies else ()
        suite = load_suite(self.suite, {"episodes": self.episodes, "seed": self.seed}, more)
        ready = stages(suite, self.suite, self.bound)
        bound = hindsight() if any(stage.bound_episodes for stage in ready) else None
        with cell_bar() as progress:
            found = run_suite(suite, ready, self.out, self.workers, bound, _command(), progress)
        save_benchmark(found, benchmark_page(found.summary), self.out)
        print_overview(found.summary)
        print(f"cells: {found.reused} of {found.cells} reused\nresults: {self.out}")


@dataclass(frozen=True)
class Experiment:
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
            result = evaluate_experiment(experiment, variants, outcomes, out, self.workers, bound, _command(), progress)
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


@dataclass(frozen=True)
class Ship:
    """Make policies of an experiment's trainings that come with the package, each with its model card.

    Of every variant the seed with the best tuning episodes is taken; held-out ones play no part in the choice. Use them
    as pretrained/NAME, such as `compare --policies pretrained/us8,least_cost`.
    """

    experiment: tyro.conf.Positional[Path]
    """The --out folder of a finished `experiment`."""
    variants: str | None = None
    """Names of the variants to ship, separated by commas. Default: all that can be."""
    out: Path = PRETRAINED
    """Folder for the policies and cards; made if it is missing. Default: agents/pretrained of this project."""

    def run(self) -> None:
        """Checks everything, then writes."""
        check_folder(self.out)
        names = None if self.variants is None else [name.strip() for name in self.variants.split(",")]
        for path in ship(self.experiment, names, self.out):
            print(path)


@dataclass(frozen=True)
class Generate:
    """Write a random but plausible network as a scenario file.

    Sites, regions, demand, stock and trucks are drawn around those of us8; the ranges are in envs/generator.py.
    """

    seed: int = 0
    """Seed of the network. The same seed and stream give the same network."""
    stream: Literal["evaluate", "train", "tune"] = "evaluate"
    """Which networks: evaluate, those of the benchmark; train and tune, others to learn from."""
    out: Path = Path("runs/generated.yaml")
    """The YAML file to write, in the place of an elder."""

    def run(self) -> None:
        """Checks everything, then writes."""
        at_least("--seed", self.seed, 0)
        check_file(self.out, (".yaml", ".yml"))
        scenario = random_scenario(self.seed, self.stream)
        write_file(self.out, f"# Made by {_command()}\n{scenario_yaml(scenario)}")
        print(f"{scenario.name}: {scenario.tests}\nscenario: {self.out}")


@dataclass(frozen=True)
class Ask:
    """Answer a question about a network: how many regions, where the trucks go, and so on.

    Writes report.html (one page with all figures, that needs no network), every figure as PNG and CSV, every table as
    CSV, study.yaml (the exact question) and summary.json. Cells are kept in the folder's cells/ and computed again only
    if something they depend on has changed, so after Ctrl-C the same command goes on.
    """

    name: tyro.conf.Positional[str]
    """A study of configs/studies by name (ten_by_hundred, region_count), or a study file."""
    out: Path | None = None
    """Folder for the results; made if it is missing. Default: runs/studies/NAME."""
    policies: str | None = None
    """Who decides, separated by commas, as `compare` takes them. Default: the study's."""
    episodes: int | None = None
    """Held-out episodes of each policy and world. Unit: episodes. Default: the study's."""
    seed: int | None = None
    """Seed of the orders and of the bootstrap. Default: the study's."""
    workers: int = 2
    """Cells computed side by side. Unit: processes."""

    def run(self) -> None:
        """Checks everything, plays what is missing, then writes."""
        from evaluation.studies.catalog import find_study, load_study  # pulls in matplotlib
        from evaluation.studies.lab import Lab
        from evaluation.studies.report.page import PAGE, save_report

        at_least("--workers", self.workers, 1)
        path = find_study(self.name)
        policies = None if self.policies is None else self.policies.split(",")
        study = load_study(path, {"policies": policies, "episodes": self.episodes, "seed": self.seed})
        out = self.out or Path("runs") / "studies" / path.stem
        check_folder(out)
        with cell_bar() as progress:
            findings = study.answer(Lab(out, study.episodes, study.seed, self.workers, progress))
        save_report(study, findings, provenance(_command()), out)
        print(f"{findings.answer}\nreport: {out / PAGE}")


@dataclass(frozen=True)
class Animate:
    """Film a day of trucks on the map: one map per policy, side by side, on the same orders.

    Writes a GIF.
    """

    scenario: str = "us8"
    """A scenario file, or the name of a shipped one."""
    policies: str = "regional_nearest,national_nearest"
    """Policies, separated by commas, as `compare` takes them."""
    day: int = 7
    """The day to film; the episode starts with day 0. Unit: days."""
    seed: int = 0
    """Seed of the orders."""
    out: Path = Path("runs/film.gif")
    """The GIF file to write, in the place of an elder; its folder is made if it is missing."""
    overrides: Overrides = ()
    """Changes a field of the scenario, such as partition.kind=national; may be repeated."""

    def run(self) -> None:
        """Checks everything, plays, then writes."""
        from evaluation.studies.report.film import DAY_HOURS, film  # pulls in matplotlib

        at_least("--day", self.day, 0)
        at_least("--seed", self.seed, 0)
        check_file(self.out, (".gif",))
        scenario = load_scenario(self.scenario, parse_overrides(self.overrides))
        last = (scenario.horizon_hours - 1) // DAY_HOURS - 1
        if self.day > last:
            raise InputError(
                f"--day = {self.day}: this day must end before horizon_hours = {scenario.horizon_hours:g}; name an "
                "earlier one, or lengthen the episode with --set horizon_hours=…"
            )
        key, start = evaluation_keys(1, self.seed)[0], round(self.day * DAY_HOURS / scenario.tick_hours)
        policies = resolve_policies(self.policies.split(","), scenario)
        shot = film({name: (play(scenario, own, key, until=start), own.scorers) for name, own in policies.items()})
        write_file(self.out, shot.gif)
        print(f"film: {self.out}")


@dataclass(frozen=True)
class Baselines:
    """List the baselines: rules for sourcing and dispatch, and their parameters with units, defaults and bounds."""

    def run(self) -> None:
        """Prints them."""
        print_baselines()


def _command() -> str:
    return shlex.join(["python", Path(sys.argv[0]).name, *sys.argv[1:]])


def main() -> None:
    """Reads the command line and runs the command."""
    commands = (
        Annotated[Compare, tyro.conf.subcommand("compare")]
        | Annotated[Bench, tyro.conf.subcommand("benchmark")]
        | Annotated[Experiment, tyro.conf.subcommand("experiment")]
        | Annotated[Ship, tyro.conf.subcommand("ship")]
        | Annotated[Ask, tyro.conf.subcommand("study")]
        | Annotated[Animate, tyro.conf.subcommand("animate")]
        | Annotated[Tune, tyro.conf.subcommand("tune")]
        | Annotated[Generate, tyro.conf.subcommand("generate")]
        | Annotated[Baselines, tyro.conf.subcommand("baselines")]
        | Annotated[Table, tyro.conf.subcommand("table")]
    )
    command: Compare | Bench | Experiment | Ship | Ask | Animate | Tune | Generate | Baselines | Table = tyro.cli(
        commands, description=__doc__
    )
    command.run()


if __name__ == "__main__":
    guarded(main, extra=(BoundError,))
