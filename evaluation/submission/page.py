"""The leaderboard as Markdown, from its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from regional_dispatch.evaluation.submission.row import Row, complete
from regional_dispatch.evaluation.text import NOTHING, interval, markdown_lines, number, plus_minus, times

_INTRO = (
    "Every policy meets the same held-out orders of a scenario. Intervals are 95 %, over paired episodes. "
    "A dash: not played there. Rows of all scenarios come first, by their mean."
)
_CLOSED = (
    "Share of the way from `{rule}` to the hindsight bound, in percent, on the episodes that have a bound. The bound "
    "knows all orders in advance; where it is a lower bound, not an optimum, some of the rest is out of reach for "
    "all. Bounds: {labels}."
)


def leaderboard_page(rows: Sequence[Row]) -> str:
    """All tables."""
    scenarios = list(dict.fromkeys(name for row in rows for name in row["scenarios"]))
    ranked = sorted(rows, key=lambda row: (not complete(row, scenarios), _mean_percent(row, scenarios)))
    rule = _rule(rows)
    lines = [
        f"## Cost per order against `{rule}`", "", _INTRO, "",
        f"In percent of the cost of `{rule}`; below zero, cheaper. The last row, where there is one, is what the bound "
        "leaves. *ms a decision* is that of the slowest scenario, on one core, simulation included.", "",
        *markdown_lines(
            ["policy", "kind", *scenarios, "mean", "ms a decision"],
            [[*_head(row), *_cells(row, scenarios, _percent), _mean(row, scenarios), _pace(row)] for row in ranked]
            + _left(rows, scenarios),
            left=2,
        ), "", *_gaps(ranked, scenarios, rule), "## Dollars", "",
        "USD per order, mean ± half the width of its interval.", "", *_grid(ranked, scenarios, _usd), "",
        "## Against the shipped policy", "",
        "USD per order minus that of the policy that is shipped for the scenario, `pretrained/NAME`.", "",
        *_grid(ranked, scenarios, _to_shipped), "", "## Where each row comes from", "", *_origins(ranked),
    ]  # fmt: skip
    doubts = [f"- Note on {name}: {text}." for row in ranked for name in scenarios for text in _doubts(row, name)]
    return "\n".join([*lines, *(["", *doubts] if doubts else [])]) + "\n"


def _gaps(rows: Sequence[Row], scenarios: Sequence[str], rule: str) -> list[str]:
    """The section on bounds; none without them."""
    if not (labels := _labels(rows, scenarios)):
        return []
    return ["## Gap closed", "", _CLOSED.format(rule=rule, labels=labels), "", *_grid(rows, scenarios, _closed), ""]


def _rule(rows: Sequence[Row]) -> str:
    return str(next(part["against"]["rule"]["policy"] for row in rows for part in row["scenarios"].values()))


def _head(row: Row) -> list[str]:
    return [f"`{row['policy']['name']}`", row["policy"]["kind"]]


def _grid(rows: Sequence[Row], scenarios: Sequence[str], cell: Callable[[Any], str]) -> list[str]:
    table = [[_head(row)[0], *_cells(row, scenarios, cell)] for row in rows]
    return markdown_lines(["policy", *scenarios], table)


def _cells(row: Row, scenarios: Iterable[str], cell: Callable[[Any], str]) -> list[str]:
    return [cell(row["scenarios"][name]) if name in row["scenarios"] else NOTHING for name in scenarios]


def _percent(part: Any) -> str:
    rule = part["against"]["rule"]
    if rule["policy"] == part["policy"]:
        return "0"
    return interval(times(rule["difference_usd"], 100 / rule["cost_usd"]), 1)


def _mean_percent(row: Row, scenarios: Sequence[str]) -> float:
    rules = [row["scenarios"][name]["against"]["rule"] for name in scenarios if name in row["scenarios"]]
    return float(np.mean([100 * rule["difference_usd"]["mean"] / rule["cost_usd"] for rule in rules]))


def _mean(row: Row, scenarios: Sequence[str]) -> str:
    return number(_mean_percent(row, scenarios), 1, signed=True) if complete(row, scenarios) else NOTHING


def _pace(row: Row) -> str:
    """The slowest scenario's."""
    seconds = max(part["seconds_per_decision"] for part in row["scenarios"].values())
    return f"{1000 * seconds:.2g}" if seconds < 0.1 else number(1000 * seconds, 0)


def _bounds(rows: Sequence[Row], scenario: str) -> dict[str, Any] | None:
    """The bound of a scenario, as the row with the most episodes has it."""
    found = [row["scenarios"][scenario]["bound"] for row in rows if scenario in row["scenarios"]]
    return max((bound for bound in found if bound), key=lambda bound: int(bound["episodes"]), default=None)


def _left(rows: Sequence[Row], scenarios: Sequence[str]) -> list[list[str]]:
    """The row of the bound; none without bounds."""
    bounds = [_bounds(rows, name) for name in scenarios]
    left = [None if bound is None else 100 * (bound["usd"] / bound["rule_usd"] - 1) for bound in bounds]
    known = [value for value in left if value is not None]
    if not known:
        return []
    mean = number(float(np.mean(known)), 1, signed=True) if len(known) == len(left) else NOTHING
    return [["hindsight bound", "bound", *(number(value, 1, signed=True) for value in left), mean, NOTHING]]


def _labels(rows: Sequence[Row], scenarios: Sequence[str]) -> str:
    found = {name: _bounds(rows, name) for name in scenarios}
    texts = [f"{name}, {bound['label']} of {bound['episodes']} episodes" for name, bound in found.items() if bound]
    return "; ".join(texts)


def _closed(part: Any) -> str:
    return NOTHING if part["bound"] is None else interval(times(part["bound"]["share_closed"], 100), 0, signed=False)


def _usd(part: Any) -> str:
    return plus_minus(part["cost_usd"], 3)


def _to_shipped(part: Any) -> str:
    shipped = part["against"].get("shipped")
    return NOTHING if shipped is None or shipped["policy"] == part["policy"] else interval(shipped["difference_usd"], 3)


def _origins(rows: Sequence[Row]) -> list[str]:
    header = ["policy", "given as", "episodes", "seed", "commit", "date", "machine", "note"]
    return markdown_lines(header, [_origin(row) for row in rows], left=len(header))


def _origin(row: Row) -> list[str]:
    made, policy = row["made"], row["policy"]
    episodes = sorted({int(part["episodes"]) for part in row["scenarios"].values()})
    return [
        f"`{policy['name']}`", f"`{policy['spec']}`", ", ".join(map(str, episodes)),
        str(row["suite"]["seed"]), made["commit"] or f"version {made['regional_dispatch']}", made["date"],
        f"{made['cpu']['count']} cores of {made['cpu']['model']}", policy["note"] or NOTHING,
    ]  # fmt: skip


def _doubts(row: Row, scenario: str) -> list[str]:
    return list(row["scenarios"].get(scenario, {}).get("doubts", ()))
