"""Write a random but plausible network as a scenario file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from regional_dispatch.commands.options import at_least, command_line
from regional_dispatch.envs.world.generator import random_scenario
from regional_dispatch.envs.world.generators.retailer import write_retailer
from regional_dispatch.envs.world.scenario import scenario_yaml
from regional_dispatch.evaluation.folders.claim import claim_file
from regional_dispatch.evaluation.output import write_file


@dataclass(frozen=True)
class Command:
    """Write a random but plausible network as a scenario file.

    Sites, regions, demand, stock and trucks are drawn around those of us8; the ranges are in envs/world/generator.py.
    A retailer (envs/world/generators/retailer.py) is another make: few buildings in an invented country, volumes,
    promises and vehicles of any size, with its tables in a folder beside the file.
    """

    seed: int = 0
    """Seed of the network. The same seed and stream give the same network."""
    stream: Literal["evaluate", "train", "tune"] = "evaluate"
    """Which networks: evaluate, those of the benchmark; train and tune, others, to train and tune on."""
    make: Literal["us8", "wide", "retailer"] = "us8"
    """Which make: us8, around that network; wide, such sites with volumes, promises and trucks of any size; \
retailer, a mid-size retailer's tables."""
    out: Path = Path("runs/generated.yaml")
    """The YAML file to write; an existing one is replaced."""

    def run(self) -> None:
        """Checks everything, then writes."""
        at_least("--seed", self.seed, 0)
        claim_file(self.out, (".yaml", ".yml"))
        if self.make == "retailer":
            scenario = write_retailer(self.out, self.seed, self.stream)
        else:
            scenario = random_scenario(self.seed, self.stream, wide=self.make == "wide")
            write_file(self.out, f"# Made by {command_line()}\n{scenario_yaml(scenario)}")
        print(f"{scenario.name}: {scenario.tests}\nscenario: {self.out}")
