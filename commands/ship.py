"""Add policies of a finished experiment to those that come with the package, each with a model card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from regional_dispatch.envs.world.replacing import remove_strays
from regional_dispatch.evaluation.experiments.ship import ship
from regional_dispatch.evaluation.folders.claim import hold
from regional_dispatch.evaluation.output import check_folder
from regional_dispatch.evaluation.policies import PRETRAINED


@dataclass(frozen=True)
class Command:
    """Add policies of a finished experiment to those that come with the package, each with a model card.

    For each variant, the seed with the lowest cost on its tuning episodes is taken; held-out episodes play no part in
    the choice. Use them as pretrained/NAME, such as `compare --policies pretrained/us8,least_cost`.
    """

    experiment: tyro.conf.Positional[Path]
    """The --out folder of a finished `experiment`."""
    variants: str | None = None
    """Names of the variants to ship, separated by commas. Default: all that can be shipped."""
    out: Path = PRETRAINED
    """Folder for the policies and cards; created if it is missing. Default: agents/pretrained of the package."""

    def run(self) -> None:
        """Checks everything, then writes."""
        check_folder(self.out)
        hold(self.out / "policies")
        remove_strays(self.out)
        names = None if self.variants is None else [name.strip() for name in self.variants.split(",")]
        for path in ship(self.experiment, names, self.out):
            print(path)
