"""Regions leave one nation one after the other, with stock and lanes: KPIs of each before and after its own night."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from regional_dispatch.envs.world.network import Network, build_network
from regional_dispatch.envs.world.scenario import LONGEST_HORIZON_HOURS, ScenarioError
from regional_dispatch.studies.framework.cut import NATIONAL
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.framework.levers import NATION, LeverBoard, LeverStudy
from regional_dispatch.studies.framework.timeline import Phase, Timeline
from regional_dispatch.studies.report.findings import Findings
from regional_dispatch.studies.rollout.nights import plan_nights
from regional_dispatch.studies.rollout.page import Page

ALL = "all"  # the phase of the whole time


class Wave(BaseModel):
    """Regions that switch on the same night."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    day: int = Field(ge=1, description="Midnight from which they are regions of their own, days from the start.")
    regions: tuple[str, ...] = Field(min_length=1, description="Names of the regions.")


class Rollout(LeverStudy):
    """Makes one region after the other independent of the nation: its partition, its stock, and its lanes."""

    waves: tuple[Wave, ...] = Field(min_length=1, description="Which regions switch when, in the order of days.")
    window_days: int = Field(14, ge=2, description="Days played before and after a region's own night. Unit: days.")
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
        longest = LONGEST_HORIZON_HOURS // 24
        if self.days > longest:
            last = len(self.waves) - 1
            raise ValueError(
                f"waves.{last}.day = {self.waves[last].day}: with window_days = {self.window_days} after it an episode "
                f"lasts {self.days} days; it may last {longest}"
            )
        return self

    @property
    def days(self) -> int:
        """Length of an episode, which ends with the window of the last wave. Unit: days."""
        return self.waves[-1].day + self.window_days

    def run(self, lab: Lab) -> Findings:
        """Plays the whole time with every policy."""
        policies = self.players()
        network = build_network(self.divided(NATIONAL, self.days))
        self._check_names(network)
        board = LeverBoard(self, lab)
        nights = plan_nights(self, lab, board, network, [(wave.day, wave.regions) for wave in self.waves])
        changes = [night.change() for night in nights]
        world = self.world_for(self.days, {**board.fields(NATION), "changes": changes})
        phases = [Phase(ALL, self.warmup_days, self.days)]
        players = {name: Timeline(policy, phases) for name, policy in policies.items()}
        return Page(self, board, nights, lab.play_players(world, players)).findings()

    def _check_names(self, network: Network) -> None:
        named = {name for wave in self.waves for name in wave.regions}
        unknown = sorted(named - set(network.region_names))
        if unknown:
            raise ScenarioError(
                f"waves: no such region: {', '.join(unknown)}; there are: {', '.join(network.region_names)}"
            )
