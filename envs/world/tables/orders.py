"""Reading the orders of a user's file, by column and a batch of rows at a time.

A year of orders in Parquet needs little more memory than what is kept of it: `assembly.Orders`.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa

from regional_dispatch.envs.world.findings import Findings
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.envs.world.tables.assembly import Assembly, Lines, Orders
from regional_dispatch.envs.world.tables.names import as_text, number_names, say_spoiled
from regional_dispatch.envs.world.tables.nearest import nearest_station, station_of_postal
from regional_dispatch.envs.world.tables.numbers import NUMBER_KINDS, decimals, read_numbers, say_cells
from regional_dispatch.envs.world.tables.options import Options, options_of
from regional_dispatch.envs.world.tables.schema import ORDERS
from regional_dispatch.envs.world.tables.source import Batch, batches
from regional_dispatch.envs.world.tables.times import elapsed_hours, looks_like_dates, read_times
from regional_dispatch.envs.world.tables.units_of_time import say_outside

__all__ = ["Orders", "read_orders"]

RETURNED, CANCELLED = "returned (units of 0 or less)", "cancelled"
BEFORE, AFTER = "ordered before the start", "ordered after the horizon"
_YES, _NO = {"yes", "y", "true", "1", "x", "cancelled", "canceled"}, {"", "no", "n", "false", "0"}


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
    assembly = Assembly()
    for batch in batches(reading.path, ORDERS, reading.options, own):
        lines = reading.lines(batch)
        if lines is not None:
            assembly.add(lines)
    reading.say_left_out()
    if not len(assembly) and not own.errors:
        own.error(reading.path, "no order is left to play", "see the rows that are left out")
    left_out = {why: count for why, count in reading.left_out.items() if count}
    orders, example, several = assembly.orders(left_out)
    if several:
        problem = f"{several:,} order names stand at several times or stations, and are several orders"
        own.warning(reading.path, problem, "give each order a name of its own", column="order", value=example)
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

    def lines(self, batch: Batch) -> Lines | None:
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
        return Lines(
            order.take(at), sku.take(at), hours[kept], station[kept], units[kept].astype(np.int32),
            *(None if column is None else column[kept] for column in (promise, source, shipped, delivered)),
        )  # fmt: skip

    def say_left_out(self) -> None:
        """One warning for each reason for which rows are left out."""
        for why, (row, hour) in self.outside.items():
            count, value = self.left_out[why], None if np.isnan(hour) else f"{hour:g}"
            problem = f"{count:,} of {self.rows:,} rows are left out: {why}"
            column = {BEFORE: "hour", AFTER: "hour", RETURNED: "units", CANCELLED: "cancelled"}[why]
            if column == "hour" and self.start is not None:
                when = self.start + dt.timedelta(hours=hour)
                column, value = "time", f"{when.astimezone(ZoneInfo(self.zone)):%Y-%m-%d %H:%M}"
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
            lat, lon = (
                read_numbers(path, batch, ORDERS.column(name), decimal.get(name, "."), findings)
                for name in ("latitude", "longitude")
            )
            given = open_rows & ~np.isnan(lat) & ~np.isnan(lon)
            found[given] = nearest_station(path, batch, self.stations, lat, lon, given, findings)
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
        say_spoiled(self.path, batch, name, column, self.findings)
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
