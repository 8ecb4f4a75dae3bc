"""A policy that looks ahead with none, some or all of the true orders known, compared with the optimum in hindsight."""

from __future__ import annotations

import math
from typing import Annotated

import pandas as pd
from pydantic import Field

from regional_dispatch.baselines.bounds.hindsight import is_small
from regional_dispatch.baselines.lookahead.options import Options
from regional_dispatch.baselines.lookahead.planner import Lookahead
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.gaps import gap_summary
from regional_dispatch.evaluation.policy_kinds import untuned_rules
from regional_dispatch.evaluation.rollouts import evaluation_keys, results_frame
from regional_dispatch.studies.foresight.page import findings_of, told_words
from regional_dispatch.studies.framework.base import Study
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.report.findings import Findings

WORLD = "world"


class Foresight(Study):
    """Lets the first policy look ahead on drawn futures, then with true orders known."""

    scenario: str = Field("small", description="A world small enough for the optimum with all orders known.")
    hours: tuple[Annotated[float, Field(ge=0)], ...] = Field(
        (0.0, 6.0, 24.0), min_length=1,
        description="How far ahead true orders are known at every decision; knowing all orders is always played "
        "too. Unit: simulated hours; 0, none.",
    )  # fmt: skip
    futures: int = Field(32, ge=2, le=10_000, description="Futures on which every choice is tried.")
    margin: float = Field(
        1.5, ge=0, description="A choice is taken where it is cheaper by so many standard errors over the futures."
    )

    def run(self, lab: Lab) -> Findings:
        """Plays the policies, the first one looking ahead too, and finds the optimum of every episode.

        Raises:
            InputError: the world is too large, or no untuned rule is among the policies.
            BoundError: an episode has no bound.
        """
        world, players = self.base(), self.players()
        if not is_small(world):
            raise InputError(
                f"scenario = '{self.scenario}': too large to try decisions; name small or a scenario of its size"
            )
        rules = untuned_rules(players)
        if not rules:
            raise InputError("policies: no untuned rule is among them to measure the gap from; add least_cost")
        name, lead = next(iter(players.items()))
        told = {f"{name} looking ahead, {told_words(hours)}": hours for hours in (*self.hours, math.inf)}
        options = Options(futures=self.futures, margin=self.margin, thorough=1)
        ahead = {title: Lookahead(lead, options, hours, title) for title, hours in told.items()}
        played = lab.play({WORLD: world}, players).frame.drop(columns="world")
        keys = evaluation_keys(self.episodes, self.seed)
        looked = lab.play_players(world, ahead)
        frame = pd.concat([played, results_frame(looked, keys)], ignore_index=True)
        gaps = gap_summary(frame, lab.bounds(world), rules)
        return findings_of(self, gaps, name, told, looked)
