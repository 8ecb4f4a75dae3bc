"""A user's file as columns of Arrow arrays: CSV in whatever form spreadsheets save it, or Parquet in batches.

Cells of a CSV are text, dictionary-encoded: each distinct text is kept, cleaned and read once.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.findings import Findings
from regional_dispatch.envs.world.reading import open_file, open_parquet, plain
from regional_dispatch.envs.world.tables.encoding import decoded
from regional_dispatch.envs.world.tables.header import Place, place_columns, recognised, say_absent
from regional_dispatch.envs.world.tables.options import Options
from regional_dispatch.envs.world.tables.schema import Table

SEPARATORS = (",", ";", "\t", "|")
LONGEST_CELL = 32_767  # characters, as in spreadsheets
_MOST_BYTES = 64 << 30
_MOST_COLUMNS = 1000
_HEAD_BYTES = 1 << 16
_BATCH_ROWS = 1 << 20
_FIRST_ROW = 2  # row of the first record, as a spreadsheet counts
_TEXT = pa.dictionary(pa.int32(), pa.string())
_OPEN_QUOTE = "a quotation mark is not closed, so that what is below it is one cell"


class Batch(NamedTuple):
    """Some rows of a table."""

    columns: dict[str, pa.Array]  # name → (n,) dictionary-encoded text, or the type that a Parquet file gives it
    rows: np.ndarray  # (n,) int64, row numbers as a spreadsheet counts
    factors: dict[str, float]  # name of a column → factor of its numbers
    separator: str = ","  # of the file; it says how numbers are likely to be written

    def __len__(self) -> int:
        return len(self.rows)


def batches(path: Path, table: Table, options: Options, findings: Findings) -> Iterator[Batch]:
    """The rows of a file, without those that are empty: one batch of a CSV, several of a large Parquet file.

    Args:
        path: the file.
        table: its columns.
        options: how it is to be read.
        findings: what is wrong with the file, its header and its rows is added; a file that cannot be read gives
            nothing.
    """
    start = _start(path, table, findings)
    if start is None:
        return
    if start[:4] == b"PAR1":
        yield from _parquet(path, table, options, findings)
    elif start[:4] == b"PK\x03\x04":
        findings.error(path, "is a workbook", "save the sheet as CSV UTF-8")
    else:
        yield from _csv(path, table, options, findings)


def _start(path: Path, table: Table, findings: Findings) -> bytes | None:
    """The first bytes of a file; None, and a finding, where it cannot be read."""
    wanted = ", ".join(table.required()) or ", ".join(column.name for column in table.columns[:6])
    try:
        with open_file(path, f"a CSV or Parquet file with columns {wanted}") as file:
            start, size = file.read(4), os.fstat(file.fileno()).st_size
    except ScenarioError as error:
        _add(path, error, findings)
        return None
    if size > _MOST_BYTES:
        findings.error(path, f"has {size:,} bytes; a table may have {_MOST_BYTES:,}", "split it, or write Parquet")
        return None
    return start


def _add(path: Path, error: ScenarioError, findings: Findings) -> None:
    """An error of a reader as a finding."""
    problem, _, mend = str(error).removeprefix(f"{plain(str(path))}: ").rpartition("; ")
    findings.error(path, problem, mend)


# --------------------------------------------------------------------------------------------------------- Parquet


def _parquet(path: Path, table: Table, options: Options, findings: Findings) -> Iterator[Batch]:
    try:
        file = open_parquet(path)
        names = list(file.schema_arrow.names)
        places = place_columns(str(path), names, table, options, findings)
        say_absent(str(path), places, table, findings)
        chosen = {name: names[place.position] for name, place in places.items()}
        for name, theirs in list(chosen.items()):
            kind = file.schema_arrow.field(theirs).type
            if not _is_plain(kind):
                findings.error(path, f"has values of type {str(kind)[:60]}", "write one value a row", column=theirs)
                del chosen[name]
        texts = [theirs for theirs in chosen.values() if pa.types.is_string(file.schema_arrow.field(theirs).type)]
        file = open_parquet(path, texts)
        row = _FIRST_ROW
        for part in file.iter_batches(_BATCH_ROWS, columns=list(chosen.values())):
            columns = {name: _texts(part.column(theirs)) for name, theirs in chosen.items()}
            yield Batch(columns, np.arange(row, row + len(part)), _factors(places))
            row += len(part)
    except ScenarioError as error:
        _add(path, error, findings)
        return
    except (pa.ArrowException, OSError, ValueError) as error:
        findings.error(path, f"not readable as Parquet: {' '.join(str(error).split())}", "write it again")
        return
    if row == _FIRST_ROW:
        findings.error(path, "has no rows", "add at least one")


def _is_plain(kind: pa.DataType) -> bool:
    """Whether a column of this type can be read: text, numbers, dates, truth values, or dictionaries of text."""
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    tests = ("string", "large_string", "string_view", "integer", "floating", "decimal", "boolean", "null")
    dates = not pa.types.is_dictionary(kind) and (pa.types.is_timestamp(value) or pa.types.is_date(value))
    return dates or any(getattr(pa.types, f"is_{test}")(value) for test in tests)


def _factors(places: dict[str, Place]) -> dict[str, float]:
    return {name: place.factor for name, place in places.items() if place.factor != 1}


# ------------------------------------------------------------------------------------------------------------ CSV


class _Head(NamedTuple):
    """What stands before the first row."""

    names: list[str]  # of the columns
    separator: str
    lines: int  # up to the header's last line
    records: int  # of a spreadsheet, up to the header


def _csv(path: Path, table: Table, options: Options, findings: Findings) -> Iterator[Batch]:
    data = decoded(path, options.encoding, findings)
    if data is None:
        return
    start = bytes(memoryview(data)[:_HEAD_BYTES])
    if len(start) == _HEAD_BYTES and b"\n" not in start and b"\r" not in start:
        findings.error(path, f"the header has more than {_HEAD_BYTES:,} bytes", "is it a CSV?")
        return
    head = _head(start.decode("utf-8", "ignore"), table, options)
    if head is None:
        wanted = ", ".join(table.required())
        findings.error(path, "is empty", f"give a header and rows; it needs the columns {wanted}")
        return
    if len(head.names) > _MOST_COLUMNS:
        findings.error(path, f"has {len(head.names):,} columns; a table may have {_MOST_COLUMNS:,}", "remove some")
        return
    places = place_columns(str(path), head.names, table, options, findings)
    say_absent(str(path), places, table, findings)
    unread = [i for i in range(len(head.names)) if all(place.position != i for place in places.values())]
    try:
        cells, rows = _cells(path, data, head, findings)
    except pa.ArrowInvalid as error:
        row = _open_quote(data)
        if row:
            findings.error(path, _OPEN_QUOTE, "remove or close it", row=row)
        else:
            findings.error(path, f"not readable as CSV: {' '.join(str(error).split())}", "save it again as CSV UTF-8")
        return
    for i, column in enumerate(cells):
        _check_swallowed(path, head, i, column, rows, findings)
    columns = {name: cells[place.position] for name, place in places.items()}
    _check_unnamed(path, [(i, cells[i]) for i in unread if not head.names[i].strip()], rows, findings)
    blank = _blank([*columns.values(), *(cells[i] for i in unread)], len(rows))
    if blank.any():
        kept = pa.array(np.flatnonzero(~blank))
        columns, rows = {name: column.take(kept) for name, column in columns.items()}, rows[~blank]
    if not len(rows):
        findings.error(path, "has no rows", "add at least one")
        return
    yield Batch(columns, rows, _factors(places), head.separator)


def _head(text: str, table: Table, options: Options) -> _Head | None:
    """The header of a CSV, below comments (lines that start with #), blank lines and Excel's `sep=;`."""
    lines = text.splitlines(keepends=True)
    skipped = 0
    separators: tuple[str, ...] = SEPARATORS
    for line in lines:
        stripped = line.strip().strip("\ufeff")
        if stripped.casefold().startswith("sep=") and len(stripped) == 5:
            separators = (stripped[4],)
        elif stripped and not stripped.startswith("#"):
            break
        skipped += 1
    best: tuple[tuple[int, int], _Head] | None = None
    for separator in separators:
        reader = csv.reader(lines[skipped:], delimiter=separator)
        names = next(reader, [])
        if names:
            score = (recognised(names, table, options), len(names))
            head = _Head(names, separator, skipped + reader.line_num, skipped + 1)
            if best is None or score > best[0]:
                best = (score, head)
    return None if best is None else best[1]


def _cells(path: Path, data: pa.Buffer, head: _Head, findings: Findings) -> tuple[list[pa.Array], np.ndarray]:
    """All columns as clean text, and the row numbers; rows of another length are mended where that is safe."""
    odd: list[tuple[int, str]] = []

    def keep(row: pyarrow.csv.InvalidRow) -> str:
        odd.append((row.number, row.text))
        return "skip"

    width = len(head.names)
    names = [str(i) for i in range(width)]
    if data.size == 0 or not _has_more(data, head.lines):
        return [pa.array([], _TEXT) for _ in names], np.zeros(0, np.int64)
    read = pyarrow.csv.read_csv(
        pa.BufferReader(data),
        read_options=pyarrow.csv.ReadOptions(use_threads=False, skip_rows=head.lines, column_names=names),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=head.separator, newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=keep
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, _TEXT), strings_can_be_null=False, check_utf8=False
        ),
    )
    moved = head.records - head.lines  # rows are records: a header of two lines is one
    taken = np.array([number for number, _ in odd], np.int64)
    rows = head.lines + 1 + np.arange(len(read) + len(odd))
    rows = np.setdiff1d(rows, taken, assume_unique=True) if len(odd) else rows
    columns = [_clean(read.column(name)) for name in names]
    mended = _mended(path, odd, head, moved, findings)
    if mended:
        extra_rows = np.array([row for row, _ in mended], np.int64)
        order = np.argsort(np.concatenate([rows, extra_rows]), kind="stable")
        rows = np.concatenate([rows, extra_rows])[order]
        added = [_encoded(pa.array([cells[i] for _, cells in mended], pa.string())) for i in range(width)]
        columns = [_joined(column, more).take(pa.array(order)) for column, more in zip(columns, added, strict=True)]
    return columns, rows + moved


def _has_more(data: pa.Buffer, lines: int) -> bool:
    """Whether anything follows so many lines."""
    view, at = memoryview(data), 0
    start = bytes(view[: 1 << 20])
    for line in start.splitlines(keepends=True)[:lines]:
        at += len(line)
    return at < data.size


def _mended(
    path: Path, odd: list[tuple[int, str]], head: _Head, moved: int, findings: Findings
) -> list[tuple[int, list[str]]]:
    """Rows with fewer or more cells than the header, as rows of its width: empty cells at the end do not count."""
    mended, width = [], len(head.names)
    for row, text in odd:
        if text.count('"') % 2:
            findings.error(path, _OPEN_QUOTE, "remove or close it", row=row + moved, value=text[:40])
            continue
        if len(text) > LONGEST_CELL:
            findings.error(path, f"has {len(text):,} characters and another number of cells than the header",
                           "remove the row", row=row + moved, value=text[:40])  # fmt: skip
            continue
        cells = [cell.strip() for cell in next(csv.reader([text], delimiter=head.separator), [])]
        if any(cells[width:]):
            extra = next(cell for cell in cells[width:] if cell)
            problem, mend = f"has {len(cells)} cells, the header {width}", "quote text that holds the separator"
            findings.error(path, problem, f"{mend}, or remove a cell", row=row + moved, value=extra)
            mended.append((row, cells[:width]))
        elif any(cells):
            mended.append((row, [*cells[:width], *[""] * (width - len(cells))]))
    return mended


def _open_quote(data: pa.Buffer) -> int:
    """The first line with an odd number of quotation marks, from 1; 0 where there is none."""
    return next((i for i, line in enumerate(bytes(data).split(b"\n"), 1) if line.count(b'"') % 2), 0)


def _check_swallowed(
    path: Path, head: _Head, place: int, column: pa.Array, rows: np.ndarray, findings: Findings
) -> None:
    """A cell that holds whole rows began with a quotation mark that is not closed."""
    lines = pc.match_substring(column.dictionary, "\n").to_numpy(zero_copy_only=False)
    for code in np.flatnonzero(lines):
        text = column.dictionary[int(code)].as_py()
        if any(line.count(head.separator) >= max(1, len(head.names) - 1) for line in text.split("\n")):
            row = int(rows[int((column.indices.to_numpy() == code).argmax())])
            findings.error(
                path, _OPEN_QUOTE, "remove or close it", row=row, column=head.names[place].strip(), value=text
            )


def _texts(column: pa.Array) -> pa.Array:
    """Text of a Parquet file as that of a CSV: clean, and empty where there is no value; other types as they are."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        return column
    plain = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    return column_of(pc.fill_null(pc.cast(plain, pa.string()), "")) if column.null_count else column_of(column)


def column_of(column: pa.Array) -> pa.DictionaryArray:
    """Text as clean dictionary-encoded text."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    return clean(pc.cast(encoded, _TEXT))


def _check_unnamed(path: Path, columns: list[tuple[int, pa.Array]], rows: np.ndarray, findings: Findings) -> None:
    """A column without a name must be empty, as one is that a trailing separator makes."""
    for i, column in columns:
        filled = ~_blank([column], len(rows))
        if filled.any():
            at = int(filled.argmax())
            value = column.take(pa.array([at]))[0].as_py()
            findings.error(
                path, f"column {i + 1} has no name", "name it, or remove its cells", row=int(rows[at]), value=value
            )


def _blank(columns: list[pa.Array], count: int) -> np.ndarray:
    """Which rows have no text at all: (n,) bool."""
    blank = np.ones(count, dtype=bool)
    for column in columns:
        empty = np.array([text == "" for text in column.dictionary.to_pylist()], dtype=bool)
        blank &= empty[column.indices.to_numpy()] if len(empty) else blank
    return blank


def _clean(column: pa.ChunkedArray) -> pa.Array:
    """Text without white space around it, in Unicode's composed form: each distinct text once."""
    joined = column.unify_dictionaries().combine_chunks()
    if isinstance(joined, pa.ChunkedArray):
        joined = joined.chunk(0) if joined.num_chunks else pa.array([], _TEXT)
    return clean(joined)


def clean(column: pa.DictionaryArray) -> pa.DictionaryArray:
    """As `_clean`, of one array."""
    text = column.dictionary
    tidy = pc.utf8_normalize(pc.utf8_trim_whitespace(text), "NFC")
    if tidy.equals(text):
        return column
    again = tidy.dictionary_encode()
    return pa.DictionaryArray.from_arrays(again.indices.take(column.indices), again.dictionary)


def _encoded(column: pa.Array) -> pa.DictionaryArray:
    return clean(column.dictionary_encode())


def _joined(first: pa.DictionaryArray, second: pa.DictionaryArray) -> pa.DictionaryArray:
    return _clean(pa.chunked_array([first, second]))
