"""Order lines, a batch at a time, put together to orders. Axes: O orders, N order lines.

A batch is cut down to its orders and lines at once, so that what is held is little more than the result. Files are
mostly in the order of time; then nothing is sorted.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

_TEXT = pd.StringDtype("pyarrow")


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


class Lines(NamedTuple):
    """Rows of a batch that are played: (n,) each."""

    order: pa.DictionaryArray
    sku: pa.DictionaryArray
    hours: np.ndarray
    station: np.ndarray
    units: np.ndarray
    promise: np.ndarray | None  # None: the file has no such column
    source: np.ndarray | None
    shipped: np.ndarray | None
    delivered: np.ndarray | None


# Columns of `Lines` that a file may not have, in the order of `Orders`, and what stands in their place.
_OPTIONAL = {
    "promise": np.float64(np.nan),
    "source": np.int32(-1),
    "shipped": np.float64(np.nan),
    "delivered": np.float64(np.nan),
}


class Assembly:
    """Collects lines, and makes orders of them."""

    def __init__(self) -> None:
        self._columns: dict[str, list[Any]] = {}  # name → an array of each batch; orders and lines of a batch apart
        self._skus: dict[str, int] = {}
        self._units = np.zeros(0)  # ordered, of each SKU
        self._orders = 0
        self._lines = 0

    def add(self, lines: Lines) -> None:
        """Takes the lines of a batch."""
        if not len(lines.hours):
            return
        by = _order_of(lines.hours, lines.order.indices.to_numpy(), lines.station)
        hours, code, station = (
            _take(column, by) for column in (lines.hours, lines.order.indices.to_numpy(), lines.station)
        )
        head = _heads(hours, code, station)
        parts = {
            "hours": hours[head],
            "station": station[head],
            "names": lines.order.dictionary.take(pa.array(code[head])),
            "of_order": (np.cumsum(head) - 1 + self._orders).astype(np.int32),
            "sku": _take(self._sku_numbers(lines), by),
            "units": _take(lines.units, by),
            **{name: _take(column, by) for name in _OPTIONAL if (column := getattr(lines, name)) is not None},
        }
        for name, column in parts.items():
            self._columns.setdefault(name, []).append(column)
        self._orders += int(head.sum())
        self._lines += len(hours)

    def __len__(self) -> int:
        """Lines so far."""
        return self._lines

    def orders(self, left_out: dict[str, int]) -> tuple[Orders, str, int]:
        """All orders; the name of one that stands at several times or stations, and how many such names there are.

        What was collected is given up.
        """
        hours, station = self._joined("hours", np.float64), self._joined("station", np.int32)
        names = self._names()
        rank = _ranks(names)
        by = _order_of(hours, rank, station)
        hours, rank, station = (_take(column, by) for column in (hours, rank, station))
        names = names if by is None else names.take(pa.array(by))
        head = _heads(hours, rank, station)
        number = np.cumsum(head, dtype=np.int32) - 1
        if not head.all():
            hours, rank, station = hours[head], rank[head], station[head]
            names = names.take(pa.array(np.flatnonzero(head)))
        several, example = _several(rank, names)
        of_order = _moved(number, by)[self._joined("of_order", np.int32)]
        lines_by = None if (of_order[1:] >= of_order[:-1]).all() else np.argsort(of_order, kind="stable")
        first = np.searchsorted(_take(of_order, lines_by), np.arange(len(hours) + 1, dtype=np.int32)).astype(np.int64)
        del rank, number, of_order
        sku_rank, sku_names = self._sku_order()
        found = Orders(
            hours,
            pd.array(names, dtype=_TEXT),
            station,
            first,
            sku_rank[_take(self._joined("sku", np.int32), lines_by)],
            _take(self._joined("units", np.int32), lines_by),
            *(self._optional(name, nothing, lines_by) for name, nothing in _OPTIONAL.items()),  # type: ignore[arg-type]
            sku_names=sku_names,  # type: ignore[misc]
            left_out=left_out,
        )
        return found, example, several

    def _sku_numbers(self, lines: Lines) -> np.ndarray:
        """The SKU of every line as a number, and its units counted: (n,) int32."""
        names = lines.sku.dictionary.to_pylist()
        number = np.array([self._skus.setdefault(name, len(self._skus)) for name in names], np.int32)
        sku = number[lines.sku.indices.to_numpy()]
        before = np.pad(self._units, (0, len(self._skus) - len(self._units)))
        self._units = before + np.bincount(sku, lines.units, len(self._skus))
        return np.asarray(sku)

    def _joined(self, name: str, dtype: type) -> np.ndarray:
        """A column of all batches, which is given up."""
        parts = self._columns.pop(name, [])
        return np.concatenate(parts) if parts else np.zeros(0, dtype)

    def _names(self) -> pa.Array:
        parts = self._columns.pop("names", [])
        return pa.concat_arrays(parts) if parts else pa.array([], pa.string())

    def _sku_order(self) -> tuple[np.ndarray, tuple[str, ...]]:
        """The number of every SKU by units ordered, most first, ties by name; and the names in that order."""
        names = np.array(list(self._skus), dtype=object)
        by = np.lexsort((_ranks(pa.array(names.tolist(), pa.string())), -self._units))
        by = by[self._units[by] > 0]  # SKUs of rows that are left out are none
        number = np.full(len(names), -1, np.int32)
        number[by] = np.arange(len(by), dtype=np.int32)
        return number, tuple(names[by].tolist())

    def _optional(self, name: str, nothing: Any, by: np.ndarray | None) -> np.ndarray:
        """A column that the file may not have."""
        if name not in self._columns:
            return np.broadcast_to(nothing, self._lines)
        return _take(self._joined(name, np.float64), by)


def _order_of(hours: np.ndarray, code: np.ndarray, station: np.ndarray) -> np.ndarray | None:
    """Positions in the order of hours, codes, stations; None where they are in it."""
    later = hours[1:] > hours[:-1]
    same = hours[1:] == hours[:-1]
    later |= same & (code[1:] > code[:-1])
    later |= same & (code[1:] == code[:-1]) & (station[1:] >= station[:-1])
    return None if later.all() else np.lexsort((station, code, hours))


def _moved(number: np.ndarray, by: np.ndarray | None) -> np.ndarray:
    """Numbers of sorted orders, in the order in which they were met."""
    if by is None:
        return number
    moved = np.empty_like(number)
    moved[by] = number
    return moved


def _take(column: np.ndarray, by: np.ndarray | None) -> np.ndarray:
    return column if by is None else column[by]


def _heads(hours: np.ndarray, code: np.ndarray, station: np.ndarray) -> np.ndarray:
    """Where an order begins, among sorted lines: (n,) bool."""
    head = np.ones(len(hours), dtype=bool)
    head[1:] = (hours[1:] != hours[:-1]) | (code[1:] != code[:-1]) | (station[1:] != station[:-1])
    return head


def _ranks(texts: pa.Array) -> np.ndarray:
    """The position of every text among the distinct texts, sorted: (n,) int32. Equal texts have the same."""
    if not len(texts):
        return np.zeros(0, np.int32)
    order = pc.sort_indices(texts)
    ordered = texts.take(order)
    new = np.zeros(len(texts), np.int32)
    new[1:] = pc.not_equal(ordered[1:], ordered[:-1]).to_numpy(zero_copy_only=False)
    rank = np.empty(len(texts), np.int32)
    rank[order.to_numpy()] = np.cumsum(new, dtype=np.int32)
    return rank


def _several(rank: np.ndarray, names: pa.Array) -> tuple[int, str]:
    """How many names several orders have, and the first of them."""
    count = np.bincount(rank)
    several = np.flatnonzero(count > 1)
    return len(several), str(names[int(np.argmax(rank == several[0]))]) if len(several) else ""
