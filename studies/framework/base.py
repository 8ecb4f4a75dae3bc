"""The base class of studies: the fields that every study's file has."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.scenario import Scenario, load_scenario
from regional_dispatch.evaluation.periods import check_sample
from regional_dispatch.evaluation.policies import resolve_policies
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.report.closeup import CloseUp
from regional_dispatch.studies.report.findings import Findings


class Study(BaseModel):
    """A question about a network, answered by simulation. Subclasses add fields and implement `run`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    study: str = Field(description="Kind of study: a folder of studies/.")
    title: str = Field(min_length=1, description="Title of the report.")
    question: str = Field(min_length=1, description="What it asks, in a sentence or two.")
    scenario: str = Field("us8", description="A shipped scenario's name, or a file relative to where you run.")
    set: dict[str, Any] = Field({}, description="Fields of the scenario to set, dotted: {demand.orders_per_day: 9000}.")
    episodes: int = Field(8, ge=1, description="Held-out episodes of each policy and world. Unit: episodes.")
    seed: int = Field(0, ge=0, description="Seed of the orders.")
    policies: tuple[str, ...] = Field(
        ("least_cost",), min_length=1, description="Policies, as `compare` takes them; maps show the first."
    )

    map_days: int = Field(
        14, ge=1,
        description="Days after the warm-up that maps and distributions cover; the next day is filmed and logged. "
        "Fewer if the horizon is near. Unit: days.",
    )  # fmt: skip
    maps_in_docs: bool = Field(False, description="Put maps in report.md too, which the docs show.")
    animation: bool = Field(False, description="Add a film of a day of trucks in the worlds that maps show.")

    def answer(self, lab: Lab) -> Findings:
        """The findings of `run`, with a close-up of the first policy in the worlds that they name."""
        findings = self.run(lab)
        if not findings.places:
            return findings
        return CloseUp(lab, self.lead(), findings.places, self.map_days).around(
            findings, self.animation, self.maps_in_docs
        )

    def run(self, lab: Lab) -> Findings:
        """Plays worlds in the lab and returns what was found."""
        raise NotImplementedError

    def lead(self) -> ScorerPolicy:
        """The policy of the close-up.

        Raises:
            InputError: the policy cannot be used.
        """
        return next(iter(self.players().values()))

    def base(self) -> Scenario:
        """The scenario with the study's fields."""
        return self.world({})

    def world(self, changes: dict[str, Any]) -> Scenario:
        """The scenario with the study's fields and these changes.

        Args:
            changes: dotted field → value; they replace those of `set`.

        Raises:
            ScenarioError: the scenario cannot be used.
        """
        fields = {field: json.dumps(value, ensure_ascii=False) for field, value in {**self.set, **changes}.items()}
        scenario = load_scenario(self.scenario, fields)
        check_sample(scenario, self.episodes)
        return scenario

    def players(self) -> dict[str, ScorerPolicy]:
        """The policies by display name.

        Raises:
            InputError: a policy cannot be used.
        """
        return resolve_policies(self.policies, self.base())
