"""Reading the user's CSV tables, with errors that name file, row, column, value and what to change."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path

import pandas as pd

from regional_dispatch.envs.world.scenario import ScenarioError

MOST = 100_000_000  # of any number in a table: what is made of it, per tick, fits into the kernel's 32-bit integers


def read_table(path: Path, columns: dict[str, str], optional: dict[str, str] | None = None) -> pd.DataFrame:
    """A checked CSV table. Lines that start with # before the header are comments; below it, # is text like any other.

    Args:
        path: the file.
        columns: required column → `text`, `number` (finite) or `positive` (finite, 0 or more).
        optional: the same for columns that may be absent or have empty cells (numbers become NaN).

    Raises:
        ScenarioError: file missing, unreadable or empty, a column missing or unknown, a cell of the wrong kind.
    """
    optional = optional or {}
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8", skiprows=_comments(path))
    except FileNotFoundError:
        raise ScenarioError(f"{path}: no such file; give a CSV with columns {', '.join(columns)}") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, IsADirectoryError) as error:
        raise ScenarioError(f"{path}: not readable as CSV: {error}") from None
    for name in columns:
        if name not in table:
            raise ScenarioError(f"{path}: column '{name}' is missing; add it")
    for name in table.columns.astype(str):
        if name not in columns and name not in optional:
            raise ScenarioError(
                f"{path}: unknown column '{name}'; remove it, or name one of {', '.join([*columns, *optional])}"
            )
    if table.empty:
        raise ScenarioError(f"{path}: has no rows; add at least one")
    for name, kind in {**columns, **optional}.items():
        if name in table and kind != "text":
            table[name] = _numbers(path, name, table[name], kind, name in optional)
    return table


def _comments(path: Path) -> int:
    """Lines of comment at the top of a file."""
    with path.open(encoding="utf-8") as lines:
        return sum(1 for _ in takewhile(lambda line: line.startswith("#"), lines))


def _numbers(path: Path, name: str, cells: pd.Series, kind: str, may_be_empty: bool) -> pd.Series:
    """A column's cells as numbers, NaN where they are empty and may be."""
    numbers = pd.to_numeric(cells, errors="coerce").astype(float)
    wrong = numbers.isna() | ~numbers.abs().lt(float("inf"))
    if may_be_empty:
        wrong &= cells.str.strip() != ""
    if kind == "positive":
        wrong |= numbers < 0
    wanted = "a number of at least 0" if kind == "positive" else "a finite number"
    for rows, rule in ((wrong, wanted), (numbers.abs() > MOST, f"at most {MOST}")):
        if rows.any():
            row = int(rows.to_numpy().argmax())
            raise ScenarioError(f"{path}: row {row + 2}: {name} = {cells.iloc[row]!r}: must be {rule}")
    return numbers
