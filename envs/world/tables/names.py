"""Cells as names of sites: spelled as in the table of sites, but for capitals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from regional_dispatch.envs.world.findings import Findings, Level
from regional_dispatch.envs.world.reading import HIDDEN_IN_CELLS
from regional_dispatch.envs.world.tables.match import Spelling
from regional_dispatch.envs.world.tables.numbers import say_cells
from regional_dispatch.envs.world.tables.source import LONGEST_CELL, Batch, column_of

# What a spreadsheet leaves in place of a name: pattern, level of the finding, problem.
SPOILED: tuple[tuple[str, Level, str], ...] = (
    (HIDDEN_IN_CELLS, "error", "holds line breaks or other characters that are not shown"),
    (r"^#(N/A|REF!|VALUE!|NAME\?|DIV/0!|NULL!|NUM!)$", "error", "is a spreadsheet's error"),
    (r"^\d[.,]\d+[Ee]\+\d+$", "warning", "looks like a number that a spreadsheet has rounded"),
)


def as_text(array: pa.Array) -> pa.DictionaryArray:
    """A column as clean text, whatever type its file gives it; empty text where it has no value."""
    if pa.types.is_dictionary(array.type):
        return array
    if pa.types.is_floating(array.type):
        array = pc.if_else(pc.is_nan(array), None, array)
        if pc.all(pc.equal(pc.round(array), array)).as_py() is not False:
            array = pc.cast(array, pa.int64())  # 3.0 is the SKU 3
    return column_of(pc.fill_null(pc.cast(array, pa.string()), ""))


def say_spoiled(file: Path, batch: Batch, name: str, column: pa.DictionaryArray, findings: Findings) -> None:
    """Adds what a spreadsheet made of names: its own errors, and numbers that it rounded (8.51E+04); and cells that
    cannot be shown."""
    for pattern, level, problem in SPOILED:
        found = pc.match_substring_regex(column.dictionary, pattern).to_numpy(zero_copy_only=False)
        if found.any():
            where = found[column.indices.to_numpy()]
            mend = "remove them" if pattern == HIDDEN_IN_CELLS else "format the column as text"
            say_cells(level, file, batch, name, where, problem, mend, findings)
    long = pc.greater(pc.utf8_length(column.dictionary), LONGEST_CELL).to_numpy(zero_copy_only=False)
    if long.any():
        where, problem = long[column.indices.to_numpy()], f"holds more than {LONGEST_CELL:,} characters"
        say_cells("error", file, batch, name, where, problem, "shorten it", findings)


def number_names(
    file: Path, batch: Batch, name: str, known: Sequence[str], problem: str, findings: Findings, level: Level = "error"
) -> np.ndarray:
    """The number of the name in every cell, −1 where it is empty or unknown: (n,) int32.

    Args:
        file: for findings.
        batch: holds the column.
        name: of the column.
        known: the names, by number. A name that differs in capitals alone is taken for it, if no other does.
        problem: what an unknown name is, with what to do after `;`.
        findings: unknown names are added, and those that differ in capitals.
        level: of unknown names.
    """
    column = as_text(batch.columns[name])
    spelling, texts = Spelling(known), column.dictionary.to_pylist()
    exact = np.array([spelling.exact(text) for text in texts], np.int32)
    found = np.array([spelling.number(text) for text in texts], np.int32)
    filled = np.array([text != "" for text in texts], dtype=bool)
    at = column.indices.to_numpy()
    loose = (exact < 0) & (found >= 0)
    if loose.any():
        where = np.flatnonzero(loose[at])
        first = int(where[0])
        findings.warning(
            file, f"read as '{known[found[at[first]]]}'", "spell names alike", row=int(batch.rows[first]), column=name,
            value=column[first].as_py(),
        )  # fmt: skip
    unknown = (found < 0) & filled
    if unknown.any():
        what, _, mend = problem.partition("; ")
        say_cells(level, file, batch, name, unknown[at], what, mend, findings)
    return np.asarray(found[at], np.int32) if len(texts) else np.full(len(batch), -1, np.int32)
