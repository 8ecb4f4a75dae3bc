"""What every study's file may say, and how a study is found by name."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.scenario import Scenario, load_scenario
from regional_dispatch.evaluation.policies import resolve_policies
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.report.closeup import CloseUp
from regional_dispatch.studies.report.findings import Findings


class Study(BaseModel):
    """A question to the simulator. Subclasses add fields and answer it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    study: str = Field(description="Kind of study: a folder of studies/.")
    title: str = Field(min_length=1, description="Title of the report.")
    question: str = Field(min_length=1, description="What it asks, in a sentence or two.")
    scenario: str = Field("us8", description="A shipped scenario's name, or a file relative to where you run.")
    set: dict[str, Any] = Field({}, description="Fields of the scenario to set, dotted: {demand.orders_per_day: 9000}.")
    episodes: int = Field(8, ge=1, description="Held-out episodes of each policy and world. Unit: episodes.")
    seed: int = Field(0, ge=0, description="Seed of the orders and of the bootstrap.")
    policies: tuple[str, ...] = Field(
        ("least_cost",), min_length=1, description="Who decides, as `compare` takes them; the first is the one on maps."
    )

    map_days: int = Field(
        14, ge=1, description="Days after the warm-up that maps and distributions see; the next is filmed and logged. "
        "Fewer where the horizon is near. Unit: days.",
    )  # fmt: skip
    maps_in_docs: bool = Field(False, description="Have maps in report.md too, which docs show.")
    animation: bool = Field(False, description="Film a day of trucks, the worlds that maps show side by side.")

    def answer(self, lab: Lab) -> Findings:
        """What it found, and the first policy seen closely in the worlds that it names."""
        findings = self.run(lab)
        if not findings.places:
            return findings
        return CloseUp(lab, self.lead(), findings.places, self.map_days).around(
            findings, self.animation, self.maps_in_docs
        )

    def run(self, lab: Lab) -> Findings:
        """Plays what it must, and says what it found."""
        raise NotImplementedError

    def lead(self) -> ScorerPolicy:
        """Who decides in the worlds that are seen closely.

        Raises:
            InputError: it cannot be used.
        """
        return next(iter(self.players().values()))

    def base(self) -> Scenario:
        """The scenario, with the fields the study sets."""
        return self.world({})

    def world(self, changes: dict[str, Any]) -> Scenario:
        """A variant of it.

        Raises:
            ScenarioError: it cannot be used.
        """
        fields = {field: json.dumps(value) for field, value in {**self.set, **changes}.items()}
        return load_scenario(self.scenario, fields)

    def players(self) -> dict[str, ScorerPolicy]:
        """The policies by display name.

        Raises:
            InputError: one cannot be used.
        """
        return resolve_policies(self.policies, self.base())
