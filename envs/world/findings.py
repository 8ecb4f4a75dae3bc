"""What is found in the user's files: errors, warnings, and what is assumed where a file says nothing.

Readers of tables append to a `Findings` and go on, so that a user sees every problem at once. What is built from
tables calls `settle` at its end: errors become one `ScenarioError`; warnings are kept, and a command that plays shows
them once.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TextIO

import numpy as np

from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.reading import plain

Level = Literal["error", "warning", "assumed"]
MOST_ROWS = 20  # rows of one problem that are named one by one
MOST_SHOWN = 20  # errors in the text of one `ScenarioError`
_LONGEST_VALUE = 60  # characters of a value that are shown


class Finding(NamedTuple):
    """One thing to know about a file."""

    level: Level
    file: str
    problem: str
    mend: str = ""  # what to do about it; empty where nothing is to be done
    row: int | None = None  # as a spreadsheet counts: the header of a table is row 1
    column: str | None = None
    value: str | None = None

    def __str__(self) -> str:
        """`FILE: row N: column = 'value': problem; mend`, without the parts that it does not have."""
        row = [] if self.row is None else [f"row {self.row}"]
        value = None if self.value is None else repr(self.value)
        cell = [" = ".join(part for part in (self.column, value) if part)] if self.column or value else []
        text = f"{self.problem}; {self.mend}" if self.mend else self.problem
        return plain(": ".join([self.file, *row, *cell, text]))


class Findings:
    """Findings in the order in which they were met."""

    def __init__(self) -> None:
        self.all: list[Finding] = []

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.all)

    def add(
        self,
        level: Level,
        file: str | Path,
        problem: str,
        mend: str = "",
        row: Any = None,
        column: str | None = None,
        value: Any = None,
    ) -> None:
        """Appends one finding; a long value is cut."""
        number, shown = None if row is None else int(row), None if value is None else _shown(value)
        self.all.append(Finding(level, str(file), problem, mend, number, column, shown))

    def error(self, file: str | Path, problem: str, mend: str = "", **where: Any) -> None:
        """Appends what makes a file unusable; `where` may hold row, column and value."""
        self.add("error", file, problem, mend, **where)

    def warning(self, file: str | Path, problem: str, mend: str = "", **where: Any) -> None:
        """Appends what is used, but is probably not meant; `where` may hold row, column and value."""
        self.add("warning", file, problem, mend, **where)

    def assumed(self, file: str | Path, problem: str, mend: str = "", **where: Any) -> None:
        """Appends what stands in place of something that a file does not say."""
        self.add("assumed", file, problem, mend, **where)

    def rows(
        self,
        level: Level,
        file: str | Path,
        rows: Sequence[int] | np.ndarray,
        column: str,
        values: Sequence[Any] | np.ndarray,
        problem: str,
        mend: str = "",
    ) -> None:
        """Appends one problem of many rows: a finding for each of the first rows, and one for the others.

        Args:
            level: of all of them.
            file: its table.
            rows: (n,) row numbers.
            column: with the problem.
            values: (n,) what stands in the column.
            problem: what is wrong.
            mend: what to do.
        """
        for row, value in zip(rows[:MOST_ROWS], values[:MOST_ROWS], strict=True):
            self.add(level, file, problem, mend, row, column, value)
        if len(rows) > MOST_ROWS:
            more = f"and {len(rows) - MOST_ROWS:,} more rows: {problem}"
            self.add(level, file, more, mend, None, column)

    @property
    def errors(self) -> list[Finding]:
        """What makes a file unusable."""
        return [finding for finding in self.all if finding.level == "error"]

    @property
    def warnings(self) -> list[Finding]:
        """What is used, but is probably not meant."""
        return [finding for finding in self.all if finding.level == "warning"]

    @property
    def assumptions(self) -> list[Finding]:
        """What stands in place of something that a file does not say."""
        return [finding for finding in self.all if finding.level == "assumed"]

    def settle(self) -> None:
        """Ends a reading: keeps the warnings for `show_noticed`.

        Raises:
            ScenarioError: there are errors; its text has one line for each of the first, and says how many more.
        """
        if errors := self.errors:
            more = [f"and {len(errors) - MOST_SHOWN} more errors"] if len(errors) > MOST_SHOWN else []
            raise ScenarioError("\n".join([*map(str, errors[:MOST_SHOWN]), *more]))
        for finding in self.warnings:
            notice(finding)


_noticed: dict[Finding, bool] = {}  # warning → whether it has been shown


def notice(finding: Finding) -> None:
    """Keeps a warning until `show_noticed`; one that is kept already is not kept twice."""
    _noticed.setdefault(finding, False)


def noticed() -> tuple[Finding, ...]:
    """Every warning of this process, in the order in which they were met."""
    return tuple(_noticed)


def mark_shown(findings: Iterable[Finding]) -> None:
    """Keeps warnings that are shown elsewhere out of `show_noticed`."""
    _noticed.update(dict.fromkeys(findings, True))


def show_noticed(out: TextIO | None = None) -> None:
    """Writes the warnings that were not shown before, one a line.

    Args:
        out: where. Default: the standard error.
    """
    for finding in [finding for finding, shown in _noticed.items() if not shown]:
        print(f"warning: {finding}", file=out or sys.stderr)
        _noticed[finding] = True


def _shown(value: Any) -> str:
    """A value as text of bounded length."""
    text = f"{value:g}" if isinstance(value, float | np.floating) else str(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
