"""Results as files: every table as CSV and Parquet, and one workbook with all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from regional_dispatch.data.results.assumptions import Fact
from regional_dispatch.data.results.columns import COLUMNS, KEYS, UNDER_WAY, UNDER_WAY_SAYS, number_format
from regional_dispatch.data.results.spread import HIGH, LOW
from regional_dispatch.data.results.tables import Tables
from regional_dispatch.evaluation.output import staged

WORKBOOK, DIFFERENCES = "results.xlsx", "_differences"
_WIDEST = 44  # characters


def save_results(folder: Path, means: Tables, differences: Tables, about: Sequence[Fact]) -> None:
    """Writes all tables, all of them or none.

    Args:
        folder: to write to; created if it is missing.
        means: table → rows, see `data.results.spread`.
        differences: the same, of differences; these files are called `NAME_differences`.
        about: the read me.

    Raises:
        InputError: the folder cannot be written to.
    """
    tables = {**means, **{f"{name}{DIFFERENCES}": table for name, table in differences.items()}}
    with staged(folder) as files:
        for name, table in tables.items():
            table.to_csv(files / f"{name}.csv", index=False)
            table.to_parquet(files / f"{name}.parquet", index=False)
        write_workbook(files / WORKBOOK, tables, about)
    for old in folder.glob(f"*{DIFFERENCES}.*"):  # of other policies, from an earlier run
        if old.stem not in tables:
            old.unlink()


def write_workbook(path: Path, tables: Mapping[str, pd.DataFrame], about: Sequence[Fact]) -> None:
    """One workbook: a read me, then a sheet per table with a frozen header, filters and number formats."""
    import xlsxwriter

    options = {"strings_to_formulas": False, "strings_to_urls": False, "nan_inf_to_errors": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        formats = _Formats(book)
        _read_me(book.add_worksheet("Read me"), formats, about)
        for name, table in tables.items():
            _sheet(book.add_worksheet(_title(name)), formats, table)


class _Formats:
    """Cell formats of a workbook, each made once."""

    def __init__(self, book: Any) -> None:
        self.bold = book.add_format({"bold": True})
        self.head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self.prose = book.add_format({"text_wrap": True, "valign": "top"})
        self._book, self._numbers = book, dict[str, Any]()

    def number(self, pattern: str) -> Any:
        """The format of a pattern such as `#,##0`."""
        if pattern not in self._numbers:
            self._numbers[pattern] = self._book.add_format({"num_format": pattern})
        return self._numbers[pattern]


def _title(name: str) -> str:
    """A sheet's name: at most 31 characters."""
    return name.replace(DIFFERENCES, ", differences").replace("_", " ").capitalize()


def _read_me(sheet: Any, formats: _Formats, about: Sequence[Fact]) -> None:
    sheet.set_column(0, 0, 24, formats.prose)
    sheet.set_column(1, 1, 46, formats.prose)
    sheet.set_column(2, 2, 90, formats.prose)
    for row, fact in enumerate(about):
        sheet.write_row(row, 0, fact)
    row = len(about) + 1
    sheet.write(row, 0, "Columns", formats.bold)
    both = f"with two episodes or more, {LOW} and {HIGH} columns hold the ends of the mean's 95 % interval"
    for name, text in {"": both, **KEYS, **COLUMNS, UNDER_WAY: UNDER_WAY_SAYS}.items():
        row += 1
        sheet.write_row(row, 0, (name, text))
    sheet.freeze_panes(0, 1)


def _sheet(sheet: Any, formats: _Formats, table: pd.DataFrame) -> None:
    texts = [column for column in table if table[column].dtype.kind not in "fiu"]
    for i, column in enumerate(table):
        values = table[column]
        pattern = number_format(str(column).removesuffix(LOW).removesuffix(HIGH)) if column not in texts else None
        if "kpi" in table and pattern:
            pattern = "#,##0.000"
        longest = max([len(str(value)) for value in values]) if column in texts else 12
        sheet.set_column(i, i, min(_WIDEST, max(10, longest + 1)), formats.number(pattern) if pattern else None)
        sheet.write(0, i, column, formats.head)
        blank = values.astype(object).where(values.notna(), None)
        sheet.write_column(1, i, blank.tolist())
    sheet.freeze_panes(1, max(1, sum(column in KEYS for column in table.columns[:2])))
    sheet.autofilter(0, 0, len(table), len(table.columns) - 1)
