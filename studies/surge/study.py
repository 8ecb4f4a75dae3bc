"""Demand far above the mean for some days: how one nation and its regions come through it and recover."""

from __future__ import annotations

from itertools import product
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.studies.framework.cut import NATIONAL, REGIONAL
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.framework.levers import SIDES, LeverBoard, LeverStudy
from regional_dispatch.studies.framework.shock import Factors
from regional_dispatch.studies.framework.timeline import Phase, Timeline
from regional_dispatch.studies.report.findings import Findings, Place
from regional_dispatch.studies.surge.lasting_section import BEFORE, LAST, MONTH_DAYS, LastingPeak
from regional_dispatch.studies.surge.page import CALM, PEAK, Page


class Lasting(BaseModel):
    """How long a peak lasts, and how high it is."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    days: int = Field(730, ge=MONTH_DAYS, le=760, description="Days of the peak. Unit: days.")
    factors: Factors = Field((1.5,), min_length=1, description="Demand, as a multiple of the mean.")
    episodes: int = Field(
        3, ge=1, description="Held-out episodes of each. One of two years may take minutes. Unit: episodes."
    )

    def phases(self, settled: int, first: int) -> list[Phase]:
        """The days before the peak that count, and its last four weeks."""
        return [Phase(BEFORE, settled, first), Phase(LAST, first + self.days - MONTH_DAYS, first + self.days)]


class Surge(LeverStudy):
    """Raises demand for some days, in a nation and in its finished regions."""

    factors: Factors = Field((1.5, 2.0, 2.5), min_length=1, description="Demand, as a multiple of the mean.")
    calm_days: int = Field(10, ge=1, description="Days of mean demand before. Unit: days.")
    settle_days: int = Field(
        3,
        ge=0,
        description="Of these, the first days that means leave out: slow orders have not arrived yet. Unit: days.",
    )
    surge_days: int = Field(7, ge=1, description="Days of the surge. Unit: days.")
    after_days: int = Field(14, ge=1, description="Days of mean demand after it. Unit: days.")
    tolerance_points: float = Field(
        1.0,
        gt=0,
        description="Recovered: the on-time share is at most so far below that before the surge. "
        "Unit: percentage points.",
    )
    lasting: Lasting | None = Field(None, description="Also play lasting peaks, with the first policy alone.")

    @model_validator(mode="after")
    def _settles(self) -> Self:
        if self.settle_days >= self.calm_days:
            raise ValueError(f"settle_days = {self.settle_days}: must be below calm_days = {self.calm_days}")
        return self

    @property
    def first(self) -> int:
        """The day the surge starts."""
        return self.warmup_days + self.calm_days

    def run(self, lab: Lab) -> Findings:
        """Plays every factor in the nation and in its finished regions."""
        end = self.first + self.surge_days
        phases = [Phase(CALM, self.warmup_days + self.settle_days, self.first), Phase(PEAK, self.first, end)]
        policies, board = self.players(), LeverBoard(self, lab)
        players = {name: Timeline(policy, phases) for name, policy in policies.items()}
        rows = {
            key: lab.play_players(self._world(board, *key, self.surge_days, self.after_days), players)
            for key in product((NATIONAL, REGIONAL), self.factors)
        }
        lasting = self._lasting(lab, board, *next(iter(policies.items())))
        return Page(self, rows, lasting).findings(self._places(board))

    def _lasting(self, lab: Lab, board: LeverBoard, name: str, policy: ScorerPolicy) -> LastingPeak | None:
        if self.lasting is None:
            return None
        phases = self.lasting.phases(self.warmup_days + self.settle_days, self.first)
        player = {name: Timeline(policy, phases)}
        lab = Lab(lab.folder, self.lasting.episodes, lab.seed, lab.executor, lab.progress)
        rows = {
            key: lab.play_players(self._world(board, *key, self.lasting.days, 0), player)[name]
            for key in product((NATIONAL, REGIONAL), self.lasting.factors)
        }
        return LastingPeak(self.lasting, name, self.calm_days, rows, self.interval)

    def _world(self, board: LeverBoard, name: str, factor: float, surge_days: int, after_days: int) -> Scenario:
        days = self.first + surge_days + after_days
        surge = {"start_hour": 24 * self.first, "end_hour": 24 * (self.first + surge_days), "factor": factor}
        return board.world(SIDES[name], days, {"demand.surges": [surge]})

    def _places(self, board: LeverBoard) -> dict[str, Place]:
        """The nation and the regions under the highest surge."""
        factor = self.factors[-1]
        return self.side_by_side(
            lambda name: self._world(board, name, factor, self.surge_days, self.after_days), f" at {factor:g} × demand"
        )
