"""Write a random but plausible network as a scenario file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from regional_dispatch.commands.options import at_least, command_line
from regional_dispatch.envs.world.generator import random_scenario
from regional_dispatch.envs.world.scenario import scenario_yaml
from regional_dispatch.evaluation.output import check_file, write_file


@dataclass(frozen=True)
class Command:
    """Write a random but plausible network as a scenario file.

    Sites, regions, demand, stock and trucks are drawn around those of us8; the ranges are in envs/world/generator.py.
    """

    seed: int = 0
    """Seed of the network. The same seed and stream give the same network."""
    stream: Literal["evaluate", "train", "tune"] = "evaluate"
    """Which networks: evaluate, those of the benchmark; train and tune, others, to train and tune on."""
    out: Path = Path("runs/generated.yaml")
    """The YAML file to write; an existing one is replaced."""

    def run(self) -> None:
        """Checks everything, then writes."""
        at_least("--seed", self.seed, 0)
        check_file(self.out, (".yaml", ".yml"))
        scenario = random_scenario(self.seed, self.stream)
        write_file(self.out, f"# Made by {command_line()}\n{scenario_yaml(scenario)}")
        print(f"{scenario.name}: {scenario.tests}\nscenario: {self.out}")
