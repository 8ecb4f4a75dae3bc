"""What knowing the orders is worth: a policy that looks ahead, told more and more of them, against the optimum."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas
from pydantic import Field

from baselines.hindsight import is_small
from envs.viewer import region_colour
from evaluation.cli import InputError
from evaluation.gap_report import gap_header, gap_notes, gap_rows, gap_title
from evaluation.gaps import gap_summary
from evaluation.rivals import untuned_rules
from evaluation.rollouts import evaluation_keys, results_frame
from evaluation.studies.lab import Lab
from evaluation.studies.lookahead import Lookahead
from evaluation.studies.report.charts import plain, png
from evaluation.studies.report.findings import Figure, Findings, Headline, Section, Table
from evaluation.studies.study import Study
from evaluation.text import interval, number, times

WORLD = "world"


class Foresight(Study):
    """Has the first policy look ahead on drawn futures, then with true orders told."""

    study: Literal["foresight"]
    scenario: str = Field("small", description="A world small enough for the optimum with all orders known.")
    hours: tuple[Annotated[float, Field(ge=0)], ...] = Field(
        (0.0, 6.0, 24.0), min_length=1, description="True orders it is told at every decision, besides all of them. "
        "Unit: simulated hours ahead; 0, none.",
    )  # fmt: skip
    futures: int = Field(32, ge=2, le=10_000, description="Futures every choice is tried out on.")
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
                f"scenario = '{self.scenario}': too large to try decisions out in; name small, or its like"
            )
        rules = untuned_rules(players)
        if not rules:
            raise InputError("policies: no untuned rule is among them, from which the gap is counted; add least_cost")
        name, lead = next(iter(players.items()))
        ahead = {
            _title(name, hours): Lookahead(lead, hours, self.futures, self.margin) for hours in (*self.hours, math.inf)
        }
        played = lab.play({WORLD: world}, players).frame.drop(columns="world")
        keys = evaluation_keys(self.episodes, self.seed)
        looked = results_frame(lab.play_players(world, ahead), keys)
        frame = pd.concat([played, looked], ignore_index=True)
        gaps = gap_summary(frame, lab.bounds(world), rules, self.seed)
        return _findings(self, gaps, name, list(ahead))


def _title(policy: str, hours: float) -> str:
    if math.isinf(hours):
        return f"{policy}, told all orders"
    return f"{policy}, looking ahead" if hours == 0 else f"{policy}, told {hours:g} h of orders"


def _told(name: str, policy: str) -> str:
    """What it is told, from its title."""
    return name.removeprefix(f"{policy}, ").replace("looking ahead", "told nothing")


def _findings(study: Foresight, gaps: dict[str, Any], policy: str, ahead: list[str]) -> Findings:
    closed = {name: times(gap["share_closed"], 100) for name, gap in gaps["policies"].items()}
    shown = {name: interval(share, 0, signed=False) for name, share in closed.items()}
    told = "; ".join(f"{_told(name, policy)}, {shown[name]} %" for name in ahead)
    answer = (
        f"From {gaps['best_untuned']} to the {gaps['label']} in hindsight, {policy} goes {shown[policy]} % of the way. "
        f"With every decision tried out on {study.futures} drawn futures first, it goes: {told}."
    )
    headlines = tuple(
        Headline(f"{number(share['mean'], 0)} %", f"of the gap closed: {name}")
        for name in (policy, *ahead)
        if (share := closed[name]) is not None
    )
    table = Table(
        "gaps", gap_title(gaps), tuple(gap_header(gaps)), tuple(tuple(row) for row in gap_rows(gaps)),
        _flat(gaps), gap_notes(gaps),
    )  # fmt: skip
    figure = Figure("closed", "Share of the gap that is closed", _CAPTION, png(_chart(closed)), _flat(gaps))
    method = _METHOD.format(
        episodes=study.episodes, seed=study.seed, futures=study.futures, margin=f"{study.margin:g}", policy=policy
    )
    return Findings(answer, headlines, (Section("What is told, and what it brings", _WHAT, (figure, table)),), method)


def _chart(closed: dict[str, Any]) -> Canvas:
    """One line a policy, from top to bottom as in the table."""
    known = {name: share for name, share in closed.items() if share is not None}
    canvas = Canvas(figsize=(8.2, 0.42 * len(known) + 0.9), layout="constrained")
    axis = canvas.subplots()
    for i, share in enumerate(known.values()):
        axis.plot([share["ci_low"], share["ci_high"]], [i, i], color=region_colour(0), linewidth=2.2, alpha=0.45)
        axis.plot(share["mean"], i, "o", color=region_colour(0), markersize=5.5)
    for x, words in ((0.0, "best untuned rule"), (100.0, "optimum")):
        axis.axvline(x, color="0.45", linewidth=0.9, linestyle=":")
        axis.annotate(words, (x, -0.75), ha="center", va="bottom", fontsize=8, color="0.35", annotation_clip=False)
    axis.set_yticks(np.arange(len(known)), list(known))
    axis.set_ylim(len(known) - 0.5, -0.8)
    axis.set_xlabel("Gap closed, %", fontsize=9)
    plain(axis)
    return canvas


def _flat(gaps: dict[str, Any]) -> pd.DataFrame:
    rows = []
    for name, gap in gaps["policies"].items():
        row: dict[str, object] = {"policy": name}
        for column in ("cost_usd", "gap_usd", "gap_percent", "share_closed"):
            row |= {f"{column}_{part}": x for part, x in (gap[column] or {}).items()}
        rows.append(row)
    return pd.DataFrame(rows)


_WHAT = (
    "Who looks ahead plays every alternative of every decision out to the end of the episode with the policy itself, "
    "in many futures at once, the same ones for each alternative, and takes what is clearly cheaper (the rollout "
    "algorithm of Bertsekas, Tsitsiklis & Wu 1997). Where futures are drawn from the start, it knows what any policy "
    "may know. Told the true orders of some hours, all futures begin with them. Told all, there is one future, and "
    "what is left to the optimum is that it changes one decision at a time."
)
_CAPTION = (
    "Points are ratios of means over held-out episodes, bars their 95 % intervals; zero is the best untuned rule."
)
_METHOD = (
    "{episodes} held-out episodes, seed {seed}, on the same orders. {policy} looks ahead on {futures} futures a tick; "
    "an alternative is taken where it is cheaper by {margin} standard errors of the mean difference. Drawn futures "
    "come from keys that no episode has. The optimum is baselines/hindsight.py's, replayed through the kernel; looking "
    "ahead is evaluation/studies/lookahead.py."
)
