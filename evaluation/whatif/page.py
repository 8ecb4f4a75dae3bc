"""An answer as lines for the terminal, and as a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.evaluation.backtest.split import split_text
from regional_dispatch.evaluation.intervals import weeks_text
from regional_dispatch.evaluation.kpis import COMPARISON_KPIS, kpi_cell
from regional_dispatch.evaluation.periods import is_trace, whole_weeks
from regional_dispatch.evaluation.text import interval, markdown_lines, number, times
from regional_dispatch.evaluation.whatif.answer import Answer, lane_table, site_table

_DECIMALS = {"USD": 3, "share": 1, "hours": 1, "miles": 0, "lanes": 0, "trucks a day": 0, "units a day": 0}
_MOST_LANES = 12  # in the page; lanes.csv has all
HEADER = ("KPI", "unit", "before", "after", "difference [95 % interval]")


def sample_line(found: Answer) -> str:
    """What the intervals are over."""
    samples = next(iter(found.before.samples.values()))
    if is_trace(found.before.scenario):
        weeks = len(whole_weeks(samples))
        said = weeks_text(weeks)
        return f"One trace of orders, which is one sample; {said}. {split_text(found.before.scenario)}"
    if len(samples) == 1:
        return "One episode; no interval, as it says nothing of spread."
    return f"Mean of {len(samples)} held-out episodes; intervals of paired differences on the same orders."


def kpi_rows(found: Answer, policy: str) -> list[list[str]]:
    """The main KPIs, before and after."""
    rows = []
    for kpi in COMPARISON_KPIS:
        cells, unit = found.kpis[policy][kpi], KPIS[kpi].unit
        decimals, factor = _DECIMALS.get(unit, 2), 100.0 if unit == "share" else 1.0
        if not cells["before"]["mean"] and not cells["after"]["mean"]:
            continue
        values = [kpi_cell(kpi, cells[side]["mean"], decimals) for side in ("before", "after")]
        change = interval(times(cells["difference"], factor), decimals)
        shown = {"share": "%", "USD": found.after.scenario.money}.get(unit, unit)
        rows.append([kpi, shown, *values, change])
    return rows


def page(found: Answer, made: str) -> str:
    """The report as Markdown.

    Args:
        found: the answer.
        made: how it was made, as a sentence.
    """
    name = found.after.scenario.name
    lines = [f"# What if: {name}", "", sample_line(found), ""]
    for policy in found.kpis:
        lines += [f"## `{policy}`", "", *markdown_lines(HEADER, kpi_rows(found, policy), left=2), ""]
        lines += ["Lanes that change most, packages a day:", "", *_lane_lines(found, policy), ""]
        lines += ["Sites, packages a day:", "", *_site_lines(found, policy), ""]
    lines += [*(f"- Note: {doubt}." for doubt in found.doubts), *([""] if found.doubts else [])]
    lines += ["![Difference on the map](map.png)", "", "## What is assumed", ""]
    lines += [*(f"- {sentence}" for sentence in found.assumed), ""]
    if found.moved:
        header = ["from", "to", "units", "miles", f"{found.after.scenario.money} once"]
        cells = [
            [move.origin, move.destination or "lost", *(number(x, 0) for x in (move.units, move.miles, move.usd))]
            for move in found.moved
        ]
        lines += ["## Stock that moves", "", *markdown_lines(header, cells, left=2), ""]
    return "\n".join([*lines, made, ""])


def _lane_lines(found: Answer, policy: str) -> list[str]:
    table = lane_table(found)
    own = table[table["policy"] == policy]
    change = own["packages_per_day_after"] - own["packages_per_day_before"]
    top = own.loc[change.abs().sort_values(ascending=False, kind="stable").index][:_MOST_LANES]
    rows = [[f"{row['origin']} → {row['destination']}", *_both(row, "packages_per_day")] for _, row in top.iterrows()]
    return markdown_lines(["lane", "before", "after", "difference"], rows)


def _site_lines(found: Answer, policy: str) -> list[str]:
    table = site_table(found)
    rows = [
        [row["site"], *_both(row, "packages_per_day")]
        + [cell for column in ("capacity_per_hour", "stock_units") for cell in _both(row, column)[:2]]
        for _, row in table[table["policy"] == policy].iterrows()
    ]
    header = ["site", "before", "after", "difference", "an hour before", "after", "stock before", "after"]
    return markdown_lines(header, rows)


def _both(row: pd.Series[Any], column: str) -> Sequence[str]:
    was, now = float(row[f"{column}_before"]), float(row[f"{column}_after"])
    return [number(was, 0), number(now, 0), number(now - was, 0, signed=True)]
