"""Replay a trace under policies, beside what was really done."""

from __future__ import annotations

import json
import math
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from regional_dispatch.commands.options import Overrides, command_line, parse_overrides
from regional_dispatch.envs.world.scenario import Scenario, load_scenario, part_of, window
from regional_dispatch.evaluation.backtest.page import (
    HEADER,
    assumed,
    lent_lines,
    measure_rows,
    page,
    reality_lines,
    sample_text,
)
from regional_dispatch.evaluation.backtest.run import BackTest, backtest
from regional_dispatch.evaluation.backtest.shelves import PLACEMENT
from regional_dispatch.evaluation.backtest.split import hour_of, split_text
from regional_dispatch.evaluation.backtest.tables import lane_table, region_rows, rows, week_table
from regional_dispatch.evaluation.folders.claim import claim
from regional_dispatch.evaluation.folders.kinds import BACK_TEST
from regional_dispatch.evaluation.output import staged
from regional_dispatch.evaluation.policies import resolve_policies
from regional_dispatch.evaluation.provenance import made_by, provenance


@dataclass(frozen=True)
class Command:
    """Replay a trace under policies, beside what was really done.

    Differences in dollars, hours, miles and CO₂ to the sources on record (column `source` of the orders), under the
    same trucks: in all, by region, lane and week, with intervals over weeks. Writes report.md, weeks.csv, regions.csv,
    lanes.csv, summary.json and, without a table of stock, placement.csv.
    """

    scenario: tyro.conf.Positional[str]
    """A scenario file with a trace."""
    policies: str = "least_cost"
    """Policies, separated by commas, as `compare` takes them."""
    stream: Literal["train", "tune", "evaluate"] = "evaluate"
    """Which part of the trace is counted, where demand.weeks splits it."""
    start: Annotated[str | None, tyro.conf.arg(name="from")] = None
    """Count from here on, in place of --stream: an hour of the episode, or a date such as 2024-12-01. Earlier hours \
are played and not counted."""
    until: str | None = None
    """Count up to here, in place of --stream: an hour of the episode, or a date."""
    shelves: Literal["record", "scenario"] = "record"
    """Where stock stands if the scenario has no table of stock: record, each FC carries what it really shipped; \
scenario, as the scenario's layout places it."""
    out: Path = Path("runs/backtest")
    """Folder for the results; created if it is missing."""
    overrides: Overrides = ()
    """Change a field of the scenario; may be repeated."""

    def run(self) -> None:
        """Checks everything, replays everything, then writes."""
        claim(self.out, BACK_TEST)
        scenario = load_scenario(self.scenario, parse_overrides(self.overrides))
        scenario, stream = self._part(scenario)
        policies = resolve_policies(self.policies.split(","), scenario)
        console = Console(stderr=True)
        with (
            TemporaryDirectory() as shelves,
            Progress(console=console, disable=not sys.stderr.isatty(), transient=True) as bar,
        ):
            task = bar.add_task("replays", total=2 * len(policies))
            found = backtest(
                scenario, policies, lambda name: bar.update(task, advance=1, description=name),
                self.shelves == "record", Path(shelves),
            )  # fmt: skip
            _save(found, self.out, stream, Path(shelves))
        _print(found, stream)
        print(f"results: {self.out}")

    def _part(self, scenario: Scenario) -> tuple[Scenario, str | None]:
        """The part that is counted, and its name where it has one."""
        if self.start is None and self.until is None:
            return part_of(scenario, self.stream), self.stream
        first, last = hour_of(scenario, self.start, "--from"), hour_of(scenario, self.until, "--until")
        return window(scenario, first, last), None


def _save(found: BackTest, out: Path, stream: str | None, shelves: Path) -> None:
    made = provenance(command_line())
    with staged(out) as folder:
        week_table(found).to_csv(folder / "weeks.csv", index=False)
        if (shelves / PLACEMENT).exists():
            shutil.copyfile(shelves / PLACEMENT, folder / PLACEMENT)
        lane_table(found).to_csv(folder / "lanes.csv", index=False)
        _region_table(found).to_csv(folder / "regions.csv", index=False)
        (folder / "report.md").write_text(page(found, made_by(made), stream), encoding="utf-8")
        summary = {
            "scenario": found.scenario.name, "split": split_text(found.scenario, stream), "sample": sample_text(found),
            "policies": {policy: _facts(rows(beside)) for policy, beside in found.beside.items()},
            "forced": {policy: beside.forced._asdict() for policy, beside in found.beside.items()},
            "really": _plain(found.really._asdict()), "assumed": assumed(found),
            "doubts": found.doubts, "meta": made,
        }  # fmt: skip
        text = json.dumps(summary, indent=1, allow_nan=False, ensure_ascii=False)
        (folder / "summary.json").write_text(text + "\n", encoding="utf-8")


def _facts(found: Any) -> dict[str, Any]:
    """A table of measures as plain numbers."""
    return {name: _plain({**row._asdict(), "interval": row.interval.facts()}) for name, row in found.items()}


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """JSON knows no NaN."""
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in values.items()}


def _region_table(found: BackTest) -> Any:
    import pandas as pd

    return pd.DataFrame(
        {"policy": policy, "region": region, "measure": name, "policy_value": row.policy, "recorded": row.recorded,
         "difference": row.difference, "ci_low": row.interval.ci_low, "ci_high": row.interval.ci_high}
        for policy in found.beside
        for region, of in region_rows(found, policy).items()
        for name, row in of.items()
    )  # fmt: skip


def _print(found: BackTest, stream: str | None) -> None:
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, 130)
    print("\n".join([f"Back-test: {found.scenario.name}", split_text(found.scenario, stream), sample_text(found)]))
    for policy, beside in found.beside.items():
        table = Table(title=f"{policy} less what was really chosen", title_justify="left", box=None)
        for i, title in enumerate(HEADER):
            table.add_column(title.replace("[", "\\["), justify="left" if i < 2 else "right")
        for row in measure_rows(rows(beside)):
            table.add_row(*(cell.replace("[", "\\[") for cell in row))
        console.print(table)
        for line in lent_lines(beside):
            print(line)
    print("\n".join([*reality_lines(found), "assumed:", *(f"  {sentence}" for sentence in assumed(found))]))
    for doubt in found.doubts:
        print(f"note: {doubt}")
