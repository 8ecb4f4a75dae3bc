"""Regions leave one nation one after the other: each region's KPIs before and after its own night."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from regional_dispatch.envs.world.network import Network, build_network
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError
from regional_dispatch.studies.framework.cut import NATIONAL, CutStudy
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.framework.timeline import Phase, Switch, Timeline
from regional_dispatch.studies.report.findings import Findings
from regional_dispatch.studies.rollout.page import Page

REST = "rest of the nation"
ALL = "all"  # the phase of the whole time


class Wave(BaseModel):
    """Regions that switch on the same night."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    day: int = Field(ge=1, description="Midnight from which they are regions of their own, days from the start.")
    regions: tuple[str, ...] = Field(min_length=1, description="Names of the regions.")


class Rollout(CutStudy):
    """Makes one region after the other independent of the nation."""

    waves: tuple[Wave, ...] = Field(min_length=1, description="Which regions switch when, in the order of days.")
    window_days: int = Field(14, ge=2, description="Days compared before and after a region's own night. Unit: days.")
    settle_days: int = Field(
        7, ge=0, description="Days that means leave out: those after a region's own night and those after the warm-up, "
        "when slow orders have not come yet. Unit: days.",
    )  # fmt: skip

    @field_validator("waves")
    @classmethod
    def _in_order(cls, waves: tuple[Wave, ...]) -> tuple[Wave, ...]:
        days, names = [wave.day for wave in waves], [name for wave in waves for name in wave.regions]
        if days != sorted(set(days)):
            raise ValueError(f"days must ascend, not {days}")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} would switch twice; list each region once")
        return waves

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.settle_days >= self.window_days:
            raise ValueError(f"settle_days = {self.settle_days}: must be below window_days = {self.window_days}")
        earliest = self.warmup_days + self.settle_days + self.window_days
        if self.waves[0].day < earliest:
            raise ValueError(
                f"waves.0.day = {self.waves[0].day}: must be warmup_days + settle_days + window_days = {earliest} or "
                "later, so that the first has days to compare with"
            )
        return self

    @property
    def days(self) -> int:
        """Length of an episode, which ends with the window of the last wave. Unit: days."""
        return self.waves[-1].day + self.window_days

    def run(self, lab: Lab) -> Findings:
        """Plays the whole time with every policy."""
        nation = self.divided(NATIONAL, self.days)
        network = build_network(nation)
        self._check_names(network)
        switches: list[Switch] = []
        done: list[str] = []
        for wave in self.waves:
            done += wave.regions
            switches.append(Switch(wave.day, self._partly(lab, nation, network, done, wave.day)))
        phases = [Phase(ALL, self.warmup_days, self.days)]
        players = {name: Timeline(policy, switches, phases, lab.digests) for name, policy in self.players().items()}
        return Page(self, lab.play_players(nation, players)).findings()

    def _check_names(self, network: Network) -> None:
        named = {name for wave in self.waves for name in wave.regions}
        unknown = sorted(named - set(network.region_names))
        if unknown:
            raise ScenarioError(
                f"waves: no such region: {', '.join(unknown)}; there are: {', '.join(network.region_names)}"
            )

    def _partly(self, lab: Lab, nation: Scenario, network: Network, done: Sequence[str], day: int) -> Scenario:
        """The world with the regions in `done` on their own, and the rest still one nation."""
        sites = network.sites
        path = lab.worlds / f"from_day_{day}.csv"
        table = pd.DataFrame({"site": sites["name"], "region": sites["region"].where(sites["region"].isin(done), REST)})
        table.to_csv(path, index=False)
        partition = nation.partition.model_copy(update={"kind": "file", "path": str(path.resolve())})
        return nation.model_copy(update={"partition": partition})
