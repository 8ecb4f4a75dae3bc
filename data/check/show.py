"""Findings as a table for the terminal, and as JSON."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from regional_dispatch.data.check.check import Checked
from regional_dispatch.envs.world.findings import Finding
from regional_dispatch.envs.world.needs import needs_text
from regional_dispatch.envs.world.sites import count_sites
from regional_dispatch.envs.world.trace import fitted

_COLUMNS = ("file", "row", "column", "value", "problem", "what to do")
_TITLES = {"error": "errors", "warning": "warnings", "assumed": "assumed, as the files do not say it"}


def print_checked(checked: Checked, console: Console | None = None) -> None:
    """A table of errors, one of warnings, one of what is assumed, and the sum of them in a line."""
    console = console or Console(width=None if os.isatty(1) else 160, highlight=False)
    for level in _TITLES:
        found = [finding for finding in checked.findings if finding.level == level]
        if found:
            console.print(_table(level, found, checked.path.parent))
    console.print(summary(checked))


def summary(checked: Checked) -> str:
    """How many findings there are, and what the tables hold, in one line."""
    found = checked.findings
    parts = [
        _count(len(found.errors), "error"), _count(len(found.warnings), "warning"),
        f"{len(found.assumptions)} assumed",
    ]  # fmt: skip
    held = ", ".join(f"{count:,} {name}" for name, count in contents(checked).items() if not isinstance(count, dict))
    needs = f"; {needs_of(checked)}" if held else ""
    return f"{checked.path}: {', '.join(parts)}" + (f"; {held}" if held else "") + needs


def needs_of(checked: Checked) -> str:
    """Memory and time that the scenario will take, in one line; empty where too little of it can be read."""
    if checked.scenario is None or checked.tables is None or checked.findings.errors:
        return ""
    return needs_text(fitted(checked.scenario), count_sites(checked.tables.sites))


def contents(checked: Checked) -> dict[str, Any]:
    """What the tables hold, and what of the orders is left out."""
    if checked.tables is None:
        return {}
    sites, lanes, orders = checked.tables.sites, checked.tables.lanes, checked.tables.orders
    held: dict[str, Any] = {"sites": len(sites)}
    if lanes is not None:
        held["lanes"] = len(lanes)
    if orders is not None:
        held |= {"orders": len(orders.hours), "lines": len(orders.sku), "SKUs": len(orders.sku_names)}
        held["left_out"] = orders.left_out
    return held


def as_json(checked: Checked) -> dict[str, Any]:
    """All findings and what the tables hold, as JSON takes it."""
    found = checked.findings
    return {
        "scenario": str(checked.path),
        "errors": [_facts(finding) for finding in found.errors],
        "warnings": [_facts(finding) for finding in found.warnings],
        "assumed": [_facts(finding) for finding in found.assumptions],
        "tables": contents(checked),
        "needs": needs_of(checked),
    }


def _facts(finding: Finding) -> dict[str, Any]:
    return {name: value for name, value in finding._asdict().items() if name != "level"}


def _table(level: str, found: list[Finding], home: Path) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title=_TITLES[level], title_justify="left", title_style="bold")
    brief = level == "assumed"
    for name in ("file", "column", "what is assumed") if brief else _COLUMNS:
        table.add_column(name, overflow="fold")
    for finding in found:
        file, column = _short(finding.file, home), finding.column or ""
        row = "" if finding.row is None else str(finding.row)
        cells = (file, row, column, finding.value or "", finding.problem, finding.mend)
        cells = (file, column, finding.problem) if brief else cells  # type: ignore[assignment]
        table.add_row(*map(escape, cells))
    return table


def _short(file: str, home: Path) -> str:
    """A path from the scenario's folder, if it lies there."""
    return (
        os.path.relpath(file, home)
        if Path(file).is_absolute() and Path(file).is_relative_to(home.absolute())
        else Path(file).name
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
