"""The log of what was accepted: an append-only SQLite table, on disk before anything is acknowledged.

Records that arrive while one commit is under way share the next one, so a slow disk costs latency, not throughput.
SQLite in WAL mode with `synchronous=FULL` syncs the log file at every commit. Checkpoints, which move the write-ahead
log into the database, run beside commits and do not hold them up.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from regional_dispatch.service.errors import ServiceError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log (
    number INTEGER PRIMARY KEY,  -- 1, 2, 3, …: order of application
    key TEXT NOT NULL UNIQUE,    -- order:NAME or event:NAME
    time TEXT NOT NULL,          -- on the service's clock
    request BLOB NOT NULL,       -- JSON, deflated; so is the answer
    answer BLOB NOT NULL
);
"""
_MOST_BYTES = 256 << 20  # of a request or answer in the log
_LEVEL = 1  # of compression: a third of the size for a twentieth of a millisecond


class Record(NamedTuple):
    """A request that was carried out."""

    number: int
    key: str
    time: str  # ISO 8601
    request: bytes  # JSON
    answer: bytes  # JSON


class Journal:
    """The log of one service.

    Args:
        path: of the SQLite file; made if it is missing.
        took: told how long each commit took. Unit: seconds.

    Raises:
        ServiceError: another service has it open, or it is no such file.
    """

    def __init__(self, path: Path, took: Callable[[float], None] = lambda seconds: None) -> None:
        self.path, self._took = path, took
        self._lock = _hold(path.with_suffix(".lock"))
        try:
            self._writer = _connect(path)
            self._writer.executescript(_SCHEMA)
            self._reader = _connect(path)
        except sqlite3.DatabaseError as error:
            raise ServiceError(f"{path}: not a log of this service ({error}); give another --data folder") from None
        self.last = int(self._reader.execute("SELECT coalesce(max(number), 0) FROM log").fetchone()[0])
        self.committed = self.last
        self._thread = ThreadPoolExecutor(1, "journal")
        self._waiting: list[tuple[Record, asyncio.Future[None]]] = []
        self._committing: asyncio.Task[None] | None = None
        self.failed: Exception | None = None

    # ------------------------------------------------------------------------------------------------------ reading

    def find(self, key: str) -> Record | None:
        """The committed record of a key; None if there is none."""
        found = self._reader.execute("SELECT number, key, time, request, answer FROM log WHERE key = ?", (key,))
        row = found.fetchone()
        return None if row is None else _record(row)

    def after(self, number: int) -> Iterator[Record]:
        """Records with higher numbers, in order."""
        rows = self._reader.execute(
            "SELECT number, key, time, request, answer FROM log WHERE number > ? ORDER BY number", (number,)
        )
        try:
            yield from map(_record, rows)
        except sqlite3.DatabaseError as error:
            raise ServiceError(f"{self.path}: is damaged ({error}); restore it from a copy") from None

    def about(self, name: str, value: str | None = None) -> str | None:
        """A fact about the log; `value` is stored if there is none yet."""
        if value is not None:
            with self._writer:
                self._writer.execute("INSERT OR IGNORE INTO about VALUES (?, ?)", (name, value))
        row = self._reader.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    # ------------------------------------------------------------------------------------------------------ writing

    def append(self, key: str, time: str, request: bytes, answer: bytes) -> tuple[Record, asyncio.Future[None]]:
        """A record, and what is done once it is on disk. Records go there in the order of these calls."""
        self.last += 1
        record = Record(self.last, key, time, request, answer)
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((record, done))
        if self._committing is None or self._committing.done():
            self._committing = asyncio.get_running_loop().create_task(self._commit_all())
        return record, done

    async def _commit_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            begun = time.perf_counter()
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, self._write, [r for r, _ in batch])
            except (sqlite3.Error, OSError) as error:
                self.failed = error
                for _, done in [*batch, *self._waiting]:
                    if not done.done():
                        done.set_exception(error)
                return
            self._took(time.perf_counter() - begun)
            self.committed = batch[-1][0].number
            for _, done in batch:
                if not done.done():  # the client may have gone
                    done.set_result(None)

    def _write(self, records: list[Record]) -> None:
        rows = [(*r[:3], zlib.compress(r.request, _LEVEL), zlib.compress(r.answer, _LEVEL)) for r in records]
        with self._writer:
            self._writer.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?)", rows)

    async def reached(self, number: int) -> None:
        """Waits until a record and all before it are on disk."""
        if self._committing is not None and self.committed < number:
            await asyncio.wait([self._committing])

    def checkpoint(self) -> None:
        """Moves the write-ahead log into the database, as far as no query reads it. Call it from any thread."""
        connection = _connect(self.path)
        try:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        finally:
            connection.close()

    async def close(self) -> None:
        """Waits for what is under way, then closes the files."""
        if self._committing is not None:
            await asyncio.wait([self._committing])
        self.close_files()

    def close_files(self) -> None:
        """The same where nothing is under way."""
        self._thread.shutdown()
        self._reader.close()
        self._writer.close()
        self._lock.close()


def canonical(value: object) -> bytes:
    """JSON that is the same for the same value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _record(row: tuple[int, str, str, bytes, bytes]) -> Record:
    """A row of the table.

    Raises:
        ServiceError: it is damaged.
    """
    try:
        return Record(*row[:3], _inflated(row[3]), _inflated(row[4]))
    except (zlib.error, TypeError, ValueError) as error:
        raise ServiceError(f"log: record {row[0]} is damaged ({error}); restore the log from a copy") from None


def _inflated(packed: bytes) -> bytes:
    """What was deflated, if it is no longer than what the service may have written."""
    inflater = zlib.decompressobj()
    data = inflater.decompress(packed, _MOST_BYTES)
    if not inflater.eof:
        raise ValueError(f"it is cut off, or longer than {_MOST_BYTES:,} bytes")
    return data


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    return connection


def _hold(path: Path) -> sqlite3.Connection:
    """A lock that ends with the process, however that ends.

    Raises:
        ServiceError: another process holds it.
    """
    connection = sqlite3.connect(path, timeout=0.0, check_same_thread=False)
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        connection.close()
        raise ServiceError(
            f"--data {path.parent}: another service uses it ({error}); stop that one, or give another folder"
        ) from None
    return connection
