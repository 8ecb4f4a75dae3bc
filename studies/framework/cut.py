"""What studies share that compare one nation with the regions it is divided into."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from pydantic import Field, field_validator

from regional_dispatch.envs.world.scenario import Boundary, Scenario
from regional_dispatch.evaluation.cells import Rows
from regional_dispatch.evaluation.statistics import Interval, mean_interval
from regional_dispatch.studies.framework.base import Study
from regional_dispatch.studies.report.findings import Place

NATIONAL, REGIONAL = "national", "regional"


def regions_in_words(count: int) -> str:
    """A number of regions as titles and sentences name it; 0 is the nation before anything followed regions."""
    if count == 0:
        return "the nation as it was"
    return "one nation" if count == 1 else f"{count} regions"


class CutStudy(Study):
    """A study of one world as a nation and in regions. KPIs of both are counted by the same regions."""

    regions: Boundary = Field(Boundary(kind="states", map="us8"), description="Regions to divide the nation into.")
    warmup_days: int = Field(7, ge=1, description="Days before anything is counted. Unit: days.")

    @field_validator("regions")
    @classmethod
    def _cuts(cls, regions: Boundary) -> Boundary:
        if regions.kind == "national":
            raise ValueError("must be more than one region: kind states, balanced or file")
        return regions

    def interval(self, values: np.ndarray) -> Interval:
        """The mean over episodes, (E,), with its 95 % interval."""
        return mean_interval(values)

    def side_by_side(self, world: Callable[[str], Scenario], when: str = "") -> dict[str, Place]:
        """Nation and regions for the close-up.

        Args:
            world: NATIONAL or REGIONAL → its scenario.
            when: appended to the titles.
        """
        titles = {NATIONAL: "One nation", REGIONAL: "Regions"}
        return {name: Place(f"{title}{when}", world(name)) for name, title in titles.items()}

    def divided(self, name: str, days: int, changes: dict[str, Any] | None = None) -> Scenario:
        """The world as a nation or in regions; only the partition differs.

        Args:
            name: NATIONAL or REGIONAL.
            days: length of an episode, warm-up included. Unit: days.
            changes: more fields to set, dotted.

        Raises:
            ScenarioError: the world cannot be used.
        """
        boundary = self.regions.model_dump(mode="json", exclude_none=True)
        partition = boundary if name == REGIONAL else {"kind": "national", "counted_by": boundary}
        return self.world_for(days, {**(changes or {}), "partition": partition})

    def world_for(self, days: int, changes: Mapping[str, Any]) -> Scenario:
        """The world with the study's warm-up.

        Args:
            days: length of an episode, warm-up included. Unit: days.
            changes: fields to set, dotted.

        Raises:
            ScenarioError: the world cannot be used.
        """
        return self.world({"warmup_hours": 24 * self.warmup_days, "horizon_hours": 24 * days, **changes})


def daily(rows: Rows, kpi: str) -> np.ndarray:
    """A KPI of `Timeline` rows on every day that counts: (E, days)."""
    return np.array([row["days"][kpi] for row in rows])


def in_phase(rows: Rows, phase: str, kpi: str) -> np.ndarray:
    """A KPI of `Timeline` rows in one of their phases: (E,)."""
    return np.array([row["phases"][phase][kpi] for row in rows])
