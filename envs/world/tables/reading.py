"""A user's table as a pandas table: clean text, checked numbers, and row numbers as a spreadsheet counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.findings import Findings
from regional_dispatch.envs.world.tables.names import as_text, say_spoiled
from regional_dispatch.envs.world.tables.numbers import NUMBER_KINDS, decimals, read_numbers
from regional_dispatch.envs.world.tables.options import Options
from regional_dispatch.envs.world.tables.schema import Column, Kind, Table
from regional_dispatch.envs.world.tables.source import Batch, batches


def read_frame(path: Path, table: Table, options: Options, findings: Findings) -> pd.DataFrame:
    """All rows of a table that fits into memory.

    Args:
        path: the file.
        table: its columns.
        options: how it is to be read.
        findings: everything that is wrong with the file, its columns and its cells is added.

    Returns:
        The columns that the file has: numbers as float64 with NaN where a cell is empty or wrong, all else as text.
        Every required column is there. The index, `row`, is the row number in the file.
    """
    parts = [_frame(path, table, options, batch, findings) for batch in batches(path, table, options, findings)]
    whole = pd.concat(parts) if parts else pd.DataFrame(index=pd.Index([], dtype=np.int64))
    for column in table.columns:
        if column.required and column.name not in whole:
            whole[column.name] = np.nan if column.kind in NUMBER_KINDS else ""
    whole.index.name = "row"
    return whole


def _frame(path: Path, table: Table, options: Options, batch: Batch, findings: Findings) -> pd.DataFrame:
    numeric = [column for column in table.columns if column.kind in NUMBER_KINDS and column.name in batch.columns]
    decimal = decimals(path, batch, numeric, options, findings)
    found = {}
    for column in (column for column in table.columns if column.name in batch.columns):
        if column.kind in NUMBER_KINDS:
            found[column.name] = read_numbers(path, batch, column, decimal.get(column.name, "."), findings)
        else:
            found[column.name] = _text(path, batch, column, findings)
    return pd.DataFrame(found, index=batch.rows)


def _text(path: Path, batch: Batch, column: Column, findings: Findings) -> np.ndarray:
    cells = as_text(batch.columns[column.name])
    texts = np.array([*cells.dictionary.to_pylist(), ""], dtype=object)[cells.indices.to_numpy()]
    empty = texts == ""
    say_spoiled(path, batch, column.name, cells, findings)
    if column.required and empty.any():
        findings.rows(
            "error", path, batch.rows[empty], column.name, texts[empty], "is empty", "fill it, or remove the row"
        )
    return texts


def read_table(path: Path, columns: dict[str, Kind], optional: dict[str, Kind] | None = None) -> pd.DataFrame:
    """A checked table with columns of the caller's; see `read_frame` for those that have a schema.

    Args:
        path: the file.
        columns: required column → its kind.
        optional: the same for columns that may be absent or have empty cells (numbers become NaN).

    Raises:
        ScenarioError: the file or some of its rows cannot be used; it names all of them.
    """
    asked = [(name, kind, True) for name, kind in columns.items()]
    asked += [(name, kind, False) for name, kind in (optional or {}).items()]
    schema = Table(
        "the table", "", "", tuple(Column(name, kind, "", "", "", required=must) for name, kind, must in asked)
    )
    findings = Findings()
    frame = read_frame(path, schema, Options(), findings)
    findings.settle()
    return frame.reset_index(drop=True)
