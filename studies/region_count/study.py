"""The same sites, orders and units under k balanced regions, with stock and lanes that follow each k."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.studies.framework.base import Study
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.framework.objective import DEFAULT_WEIGHTS, Weights
from regional_dispatch.studies.framework.planned import on_all_lanes, on_cheapest_stock, on_planned_lanes
from regional_dispatch.studies.region_count.page import BASE, NATION, Page, world_title
from regional_dispatch.studies.report.findings import Findings


class Variation(BaseModel):
    """A variation of the world for which the question is asked again."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(min_length=1, description="Name in the tables.")
    set: dict[str, Any] = Field(description="Fields of the scenario to set, dotted.")


class RegionCount(Study):
    """Sweeps the number of regions, in the base world and in variations of it."""

    counts: tuple[int, ...] = Field(
        (1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16), min_length=3,
        description="Numbers of regions to try, ascending; 1 is the nation.",
    )  # fmt: skip
    weights: Weights = DEFAULT_WEIGHTS
    stock: Literal["cheapest", "as it is"] = Field(
        "as it is", description="Where stock stands for every count: `as it is`, by the scenario's layout; `cheapest`, "
        "at the same units and places, where it is expected to cost least in these regions.",
    )  # fmt: skip
    nation: dict[str, Any] = Field(
        {"stock.layout": "scattered"},
        description="Fields of the scenario, dotted, of the nation as it was, which every count is set against.",
    )
    variations: tuple[Variation, ...] = Field((), description="Other worlds for which the best count is found.")

    @field_validator("counts")
    @classmethod
    def _ascending(cls, counts: tuple[int, ...]) -> tuple[int, ...]:
        if list(counts) != sorted(set(counts)) or counts[0] < 1:
            raise ValueError("must be whole numbers from 1 on, ascending, without repeats")
        return counts

    @model_validator(mode="after")
    def _distinct(self) -> RegionCount:
        names = [variation.name for variation in self.variations]
        if len(set(names)) < len(names) or BASE in names:
            raise ValueError(f"variations must have different names, and none of them '{BASE}'")
        return self

    def run(self, lab: Lab) -> Findings:
        """Plays every count in every world."""
        changes = {BASE: {}, **{variation.name: variation.set for variation in self.variations}}
        worlds = {(name, k): self._world(fields, k) for name, fields in changes.items() for k in (*self.counts, NATION)}
        for scenario in worlds.values():
            build_network(scenario)  # more regions than stations: an error before anything is played
        players = self.players()
        worlds = {key: self._planned(lab, key[1], scenario) for key, scenario in worlds.items()}
        played = lab.play({world_title(*key): scenario for key, scenario in worlds.items()}, players)
        return Page(self, list(changes), worlds, players, played).findings()

    def _planned(self, lab: Lab, k: int, scenario: Scenario) -> Scenario:
        """The nation as it was keeps its stock."""
        if self.stock == "cheapest" and k != NATION:
            scenario = on_cheapest_stock(lab, scenario)
        return on_planned_lanes(lab, scenario)

    def _world(self, fields: dict[str, Any], k: int) -> Scenario:
        own = self.nation if k == NATION else {}
        return on_all_lanes(self.world({**fields, **own, "partition": _partition(k)}))


def _partition(k: int) -> dict[str, Any]:
    return {"kind": "national"} if k in (1, NATION) else {"kind": "balanced", "regions": k}
