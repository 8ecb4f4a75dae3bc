"""Cells as numbers, however a spreadsheet writes them: 8000.5, 8,000.5, 8.000,5, 8 000,5.

Whether a comma is a decimal comma is found out from the numbers that have one reading alone: `40,5` and `8,000,000`
have, `8,000` has not. What has two readings, and nothing beside it that decides, is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from regional_dispatch.envs.world.findings import Findings, Level
from regional_dispatch.envs.world.tables.options import Options
from regional_dispatch.envs.world.tables.schema import Column
from regional_dispatch.envs.world.tables.source import Batch

_SIGN = r"^[+-]?"
# Texts that can only have a decimal comma, only a decimal point, or either.
_COMMA = _SIGN + r"(\d*,\d{1,2}|\d*,\d{4,}|0\d*,\d+|\d{4,},\d+|\d{1,3}(\.\d{3})+,\d*|\d{1,3}(\.\d{3}){2,})$"
_POINT = _SIGN + r"(\d*\.\d{1,2}|\d*\.\d{4,}|0\d*\.\d+|\d{4,}\.\d+|\d{1,3}(,\d{3})+\.\d*|\d{1,3}(,\d{3}){2,})$"
_EITHER = _SIGN + r"[1-9]\d{0,2}[.,]\d{3}$"
_NUMBER = _SIGN + r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_SPACES = "[\u0020\u00a0\u202f\u2009'’]"  # between thousands
_SPACED = _SIGN + r"\d{1,3}(" + _SPACES + r"\d{3})+([.,]\d*)?$"
_GROUPED = {".": _SIGN + r"\d{1,3}(,\d{3})+(\.\d*)?$", ",": _SIGN + r"\d{1,3}(\.\d{3})+(,\d*)?$"}
_OTHER = {".": ",", ",": "."}
_MIXED = {
    ".": "has a decimal comma, where other cells have a point; write a point",
    ",": "has a decimal point, where other cells have a comma; write a comma",
}
NUMBER_KINDS = ("number", "positive", "whole")


class _Evidence(NamedTuple):
    """How many distinct texts of a column have one reading alone, or two."""

    comma: int
    point: int
    either: int

    @property
    def decimal(self) -> str:
        """What the column's own numbers say; empty where they do not."""
        if bool(self.comma) == bool(self.point):
            return ""
        return "," if self.comma else "."


def decimals(file: Path, batch: Batch, columns: list[Column], options: Options, findings: Findings) -> dict[str, str]:
    """The decimal sign of each column of text with numbers.

    Args:
        file: for findings.
        batch: the columns.
        columns: those with numbers.
        options: `decimal` decides where it is given.
        findings: what cannot be decided is an error; a choice between two readings is a warning.
    """
    known = {column.name: _evidence(batch.columns[column.name]) for column in columns if _is_text(batch, column.name)}
    whole = _Evidence(sum(e.comma for e in known.values()), sum(e.point for e in known.values()), 0)
    found = {}
    for name, evidence in known.items():
        found[name] = options.decimal or evidence.decimal or whole.decimal
        if not found[name] and evidence.comma and evidence.point:
            found[name] = "," if evidence.comma > evidence.point else "."
        if not found[name]:
            found[name] = "." if not evidence.either else _default(file, batch, name, findings)
        if found[name] == "," and batch.separator == ",":
            _say(file, batch, name, _COMMA, "warning", "a decimal comma", "write a point", findings)
        _say(file, batch, name, _GROUPED[found[name]], "assumed", "thousands set apart", "", findings)
    return found


def _is_text(batch: Batch, name: str) -> bool:
    return name in batch.columns and pa.types.is_dictionary(batch.columns[name].type)


def _evidence(column: pa.DictionaryArray) -> _Evidence:
    texts = _ascii(column.dictionary)
    counts = [pc.sum(pc.match_substring_regex(texts, pattern)).as_py() or 0 for pattern in (_COMMA, _POINT, _EITHER)]
    return _Evidence(*counts)


def _ascii(texts: pa.Array) -> pa.Array:
    """With a minus sign for a hyphen, and without the spaces between thousands."""
    texts = pc.replace_substring(texts, "−", "-")
    spaced = pc.match_substring_regex(texts, _SPACED)
    return (
        pc.if_else(spaced, pc.replace_substring_regex(texts, _SPACES, ""), texts) if pc.any(spaced).as_py() else texts
    )


def _default(file: Path, batch: Batch, name: str, findings: Findings) -> str:
    """The decimal sign of a column whose numbers all have two readings."""
    first = _first(batch, name, _EITHER)
    row, text = first
    if batch.separator == "," and "." in text:
        return "."
    if batch.separator == ",":
        plain = text.replace(",", "")
        findings.warning(file, f"read as {plain}, thousands", "write it without a comma", row=row, column=name,
                         value=text)  # fmt: skip
        return "."
    number = text.replace(",", ".")
    findings.error(
        file, f"is it {number} or {number.replace('.', '')}?", 'write it without thousands, or set decimal: "," or "."',
        row=row, column=name, value=text,
    )  # fmt: skip
    return "."


def _first(batch: Batch, name: str, pattern: str) -> tuple[int, str]:
    """Row and text of the first cell that matches."""
    column = batch.columns[name]
    match = pc.match_substring_regex(_ascii(column.dictionary), pattern).to_numpy(zero_copy_only=False)
    at = int(match[column.indices.to_numpy()].argmax())
    return int(batch.rows[at]), column[at].as_py()


def _say(
    file: Path, batch: Batch, name: str, pattern: str, level: str, what: str, mend: str, findings: Findings
) -> None:
    column = batch.columns[name]
    if pc.any(pc.match_substring_regex(_ascii(column.dictionary), pattern)).as_py():
        row, text = _first(batch, name, pattern)
        findings.add(level, file, f"read with {what}", mend, row, name, text)  # type: ignore[arg-type]


def read_numbers(
    file: Path, batch: Batch, column: Column, decimal: str, findings: Findings, required: bool | None = None
) -> np.ndarray:
    """A column's cells as numbers, NaN where they are empty or wrong: (n,) float64.

    Args:
        file: for findings.
        batch: holds the column.
        column: its kind and bounds.
        decimal: sign, of text.
        findings: empty cells of a required column, and cells that are no number or out of bounds, are added.
        required: whether empty cells are errors. Default: as the column says.
    """
    array = batch.columns[column.name]
    if pa.types.is_dictionary(array.type):
        distinct, wrong, empty = _parsed(array.dictionary, decimal)
        at = array.indices.to_numpy()
        numbers, wrong, empty = distinct[at], wrong[at], empty[at]
    else:
        numbers, wrong, empty = _typed(array)
    given = numbers
    numbers = numbers * batch.factors.get(column.name, 1.0)
    ok = ~(wrong | empty)
    mixed = _other_style(array, decimal) & wrong
    problems = [(wrong & ~mixed, _wanted(column)), (mixed, _MIXED[decimal])]
    if column.required if required is None else required:
        problems.append((empty, "is empty"))
    low = max(column.low, 0.0 if column.kind in ("positive", "whole") else column.low)
    bound = f"must lie in {low:,g}…{column.high:,g}" if low > -np.inf else f"must be at most {column.high:,g}"
    with np.errstate(invalid="ignore"):
        outside = (given < low) | (given > column.high) if np.isfinite(low) else np.abs(given) > column.high
        if low == 0 and column.kind != "number":
            problems.append(
                (ok & (given < 0), "must be a number of at least 0" if column.kind == "positive" else _wanted(column))
            )
            outside &= given >= 0
        problems.append((ok & outside, bound))
        if column.kind == "whole":
            problems.append((ok & ~outside & (given >= 0) & (given % 1 != 0), _wanted(column)))
    bad = np.zeros(len(numbers), dtype=bool)
    for rows, problem in problems:
        if rows.any():
            mend = column.mend if problem == bound else ""
            say_cells("error", file, batch, column.name, rows, problem, mend, findings)
            bad |= rows
    return np.where(bad | empty, np.nan, numbers)


def loose_numbers(batch: Batch, column: Column, decimal: str) -> np.ndarray:
    """A column's cells as numbers in the file's unit, NaN where a cell is none: (n,) float64. The other decimal sign is
    read too, where a cell has no other reading."""
    array = batch.columns[column.name]
    if not pa.types.is_dictionary(array.type):
        return _typed(array)[0]
    numbers, wrong, _ = _parsed(array.dictionary, decimal)
    other, bad, _ = _parsed(array.dictionary, _OTHER[decimal])
    at = array.indices.to_numpy()
    numbers = np.where(wrong, np.nan, numbers)[at]
    return np.where(_other_style(array, decimal) & np.isnan(numbers), np.where(bad, np.nan, other)[at], numbers)


def _other_style(array: pa.Array, decimal: str) -> np.ndarray:
    """Which cells have the other decimal sign: (n,) bool."""
    if not pa.types.is_dictionary(array.type) or not len(array.dictionary):
        return np.zeros(len(array), dtype=bool)
    other = pc.match_substring_regex(_ascii(array.dictionary), _COMMA if decimal == "." else _POINT)
    return np.asarray(other.to_numpy(zero_copy_only=False)[array.indices.to_numpy()])


def say_cells(
    level: Level, file: Path, batch: Batch, name: str, where: np.ndarray, problem: str, mend: str, findings: Findings
) -> None:
    """Appends a finding for the cells of a column where `where` (n,) is true."""
    at = np.flatnonzero(where)
    shown = _values(batch.columns[name].take(pa.array(at[:32])))
    values = [*shown, *[""] * (len(at) - len(shown))]
    findings.rows(level, file, batch.rows[at], name, values, problem, mend)  # type: ignore[arg-type]


def _values(cells: pa.Array) -> list[Any]:
    """Cells as Python has them; dates beyond its own as the numbers that they are counted by."""
    try:
        return list(cells.to_pylist())
    except (OverflowError, ValueError):
        wide = pa.int32() if pa.types.is_date32(cells.type) else pa.int64()
        return list(pc.cast(cells, wide).to_pylist())


def _wanted(column: Column) -> str:
    if column.kind == "whole":
        return f"must be a whole number of at least {max(0, column.low):g}"
    return "must be a number of at least 0" if column.kind == "positive" else "must be a finite number"


def _parsed(texts: pa.Array, decimal: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of distinct texts, which of them are no number, and which are empty: (distinct,) each."""
    plain = _ascii(texts)
    grouped = pc.match_substring_regex(plain, _GROUPED[decimal])
    plain = pc.if_else(grouped, pc.replace_substring(plain, _OTHER[decimal], ""), plain)
    if decimal == ",":
        # A point is left in place of no comma alone: 40.5 among decimal commas is no number.
        plain = pc.if_else(pc.match_substring(plain, "."), "?", pc.replace_substring(plain, ",", "."))
    good = pc.match_substring_regex(plain, _NUMBER)
    signless = pc.if_else(good, pc.utf8_ltrim(plain, "+"), "nan")
    numbers = pc.cast(signless, pa.float64()).to_numpy(zero_copy_only=False).copy()
    empty = pc.equal(texts, "").to_numpy(zero_copy_only=False)
    wrong = ~good.to_numpy(zero_copy_only=False) & ~empty
    wrong |= np.isinf(numbers)
    return numbers, wrong, empty


def _typed(array: pa.Array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same of a column of a Parquet file: (n,) each."""
    empty = array.is_null().to_numpy(zero_copy_only=False)
    try:
        numbers = pc.cast(array, pa.float64(), safe=False).to_numpy(zero_copy_only=False).astype(float)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return np.full(len(array), np.nan), ~empty, empty
    empty = empty | np.isnan(numbers)
    return numbers, np.isinf(numbers) & ~empty, empty
