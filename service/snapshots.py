"""Snapshots: the state as it was after some record of the log, so that a restart need not replay all of it.

A snapshot is one `.npz` file, written beside and renamed. It is only a shortcut: where it is missing, damaged or of
another version of the project, the whole log is replayed.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic_core import to_json

from regional_dispatch.envs.fingerprint import source_digest
from regional_dispatch.envs.kernel.compiled import KERNEL
from regional_dispatch.envs.world.reading import read_arrays
from regional_dispatch.envs.world.replacing import replacing
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.service.live.packages import Facts

_FACTS = "facts"  # name of the JSON among the arrays
_AT_ONCE = 200  # records
KEPT = 2  # latest snapshots that stay


class Snapshot(NamedTuple):
    """The state after a record."""

    number: int  # of the record
    time: str  # the service's clock, ISO 8601
    arrays: dict[str, np.ndarray]
    facts: Facts


def snapshot_version(scenario: Scenario) -> str:
    """What a snapshot depends on beside the log: the code that made it, and the scenario."""
    world = hashlib.sha256(scenario.model_dump_json().encode()).hexdigest()[:16]
    return f"{source_digest([KERNEL, 'service/live', 'service/bridge'])}-{world}"


def save_snapshot(folder: Path, snapshot: Snapshot, version: str) -> None:
    """Writes a snapshot, and removes the oldest ones. It is not compressed: that would take requests their core."""
    text = np.frombuffer(_text(snapshot, version), np.uint8)
    with replacing(folder / f"snapshot-{snapshot.number:012}.npz") as path, path.open("wb") as file:
        np.savez(file, **{_FACTS: text}, **snapshot.arrays)  # type: ignore[arg-type]
    for old in _files(folder)[KEPT:]:
        old.unlink(missing_ok=True)


def load_snapshot(folder: Path, most: int, version: str) -> Snapshot | None:
    """The latest snapshot that can be used, of record `most` or an earlier one."""
    for path in _files(folder):
        number = int(path.stem.rpartition("-")[2])
        if number > most:
            continue
        try:
            arrays = read_arrays(path)
            wrote, time, packages, trucks = json.loads(arrays.pop(_FACTS).tobytes())
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        if wrote == version:
            return Snapshot(number, time, arrays, (packages, trucks))
    return None


def _text(snapshot: Snapshot, version: str) -> bytes:
    """JSON, written some records at a time: between two of them, requests go on."""
    parts = (
        b"[" + b",".join(to_json(records[i : i + _AT_ONCE])[1:-1] for i in range(0, len(records), _AT_ONCE)) + b"]"
        for records in snapshot.facts
    )
    return b"[" + b",".join((to_json(version), to_json(snapshot.time), *parts)) + b"]"


def _files(folder: Path) -> list[Path]:
    """Snapshots, latest first."""
    return sorted(folder.glob("snapshot-*.npz"), reverse=True)
