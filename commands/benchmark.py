"""Play a suite: policies × scenarios."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from regional_dispatch.commands.options import at_least, command_line
from regional_dispatch.envs.world.shipped import find_file
from regional_dispatch.evaluation.benchmark.page import benchmark_page, cell_bar, print_overview
from regional_dispatch.evaluation.benchmark.run import run_suite, save_benchmark
from regional_dispatch.evaluation.benchmark.suite import load_suite, stages
from regional_dispatch.evaluation.bounds import hindsight
from regional_dispatch.evaluation.execution.executor import Processes
from regional_dispatch.evaluation.execution.ray_executor import open_executor
from regional_dispatch.evaluation.folders.claim import claim
from regional_dispatch.evaluation.folders.kinds import BENCHMARK
from regional_dispatch.evaluation.policies import split_names


@dataclass(frozen=True)
class Command:
    """Play a suite: policies × scenarios.

    Writes benchmark.md (all tables), summary.json (everything by name, with 95 % intervals) and results.csv (one row
    per scenario, policy and episode, all KPIs). Each cell (a policy's episodes on a scenario, or a bound) is kept in
    the folder's cells/ and computed again only if something it depends on has changed: after Ctrl-C, the same command
    continues.
    """

    suite: str = "main"
    """A suite file (scenarios, policies, episodes, bounds), or the name of a shipped one. Its fields are in \
evaluation/benchmark/suite.py."""
    out: Path = Path("runs/benchmark")
    """Folder for the results; created if it is missing."""
    episodes: int | None = None
    """Held-out episodes per scenario and policy. Unit: episodes. Default: the suite's."""
    seed: int | None = None
    """Seed of the orders. Default: the suite's."""
    policies: str = ""
    """Policies to add to the suite's, separated by commas: training folders, or any that `compare` takes."""
    bound: bool = True
    """Compute hindsight bounds where the suite asks for them, minutes each. --no-bound leaves them out."""
    workers: int = 2
    """Cells computed in parallel. Unit: processes."""
    ray: str | None = None
    """Compute on a Ray cluster instead: its address, HOST:PORT or ray://HOST:PORT; or auto, the one that runs here or \
that RAY_ADDRESS names, or else a new one on this machine with as many CPUs as --workers."""

    def run(self) -> None:
        """Checks everything, computes what is missing, then writes."""
        at_least("--workers", self.workers, 1)
        if self.seed is not None:
            at_least("--seed", self.seed, 0)
        claim(self.out, BENCHMARK)
        more = tuple(split_names(self.policies)) if self.policies else ()
        path = find_file("suites", self.suite)
        suite = load_suite(path, {"episodes": self.episodes, "seed": self.seed}, more)
        ready = stages(suite, path, self.bound)
        bound = hindsight() if any(stage.bound_episodes for stage in ready) else None
        with open_executor(Processes(self.workers), self.ray) as executor, cell_bar() as progress:
            found = run_suite(suite, ready, self.out, executor, bound, command_line(), progress)
        save_benchmark(found, benchmark_page(found.summary), self.out)
        print_overview(found.summary)
        print(f"cells: {found.reused} of {found.cells} reused\nresults: {self.out}")
