"""CSV files that this project wrote, with limits; users' own tables have `envs.world.tables`."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd

from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.reading.files import MIB, read_bytes
from regional_dispatch.envs.world.reading.plain import plain

MOST_BYTES = 1024 * MIB
_MOST_COLUMNS = 10_000


def read_csv(path: str | Path, most: int = MOST_BYTES, **options: Any) -> pd.DataFrame:
    """A CSV as pandas reads it.

    Args:
        path: the file.
        most: bytes it may have.
        options: of `pandas.read_csv`.

    Raises:
        ScenarioError: it cannot be read, has more bytes, or is no CSV.
    """
    data = read_bytes(path, most, "a CSV file")
    if data.split(b"\n", 1)[0].count(b",") >= _MOST_COLUMNS:
        raise ScenarioError(f"{plain(str(path))}: has more than {_MOST_COLUMNS:,} columns; remove some")
    try:
        return pd.read_csv(BytesIO(data), **options)
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError, ValueError) as error:
        why = " ".join(str(error).split())
        raise ScenarioError(f"{plain(str(path))}: not readable as CSV: {plain(why)}; write it again") from None
