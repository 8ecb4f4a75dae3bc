"""The textbook picture behind regionalisation: ten FCs, a hundred locations, ten thousand parcels, trucks of a hundred.

Each location orders ten of each of ten items. Where an FC holds one item for the whole nation, every FC sends ten
parcels to every location: a thousand trucks, a tenth full. Where each of ten regions holds all items in an FC of its
own, a hundred parcels go to each location on one truck. In between, regions of several FCs share the
items among them. Nothing is random, so there are no intervals.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from regional_dispatch.studies.framework.base import Study
from regional_dispatch.studies.framework.cut import regions_in_words
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.report.findings import Findings
from regional_dispatch.studies.ten_by_hundred.page import count, findings_of
from regional_dispatch.studies.ten_by_hundred.worlds import (
    sites_and_homes,
    write_world,
)


class TenByHundred(Study):
    """Counts trucks under one, two, five and ten regions."""

    policies: tuple[str, ...] = ("regional_nearest",)
    regions: tuple[Literal[1, 2, 5, 10], ...] = Field((1, 2, 5, 10), min_length=1, description="Numbers of regions.")

    def run(self, lab: Lab) -> Findings:
        """Writes the worlds' files, plays each once, and counts."""
        sites, home = sites_and_homes()
        worlds = {regions_in_words(k): write_world(lab.worlds / f"regions_{k}", sites, home, k) for k in self.regions}
        players = self.players()
        played = lab.play(worlds, players)
        name, policy = next(iter(players.items()))
        return findings_of([count(played, world, name) for world in worlds], worlds, policy, played.seed)
