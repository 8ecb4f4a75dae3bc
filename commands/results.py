"""Write what policies do as tables a planner opens: per lane, site, region, SKU class, day and hour."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.progress import Progress

from regional_dispatch.commands.options import Overrides, at_least, command_line, episodes_of, parse_overrides
from regional_dispatch.data.decisions.log import write_log
from regional_dispatch.data.results.assumptions import facts
from regional_dispatch.data.results.episode import Episode, play_episode
from regional_dispatch.data.results.files import WORKBOOK, save_results
from regional_dispatch.data.results.spread import differences, spread
from regional_dispatch.data.results.tables import episode_tables
from regional_dispatch.envs.kernel.metrics import compute_kpis
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.findings import mark_shown, noticed
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import Scenario, load_scenario
from regional_dispatch.envs.world.scenario.parts import part_of
from regional_dispatch.evaluation.compare import check_unseen
from regional_dispatch.evaluation.doubts import doubts
from regional_dispatch.evaluation.folders.claim import claim
from regional_dispatch.evaluation.folders.kinds import RESULTS
from regional_dispatch.evaluation.policies import resolve_policies
from regional_dispatch.evaluation.rollouts import evaluation_keys, results_frame


@dataclass(frozen=True)
class Command:
    """Write what policies do as tables a planner opens: per lane, site, region, SKU class, day and hour.

    Every table is written as CSV and Parquet, and all of them as one workbook, results.xlsx, whose first sheet says
    every assumption that moves dollars. With two policies or more, further tables hold each one's difference from the
    first on the same orders. With two episodes or more, every mean has a 95 % interval.
    """

    scenario: str = "us8"
    """A scenario file, or the name of a shipped one."""
    policies: str = "least_cost"
    """Policies, separated by commas, as in `compare`; differences are against the first."""
    episodes: int | None = None
    """Held-out episodes per policy. Default: 8, or 1 where orders come from a trace, which is one sample. Unit: \
episodes."""
    seed: int = 0
    """Seed of the orders: the same seed gives the same orders as in `compare`."""
    stream: Literal["evaluate", "tune"] = "evaluate"
    """Which orders: evaluate, the held-out ones; tune, the ones on which settings are chosen."""
    out: Path = Path("runs/results")
    """Folder for the tables; created if it is missing."""
    decisions: bool = False
    """Also write the decisions on every order line of each policy's first episode, as decisions_POLICY.parquet."""
    overrides: Overrides = ()
    """Change a field of the scenario, such as demand.orders_per_day=9000 (in the field's unit); may be repeated."""

    def run(self) -> None:
        """Checks everything, plays everything, then writes."""
        at_least("--seed", self.seed, 0)
        claim(self.out, RESULTS)
        scenario = load_scenario(self.scenario, parse_overrides(self.overrides))
        episodes = episodes_of(scenario, self.episodes)
        scenario = part_of(scenario, self.stream)
        policies = resolve_policies(self.policies.split(","), scenario)
        check_unseen(policies, self.stream, self.seed)
        keys = evaluation_keys(episodes, self.seed, self.stream)
        network, played = build_network(scenario), dict[str, list[Episode]]()
        with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
            task = bar.add_task("episodes", total=len(policies) * episodes)
            for name, policy in policies.items():
                played[name] = []
                for key in keys:
                    played[name].append(play_episode(scenario, policy, key))
                    bar.update(task, advance=1, description=name)
        tables = {name: [episode_tables(scenario, network, one) for one in own] for name, own in played.items()}
        kpis = {name: [compute_kpis(one.whole) for one in own] for name, own in played.items()}
        said = doubts(scenario, policies, results_frame(kpis, keys))
        about = facts(scenario, played, said, command_line(), self.seed, self.stream)
        save_results(self.out, spread(tables), differences(tables), about)
        if self.decisions:
            self._write_decisions(scenario, policies, keys[0])
        for doubt in said:
            print(f"note: {doubt}")
        mark_shown(noticed())  # they are among the notes
        print(f"results: {self.out / WORKBOOK}")

    def _write_decisions(self, scenario: Scenario, policies: Mapping[str, ScorerPolicy], key: int) -> None:
        about = {"scenario": scenario.name, "stream": self.stream, "seed": str(self.seed), "command": command_line()}
        for name, policy in policies.items():
            path = self.out / f"decisions_{name.replace('/', '_')}.parquet"
            lines = write_log(path, scenario, policy, key, about)
            print(f"decisions on {lines:,} order lines: {path}")
