"""Stock moved between regions by a threshold rule or an LP, compared with leaving it where it is."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from regional_dispatch.baselines.rules import BaselineError
from regional_dispatch.baselines.transfers.rules import TRANSFER_RULES, transfer_rule
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.cells import Rows
from regional_dispatch.studies.framework.cut import NATIONAL, REGIONAL, CutStudy
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.report.findings import Findings
from regional_dispatch.studies.transfers.moving import Moving
from regional_dispatch.studies.transfers.page import NATION, NONE, Page


class TransferWorld(BaseModel):
    """A world, and the rules as they were tuned for it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(min_length=1, description="Name in the tables.")
    set: dict[str, Any] = Field({}, description="Fields of the scenario to set, dotted.")
    rules: dict[str, dict[str, float]] = Field(
        {}, description="Rule → its settings, as `evaluate.py tune_transfers` finds them; others have their defaults."
    )

    @field_validator("rules")
    @classmethod
    def _known(cls, rules: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
        for name, settings in rules.items():
            try:
                transfer_rule(name, settings)
            except BaselineError as error:
                raise ValueError(str(error)) from None
        return rules


class TransferStudy(CutStudy):
    """Plays every world with and without transfers, and the first with cheaper and more expensive linehaul."""

    days: int = Field(42, ge=1, description="Days that are counted. Unit: days.")
    worlds: tuple[TransferWorld, ...] = Field(min_length=1, description="Worlds that are played.")
    linehaul: tuple[float, ...] = Field(
        (0.25, 0.5, 1.0, 2.0, 4.0),
        description="Prices of linehaul to try in the first world, as multiples of the scenario's.",
    )

    @field_validator("worlds")
    @classmethod
    def _distinct(cls, worlds: tuple[TransferWorld, ...]) -> tuple[TransferWorld, ...]:
        names = [world.name for world in worlds]
        if len(set(names)) < len(names):
            raise ValueError("worlds must have different names")
        return worlds

    @field_validator("linehaul")
    @classmethod
    def _ascending(cls, linehaul: tuple[float, ...]) -> tuple[float, ...]:
        if list(linehaul) != sorted(set(linehaul)) or (linehaul and linehaul[0] < 0):
            raise ValueError("must be 0 or more, ascending, without repeats")
        return linehaul

    def regional(self, world: TransferWorld, linehaul: float = 1.0) -> Scenario:
        """A world in regions, at a multiple of its linehaul.

        Raises:
            ScenarioError: it cannot be used.
        """
        scenario = self.divided_world(REGIONAL, world)
        rates = {name: linehaul * getattr(scenario.transfers, name) for name in ("usd_per_mile", "dock_usd")}
        return scenario.model_copy(update={"transfers": scenario.transfers.model_copy(update=rates)})

    def divided_world(self, name: str, world: TransferWorld) -> Scenario:
        """A world as a nation or in regions.

        Raises:
            ScenarioError: it cannot be used.
        """
        return self.divided(name, self.warmup_days + self.days, world.set)

    def run(self, lab: Lab) -> Findings:
        """Plays every world, rule and policy."""
        policies, rows = self.players(), {}
        regional = {world.name: self.regional(world) for world in self.worlds}
        for scenario in regional.values():
            build_network(scenario)  # an unusable boundary is found before anything is played
        for world in self.worlds:
            moving = {
                (rule, name): Moving(policy, rule, world.rules.get(rule or ""))
                for rule in (None, *TRANSFER_RULES)
                for name, policy in policies.items()
            }
            played = lab.play_players(
                regional[world.name], {f"{r or NONE}: {name}": m for (r, name), m in moving.items()}
            )
            for rule, name in moving:
                rows[world.name, name, rule or NONE] = played[f"{rule or NONE}: {name}"]
            nation = lab.play_players(
                self.divided_world(NATIONAL, world), {name: moving[None, name] for name in policies}
            )
            rows.update({(world.name, name, NATION): found for name, found in nation.items()})
        sweep: dict[tuple[float, str], Rows] = {}
        lead, world = next(iter(policies)), self.worlds[0]
        players = {rule: Moving(policies[lead], rule, world.rules.get(rule)) for rule in TRANSFER_RULES}
        for linehaul in self.linehaul:
            found = lab.play_players(self.regional(world, linehaul), players)
            sweep.update({(linehaul, rule): found[rule] for rule in players})
        return Page(self, rows, sweep, list(policies), regional[world.name]).findings()
