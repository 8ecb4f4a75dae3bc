"""Tables of a comparison, for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.world.findings import mark_shown, noticed
from regional_dispatch.evaluation.compare import Summary
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.intervals import weeks_text
from regional_dispatch.evaluation.kpis import COMPARISON_KPIS, COST, kpi_cell
from regional_dispatch.evaluation.report.gaps import gap_header, gap_notes, gap_rows, gap_title
from regional_dispatch.evaluation.text import MINUS, interval, markdown_lines, times

_SHOWN_UNIT = {"share": "%"}
_DECIMALS = {"USD": 3, "share": 1, "hours": 1, "miles": 0, "lanes": 0, "trucks a day": 0, "units a day": 0}
_PAIRED_TITLE = "Cost per order: paired differences [95 % interval]; below zero, the first is cheaper"
_ORDERS = {"evaluate": "held-out", "tune": "tuning", "train": "training"}


class Row(NamedTuple):
    """One KPI of all policies."""

    kpi: str
    unit: str
    cells: list[str]
    best: list[bool]  # True for the best mean; nowhere if all are equal or neither direction is better


class Difference(NamedTuple):
    """The cost of A minus that of B, as text."""

    pair: str
    usd: str
    percent: str


def kpi_rows(summary: Summary) -> list[Row]:
    """Means of `COMPARISON_KPIS` as text; shares in percent."""
    moved = summary["meta"].get("transfers") is not None
    shown = [kpi for kpi in COMPARISON_KPIS if moved or not kpi.startswith("transfer_")]
    money = summary["meta"].get("money", "USD")
    return [_row(kpi, [kpis[kpi]["mean"] for kpis in summary["policies"].values()], money) for kpi in shown]


def _row(kpi: str, means: list[float | None], money: str) -> Row:
    unit, better = KPIS[kpi].unit, KPIS[kpi].better
    cells = [kpi_cell(kpi, mean, _DECIMALS.get(unit, 2)) for mean in means]
    goal = {"lower": min, "higher": max}.get(better)
    known = [mean for mean in means if mean is not None]
    best = cells[means.index(goal(known))] if goal and known and len(set(cells)) > 1 else None
    shown = money if unit == "USD" else _SHOWN_UNIT.get(unit, unit)
    return Row(kpi, shown, cells, [cell == best for cell in cells])


def cost_differences(summary: Summary) -> list[Difference]:
    """Paired differences of the cost per order, in USD and in percent of B's mean.

    The percentages are the dollars divided by B's mean, which is treated as a constant.
    """
    names = list(summary["policies"])
    pairs = [(a, b) for a in names for b in names if f"{a} - {b}" in summary["paired"]]
    found = []
    for a, b in pairs:
        usd = summary["paired"][f"{a} - {b}"][COST]
        base = summary["policies"][b][COST]["mean"]
        percent = times(usd, 100 / base) if base else None
        found.append(Difference(f"{a} {MINUS} {b}", interval(usd, 3), interval(percent, 1)))
    return found


def print_comparison(summary: Summary, console: Console | None = None) -> None:
    """All tables, on the terminal."""
    console = console or Console()
    if not console.is_terminal:
        console.width = max(console.width, 60 + 24 * len(summary["policies"]))
    console.print(Text(_title(summary)), _rich_kpis(summary), sep="\n")
    if summary["paired"]:
        console.print(Text(_PAIRED_TITLE), _rich_differences(summary), sep="\n")
    if "gaps" in summary:
        gaps = summary["gaps"]
        console.print(Text(gap_title(gaps)), _rich_gaps(gaps), Text(gap_notes(gaps)), sep="\n")
    for name, seconds in summary.get("seconds_per_decision", {}).items():
        console.print(Text(f"{name}: {pace_text(seconds)}"))
    for doubt in summary.get("doubts", ()):
        console.print(Text(f"note: {doubt}", "yellow"), soft_wrap=True)
    mark_shown(finding for finding in noticed() if str(finding) in summary.get("doubts", ()))


def _rich_kpis(summary: Summary) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("KPI")
    table.add_column("unit")
    for name in summary["policies"]:
        table.add_column(escape(name.replace("+", "\n+")), justify="right", overflow="fold")
    rows = kpi_rows(summary)
    last_usd = [row.kpi for row in rows if row.kpi.endswith("_per_order_usd")][-1]
    for row in rows:
        cells = [Text(cell, "bold" if best else "") for cell, best in zip(row.cells, row.best, strict=True)]
        table.add_row(row.kpi, row.unit, *cells, end_section=row.kpi == last_usd)
    return table


def _rich_differences(summary: Summary) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("pair")
    table.add_column(f"{summary['meta'].get('money', 'USD')} per order", justify="right")
    table.add_column("% of the second", justify="right")
    for difference in cost_differences(summary):
        table.add_row(escape(difference.pair), difference.usd, difference.percent)
    return table


def _rich_gaps(gaps: Summary) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for i, title in enumerate(gap_header(gaps)):
        table.add_column(title, justify="right" if i else "left")
    for row in gap_rows(gaps):
        table.add_row(*map(escape, row))
    return table


def markdown_table(summary: Summary) -> str:
    """All tables as Markdown."""
    lines = kpi_markdown(summary)
    differences = cost_differences(summary)
    if differences:
        lines += ["", f"{_PAIRED_TITLE}.", ""]
        money = summary["meta"].get("money", "USD")
        lines += markdown_lines(["pair", f"{money} per order", "% of the second"], differences)
    if "gaps" in summary:
        lines += ["", *gap_markdown(summary["gaps"])]
    if pace := summary.get("seconds_per_decision"):
        lines += ["", *(f"- `{name}`: {pace_text(seconds)}." for name, seconds in pace.items())]
    if summary.get("doubts"):
        lines += ["", *(f"- Note: {doubt}." for doubt in summary["doubts"])]
    return "\n".join(lines) + "\n"


def pace_text(seconds: float) -> str:
    """How long a policy takes."""
    return f"{1000 * seconds:,.3g} ms of one core per decision, simulation included"


def kpi_markdown(summary: Summary, kpis: Sequence[str] | None = None) -> list[str]:
    """The table of KPIs as Markdown lines; the best of a row in bold.

    Args:
        summary: of a comparison.
        kpis: the rows wanted, by KPI; default, all that `kpi_rows` has.

    Raises:
        InputError: one of them is not in the table.
    """
    shown = {row.kpi: row for row in kpi_rows(summary)}
    unknown = sorted(set(kpis or ()) - set(shown))
    if unknown:
        raise InputError(f"KPI '{unknown[0]}': is not in the table; it has {', '.join(shown)}")
    rows = [
        [f"`{row.kpi}`", row.unit]
        + [f"**{cell}**" if best else cell for cell, best in zip(row.cells, row.best, strict=True)]
        for row in shown.values()
        if kpis is None or row.kpi in kpis
    ]
    header = ["KPI", "unit", *(f"`{name}`" for name in summary["policies"])]
    return [f"{_title(summary).rstrip('.')}; the best in bold.", "", *markdown_lines(header, rows, left=2)]


def gap_markdown(gaps: Summary) -> list[str]:
    """The table of gaps to the bound as Markdown lines."""
    rows = [[f"`{name}`", *cells] for name, *cells in gap_rows(gaps)]
    return [f"{gap_title(gaps)}.", "", *markdown_lines(gap_header(gaps), rows), "", gap_notes(gaps)]


def _title(summary: Summary) -> str:
    meta = summary["meta"]
    if meta.get("weeks") is not None:
        return (
            f"Scenario {meta['scenario']}: one trace, which is one sample; {weeks_text(meta['weeks'])}. {meta['split']}"
        )
    plural = "" if meta["episodes"] == 1 else "s"
    kind = _ORDERS[meta.get("stream", "evaluate")]
    notes = "; unpicked packages merged hourly" if meta.get("reevaluate") else ""
    notes += f"; stock moved between regions by '{meta['transfers']}'" if meta.get("transfers") else ""
    notes += "; no interval, as one episode says nothing of spread" if meta["episodes"] == 1 else ""
    return f"Scenario {meta['scenario']}: mean of {meta['episodes']} {kind} episode{plural}, seed {meta['seed']}{notes}"
