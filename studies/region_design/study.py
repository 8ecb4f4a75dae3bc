"""Which boundary? The same number of regions cut along states, by demand, by distance, and by simulation."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Literal

import numpy as np

from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.planning.regions.local_search import Searched, search
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.framework.objective import objective
from regional_dispatch.studies.region_design.drawing_board import NATION, OWN, SEARCHED, Board, BoundaryStudy, Drawn
from regional_dispatch.studies.region_design.page import Page
from regional_dispatch.studies.region_design.search_section import Hunt
from regional_dispatch.studies.report.findings import Findings

_STREAM = "tune"


class RegionDesign(BoundaryStudy):
    """Draws boundaries, improves the best by search on tuning orders, and compares all on held-out ones."""

    study: Literal["region_design"]

    def run(self, lab: Lab) -> Findings:
        """Draws, searches, and plays all."""
        board, players = Board(self, lab), self.players()
        drawn = board.all()
        lead = next(iter(players))
        tuning = _Tuning(self, lab, lead, players[lead])
        found = tuning.searches(board, {name: one for name, one in drawn.items() if one.regions == self.regions})
        hunt = Hunt(lead, found, tuning.values(board.reference))
        drawn[SEARCHED] = board.draw(SEARCHED, hunt.best.labels)
        if OWN in drawn:
            drawn[OWN] = drawn.pop(OWN)  # the last one, as it is the user's
        worlds = {**{name: one.world for name, one in drawn.items()}, NATION: board.nation}
        return Page(self, board, drawn, hunt, lab.play(worlds, players), tuple(players)).findings()


class _Tuning:
    """Plays boundaries on tuning orders, which the held-out ones never are, one at a time in this process."""

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
                f"{self.done} boundaries of the search are kept in {board.lab.folder}; the same command goes on "
                "from there"
            ) from None
        return found

    def _search(self, board: Board, start: np.ndarray, evaluations: int) -> Searched:
        def measure(labels: np.ndarray) -> np.ndarray:
            with board.tried(labels) as world:
                values = self.values(world)
            self.done += 1
            self._tell()
            return values

        plan = self.study.search.model_copy(update={"evaluations": evaluations})
        return search(start, board.stations, board.graph, plan, self.study.seed, measure)

    def _tell(self) -> None:
        if self.progress is not None:
            self.progress(self.done, self.study.search.evaluations, SEARCHED)
