"""What if the network were another: sites closed, added or moved, other capacity, fleet or stock, before and after."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
import yaml
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from regional_dispatch.commands.options import Overrides, at_least, command_line, parse_overrides
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.relocation import relocated
from regional_dispatch.envs.world.scenario import Scenario, load_scenario
from regional_dispatch.envs.world.what_if import before as without_question
from regional_dispatch.evaluation.folders.claim import claim
from regional_dispatch.evaluation.folders.kinds import WHAT_IF
from regional_dispatch.evaluation.output import staged
from regional_dispatch.evaluation.policies import resolve_policies
from regional_dispatch.evaluation.provenance import made_by, provenance
from regional_dispatch.evaluation.rollouts import evaluation_keys
from regional_dispatch.evaluation.whatif.answer import SIDES, Answer, answer, kpi_table, lane_table, site_table
from regional_dispatch.evaluation.whatif.page import HEADER, kpi_rows, page, sample_line
from regional_dispatch.evaluation.whatif.question import asked

Many = Annotated[tuple[str, ...], tyro.conf.UseAppendAction]


@dataclass(frozen=True)
class Command:
    """What if the network were another: sites closed, added or moved, other capacity, fleet or stock, before and after.

    Plays both networks on the same orders, and prints KPIs before and after with paired differences, and what is
    assumed. Writes kpis.csv, lanes.csv, sites.csv, summary.json, report.md, map.png, map.html (zoomable, of the first
    policy's first week), and scenario.yaml, the network after, which any command can play.
    """

    scenario: tyro.conf.Positional[str] = "us8"
    """A scenario file, or the name of a shipped one. Its own `what_if` is part of the question."""
    close: Many = ()
    """Close an FC or sort center, by name; may be repeated, as may all options up to --stock."""
    add: Many = ()
    """Add an FC or sort center: NAME,KIND,LATITUDE,LONGITUDE[,PER_HOUR[,TRUCKS]], such as 'FC Boise,fc,43.6,-116.2', \
or a CSV file with the columns name, kind, latitude, longitude, per_hour, trucks."""
    move: Many = ()
    """Move a site: SITE=LATITUDE,LONGITUDE."""
    capacity: Many = ()
    """What an FC picks or a sort center sorts: SITE=PER_HOUR or SITE=×FACTOR."""
    fleet: Many = ()
    """Trucks based at a site, SITE=TRUCKS or SITE=×FACTOR, or a field of all trucks, such as \
trucks.capacity_packages=24."""
    stock: Many = ()
    """Move a share of each SKU's units: FC→FC=SHARE, such as 'FC A→FC B=20%' (-> is read as →)."""
    stock_of_closed: Literal["moved", "lost"] | None = None
    """Units of a closed FC: moved to the FCs that are now nearest to its stations, or lost. Default: moved."""
    stock_of_added: Literal["taken", "none"] | None = None
    """Units of an added FC: taken from the FCs that were nearest to its stations, or none. Default: taken."""
    policies: str = "least_cost"
    """Policies, separated by commas, as `compare` takes them."""
    episodes: int = 8
    """Held-out episodes per policy and network; a trace is played once. Unit: episodes."""
    seed: int = 0
    """Seed of the orders."""
    out: Path = Path("runs/whatif")
    """Folder for the results; created if it is missing."""
    overrides: Overrides = ()
    """Change a field of the scenario, before and after alike; may be repeated."""

    def run(self) -> None:
        """Checks everything, plays both networks, then writes."""
        at_least("--episodes", self.episodes, 1)
        at_least("--seed", self.seed, 0)
        claim(self.out, WHAT_IF)
        scenario = asked(
            load_scenario(self.scenario, parse_overrides(self.overrides)), self.close, self.add, self.move,
            self.capacity, self.fleet, self.stock, self.stock_of_closed, self.stock_of_added,
        )  # fmt: skip
        build_network(scenario)  # every name and every station is checked before anything is played
        policies = resolve_policies(self.policies.split(","), without_question(scenario))
        with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
            task = bar.add_task("episodes", total=2 * len(policies) * self.episodes)
            found = answer(
                scenario, policies, self.episodes, self.seed, lambda name: bar.update(task, advance=1, description=name)
            )
        _save(found, scenario, self.out, next(iter(policies.values())), self.seed)
        _print(found)
        print(f"results: {self.out}")


def _save(found: Answer, scenario: Scenario, out: Path, policy: ScorerPolicy, seed: int) -> None:
    from regional_dispatch.data.map.page import difference_map as zoomable_map  # these pull in matplotlib
    from regional_dispatch.data.map.played import play
    from regional_dispatch.studies.report.difference_map import difference_map

    key = evaluation_keys(1, seed)[0]
    week = [play(side.scenario, policy, key) for side in (found.before, found.after)]
    made = provenance(command_line())
    lanes = lane_table(found)
    with staged(out) as folder:
        kpi_table(found).to_csv(folder / "kpis.csv", index=False)
        lanes.to_csv(folder / "lanes.csv", index=False)
        site_table(found).to_csv(folder / "sites.csv", index=False)
        (folder / "report.md").write_text(page(found, made_by(made)), encoding="utf-8")
        before, after = (
            run._replace(scenario=f"{run.scenario}, {side}") for run, side in zip(week, SIDES, strict=True)
        )
        zoomable_map(before, after, folder / "map.html")
        (folder / "map.png").write_bytes(difference_map(found.before.network, found.after.network, lanes))
        summary = {
            "scenario": found.after.scenario.name, "policies": found.kpis, "sample": sample_line(found),
            "assumed": found.assumed, "doubts": found.doubts,
            "moved": [move._asdict() for move in found.moved], "meta": made,
        }  # fmt: skip
        text = json.dumps(summary, indent=1, allow_nan=False, ensure_ascii=False)
        (folder / "summary.json").write_text(text + "\n", encoding="utf-8")
        (folder / "scenario.yaml").write_text(_scenario_yaml(scenario, out), encoding="utf-8")


def _scenario_yaml(scenario: Scenario, home: Path) -> str:
    """The network after as a file in `home`."""
    data: dict[str, Any] = relocated(scenario, home.absolute())
    data["name"] = f"{scenario.name[:70]}_what_if"
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)
    return f"# Made by {command_line()}\n{text}"


def _print(found: Answer) -> None:
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, 110)
    print(f"What if: {found.after.scenario.name}. {sample_line(found)}")
    for policy in found.kpis:
        table = Table(title=policy, title_justify="left", box=None)
        for i, title in enumerate(HEADER):
            table.add_column(title.replace("[", "\\["), justify="left" if i < 2 else "right")
        for row in kpi_rows(found, policy):
            table.add_row(*(cell.replace("[", "\\[") for cell in row))
        console.print(table)
    print("\n".join(["assumed:", *(f"  {sentence}" for sentence in found.assumed)]))
    for doubt in found.doubts:
        print(f"note: {doubt}")
