"""Compare policies on the same orders."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.progress import Progress

from regional_dispatch.baselines.transfers.rules import transfer_rule
from regional_dispatch.commands.options import Overrides, above, at_least, command_line, parse_overrides
from regional_dispatch.envs.audit.auditor import AUDIT_VARIABLE, DEFAULT_FOLDER
from regional_dispatch.envs.world.scenario import load_scenario
from regional_dispatch.evaluation.bounds import NO_BOUND_REEVALUATED, NO_BOUND_TRANSFERRED, hindsight
from regional_dispatch.evaluation.compare import compare_policies, save_comparison
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.folders.claim import claim
from regional_dispatch.evaluation.folders.kinds import COMPARISON
from regional_dispatch.evaluation.known_world import company
from regional_dispatch.evaluation.policies import resolve_players, split_names
from regional_dispatch.evaluation.report.comparison import print_comparison


@dataclass(frozen=True)
class Command:
    """Compare policies on the same orders.

    Prints a table and writes results.csv (one row per policy and episode, all KPIs), summary.json (means and paired
    differences with 95 % intervals), map.png (the first policy) and config.yaml. With --bound, also how far each
    policy's cost is above the hindsight bound.
    """

    scenario: str = "us8"
    """A scenario file, or the name of a shipped one."""
    policies: str = "regional_nearest,national_nearest"
    """Policies, separated by commas: a baseline (source+dispatch, or either alone), a tuned one (tuned_linear, \
tuned_shadow_price+hybrid, or its YAML file), one that comes with the package (pretrained/us8), a training folder, one \
of these that looks ahead (least_cost+lookahead), random, or your own object with predict() (package.module:name, \
folder/file.py:name), whose code is run."""
    episodes: int = 8
    """Held-out episodes per policy. A trace is one sample: it is played once, and intervals are over its weeks. Unit: \
episodes, each as long as the scenario's horizon."""
    seed: int = 0
    """Seed of the orders: the same seed gives the same orders. None of them is used in training."""
    stream: Literal["evaluate", "tune"] = "evaluate"
    """Which orders: evaluate, the held-out ones; tune, the ones on which settings are chosen. Of a trace, the \
part that demand.weeks gives it."""
    out: Path = Path("runs/compare")
    """Folder for the results; created if it is missing."""
    overrides: Overrides = ()
    """Change a field of the scenario, such as demand.orders_per_day=9000 (in the field's unit); may be repeated."""
    bound: bool = False
    """Also compute a proven lower bound on each episode's cost, with all its orders known in advance: exact on small \
scenarios, a relaxation on large ones. Takes seconds to minutes per episode."""
    bound_seconds: float = 600.0
    """Time limit of the search for a bound, with --bound; a bound is valid whenever its search ends. Unit: seconds \
per episode."""
    reevaluate: bool = False
    """Merge the unpicked packages of split orders once an hour, under every policy."""
    threads: int = 1
    """Threads on which the regions of a network decide, for networks with thousands of order lines a tick such as \
us_full; the numbers are the same for any. Unit: threads."""
    transfers: str | None = None
    """Rule that moves stock between regions, under every policy: threshold or lp. Default: stock stays where it is."""
    audit: bool = False
    """Check every conservation law after every tick, and stop at the first violation with a file in runs/audit that \
evaluate.py replay plays again. Takes several times as long; --threads has no effect."""

    def run(self) -> None:
        """Checks everything, evaluates everything, then writes."""
        at_least("--episodes", self.episodes, 1)
        at_least("--seed", self.seed, 0)
        at_least("--threads", self.threads, 1)
        above("--bound-seconds", self.bound_seconds, 0)
        if self.bound and self.reevaluate:
            raise InputError(f"--bound with --reevaluate: {NO_BOUND_REEVALUATED}; leave one out")
        if self.bound and self.transfers:
            raise InputError(f"--bound with --transfers: {NO_BOUND_TRANSFERRED}; leave one out")
        if self.transfers:
            transfer_rule(self.transfers)
        if self.audit:
            os.environ[AUDIT_VARIABLE] = str(DEFAULT_FOLDER)
        claim(self.out, COMPARISON)
        scenario = load_scenario(self.scenario, parse_overrides(self.overrides))
        policies = resolve_players(split_names(self.policies), scenario)
        policies |= company(policies, scenario)
        with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
            task = bar.add_task("episodes", total=(len(policies) + self.bound) * self.episodes)
            comparison = compare_policies(
                scenario, policies, self.episodes, self.seed, command_line(), stream=self.stream,
                progress=lambda name: bar.update(task, advance=1, description=name),
                reevaluate=self.reevaluate, bound=hindsight(self.bound_seconds) if self.bound else None,
                transfers=self.transfers, threads=self.threads,
            )  # fmt: skip
        arguments = {**asdict(self), "out": str(self.out), "overrides": list(self.overrides)}
        config = {"command": "compare", "arguments": arguments, "scenario": scenario.model_dump(mode="json")}
        save_comparison(comparison, self.out, config)
        print_comparison(comparison.summary)
        print(f"results: {self.out}")
