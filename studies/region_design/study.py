"""Boundaries with the same number of regions, each with stock and lanes planned for it: along states, by demand, by
distance, and by simulation."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field, field_validator

from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.scenario import Boundary, Scenario
from regional_dispatch.planning.regions.local_search import Search, Searched, search
from regional_dispatch.studies.framework.base import Study
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.framework.objective import DEFAULT_WEIGHTS, Weights, objective
from regional_dispatch.studies.framework.planned import on_planned_lanes
from regional_dispatch.studies.region_design.drawing_board import NATION, OWN, SEARCHED, Board, Drawn
from regional_dispatch.studies.region_design.page import Page
from regional_dispatch.studies.region_design.search_section import Searches
from regional_dispatch.studies.report.findings import Findings

_STREAM = "tune"


class RegionDesign(Study):
    """Draws boundaries, improves the best by search on tuning orders, and compares all on held-out ones."""

    regions: int = Field(8, ge=2, le=64, description="Regions of every boundary that is drawn.")
    reference: Boundary = Field(
        Boundary(kind="states", map="us8"), description="The boundary that the others are compared with."
    )
    own: Path | None = Field(
        None, description="A boundary of yours to compare: CSV site,region, relative to where you run. Stations must "
        "be listed; an FC or sort center that is not belongs to the region of the nearest station.",
    )  # fmt: skip
    tolerance: float = Field(
        0.1, gt=0, lt=1, description="Balanced territories: demand of a region from the mean, as a share of it."
    )
    starts: int = Field(8, ge=1, description="Starts of the balanced territories; k-means has ten times as many.")
    search: Search = Search()
    nation: dict[str, Any] = Field(
        {"stock.layout": "scattered"},
        description="Fields of the scenario, dotted, of the nation as it was, which every boundary is set against.",
    )
    weights: Weights = DEFAULT_WEIGHTS

    @field_validator("reference")
    @classmethod
    def _cuts(cls, reference: Boundary) -> Boundary:
        if reference.kind == "national":
            raise ValueError(
                "must be more than one region: kind states, balanced or file; one nation is compared anyway"
            )
        return reference

    def run(self, lab: Lab) -> Findings:
        """Draws, searches, and plays all."""
        board, players = Board(self, lab), self.players()
        drawn = board.all()
        lead = next(iter(players))
        tuning = _Tuning(self, lab, lead, players[lead])
        found = tuning.searches(board, {name: one for name, one in drawn.items() if one.regions == self.regions})
        searches = Searches(lead, found, tuning.values(drawn[board.name].world))
        drawn[SEARCHED] = board.draw(SEARCHED, searches.best.labels)
        if OWN in drawn:
            drawn[OWN] = drawn.pop(OWN)  # the user's boundary comes last
        worlds = {**{name: one.world for name, one in drawn.items()}, NATION: board.nation}
        return Page(self, board, drawn, searches, lab.play(worlds, players), tuple(players)).findings()


class _Tuning:
    """Plays boundaries on tuning orders, which are never held-out ones, one at a time in this process."""

    def __init__(self, study: RegionDesign, lab: Lab, name: str, policy: ScorerPolicy) -> None:
        self.study, self.name, self.policy = study, name, policy
        self.seed = next(seed for seed in count(study.seed) if (_STREAM, seed) not in policy.seen)
        self.lab = Lab(lab.folder, study.search.episodes, self.seed)
        self.progress, self.done = lab.progress, 0

    def values(self, world: Scenario) -> np.ndarray:
        """(E,) objective per tuning episode."""
        played = self.lab.play({SEARCHED: world}, {self.name: self.policy}, _STREAM)
        return objective(played, SEARCHED, self.name, self.study.weights)

    def searches(self, board: Board, drawn: Mapping[str, Drawn]) -> dict[str, Searched]:
        """Improves the best boundary, then the next best, while the budget lasts; by the start's name.

        Raises:
            KeyboardInterrupt: Ctrl-C; its text says what is kept.
        """
        self._tell()
        found: dict[str, Searched] = {}
        try:
            level = {name: self.values(one.world).mean() for name, one in drawn.items()}
            for name in sorted(level, key=lambda name: float(level[name])):
                left = self.study.search.evaluations - sum(one.evaluations for one in found.values())
                if left > 0:
                    found[name] = self._search(board, drawn[name].labels, left)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"{self.done} boundaries of the search are kept in {board.lab.folder}; the same command continues "
                "from there"
            ) from None
        return found

    def _search(self, board: Board, start: np.ndarray, evaluations: int) -> Searched:
        def measure(labels: np.ndarray) -> np.ndarray:
            with board.tried(labels) as world:
                values = self.values(on_planned_lanes(self.lab, world))
            self.done += 1
            self._tell()
            return values

        plan = self.study.search.model_copy(update={"evaluations": evaluations})
        return search(start, board.stations, board.graph, plan, self.study.seed, measure)

    def _tell(self) -> None:
        if self.progress is not None:
            self.progress(self.done, self.study.search.evaluations, SEARCHED)
