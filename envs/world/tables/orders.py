"""The orders of a user's file in memory, as they were placed: names, hours, stations, lines.

Everything is done by column, a batch of rows at a time, so that a year of orders in Parquet needs little more than what is
kept of it. Axes: O orders, N order lines.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from regional_dispatch.envs.world.findings import Findings
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.envs.world.tables.names import as_text, number_names
from regional_dispatch.envs.world.tables.nearest import nearest_station, station_of_postal
from regional_dispatch.envs.world.tables.numbers import NUMBER_KINDS, decimals, read_numbers, say_cells
from regional_dispatch.envs.world.tables.options import Options, options_of
from regional_dispatch.envs.world.tables.schema import ORDERS
from regional_dispatch.envs.world.tables.source import Batch, batches
from regional_dispatch.envs.world.tables.times import elapsed_hours, looks_like_dates, read_times
from regional_dispatch.envs.world.tables.units_of_time import say_outside

RETURNED, CANCELLED = "returned (units of 0 or less)", "cancelled"
BEFORE, AFTER = "ordered before the start", "ordered after the horizon"
_YES, _NO = {"yes", "y", "true", "1", "x", "cancelled", "canceled"}, {"", "no", "n", "false", "0"}


class Orders(NamedTuple):
    """The orders of a file that an episode plays, in the order of their times; at one time, by name.

    A column that the file does not have is one repeated value, and read-only.
    """

    hours: np.ndarray  # (O,) float64, since the scenario's start, ascending
    names: Any  # (O,) str: a pandas array on Arrow memory; an index gives text
    station: np.ndarray  # (O,) int32
    first_line: np.ndarray  # (O + 1,) int64
    sku: np.ndarray  # (N,) int32, into sku_names
    units: np.ndarray  # (N,) int32
    promise_hours: np.ndarray  # (N,) float64, from the order's time; NaN where the file says nothing
    source: np.ndarray  # (N,) int32, the FC it really came from; −1 where the file says nothing
    shipped_hours: np.ndarray  # (N,) float64, since the scenario's start, or NaN
    delivered_hours: np.ndarray  # (N,) float64, since the scenario's start, or NaN
    sku_names: tuple[str, ...]  # by units ordered, most first; ties by name
    left_out: dict[str, int]  # why → rows of the file


class _Lines(NamedTuple):
    """Rows of a batch that are played."""

    order: pa.DictionaryArray
    sku: pa.DictionaryArray
    hours: np.ndarray
    station: np.ndarray
    units: np.ndarray
    promise: np.ndarray | None  # None: the file has no such column
    source: np.ndarray | None
    shipped: np.ndarray | None
    delivered: np.ndarray | None


def read_orders(scenario: Scenario, sites: pd.DataFrame, findings: Findings | None = None) -> Orders:
    """The orders of a scenario's trace that its episode plays.

    Args:
        scenario: its demand is a trace.
        sites: by number; stations may have postal prefixes in a column `postal`.
        findings: what is found is added, and rows with errors are left out. Default: errors are raised.

    Raises:
        ScenarioError: the file is missing or wrong, and no `findings` are given; it names all rows.
    """
    own = findings if findings is not None else Findings()
    reading = _Reading(scenario, sites, own)
    parts = [part for batch in batches(reading.path, ORDERS, reading.options, own) if (part := reading.lines(batch))]
    reading.say_left_out()
    if (not parts and not own.errors) or (parts and not any(len(part.hours) for part in parts)):
        own.error(reading.path, "no order is left to play", "see the rows that are left out")
    orders = _orders(parts, {why: count for why, count in reading.left_out.items() if count}, reading.path, own)
    if findings is None:
        own.settle()
    return orders


class _Reading:
    """One file while it is read: what is left out is counted over all batches."""

    def __init__(self, scenario: Scenario, sites: pd.DataFrame, findings: Findings) -> None:
        demand: Any = scenario.demand
        calendar = getattr(scenario, "calendar", None)
        self.path: Path = scenario.resolve(demand.path)
        self.options: Options = options_of(demand, ORDERS)
        self.findings = findings
        self.start = calendar.starts_at if calendar else None
        self.zone: str = getattr(demand, "time_zone", None) or (calendar.time_zone if calendar else "UTC")
        self.time_format: str | None = getattr(demand, "time_format", None)
        self.horizon_hours = scenario.horizon_hours
        self.fcs = sites.loc[sites["kind"] == "fc", "name"].tolist()
        self.stations = sites[sites["kind"] == "station"].reset_index(drop=True)
        self.left_out: Counter[str] = Counter()
        self.outside: dict[str, tuple[int, float]] = {}  # why → first row and its hour
        self.span = (np.inf, -np.inf)  # earliest and latest order of the file. Unit: hours
        self.rows = 0

    def lines(self, batch: Batch) -> _Lines | None:
        """The rows of a batch that are played; None where a column without which nothing can be read is missing."""
        there, findings, path = batch.columns, self.findings, self.path
        if any(column.required and column.name not in there for column in ORDERS.columns):
            return None
        numeric = [c for c in ORDERS.columns if c.kind in NUMBER_KINDS and c.name in there]
        if "hour" in there and looks_like_dates(there["hour"]):
            numeric = [column for column in numeric if column.name != "hour"]
        decimal = decimals(path, batch, numeric, self.options, findings)
        before = len(findings.errors)
        hours, station = self._hours(batch, decimal), self._stations(batch, decimal)
        if hours is None or station is None:
            return None
        order, sku = (self._text(batch, name) for name in ("order", "sku"))
        units = read_numbers(path, batch, ORDERS.column("units"), decimal.get("units", "."), findings)
        fraction = ~np.isnan(units) & (units % 1 != 0)
        if fraction.any():
            say_cells("error", path, batch, "units", fraction, "must be a whole number", "", findings)
        promise = self._promise(batch, decimal, hours)
        source = None
        if "source" in there:
            problem = "no FC of this network, so what was done is taken as unknown; add it to the sites"
            source = number_names(path, batch, "source", self.fcs, problem, findings, "warning")
        shipped, delivered = (self._elapsed(batch, name) for name in ("shipped_at", "delivered_at"))
        wrong = np.isnan(hours) | (station < 0) | np.isnan(units) | fraction | _empty(order) | _empty(sku)
        kept = ~wrong & self._played(batch, hours, units, wrong)
        self.rows += len(batch)
        if len(findings.errors) > before and not kept.any():
            return None
        at = pa.array(np.flatnonzero(kept))
        return _Lines(
            order.take(at), sku.take(at), hours[kept], station[kept], units[kept].astype(np.int32),
            *(None if column is None else column[kept] for column in (promise, source, shipped, delivered)),
        )  # fmt: skip

    def say_left_out(self) -> None:
        """One warning for each reason for which rows are left out."""
        for why, (row, hour) in self.outside.items():
            count, value = self.left_out[why], None if np.isnan(hour) else f"{hour:g}"
            problem = f"{count:,} of {self.rows:,} rows are left out: {why}"
            column = {BEFORE: "hour", AFTER: "hour", RETURNED: "units", CANCELLED: "cancelled"}[why]
            self.findings.warning(self.path, problem, row=row, column=column, value=value)
        say_outside(self.path, self.span, self.horizon_hours, self.rows, self.left_out[BEFORE] + self.left_out[AFTER],
                    self.start is not None, self.findings)  # fmt: skip

    def _hours(self, batch: Batch, decimal: dict[str, str]) -> np.ndarray | None:
        """Hours since the start, NaN where a cell is wrong: (n,)."""
        there, findings = batch.columns, self.findings
        name = "time" if "time" in there else "hour"
        if name not in there:
            self._once("neither 'time' nor 'hour' is there", "add a column time, such as 2024-11-02 18:30")
            return None
        if name == "hour" and not looks_like_dates(there["hour"]):
            return read_numbers(
                self.path, batch, ORDERS.column("hour"), decimal.get("hour", "."), findings, required=True
            )
        if name == "time" and "hour" in there and not self.rows:
            findings.assumed(self.path, "not read, as 'time' is there", column="hour")
        if name == "hour" and not self.rows:
            findings.warning(self.path, "holds dates, and is read as time", "name the column time", column="hour")
        times = read_times(self.path, batch, name, self.zone, self.time_format, findings, required=True)
        if self.start is None:
            first = times[~np.isnat(times)]
            day = str(first.min())[:10] if len(first) else "2024-11-02"
            mend = (
                f"add calendar: {{start: {day}, time_zone: America/New_York}} with your date and zone to the scenario"
            )
            self._once("the orders have dates, but the scenario has none", mend, column=name)
            return None
        return elapsed_hours(times, self.start)

    def _stations(self, batch: Batch, decimal: dict[str, str]) -> np.ndarray | None:
        """The station of every row, −1 where there is none: (n,) int32."""
        there, findings, path = batch.columns, self.findings, self.path
        found = np.full(len(batch), -1, np.int32)
        open_rows = np.ones(len(batch), dtype=bool)
        if "station" in there:
            problem = "no such station in this network; add it to the sites, or correct it"
            found = number_names(path, batch, "station", self.stations["name"].tolist(), problem, findings)
            open_rows = _empty(as_text(there["station"]))
        if {"latitude", "longitude"} <= set(there) and open_rows.any():
            place = [
                read_numbers(path, batch, ORDERS.column(name), decimal.get(name, "."), findings)
                for name in ("latitude", "longitude")
            ]
            given = open_rows & ~np.isnan(place[0]) & ~np.isnan(place[1])
            found[given] = nearest_station(path, batch, self.stations, *place, given, findings)
            open_rows &= ~given
        if "postal" in there and open_rows.any():
            found[open_rows] = station_of_postal(path, batch, self.stations, open_rows, findings)
            open_rows &= False
        if not {"station", "postal"} & set(there) and not {"latitude", "longitude"} <= set(there):
            self._once("there is no station", "add a column station, latitude and longitude, or postal")
            return None
        if open_rows.any():
            column = next(name for name in ("station", "latitude") if name in there)
            say_cells("error", path, batch, column, open_rows, "is empty", "name the station", findings)
        return found

    def _text(self, batch: Batch, name: str) -> pa.DictionaryArray:
        """A column of text whose cells must not be empty."""
        column = as_text(batch.columns[name])
        empty = _empty(column)
        if empty.any():
            say_cells("error", self.path, batch, name, empty, "is empty", "", self.findings)
        return column

    def _promise(self, batch: Batch, decimal: dict[str, str], hours: np.ndarray) -> np.ndarray | None:
        """Hours from the order to the promise, NaN where the file says nothing: (n,)."""
        found = None
        if "promise_hours" in batch.columns:
            column = ORDERS.column("promise_hours")
            found = read_numbers(self.path, batch, column, decimal.get("promise_hours", "."), self.findings)
        due = self._elapsed(batch, "promised_by")
        if due is None:
            return found
        before = due < hours
        if before.any():
            say_cells("error", self.path, batch, "promised_by", before, "is before the order", "", self.findings)
        due = np.where(before, np.nan, due - hours)
        return due if found is None else np.where(np.isnan(found), due, found)

    def _elapsed(self, batch: Batch, name: str) -> np.ndarray | None:
        """A column of times in hours since the start: (n,); None where it is not there or there is no calendar."""
        if name not in batch.columns:
            return None
        if self.start is None:
            self._once(
                f"'{name}' is not read", "add calendar: {start: …, time_zone: …} to the scenario", level="warning"
            )
            return None
        times = read_times(self.path, batch, name, self.zone, self.time_format, self.findings)
        return elapsed_hours(times, self.start)

    def _played(self, batch: Batch, hours: np.ndarray, units: np.ndarray, wrong: np.ndarray) -> np.ndarray:
        """Which rows are neither returned, nor cancelled, nor outside the episode: (n,) bool."""
        known = hours[~wrong]
        if len(known):
            self.span = (min(self.span[0], float(known.min())), max(self.span[1], float(known.max())))
        reasons = {
            RETURNED: units <= 0,
            CANCELLED: self._cancelled(batch),
            BEFORE: hours < 0,
            AFTER: hours >= self.horizon_hours,
        }
        played = ~wrong
        for why, rows in reasons.items():
            here = played & rows
            if here.any():
                first = int(here.argmax())
                value = {RETURNED: units[first], CANCELLED: np.nan}.get(why, hours[first])
                self.outside.setdefault(why, (int(batch.rows[first]), float(value)))
                self.left_out[why] += int(here.sum())
                played &= ~rows
        return played

    def _cancelled(self, batch: Batch) -> np.ndarray:
        """Which rows are cancelled: (n,) bool."""
        if "cancelled" not in batch.columns:
            return np.zeros(len(batch), dtype=bool)
        column = as_text(batch.columns["cancelled"])
        texts = [text.casefold() for text in column.dictionary.to_pylist()]
        yes, known = (np.array([text in words for text in texts], bool) for words in (_YES, _YES | _NO))
        at = column.indices.to_numpy()
        if not known.all():
            say_cells("error", self.path, batch, "cancelled", ~known[at], "must be yes or no", "", self.findings)
        return np.asarray(yes[at] if len(texts) else np.zeros(len(batch), bool))

    def _once(self, problem: str, mend: str, column: str | None = None, level: str = "error") -> None:
        """A finding on the whole file, of the first batch alone."""
        if not any(finding.problem == problem for finding in self.findings):
            self.findings.add(level, self.path, problem, mend, column=column)  # type: ignore[arg-type]


def _empty(column: pa.DictionaryArray) -> np.ndarray:
    """Which cells of clean text are empty: (n,) bool."""
    texts = np.array([text == "" for text in column.dictionary.to_pylist()], dtype=bool)
    return np.asarray(texts[column.indices.to_numpy()]) if len(texts) else np.ones(len(column), dtype=bool)


def _orders(parts: list[_Lines], left_out: dict[str, int], path: Path, findings: Findings) -> Orders:
    """Lines of all batches as orders."""
    hours, station, units = (
        np.concatenate([getattr(part, name) for part in parts] or [np.zeros(0, dtype)])
        for name, dtype in (("hours", np.float64), ("station", np.int32), ("units", np.int32))
    )
    order_code, order_names = _united([part.order for part in parts])
    rank = _ranks(order_names)[order_code] if len(order_names) else order_code
    by = np.lexsort((station, rank, hours))
    hours, station, order_code = hours[by], station[by], order_code[by]
    head = np.ones(len(by), dtype=bool)
    head[1:] = (hours[1:] != hours[:-1]) | (order_code[1:] != order_code[:-1]) | (station[1:] != station[:-1])
    first = np.flatnonzero(head)
    _say_several(order_code[first], order_names, path, findings)
    sku_code, sku_names = _united([part.sku for part in parts])
    sku, names = _by_units(sku_code, sku_names, units)
    return Orders(
        hours=hours[first],
        names=pd.array(order_names.take(pa.array(order_code[first])), dtype=pd.StringDtype("pyarrow")),
        station=station[first],
        first_line=np.append(first, len(by)).astype(np.int64),
        sku=sku[by],
        units=units[by],
        promise_hours=_optional([part.promise for part in parts], by, np.float64(np.nan)),
        source=_optional([part.source for part in parts], by, np.int32(-1)),
        shipped_hours=_optional([part.shipped for part in parts], by, np.float64(np.nan)),
        delivered_hours=_optional([part.delivered for part in parts], by, np.float64(np.nan)),
        sku_names=names,
        left_out=left_out,
    )


def _united(columns: list[pa.DictionaryArray]) -> tuple[np.ndarray, pa.Array]:
    """Text of all batches as codes (N,) int32 and distinct texts (distinct,)."""
    if not columns:
        return np.zeros(0, np.int32), pa.array([], pa.string())
    united = pa.chunked_array(columns).unify_dictionaries()
    codes = np.concatenate([chunk.indices.to_numpy() for chunk in united.chunks]).astype(np.int32)
    return codes, united.chunk(0).dictionary


def _ranks(texts: pa.Array) -> np.ndarray:
    """The position of every text in sorted order: (n,) int32."""
    order = pc.sort_indices(texts).to_numpy()
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return rank


def _by_units(code: np.ndarray, names: pa.Array, units: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """SKUs numbered by units ordered, most first: (N,) int32, and their names."""
    total = np.bincount(code, units, len(names))
    ordered = np.bincount(code, minlength=len(names)) > 0
    by = np.lexsort((_ranks(names), -total)) if len(names) else np.zeros(0, int)
    by = by[ordered[by]]
    number = np.full(len(names), -1, np.int32)
    number[by] = np.arange(len(by), dtype=np.int32)
    return number[code], tuple(names.take(pa.array(by)).to_pylist())


def _optional(columns: list[np.ndarray | None], by: np.ndarray, nothing: Any) -> np.ndarray:
    """A column of all batches in the order of lines; `nothing`, repeated, where the file does not have it."""
    given = [column for column in columns if column is not None]
    return np.concatenate(given)[by] if given else np.broadcast_to(nothing, len(by))


def _say_several(code: np.ndarray, names: pa.Array, path: Path, findings: Findings) -> None:
    """Says that the same order at two times or stations is two orders."""
    count = np.bincount(code, minlength=len(names))
    several = np.flatnonzero(count > 1)
    if len(several):
        name = names[int(several[0])].as_py()
        problem = f"{len(several):,} order names stand at several times or stations, and are several orders"
        findings.warning(path, problem, "give each order a name of its own", column="order", value=name)
