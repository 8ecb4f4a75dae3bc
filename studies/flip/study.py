"""From one nation to its finished regions and back, in one episode: partition, stock and lanes change one by one."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Self

from pydantic import Field, field_validator, model_validator

from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.scenario import LONGEST_HORIZON_HOURS, Scenario, ScenarioError
from regional_dispatch.studies.flip.page import BACK, Page
from regional_dispatch.studies.flip.shares import Shares
from regional_dispatch.studies.framework.cut import NATIONAL, REGIONAL
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.framework.levers import LEVERS, NATION, POSITIONS, LeverBoard, LeverStudy, steps
from regional_dispatch.studies.framework.timeline import Phase, Timeline
from regional_dispatch.studies.report.findings import Findings

_WORDS = {"regions": "cut", "stock": "stock", "lanes": "lanes"}
_PHASES = len(LEVERS) + 2  # the nation, one after each lever, the nation again


class Flip(LeverStudy):
    """Pulls one lever at a midnight, the others at later ones, and all of them back at the last."""

    phase_days: int = Field(
        42, ge=2, description="Days of each phase: the nation, one after each lever, and the nation again. Unit: days."
    )
    settle_days: int = Field(
        28, ge=0, description="Days at the start of each phase that its means leave out (the transition: shelves "
        "change by replenishment alone). Unit: days.",
    )  # fmt: skip
    order: tuple[str, ...] = Field(LEVERS, description="In which order levers are pulled: regions, stock and lanes.")
    maps_in_docs: bool = Field(True, description="Put maps in report.md too, which the docs show.")
    animation: bool = Field(True, description="Add a film of a day of trucks, the nation beside its regions.")

    @field_validator("order")
    @classmethod
    def _every_lever_once(cls, order: tuple[str, ...]) -> tuple[str, ...]:
        if sorted(order) != sorted(LEVERS):
            raise ValueError("must be regions, stock and lanes in any order, each once")
        return order

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.settle_days >= self.phase_days:
            raise ValueError(
                f"settle_days = {self.settle_days}: must be below phase_days = {self.phase_days}, so that days are left"
            )
        longest = LONGEST_HORIZON_HOURS // 24
        if self.days > longest:
            raise ValueError(
                f"phase_days = {self.phase_days}: {_PHASES} phases and warmup_days take {self.days} days; an episode "
                f"has {longest} at most"
            )
        return self

    @property
    def starts(self) -> list[int]:
        """The first day of each phase, and the day after the last: (phases + 1,)."""
        return [self.warmup_days + i * self.phase_days for i in range(_PHASES + 1)]

    @property
    def days(self) -> int:
        """Length of an episode. Unit: days."""
        return self.starts[-1]

    @property
    def between(self) -> tuple[str, ...]:
        """Names of the phases between the nation and the finished regions."""
        first, *rest = (_WORDS[lever] for lever in self.order[:-1])
        return (f"{first} alone", *(f"+ {word}" for word in rest))

    @property
    def step_words(self) -> tuple[str, ...]:
        """What each lever is called, in the order in which they are pulled."""
        return tuple(_WORDS[lever] for lever in self.order)

    def run(self, lab: Lab) -> Findings:
        """Plays the whole time with every policy, and every position of the levers with the first."""
        policies = self.players()
        board = LeverBoard(self, lab)  # regions that cannot be used are found before anything is played
        after = zip(self.starts[1:], (*steps(self.order)[1:], NATION), strict=False)
        world = board.world(NATION, self.days, then=tuple(after))
        names = (NATIONAL, *self.between, REGIONAL, BACK)
        phases = [
            Phase(name, first + self.settle_days, end)
            for name, (first, end) in zip(names, pairwise(self.starts), strict=True)
        ]
        rows = lab.play_players(world, {name: Timeline(policy, phases) for name, policy in policies.items()})
        return Page(self, board, rows, self._shares(lab, board, policies)).findings()

    def _shares(self, lab: Lab, board: LeverBoard, policies: Mapping[str, ScorerPolicy]) -> Shares:
        """Positions of the levers, each from the beginning of an episode and for as long as a phase counts."""
        days = self.warmup_days + self.phase_days - self.settle_days
        name, policy = next(iter(policies.items()))
        worlds = {levers: board.world(levers, days) for levers in POSITIONS}
        possible = [
            levers for levers in POSITIONS if levers in steps(self.order) or _can_be_played(lab, worlds[levers])
        ]
        played = lab.play({levers.name: worlds[levers] for levers in possible}, {name: policy})
        return Shares(played, name, possible, self.interval)


def _can_be_played(lab: Lab, world: Scenario) -> bool:
    """Whether the lanes that run keep every promise and reach every station; they were planned for other regions."""
    try:
        lab.digests.digest(world)
    except ScenarioError:
        return False
    return True
