"""Plan stock and lanes of a scenario: tables, a map, the expected cost, and a scenario that uses them."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from regional_dispatch.commands.options import Overrides, command_line, parse_overrides
from regional_dispatch.envs.world.levers import RunningLanes
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.relocation import relocated
from regional_dispatch.envs.world.scenario import Scenario, load_scenario
from regional_dispatch.envs.world.stock import stock_table
from regional_dispatch.evaluation.folders.claim import claim
from regional_dispatch.evaluation.folders.kinds import PLAN
from regional_dispatch.evaluation.output import staged


@dataclass(frozen=True)
class Command:
    """Plan stock and lanes of a scenario: tables, a map, the expected cost, and a scenario that uses them.

    Writes regions.csv, placement.csv, lanes.csv, lanes.png, plan.json and scenario.yaml. Costs are expected ones,
    from a formula; `compare --scenario OUT/scenario.yaml` says what the plan costs when it is played.
    """

    scenario: str = "us8"
    """A scenario file, or the name of a shipped one. Its regions and possible lanes are planned for; lanes of an \
earlier plan are not kept."""
    stock: Literal["cheapest", "as-it-is"] = "cheapest"
    """Where stock stands: cheapest, at the same places and units in all, where it costs least; as-it-is, where the \
scenario says."""
    out: Path = Path("runs/plan")
    """Folder for the files; existing ones are replaced."""
    overrides: Overrides = ()
    """Change a field of the scenario, such as partition.kind=national; may be repeated."""

    def run(self) -> None:
        """Checks everything, plans, then writes."""
        from regional_dispatch.evaluation.report.plan import plan_facts, plan_lines
        from regional_dispatch.planning.lanes import lanes_table
        from regional_dispatch.planning.plan import make_plan, regions_table
        from regional_dispatch.studies.report.lane_map import lane_map  # pulls in matplotlib

        claim(self.out, PLAN)
        scenario = load_scenario(self.scenario, parse_overrides(self.overrides))
        plan = make_plan(scenario, "cheapest" if self.stock == "cheapest" else "as it is", _tell)
        facts = plan_facts(scenario, plan)
        with staged(self.out) as folder:
            regions_table(plan.network).to_csv(folder / "regions.csv", index=False)
            stock_table(plan.network, plan.base).to_csv(folder / "placement.csv", index=False)
            lanes_table(plan.network, plan.lanes).to_csv(folder / "lanes.csv", index=False)
            title = f"{scenario.name}: {facts['lanes']['running']} of {facts['lanes']['possible']} lanes run"
            packages, fill = plan.lanes.packages_per_day, plan.lanes.fill
            (folder / "lanes.png").write_bytes(lane_map(plan.network, packages, fill, title))
            (folder / "plan.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
            _write_scenario(folder / "scenario.yaml", self.out, scenario)
            running = RunningLanes(kind="file", path=str((folder / "lanes.csv").absolute()))
            build_network(scenario.model_copy(update={"lanes": running}))  # the plan can be used, or nothing is written
        print("\n".join([*plan_lines(facts), f"plan: {self.out}"]))


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def _write_scenario(path: Path, home: Path, scenario: Scenario) -> None:
    """The scenario with the plan's tables; its own paths lead from `home`, where the file comes to lie."""
    data: dict[str, Any] = relocated(scenario, home.absolute())
    data["name"] = f"{scenario.name[:70]}_planned"
    partition = data.get("partition", {})
    kept = {"counted_by": partition["counted_by"]} if "counted_by" in partition else {}
    if scenario.partition.kind != "national":
        data["partition"] = {"kind": "file", "path": "regions.csv", **kept}
    data["stock"] = {**data.get("stock", {}), "layout": "table", "placement": "placement.csv"}
    data["lanes"] = {"kind": "file", "path": "lanes.csv"}
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)
    path.write_text(f"# Made by {command_line()}\n{text}", encoding="utf-8")
