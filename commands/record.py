"""Write what policies see and do as a Minari data set, for offline learning."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.progress import Progress

from regional_dispatch.commands.options import Overrides, at_least, episodes_of, parse_overrides
from regional_dispatch.data.decisions.record import dataset_name, write_dataset
from regional_dispatch.envs.world.scenario import load_scenario
from regional_dispatch.envs.world.scenario.parts import part_of
from regional_dispatch.evaluation.folders.claim import hold
from regional_dispatch.evaluation.output import check_folder
from regional_dispatch.evaluation.policies import resolve_policies


@dataclass(frozen=True)
class Command:
    """Write what policies see and do as a Minari data set, for offline learning.

    Each region of each episode is an episode of the data set: observations with their masks, actions and rewards of
    `RegionalDispatch-v0`. Its metadata names the policy, region, seed and key. Needs the extra [offline].
    """

    scenario: str = "us8"
    """A scenario file, or the name of a shipped one."""
    policies: str = "least_cost"
    """Policies, separated by commas, as in `compare`; each plays all regions, on the same orders."""
    episodes: int | None = None
    """Episodes per policy. Default: 8, or 1 where orders come from a trace, which is one sample. Unit: episodes."""
    seed: int = 0
    """Seed of the orders."""
    stream: Literal["train", "tune", "evaluate"] = "train"
    """Which orders: train, those to learn from; tune and evaluate, those of `compare`, to measure a learner offline."""
    out: Path = Path("runs/offline")
    """Root folder of data sets, as Minari's MINARI_DATASETS_PATH names it; created if it is missing."""
    name: str | None = None
    """Minari's name of the data set. Default: regional-dispatch/SCENARIO-v0."""
    overrides: Overrides = ()
    """Change a field of the scenario, such as demand.orders_per_day=9000 (in the field's unit); may be repeated."""

    def run(self) -> None:
        """Checks everything, then plays and writes."""
        at_least("--seed", self.seed, 0)
        check_folder(self.out)
        overrides = parse_overrides(self.overrides)
        scenario = load_scenario(self.scenario, overrides)
        episodes = episodes_of(scenario, self.episodes)
        scenario = part_of(scenario, self.stream)
        policies = resolve_policies(self.policies.split(","), scenario)
        name = dataset_name(self.name, scenario)
        hold(self.out / name)
        place = str(Path(self.scenario).absolute()) if Path(self.scenario).is_file() else self.scenario
        asked = {"scenario": place, **({"overrides": overrides} if overrides else {})}
        with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
            task = bar.add_task("episodes", total=len(policies) * episodes)
            path = write_dataset(
                self.out, name, scenario, policies, episodes, self.seed, self.stream, asked,
                progress=lambda policy: bar.update(task, advance=1, description=policy),
            )  # fmt: skip
        print(f"data set: minari.MinariDataset({str(path)!r})")
        print(f"or, with MINARI_DATASETS_PATH={self.out.absolute()}: minari.load_dataset({name!r})")
