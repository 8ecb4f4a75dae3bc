"""The page of the study of foresight."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from regional_dispatch.baselines.lookahead.changes import HOLD, KINDS, SEND, SOURCE
from regional_dispatch.envs.render.colours import region_colour
from regional_dispatch.evaluation.cells import Rows
from regional_dispatch.evaluation.report.gaps import gap_header, gap_notes, gap_rows, gap_title
from regional_dispatch.evaluation.statistics import Interval, mean_interval, ratio_of_means
from regional_dispatch.evaluation.text import interval, number, times
from regional_dispatch.studies.report.charts import plain, png
from regional_dispatch.studies.report.findings import Figure, Findings, Headline, Section, Table, flat

if TYPE_CHECKING:
    from regional_dispatch.studies.foresight.study import Foresight

_DECISIONS = {SOURCE: "another source", SEND: "a truck sent, not held", HOLD: "a truck held, not sent"}


def told_words(hours: float) -> str:
    if math.isinf(hours):
        return "told all orders"
    return f"told {hours:g} h of orders" if hours else "told nothing"


def findings_of(
    study: Foresight, gaps: dict[str, Any], policy: str, told: dict[str, float], looked: Mapping[str, Rows]
) -> Findings:
    """The page.

    Args:
        study: that was asked.
        gaps: as `evaluation.gaps.gap_summary` gives them.
        policy: display name of the base policy.
        told: title of a player that looks ahead → hours of orders it knows.
        looked: the same titles → its episodes.
    """
    closed = {name: times(gap["share_closed"], 100) for name, gap in gaps["policies"].items()}
    shown = {name: interval(share, 0, signed=False) for name, share in closed.items()}
    shares = "; ".join(f"{told_words(hours)}, {shown[title]} %" for title, hours in told.items())
    answer = (
        f"From {gaps['best_untuned']} to the {gaps['label']} in hindsight, {policy} closes {shown[policy]} % of the "
        f"gap. With every decision first tried on {study.futures} drawn futures, it closes: {shares}."
    )
    headlines = tuple(
        Headline(f"{number(share['mean'], 0)} %", f"of the gap closed: {name}")
        for name in (policy, *told)
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
    changed = [
        _changed(told_words(hours), kind, looked[title], study.seed) for title, hours in told.items() for kind in KINDS
    ]
    sections = (
        Section("What is told, and what it brings", _WHAT, (figure, table)),
        Section("What looking ahead changes", _CHANGED.format(policy=policy), (_changes(changed),)),
    )
    return Findings(answer, headlines, sections, method)


class _Changed(NamedTuple):
    """Decisions of one kind that looking ahead changes."""

    told: str
    decision: str
    per_episode: Interval
    saved_usd: Interval | None  # by each; None where there is none


def _changed(told: str, kind: str, episodes: Rows, seed: int) -> _Changed:
    count, usd = (np.array([row[f"{kind}_{what}"] for row in episodes]) for what in ("changes", "saved_usd"))
    per_episode = mean_interval(count)
    return _Changed(told, _DECISIONS[kind], per_episode, ratio_of_means(usd, count))


def _changes(changed: list[_Changed]) -> Table:
    rows = tuple(
        (
            f"{row.told}: {row.decision}", interval(row.per_episode._asdict(), 1, signed=False),
            interval(row.saved_usd and row.saved_usd._asdict(), 2, signed=False),
        )
        for row in changed
    )  # fmt: skip
    header = ("decision", "times per episode", "USD saved by each")
    return Table("changes", "Decisions changed", header, rows, pd.DataFrame(map(flat, changed)))


def _chart(closed: dict[str, Any]) -> Canvas:
    """One line a policy, from top to bottom as in the table."""
    known = {name: share for name, share in closed.items() if share is not None}
    canvas = Canvas(figsize=(8.2, 0.42 * len(known) + 0.9), layout="constrained")
    axis = canvas.subplots()
    for i, share in enumerate(known.values()):
        ends = np.array([share["ci_low"], share["ci_high"]], dtype=float)
        axis.plot(ends, [i, i], color=region_colour(0), linewidth=2.2, alpha=0.45)
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
    "A policy that looks ahead plays every alternative of every decision to the end of the episode with the base "
    "policy, in many futures at once, the same ones for each alternative, and takes what is clearly cheaper (the "
    "rollout algorithm of Bertsekas, Tsitsiklis & Wu 1997). Told nothing, all futures are random draws, and it knows "
    "what any policy may know. Told the true orders of some hours, all futures begin with them. Told all orders, "
    "there is one future; a gap to the optimum remains because it changes one decision at a time."
)
_CHANGED = (
    "How often it decides differently from {policy}, and what that saves in the mean of its futures, at the time of "
    "the decision."
)
_CAPTION = (
    "Points are ratios of means over held-out episodes, bars their 95 % intervals; zero is the best untuned rule."
)
_METHOD = (
    "{episodes} held-out episodes, seed {seed}, on the same orders. {policy} looks ahead on {futures} futures a tick; "
    "an alternative is taken where it is cheaper by {margin} standard errors of the mean difference. Drawn futures "
    "come from keys that no episode has. The optimum is baselines/bounds/hindsight.py's, replayed through the kernel; "
    "looking ahead is baselines/lookahead/planner.py."
)
