"""One table, mended: every cell that has one meaning is written in the way this project reads without a doubt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.findings import Findings
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.envs.world.tables.match import Spelling
from regional_dispatch.envs.world.tables.names import as_text
from regional_dispatch.envs.world.tables.numbers import NUMBER_KINDS, decimals, loose_numbers
from regional_dispatch.envs.world.tables.options import Options
from regional_dispatch.envs.world.tables.schema import LANES, SITES, Column, Table
from regional_dispatch.envs.world.tables.sites import KIND_OF_WORD, kind_word, swapped
from regional_dispatch.envs.world.tables.source import Batch, batches
from regional_dispatch.envs.world.tables.times import read_times

_MOST_LISTED = 100  # changes of one column that are listed one by one
_SITE_COLUMNS = ("origin", "destination", "station", "source", "site")


class Change(NamedTuple):
    """What was changed: one cell, or several alike."""

    file: str
    row: int | None  # of the original, as a spreadsheet counts
    column: str
    old: str
    new: str
    cells: int = 1


def mend_table(
    source: Path, copy: Path, table: Table, options: Options, scenario: Scenario, names: Sequence[str]
) -> list[Change] | None:
    """Writes a mended copy of a table.

    Args:
        source: the original, which is left as it is.
        copy: the file to write.
        table: its columns.
        options: how it is read.
        scenario: zone and format of times.
        names: of the sites.

    Returns:
        What was changed; None where the original cannot be read.
    """
    parts, changes, findings = [], [], Findings()
    for batch in batches(source, table, options, findings):
        frame, changed = _mended(source, batch, table, options, scenario, names)
        parts.append(frame)
        changes += changed
    if not parts:
        return None
    changes += [
        Change(source.name, None, finding.column or finding.problem.partition(": ")[2], "", "(left out: not read)")
        for finding in findings
        if finding.problem.startswith(("not read", "unknown column"))
    ]
    whole = pd.concat(parts)
    if table is SITES:
        whole = _swap_back(whole, source.name, changes)
    if table in (SITES, LANES):
        whole = _once(whole, source.name, changes)
    if copy.suffix == ".parquet":
        whole.to_parquet(copy, index=False)
    else:
        whole.to_csv(copy, index=False, encoding="utf-8", lineterminator="\n")
    return changes


def _mended(
    source: Path, batch: Batch, table: Table, options: Options, scenario: Scenario, names: Sequence[str]
) -> tuple[pd.DataFrame, list[Change]]:
    there = [column for column in table.columns if column.name in batch.columns]
    numeric = [column for column in there if column.kind in NUMBER_KINDS]
    decimal = decimals(source, batch, numeric, options, Findings())
    spelling, found, changes = Spelling(names), {}, []
    for column in there:
        old = _texts(batch, column)
        if column in numeric:
            new = _plain_numbers(batch, column, old, decimal.get(column.name, "."))
        elif column.kind == "time":
            new = _plain_times(source, batch, column, old, scenario)
        elif table is SITES and column.name == "kind":
            new = _each(old, lambda text: KIND_OF_WORD.get(kind_word(text), text))
        elif column.name in _SITE_COLUMNS and table is not SITES:
            new = _each(old, lambda text: names[at] if (at := spelling.number(text)) >= 0 else text)
        else:
            new = old
        found[column.name] = new
        changes += _changes(source.name, batch.rows, column.name, old, new)
    return pd.DataFrame(found, index=batch.rows), changes


def _texts(batch: Batch, column: Column) -> np.ndarray:
    """A column's cells as clean text: (n,) str objects."""
    cells = as_text(batch.columns[column.name])
    return np.asarray(np.array([*cells.dictionary.to_pylist(), ""], dtype=object)[cells.indices.to_numpy()])


def _each(texts: np.ndarray, new: Callable[[str], str]) -> np.ndarray:
    """A function of each distinct text: (n,)."""
    codes, distinct = pd.factorize(texts)
    return np.asarray(np.array([new(text) for text in distinct], dtype=object)[codes])


def _plain_numbers(batch: Batch, column: Column, old: np.ndarray, decimal: str) -> np.ndarray:
    """Numbers with a point and nothing else, in this project's unit; a text that is none stays."""
    numbers, factor = loose_numbers(batch, column, decimal), batch.factors.get(column.name, 1.0)
    codes, distinct = pd.factorize(old)
    value = np.full(len(distinct), np.nan)
    value[codes] = numbers
    shown = [
        text if np.isnan(number) else _plain(text, number, factor) for text, number in zip(distinct, value, strict=True)
    ]
    return np.asarray(np.array(shown, dtype=object)[codes])


def _plain(text: str, number: float, factor: float) -> str:
    try:
        if factor == 1 and float(text) == number and "_" not in text:
            return text
    except ValueError:
        pass
    return f"{number * factor:.10g}"


def _plain_times(source: Path, batch: Batch, column: Column, old: np.ndarray, scenario: Scenario) -> np.ndarray:
    """Times in UTC, as ISO 8601 with Z; a text that is none stays."""
    demand, calendar = scenario.demand, scenario.calendar
    zone = getattr(demand, "time_zone", None) or (calendar.time_zone if calendar else None)
    if zone is None:
        return old
    times = read_times(source, batch, column.name, zone, getattr(demand, "time_format", None), Findings())
    whole = times.astype("datetime64[s]") == times
    text = np.datetime_as_string(times, "s" if whole[~np.isnat(times)].all() else "us").astype(object) + "Z"
    return np.where(np.isnat(times), old, text)


def _changes(file: str, rows: np.ndarray, column: str, old: np.ndarray, new: np.ndarray) -> list[Change]:
    at = np.flatnonzero(old != new)
    listed = [Change(file, int(rows[i]), column, old[i], new[i]) for i in at[:_MOST_LISTED]]
    if len(at) > _MOST_LISTED:
        last = at[_MOST_LISTED]
        listed.append(
            Change(file, None, column, f"{old[last]} and others", f"{new[last]} and others", len(at) - _MOST_LISTED)
        )
    return listed


def _swap_back(table: pd.DataFrame, file: str, changes: list[Change]) -> pd.DataFrame:
    """Sites whose latitude and longitude are probably swapped, with both in their places."""
    if not {"latitude", "longitude"} <= set(table.columns):
        return table
    place = table[["latitude", "longitude"]].apply(pd.to_numeric, errors="coerce")
    turned = swapped(place["latitude"].to_numpy(float), place["longitude"].to_numpy(float))
    for row in table.index[turned]:
        lat, lon = table.loc[row, "latitude"], table.loc[row, "longitude"]
        changes.append(Change(file, int(row), "latitude, longitude", f"{lat}, {lon}", f"{lon}, {lat}"))
    table.loc[turned, ["latitude", "longitude"]] = table.loc[turned, ["longitude", "latitude"]].to_numpy()
    return table


def _once(table: pd.DataFrame, file: str, changes: list[Change]) -> pd.DataFrame:
    """Rows that repeat another are left out."""
    twice = table.duplicated()
    for row in table.index[twice]:
        changes.append(Change(file, int(row), "", ",".join(map(str, table.loc[row])), "(removed: it is given twice)"))
    return table[~twice]
