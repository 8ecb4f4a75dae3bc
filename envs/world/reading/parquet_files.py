"""Parquet files whose footer is checked before any column is unpacked."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.reading.files import open_file
from regional_dispatch.envs.world.reading.plain import plain

MOST_ROWS = 2_000_000_000  # lines of orders are counted in 32 bits
_MOST_COLUMNS = 1000
_MOST_GROUP_BYTES = 4 << 30  # of a row group, unpacked
_MOST_GROWTH = 1000  # bytes unpacked for each in the file, where they are more than the following
_SMALL_GROUP_BYTES = 64 << 20


def open_parquet(path: str | Path, read_dictionary: list[str] | None = None) -> pq.ParquetFile:
    """A Parquet file, opened for reading by batches.

    Args:
        path: the file.
        read_dictionary: columns of text to read as dictionaries.

    Raises:
        ScenarioError: it cannot be read, or claims more rows, columns or bytes than such a table may have.
    """
    where = plain(str(path))
    open_file(path, "a Parquet file").close()
    try:
        file = pq.ParquetFile(
            path, memory_map=True, read_dictionary=read_dictionary, thrift_string_size_limit=1 << 26,
            thrift_container_size_limit=1 << 20,
        )  # fmt: skip
    except (pa.ArrowException, OSError, ValueError) as error:
        why = plain(" ".join(str(error).split()))
        raise ScenarioError(f"{where}: not readable as Parquet: {why}; write it again") from None
    if problem := _problem(file.metadata, Path(path).stat().st_size):
        raise ScenarioError(f"{where}: {problem}")
    return file


def _problem(about: pq.FileMetaData, size: int) -> str:
    """What a footer claims that cannot be; empty where nothing is wrong."""
    if not 0 <= about.num_rows <= MOST_ROWS:
        return f"claims {about.num_rows:,} rows; a table may have {MOST_ROWS:,}; split it"
    if about.num_columns > _MOST_COLUMNS:
        return f"has {about.num_columns:,} columns; a table may have {_MOST_COLUMNS:,}; remove some"
    groups = [about.row_group(i) for i in range(about.num_row_groups)]
    largest = max((group.total_byte_size for group in groups), default=0)
    if largest > min(_MOST_GROUP_BYTES, max(_SMALL_GROUP_BYTES, _MOST_GROWTH * size)):
        return f"claims {largest:,} bytes in one row group; write it in smaller ones, compressed less"
    if sum(group.num_rows for group in groups) != about.num_rows or min((g.num_rows for g in groups), default=0) < 0:
        return "its row groups have other rows than it says; write it again"
    return ""
