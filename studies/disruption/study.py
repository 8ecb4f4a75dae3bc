"""Outages of part of the network: what they cost one nation and its regions, and how long recovery takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import ceil
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from regional_dispatch.envs.world.scenario import Event, Scenario, ScenarioError
from regional_dispatch.studies.disruption.page import CALM, WINDOW, Page
from regional_dispatch.studies.framework.cut import NATIONAL, REGIONAL
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.framework.levers import SIDES, LeverBoard, LeverStudy
from regional_dispatch.studies.framework.timeline import Phase, Timeline
from regional_dispatch.studies.report.findings import Findings


class Case(BaseModel):
    """One disruption."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(min_length=1, description="What happens, in a few words.")
    events: tuple[Event, ...] = Field(
        min_length=1, description="As in a scenario, with start_hour counted from the disruption's first midnight."
    )
    map: bool = Field(False, description="Show it on a map. A single lane within a city is too short to be visible.")

    @property
    def days(self) -> int:
        """Days until its last event ends."""
        return ceil(max(event.start_hour + event.hours for event in self.events) / 24)

    @property
    def stem(self) -> str:
        """Its name as part of a file's name."""
        return re.sub(r"\W+", "_", self.name.lower()).strip("_")


class Disruption(LeverStudy):
    """Plays the same events in a nation and in its finished regions, on the same orders as without them."""

    cases: tuple[Case, ...] = Field(min_length=1, description="What happens; each case is played by itself.")
    calm_days: int = Field(3, ge=1, description="Days shown before the event. Unit: days.")
    after_days: int = Field(10, ge=1, description="Days played after the longest case. Unit: days.")
    tolerance_points: float = Field(
        1.0, gt=0, description="Recovered: from then on the on-time share is at most so far below that without the "
        "event. Unit: percentage points.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _named_apart(self) -> Self:
        stems = [case.stem for case in self.cases]
        twice = sorted({case.name for case in self.cases if stems.count(case.stem) > 1 or not case.stem})
        if twice:
            raise ValueError(f"cases: {', '.join(twice)}: names must differ in their letters, as files are named so")
        return self

    @property
    def first(self) -> int:
        """The day it happens."""
        return self.warmup_days + self.calm_days

    @property
    def window_days(self) -> int:
        """Days over which costs are counted, in every case."""
        return max(case.days for case in self.cases) + self.after_days

    def run(self, lab: Lab) -> Findings:
        """Plays every case, and none, in the nation and in its finished regions."""
        policies, board = self.players(), LeverBoard(self, lab)
        worlds = {
            (name, case): self._world(board, name, case) for case in self._all_cases() for name in (NATIONAL, REGIONAL)
        }
        for (_, case), world in worlds.items():  # an unknown site is found before anything is played
            try:
                lab.digests.digest(world)
            except ScenarioError as error:
                raise ScenarioError(f"case '{case}': {error}" if case != CALM else str(error)) from None
        phases = [Phase(WINDOW, self.first, self.first + self.window_days)]
        players = {name: Timeline(policy, phases) for name, policy in policies.items()}
        rows = {key: lab.play_players(world, players) for key, world in worlds.items()}
        return Page(self, rows, worlds).findings()

    def _all_cases(self) -> Iterator[str]:
        yield CALM
        yield from (case.name for case in self.cases)

    def _world(self, board: LeverBoard, name: str, case: str) -> Scenario:
        events = [
            {**event.model_dump(mode="json", exclude_none=True), "start_hour": 24 * self.first + event.start_hour}
            for each in self.cases
            if each.name == case
            for event in each.events
        ]
        return board.world(SIDES[name], self.first + self.window_days, {"events": events})
