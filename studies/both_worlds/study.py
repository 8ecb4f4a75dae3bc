"""The nation and the finished regions, each played by policies that were trained or tuned for it."""

from __future__ import annotations

import json
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError, load_scenario
from regional_dispatch.evaluation.policies import resolve_policies
from regional_dispatch.studies.both_worlds.page import Page
from regional_dispatch.studies.framework.base import Study
from regional_dispatch.studies.framework.cut import NATIONAL, REGIONAL
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.report.findings import Findings


class Pair(BaseModel):
    """One way to decide, made for each of the worlds."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(min_length=1, description="Name in the tables.")
    national: str = Field(description="The policy made for the nation, as `compare` takes it.")
    regional: str = Field(description="The policy made for the regions, as `compare` takes it.")


class BothWorlds(Study):
    """Plays each policy in its own world, and in the other one."""

    scenario: str = Field("national", description="The nation: a shipped scenario's name, or a file.")
    regional: str = Field("us8", description="The finished regions, likewise, of the same sites and orders.")
    pairs: tuple[Pair, ...] = Field(min_length=1, description="Ways to decide; maps show the first.")
    policies: tuple[str, ...] = Field((), description="Not used: see pairs.", max_length=0)

    @model_validator(mode="after")
    def _named_apart(self) -> Self:
        names = [pair.name for pair in self.pairs]
        if len(set(names)) < len(names):
            raise ValueError(f"pairs must have different names, not {', '.join(names)}")
        return self

    def players(self) -> dict[str, ScorerPolicy]:
        """All policies of all pairs, by the name that is given in the file."""
        names = dict.fromkeys(name for pair in self.pairs for name in (pair.national, pair.regional))
        return {name: next(iter(resolve_policies([name], self.base()).values())) for name in names}

    def run(self, lab: Lab) -> Findings:
        """Plays every policy in both worlds, on the same orders."""
        worlds = {NATIONAL: self.base(), REGIONAL: self._finished()}
        _check_same(worlds[NATIONAL], worlds[REGIONAL])
        return Page(self, lab.play(worlds, self.players()), worlds).findings()

    def _finished(self) -> Scenario:
        texts = {field: json.dumps(value, ensure_ascii=False) for field, value in self.set.items()}
        return load_scenario(self.regional, texts)


def _check_same(nation: Scenario, regions: Scenario) -> None:
    """KPIs are comparable if the worlds have the same demand and count the same regions."""
    if nation.demand != regions.demand or nation.horizon_hours != regions.horizon_hours:
        raise ScenarioError(
            f"study both_worlds: {nation.name} and {regions.name} have different demand or horizon_hours; policies "
            "would not meet the same orders"
        )
    one, two = build_network(nation), build_network(regions)
    if one.region_names != two.region_names or (one.net.region_of_site != two.net.region_of_site).any():
        raise ScenarioError(
            f"study both_worlds: {nation.name} and {regions.name} count different regions; give the nation "
            "partition.counted_by, with the regions of the other"
        )
