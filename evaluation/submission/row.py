"""A row of the leaderboard: what a policy costs on each scenario of a suite, beside rivals and the bound.

A row is a JSON file of its own, so that a pull request adds one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.reading import read_json
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.gaps import gap_summary
from regional_dispatch.evaluation.kpis import COST, EPISODE_COST, ON_TIME
from regional_dispatch.evaluation.output import write_file
from regional_dispatch.evaluation.statistics import mean_interval, paired_difference

FORMAT = "regional-dispatch-leaderboard-1"
Row = dict[str, Any]


def scenario_part(
    frame: pd.DataFrame, gaps: Mapping[str, Any] | None, name: str, rivals: Mapping[str, str]
) -> dict[str, Any]:
    """One scenario of a row.

    Args:
        frame: one row per policy and episode of the scenario.
        gaps: its summary of bounds (`evaluation.gaps.gap_summary`), None if there are none.
        name: the policy's.
        rivals: kind → name of the policies it is set against, such as `rule` → `least_cost`.

    Returns:
        `episodes`, `cost_usd` and `on_time_share` as intervals; `against`, by kind of rival its `policy`, its
        `cost_usd` and the paired `difference_usd`; and `bound` with `label`, `episodes`, `usd` and `rule_usd` on those
        episodes, `gap_percent` above it and `share_closed` of the way from the rule to it, None where there is none.
    """
    costs = {policy: part.sort_values("episode")[COST].to_numpy(float) for policy, part in frame.groupby("policy")}
    on_time = frame.loc[frame["policy"] == name, ON_TIME].to_numpy(float)
    return {
        "episodes": len(costs[name]),
        "cost_usd": mean_interval(costs[name]).facts(),
        "on_time_share": float(on_time.mean()),
        "against": {
            kind: {
                "policy": rival,
                "cost_usd": float(costs[rival].mean()),
                "difference_usd": paired_difference(costs[name], costs[rival]).facts(),
            }
            for kind, rival in rivals.items()
        },
        "bound": None if gaps is None else _bound(frame, gaps, name, rivals["rule"]),
    }


def _bound(frame: pd.DataFrame, gaps: Mapping[str, Any], name: str, rule: str) -> dict[str, Any]:
    bounds = pd.DataFrame(gaps["episodes"])
    found = gap_summary(frame, bounds, [rule])
    of_rule = frame[(frame["policy"] == rule) & frame["episode"].isin(bounds["episode"])]
    own = found["policies"][name]
    return {
        "label": found["label"], "episodes": len(bounds), "usd": float(bounds["bound_per_order_usd"].mean()),
        "rule_usd": float(of_rule[EPISODE_COST].mean()), "gap_percent": own["gap_percent"],
        "share_closed": own["share_closed"],
    }  # fmt: skip


def file_name(name: str) -> str:
    """The file of a policy's row."""
    return re.sub(r"[^a-z0-9_.]+", "-", name.lower()).strip("-.") + ".json"


def write_row(row: Row, folder: Path) -> Path:
    """Writes a row whole or not at all, in place of an earlier one of the same name.

    Raises:
        InputError: it cannot be written.
    """
    path = folder / file_name(row["policy"]["name"])
    write_file(path, json.dumps(row, indent=1, allow_nan=False, ensure_ascii=False) + "\n", "--rows")
    return path


def read_rows(folder: Path) -> list[Row]:
    """The rows of a folder; none if it holds no leaderboard.

    Raises:
        InputError: a row is damaged.
    """
    rows = []
    for path in sorted(folder.glob("*.json")):
        try:
            row = read_json(path)
        except ScenarioError as error:
            raise InputError(str(error)) from None
        if isinstance(row, dict) and row.get("format") == FORMAT:
            rows.append(_checked(path, row))
    return rows


def _checked(path: Path, row: Row) -> Row:
    missing = [part for part in ("policy", "suite", "scenarios", "made") if not isinstance(row.get(part), dict)]
    if missing or not row["scenarios"]:
        raise InputError(f"{path}: has no '{(missing or ['scenarios'])[0]}'; write it with evaluate.py submit")
    return row


def complete(row: Row, scenarios: Sequence[str]) -> bool:
    """Does it cover all of these scenarios?"""
    return all(name in row["scenarios"] for name in scenarios)
