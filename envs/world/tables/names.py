"""Cells as names of sites: spelled as in the table of sites, but for capitals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from regional_dispatch.envs.world.findings import Findings
from regional_dispatch.envs.world.tables.match import Spelling
from regional_dispatch.envs.world.tables.numbers import say_cells
from regional_dispatch.envs.world.tables.source import Batch, clean


def as_text(array: pa.Array) -> pa.DictionaryArray:
    """A column as clean text, whatever type its file gives it; empty text where it has no value."""
    if not pa.types.is_dictionary(array.type):
        if pa.types.is_floating(array.type) and pc.all(pc.equal(pc.round(array), array)).as_py() is not False:
            array = pc.cast(array, pa.int64())  # 3.0 is the SKU 3
        array = pc.cast(array, pa.string()).dictionary_encode()
    if array.null_count:
        array = pc.fill_null(array.dictionary_decode(), "").dictionary_encode()
    return clean(pc.cast(array, pa.dictionary(pa.int32(), pa.string())))


def number_names(
    file: Path, batch: Batch, name: str, known: Sequence[str], problem: str, findings: Findings, level: str = "error"
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
