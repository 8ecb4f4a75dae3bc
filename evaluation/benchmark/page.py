"""A benchmark's tables: Markdown for a page, and an overview for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from regional_dispatch.evaluation.cells import Progress
from regional_dispatch.evaluation.compare import Summary
from regional_dispatch.evaluation.intervals import few_samples
from regional_dispatch.evaluation.kpis import COST, column_titles, kpi_cells
from regional_dispatch.evaluation.provenance import made_by
from regional_dispatch.evaluation.report.comparison import gap_markdown, pace_text
from regional_dispatch.evaluation.report.gaps import closed_cell
from regional_dispatch.evaluation.statistics import mean_interval
from regional_dispatch.evaluation.text import NOTHING, interval, markdown_lines, number, plus_minus, times

_KEY = (
    "In the tables of each scenario, dollars and packages are per order, miles per package, hours from click to "
    "delivery; on time, in region, fill and spill are in percent. All KPIs (`envs/kernel/metrics.py`) with intervals "
    "are in summary.json, every episode in results.csv."
)
UNTUNED_MARK = "†"


def benchmark_page(summary: Summary) -> str:
    """The whole page."""
    meta, scenarios = summary["meta"], summary["scenarios"]
    plural = "" if meta["episodes"] == 1 else "s"
    lines = [
        f"# Benchmark {meta['suite']}", "",
        f"{meta['episodes']} held-out episode{plural} per policy and scenario, seed {meta['seed']}; all policies meet "
        "the same orders. Intervals are 95 %, over episodes, those of differences over paired ones.", "",
        *(f"{sentence}.\n" for sentence in few_samples(meta["episodes"])),
        "## Cost per order", "",
        f"USD, mean ± half the width of its interval; the best in bold, {UNTUNED_MARK} the best untuned rule.", "",
        *_matrix(scenarios, _cost_cell), "", *_untuned(scenarios), *_against_untuned(scenarios),
        *_over_networks(scenarios),
    ]  # fmt: skip
    if any("gaps" in scenario for scenario in scenarios.values()):
        lines += ["", "## Gap closed", "", *_closed(scenarios)]
    lines += ["", _KEY]
    for name, scenario in scenarios.items():
        lines += ["", f"## {name}", "", *_scenario(scenario)]
    return "\n".join([*lines, "", "## How it was made", "", made_by(meta)]) + "\n"


# --------------------------------------------------------------------------------------------------------- overview


def _matrix(scenarios: Mapping[str, Summary], cell: Callable[[Summary, str], str]) -> list[str]:
    return markdown_lines(*_grid(scenarios, cell, "`{}`"))


def _grid(
    scenarios: Mapping[str, Summary], cell: Callable[[Summary, str], Any], policy: str = "{}"
) -> tuple[list[str], list[list[Any]]]:
    """Header and rows of policies × scenarios; the more numerous of the two are the rows."""
    names = _names(scenarios)
    titles = {name: policy.format(name) for name in names}
    if len(scenarios) > len(names):
        rows = [[title, *(cell(scenario, name) for name in names)] for title, scenario in scenarios.items()]
        return ["scenario", *titles.values()], rows
    rows = [[titles[name], *(cell(scenario, name) for scenario in scenarios.values())] for name in names]
    return ["policy", *scenarios], rows


def _names(scenarios: Mapping[str, Summary]) -> list[str]:
    return list(dict.fromkeys(name for scenario in scenarios.values() for name in scenario["policies"]))


def _cost(scenario: Summary, name: str) -> str:
    cost = scenario["policies"][name][COST]
    mark = f" {UNTUNED_MARK}" if name == scenario["best_untuned"] else ""
    return f"{plus_minus(cost, 3)}{mark}"


def _cost_cell(scenario: Summary, name: str) -> str:
    if name not in scenario["policies"]:
        return NOTHING
    text = _cost(scenario, name)
    return f"**{text}**" if name == scenario["best"] else text


def print_overview(summary: Summary, console: Console | None = None) -> None:
    """Cost per order of every policy on every scenario, on the terminal."""
    console = console or Console()
    if not console.is_terminal:
        narrow = min(len(summary["scenarios"]), len(_names(summary["scenarios"])))
        console.width = max(console.width, 60 + 24 * narrow)
    console.print(
        Text(f"Cost per order, USD: mean ± half the 95 % interval; {UNTUNED_MARK} the best untuned rule"),
        _overview(summary["scenarios"]),
        *map(Text, _cheaper(summary["scenarios"])), sep="\n",
    )  # fmt: skip


@contextmanager
def cell_bar() -> Iterator[Progress]:
    """A bar over cells with the time left, on the terminal, for `evaluation.benchmark.run.run_suite`."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Bar(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("cells", total=None)
        yield lambda done, total, title: bar.update(task, completed=done, total=total, description=title or "cells")


def _overview(scenarios: Mapping[str, Summary]) -> Table:
    header, rows = _grid(scenarios, _cost_text)
    table = Table(header[0], box=box.SIMPLE_HEAD)
    table.columns[0].no_wrap = True
    for title in header[1:]:
        table.add_column(title, justify="right")
    for row in rows:
        table.add_row(*row)
    return table


def _cost_text(scenario: Summary, name: str) -> Text:
    if name not in scenario["policies"]:
        return Text(NOTHING)
    return Text(_cost(scenario, name), "bold" if name == scenario["best"] else "")


def _untuned(scenarios: Mapping[str, Summary]) -> list[str]:
    """The best untuned rule of each scenario, and its lead over the next."""
    found = {name: scenario for name, scenario in scenarios.items() if scenario["best_untuned"]}
    rows = [[name, *_lead(scenario)] for name, scenario in found.items()]
    best = {scenario["best_untuned"] for scenario in found.values()}
    if not found:
        return ["No untuned rule is compared."]
    verdict = (
        f"`{best.pop()}` is the best untuned rule on every scenario."
        if len(best) == 1
        else f"No single untuned rule is best everywhere: {len(best)} of them share {len(found)} scenarios."
    )
    header = ["scenario", "best untuned rule", "runner-up", "which costs more by, USD"]
    return [verdict, "", *markdown_lines(header, rows, left=3)]


def _lead(scenario: Summary) -> list[str]:
    best = scenario["best_untuned"]
    others = [name for name in scenario["untuned"] if name != best]
    if not others:
        return [f"`{best}`", NOTHING, NOTHING]
    second = min(others, key=lambda name: scenario["policies"][name][COST]["mean"])
    return [f"`{best}`", f"`{second}`", interval(scenario["paired"][f"{second} - {best}"][COST], 3)]


def _against_untuned(scenarios: Mapping[str, Summary]) -> list[str]:
    """Every policy that is not an untuned rule against the best untuned rule of each scenario."""
    names = _beside_rules(scenarios)
    found = {title: scenario for title, scenario in scenarios.items() if scenario["best_untuned"]}
    if not names or not found:
        return []
    rows = [
        [title, f"`{scenario['best_untuned']}`", *(_to_untuned(scenario, name) for name in names)]
        for title, scenario in found.items()
    ]
    return [
        "", "## Against the best untuned rule", "",
        "Cost per order, USD: paired differences to the best untuned rule of each scenario; below zero, cheaper.", "",
        *markdown_lines(["scenario", "best untuned rule", *(f"`{name}`" for name in names)], rows, left=2), "",
        *(f"- {line}" for line in _cheaper(found)),
    ]  # fmt: skip


def _beside_rules(scenarios: Mapping[str, Summary]) -> list[str]:
    """Policies that are not untuned rules."""
    untuned = {name for scenario in scenarios.values() for name in scenario["untuned"]}
    return [name for name in _names(scenarios) if name not in untuned]


def _to_untuned(scenario: Summary, name: str) -> str:
    return interval(_difference_to_untuned(scenario, name), 3)


def _difference_to_untuned(scenario: Summary, name: str) -> Summary | None:
    pair = scenario["paired"].get(f"{name} - {scenario['best_untuned']}")
    return pair[COST] if pair else None


def _cheaper(scenarios: Mapping[str, Summary]) -> list[str]:
    """For each policy that is not an untuned rule: on how many scenarios it costs less than the best untuned rule."""
    lines = []
    for name in _beside_rules(scenarios):
        counts = []
        for title, generated in (("generated networks", True), ("named scenarios", False)):
            group = [scenario for scenario in scenarios.values() if scenario["generated"] == generated]
            costs = [cost for scenario in group if (cost := _difference_to_untuned(scenario, name))]
            cheaper, surely = (sum((cost[end] or 0) < 0 for cost in costs) for end in ("mean", "ci_high"))
            if costs:
                counts.append(f"{cheaper} of {len(costs)} {title} ({surely} with the whole interval below zero)")
        if counts:
            lines.append(f"`{name}` costs less on {' and '.join(counts)}.")
    return lines


def _over_networks(scenarios: Mapping[str, Summary]) -> list[str]:
    """Policies that are not untuned rules against each other: the expected difference on a new generated network."""
    group = [scenario for scenario in scenarios.values() if scenario["generated"] and scenario["best_untuned"]]
    names = [name for name in _beside_rules(scenarios) if all(name in scenario["policies"] for scenario in group)]
    if len(group) < 2 or not names:
        return []
    own = {f"`{name}`": _means(group, [name] * len(group)) for name in names}
    rivals = {"the best untuned rule": _means(group, [scenario["best_untuned"] for scenario in group])}
    rivals |= own if len(own) > 1 else {}
    rows = [
        [title, *(NOTHING if rival == title else _percent_above(costs, rivals[rival]) for rival in rivals)]
        for title, costs in own.items()
    ]
    return [
        "", "## Over all generated networks", "",
        f"Cost per order above that of the one it is compared to, in percent: mean of {len(group)} networks; intervals "
        "are over networks, so they hold for others of their kind.", "",
        *markdown_lines(["policy", *rivals], rows),
    ]  # fmt: skip


def _means(group: Sequence[Summary], names: Sequence[str]) -> np.ndarray:
    """The cost per order of one policy on each scenario: (scenarios,) USD."""
    return np.array([scenario["policies"][name][COST]["mean"] for scenario, name in zip(group, names, strict=True)])


def _percent_above(costs: np.ndarray, rival: np.ndarray) -> str:
    return interval(mean_interval(100 * (costs / rival - 1)).facts(), 1)


def _closed(scenarios: Mapping[str, Summary]) -> list[str]:
    found = {name: scenario["gaps"] for name, scenario in scenarios.items() if "gaps" in scenario}
    text = "Share of the way from the best untuned rule to the hindsight bound, in percent. The bounds:"
    labels = ", ".join(f"{name}, {gaps['label']}" for name, gaps in found.items())
    with_shares = {name: scenario for name, scenario in scenarios.items() if name in found}
    return [f"{text} {labels}.", "", *_matrix(with_shares, _closed_cell)]


def _closed_cell(scenario: Summary, name: str) -> str:
    gap = scenario["gaps"]["policies"].get(name)
    return closed_cell(gap) if gap else NOTHING


# --------------------------------------------------------------------------------------------------- each scenario


def _scenario(scenario: Summary) -> list[str]:
    about = [
        part for part in (scenario["tests"], scenario["reevaluate"] and "Unpicked packages merged hourly.") if part
    ]
    lines = [*about, *([""] if about else []), *_kpis(scenario), "", *_differences(scenario), *_notes(scenario)]
    return [*lines, "", *gap_markdown(scenario["gaps"])] if "gaps" in scenario else lines


def _notes(scenario: Summary) -> list[str]:
    """How long policies take that play by themselves, and which are played where they were not trained."""
    notes = [f"`{name}`: {pace_text(pace)}." for name, pace in scenario.get("seconds_per_decision", {}).items()]
    notes += [f"Note: {doubt}." for doubt in scenario.get("doubts", ())]
    return ["", *(f"- {note}" for note in notes)] if notes else []


def _kpis(scenario: Summary) -> list[str]:
    rows = []
    for name, kpis in scenario["policies"].items():
        cells = kpi_cells(kpis)
        bold = name == scenario["best"]
        rows.append([f"`{name}`", f"**{cells[0]}**" if bold else cells[0], *cells[1:]])
    return markdown_lines(["policy", *column_titles()], rows)


def _differences(scenario: Summary) -> list[str]:
    """Every policy against the best untuned rule and the best tuned one."""
    rivals = {f"{kind} rule": scenario[f"best_{kind}"] for kind in ("untuned", "tuned") if scenario[f"best_{kind}"]}
    if not rivals:
        return []
    named = " and ".join(f"`{name}`, the best {kind}" for kind, name in rivals.items())
    header = ["policy", *(title for kind in rivals for title in (f"− {kind}, USD", "in %"))]
    rows = [
        [f"`{name}`", *(cell for rival in rivals.values() for cell in _difference(scenario, name, rival))]
        for name in scenario["policies"]
    ]
    return [
        f"Cost per order: paired differences to {named}; below zero, the policy is cheaper.", "",
        *markdown_lines(header, rows),
    ]  # fmt: skip


def _difference(scenario: Summary, name: str, rival: str) -> list[str]:
    if name == rival:
        return [NOTHING, NOTHING]
    usd, base = scenario["paired"][f"{name} - {rival}"][COST], scenario["policies"][rival][COST]["mean"]
    percent = times(usd, 100 / base) if base else None
    return [interval(usd, 3), NOTHING if percent is None else number(percent["mean"], 1, signed=True)]
