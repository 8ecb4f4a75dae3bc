"""From one nation to regions at one midnight, and back: the same network, orders and stock, another partition."""

from __future__ import annotations

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from regional_dispatch.envs.world.network import build_network
from regional_dispatch.studies.flip.page import BACK, Page
from regional_dispatch.studies.framework.cut import NATIONAL, REGIONAL, CutStudy
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.framework.timeline import Phase, Switch, Timeline
from regional_dispatch.studies.report.findings import Findings


class Flip(CutStudy):
    """Changes the partition at one midnight, and back at another."""

    national_days: int = Field(28, ge=2, description="Days of one nation. Unit: days.")
    regional_days: int = Field(28, ge=2, description="Days of regions. Unit: days.")
    back_days: int = Field(28, ge=2, description="Days of one nation again. Unit: days.")
    maps_in_docs: bool = Field(True, description="Put maps in report.md too, which the docs show.")
    animation: bool = Field(True, description="Add a film of a day of trucks, the nation beside its regions.")
    settle_days: int = Field(
        7, ge=0, description="Days at the start of each phase that its means leave out (the transition). Unit: days."
    )

    @model_validator(mode="after")
    def _settles(self) -> Self:
        shortest = min(self.national_days, self.regional_days, self.back_days)
        if self.settle_days >= shortest:
            raise ValueError(f"settle_days = {self.settle_days}: leaves no day of a phase of {shortest}; lower it")
        return self

    def run(self, lab: Lab) -> Findings:
        """Plays the whole time with every policy."""
        ends = np.cumsum([self.warmup_days, self.national_days, self.regional_days, self.back_days]).tolist()
        nation, regions = (self.divided(name, ends[-1]) for name in (NATIONAL, REGIONAL))
        build_network(regions)  # a boundary that cannot be used is found before anything is played
        phases = [
            Phase(name, first + self.settle_days, end)
            for name, first, end in zip((NATIONAL, REGIONAL, BACK), ends, ends[1:], strict=False)
        ]
        switches = (Switch(ends[1], regions), Switch(ends[2], nation))
        players = {name: Timeline(policy, switches, phases, lab.digests) for name, policy in self.players().items()}
        rows = lab.play_players(nation, players)
        return Page(self, rows, ends).findings()
