"""The file that a violation leaves behind: the tick before it as data, with which it is played again.

A `.npz` of plain arrays, read without pickle: the row's state as the tick began, the decisions that were made in it,
and a JSON text with scenario, message and versions. A digest of the world shows whether the scenario's tables are
still what they were.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from pydantic import ValidationError

from regional_dispatch.envs.audit.laws import Row
from regional_dispatch.envs.fingerprint import source_digest
from regional_dispatch.envs.kernel.compiled import KERNEL
from regional_dispatch.envs.kernel.decisions.score import Scorer
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.scenario import Scenario, explain
from regional_dispatch.envs.world.world import World

if TYPE_CHECKING:
    from regional_dispatch.envs.simulator import Simulator

VERSION = 1
_MOST_BYTES = 2**31  # of a file's arrays
_STATE, _DECISION, _SCORER = "state.", "decision.", "scorer."


class Violation(NamedTuple):
    """What the file holds."""

    text: str  # law and numbers
    scenario: Scenario
    world: str  # digest
    kernel: str  # digest of its sources
    row: Row  # the state as the tick began
    decisions: Row  # empty if the tick ended before they were made
    scorers: Scorers | None

    @property
    def tick(self) -> int:
        """The tick of the violation."""
        return int(self.row["row"]["tick"])


def world_digest(world: World) -> str:
    """A digest of all numbers of a world: of its scenario and of every table that it was built from."""
    digest = hashlib.sha256()
    _add(digest, world)
    return digest.hexdigest()[:32]


def _add(digest: Any, part: Any) -> None:
    if isinstance(part, tuple):
        for one in part:
            _add(digest, one)
    elif isinstance(part, np.ndarray) and part.dtype.names:  # what lies between the fields is anything
        for name in part.dtype.names:
            _add(digest, part[name])
    elif isinstance(part, np.ndarray):
        digest.update(f"{part.dtype}{part.shape}".encode() + np.ascontiguousarray(part).tobytes())
    else:
        digest.update(repr(part).encode())


def save_violation(
    folder: Path, sim: Simulator, row: Row, decisions: Row, text: str, scorers: Scorers | None
) -> Path:  # fmt: skip
    """Writes the file of a violation, whole or not at all; returns its path.

    Args:
        folder: is made if it is missing.
        sim: that played the tick.
        row: its state as the tick began.
        decisions: of the tick, as far as they were made.
        text: law and numbers.
        scorers: that were to decide, where no decisions were made.
    """
    about = {
        "version": VERSION, "text": text, "scenario": _plain(sim.scenario),
        "world": world_digest(sim.world), "kernel": source_digest([KERNEL]),
    }  # fmt: skip
    arrays: dict[str, np.ndarray] = {
        "about": np.frombuffer(json.dumps(about).encode(), np.uint8),
        **{_STATE + name: array for name, array in row.items()},
        **{_DECISION + name: array for name, array in decisions.items()},
    }
    for kind, scorer in (scorers._asdict() if scorers else {}).items():
        arrays |= {f"{_SCORER}{kind}.{name}": array for name, array in scorer._asdict().items()}
    packed = io.BytesIO()
    np.savez_compressed(packed, allow_pickle=False, **arrays)  # type: ignore[arg-type]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"violation-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{int(row['row']['tick'])}.npz"
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(packed.getvalue())
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    return path


def _plain(scenario: Scenario) -> dict[str, Any]:
    """The scenario as JSON, with the file that its tables lie beside."""
    source = scenario.source_file
    beside = {} if source is None else {"source_file": str(Path(source).absolute())}
    return scenario.model_dump(mode="json", exclude_unset=True) | beside


def load_violation(path: Path) -> Violation:
    """Reads the file of a violation; nothing in it is run.

    Raises:
        ScenarioError: it is missing, damaged, too large, or no such file; or its scenario cannot be used.
    """
    arrays = _read(path)
    try:
        about = json.loads(arrays.pop("about").tobytes())
        text, data = str(about["text"]), dict(about["scenario"])
        digests = str(about["world"]), str(about["kernel"])
        scorers = _scorers(_part(arrays, _SCORER))
        row, decisions = _part(arrays, _STATE), _part(arrays, _DECISION)
        if about["version"] != VERSION or row["row"].shape != ():
            raise ValueError("it is of another version")
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ScenarioError(f"{path}: is no file of a violation ({error}); give one that the audit wrote") from None
    try:
        scenario = Scenario.model_validate(data)
    except ValidationError as error:
        raise ScenarioError(explain(error, path)) from None
    return Violation(text, scenario, *digests, row, decisions, scorers)


def _read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file, within the limit."""
    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(entry.file_size for entry in packed.infolist())
        if size > _MOST_BYTES:
            raise ScenarioError(f"{path}: holds {size:,} bytes, above {_MOST_BYTES:,}; give one that the audit wrote")
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read ({error.strerror or error}); check the path") from None
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise ScenarioError(f"{path}: is no file of a violation ({error}); give one that the audit wrote") from None


def _part(arrays: Mapping[str, np.ndarray], prefix: str) -> Row:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _scorers(arrays: Row) -> Scorers | None:
    if not arrays:
        return None
    return Scorers(**{kind: Scorer(**_part(arrays, f"{kind}.")) for kind in Scorers._fields})
