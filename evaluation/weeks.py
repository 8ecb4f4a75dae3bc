"""Policies compared on a trace: it is played once, being one sample of demand, and its weeks say how results vary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Any, NamedTuple

import pandas as pd

from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.intervals import over_samples, shown_difference
from regional_dispatch.evaluation.periods import PART_KPIS, Played, play_policy, week_edges, whole_weeks
from regional_dispatch.evaluation.rollouts import Playable, evaluation_keys, results_frame


class Weeks(NamedTuple):
    """A comparison on a trace."""

    frame: pd.DataFrame  # one row per policy, as `evaluation.rollouts.evaluate_policies` gives it for one episode
    weeks: pd.DataFrame  # one row per policy and part: policy, week, start_hour, hours, whole, KPIs of that part
    summary: dict[str, Any]  # see `evaluation.compare.summarise`


def compare_weeks(
    scenario: Scenario,
    policies: Mapping[str, Playable],
    progress: Callable[[str], None] | None = None,
    reevaluate: bool = False,
    transfers: str | None = None,
    threads: int = 1,
) -> Weeks:
    """Plays every policy through the trace.

    A KPI's mean is that of all orders counted; its interval, where there are three whole weeks or more, is over weeks
    (`evaluation.statistics.week_mean`), and for a pair over their differences week by week.

    Args:
        scenario: with a trace.
        policies: name → policy.
        progress: called with the policy's name after it has played.
        reevaluate: merge the unpicked packages of split orders once an hour.
        transfers: name of the rule that moves stock between regions.
        threads: on which the regions decide.
    """
    key, edges, played = evaluation_keys(1, 0)[0], week_edges(scenario), dict[str, Played]()
    for name, policy in policies.items():
        played[name] = play_policy(scenario, policy, key, edges, reevaluate, transfers, threads)
        if progress is not None:
            progress(name)
    frame = results_frame({name: [own.kpis] for name, own in played.items()}, [key])
    rows = [
        {
            "policy": name, "week": week + 1, "start_hour": period.start_hour, "hours": period.hours,
            "whole": period in whole_weeks([period]), **{kpi: period.kpis()[kpi] for kpi in PART_KPIS},
        }
        for name, own in played.items()
        for week, period in enumerate(own.periods)
    ]  # fmt: skip
    weeks = pd.DataFrame(rows)
    return Weeks(frame, weeks, _summary(frame, weeks))


def _summary(frame: pd.DataFrame, weeks: pd.DataFrame) -> dict[str, Any]:
    whole = {str(name): rows.iloc[0] for name, rows in frame.groupby("policy", sort=False)}
    week = {str(name): rows[rows["whole"]] for name, rows in weeks.groupby("policy", sort=False)}
    return {
        "policies": {
            name: {kpi: over_samples(_values(week[name], kpi), float(whole[name][kpi]), True) for kpi in KPIS}
            for name in whole
        },
        "paired": {
            f"{a} - {b}": {
                kpi: shown_difference(kpi, over_samples(
                    [x - y for x, y in zip(_values(week[a], kpi), _values(week[b], kpi), strict=True)],
                    float(whole[a][kpi] - whole[b][kpi]), True,
                ))
                for kpi in KPIS
            }
            for a, b in combinations(whole, 2)
        },
    }  # fmt: skip


def _values(weeks: pd.DataFrame, kpi: str) -> list[float]:
    """A KPI of every whole week; none of one that has no meaning for a part of an episode."""
    return weeks[kpi].tolist() if kpi in weeks else []
