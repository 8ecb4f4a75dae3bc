"""Cells: results that are computed once, kept as small files, and used again while nothing they depend on changes.

A cell is one policy's episodes on a scenario, or one episode's bound. Its file is named after a fingerprint of
everything that its numbers depend on: the scenario and the world built from it, the policy's weights, the episodes'
keys, the sources of the simulator and the baselines, and the versions of the packages.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from regional_dispatch.baselines.bounds.bound import BoundError
from regional_dispatch.baselines.tick_player import TickPlayer
from regional_dispatch.envs.fingerprint import source_digest
from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.digest import digest, scenario_digest
from regional_dispatch.envs.world.reading import read_json
from regional_dispatch.envs.world.replacing import replacing
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.bounds import Bound, bound_row
from regional_dispatch.evaluation.execution.executor import Executor
from regional_dispatch.evaluation.provenance import versions
from regional_dispatch.evaluation.rollouts import Playable, rollout, simulator_for

Rows = list[dict[str, Any]]  # one per episode: KPIs, or what `bound_row` gives
Progress = Callable[[int, int, str], None]  # cells done, all cells, title of the latest

SOURCES = ("envs", "solvers", "baselines", "evaluation/rollouts.py")
NO_SOURCES = ("envs/render",)  # numbers do not depend on it


class Player(Protocol):
    """A policy that is not two scorers: it plays its episodes itself."""

    @property
    def digest(self) -> str:
        """A digest of everything that decides how it plays."""

    def rollout(self, scenario: Scenario, keys: Sequence[int]) -> Rows:
        """The KPIs of one episode per key."""


class Cell(NamedTuple):
    """One result to compute or to read."""

    title: str
    scenario: Scenario
    keys: tuple[int, ...]  # of the episodes
    policy: ScorerPolicy | Player | None  # None: the cell is a bound
    bound: Bound | None
    reevaluate: bool
    fingerprint: str


class Worlds:
    """Digests of built worlds, each built once."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def digest(self, scenario: Scenario) -> str:
        """A digest of the scenario and of the world built from it, with the tables and traces that it names."""
        key = f"{scenario.model_dump_json()}{scenario.source_file}"
        if key not in self._known:
            self._known[key] = scenario_digest(scenario)
        return self._known[key]


def policy_cell(
    worlds: Worlds, title: str, scenario: Scenario, policy: ScorerPolicy, keys: Sequence[int], reevaluate: bool
) -> Cell:
    """A policy's episodes on a scenario."""
    about = ("policy", worlds.digest(scenario), policy.scorers, policy.pricing, tuple(keys), reevaluate)
    return Cell(title, scenario, tuple(keys), policy, None, reevaluate, digest(sources(), versions(), about))


def player_cell(
    worlds: Worlds, title: str, scenario: Scenario, player: Player, keys: Sequence[int], reevaluate: bool = False
) -> Cell:
    """The episodes of a `Player`."""
    about = ("player", worlds.digest(scenario), player.digest, tuple(keys), *((True,) if reevaluate else ()))
    return Cell(title, scenario, tuple(keys), player, None, reevaluate, digest(sources(), versions(), about))


def playable_cell(
    worlds: Worlds, title: str, scenario: Scenario, policy: Playable, keys: Sequence[int], reevaluate: bool
) -> Cell:
    """The episodes of any policy."""
    if isinstance(policy, TickPlayer):
        return player_cell(worlds, title, scenario, policy, keys, reevaluate)
    return policy_cell(worlds, title, scenario, policy, keys, reevaluate)


def bound_cell(worlds: Worlds, title: str, scenario: Scenario, key: int, bound: Bound) -> Cell:
    """The bound of one episode."""
    about = ("bound", worlds.digest(scenario), bound.__module__, bound.__qualname__, key)
    return Cell(title, scenario, (key,), None, bound, False, digest(sources(), versions(), about))


@cache
def sources() -> str:
    """A digest of the code that the numbers depend on."""
    return source_digest(SOURCES, NO_SOURCES)


def compute(cell: Cell) -> Rows:
    """A cell's numbers, one row per episode.

    Raises:
        BoundError: it is a bound that cannot be computed.
    """
    if cell.bound is not None:
        try:
            return [bound_row(cell.bound(cell.scenario, key)) for key in cell.keys]
        except BoundError as error:
            raise BoundError(f"{cell.title}: {error}") from None
    assert cell.policy is not None
    if isinstance(cell.policy, TickPlayer):
        sim = simulator_for(cell.scenario, reevaluate=cell.reevaluate)
        return [cell.policy.episode(sim, key) for key in cell.keys]
    if not isinstance(cell.policy, ScorerPolicy):
        return cell.policy.rollout(cell.scenario, cell.keys)
    sim = simulator_for(cell.scenario, cell.policy.pricing, reevaluate=cell.reevaluate)
    return rollout(sim, cell.policy.scorers, cell.keys)


# ------------------------------------------------------------------------------------------------------------ files


def checksum(cell: Cell, rows: Rows) -> str:
    """SHA-256 of a cell's fingerprint and rows, which its file holds beside them."""
    return hashlib.sha256(json.dumps([cell.fingerprint, rows], sort_keys=True).encode()).hexdigest()


class Store:
    """The files of finished cells.

    Args:
        folder: where they are kept; created with the first one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, cell: Cell) -> Rows | None:
        """The rows of a cell; None if it is not kept, or its file was edited or damaged, which is said on stderr."""
        path = self._path(cell)
        try:
            if not path.exists():
                return None
            kept = read_json(path)
            if kept["sha256"] == checksum(cell, kept["rows"]) and len(kept["rows"]) == len(cell.keys):
                return _with_nan(kept["rows"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        print(f"note: {path} ({cell.title}): edited or damaged, so it is computed again", file=sys.stderr)
        return None

    def write(self, cell: Cell, rows: Rows) -> None:
        """Keeps a cell; an interrupted write leaves no file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        stored = _without_nan(rows)
        kept = {"cell": cell.title, "sha256": checksum(cell, stored), "rows": stored}
        text = json.dumps(kept, indent=1, allow_nan=False, ensure_ascii=False)
        with replacing(self._path(cell)) as file:
            file.write_text(text + "\n", encoding="utf-8")

    def _path(self, cell: Cell) -> Path:
        return self.folder / f"{cell.fingerprint}.json"


def _without_nan(value: Any) -> Any:
    """Rows with None for NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _without_nan(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(part) for part in value]
    return None if value != value else value


def _with_nan(value: Any) -> Any:
    """Rows with NaN again for the KPIs that are None: of what there was not, such as orders."""
    if isinstance(value, list):
        return [_with_nan(part) for part in value]
    if not isinstance(value, dict):
        return value
    return {key: _nan_for_none(part) if key in KPIS else _with_nan(part) for key, part in value.items()}


def _nan_for_none(value: Any) -> Any:
    if isinstance(value, list):
        return [_nan_for_none(part) for part in value]
    return float("nan") if value is None else value


# ---------------------------------------------------------------------------------------------------------- running


def fill(
    store: Store, cells: Sequence[Cell], executor: Executor, progress: Progress | None = None
) -> tuple[dict[str, Rows], int]:
    """Reads the cells that are kept; computes the others, in the order given, and keeps them.

    Args:
        store: where they are kept.
        cells: the cells wanted; equal ones are computed once.
        executor: computes them.
        progress: called after every cell.

    Returns:
        Rows by fingerprint, and how many cells were kept before.

    Raises:
        BoundError: a bound cannot be computed.
        KeyboardInterrupt: on Ctrl-C; its text says how many cells are kept.
    """
    wanted = {cell.fingerprint: cell for cell in cells}
    kept = {fingerprint: store.read(cell) for fingerprint, cell in wanted.items()}
    done = {fingerprint: rows for fingerprint, rows in kept.items() if rows is not None}
    reused = len(done)
    if progress is not None:
        progress(reused, len(wanted), "")
    try:
        missing = [cell for fingerprint, cell in wanted.items() if fingerprint not in done]
        with closing(executor.run(compute, missing)) as results:
            for cell, rows in results:
                store.write(cell, rows)
                done[cell.fingerprint] = rows
                if progress is not None:
                    progress(len(done), len(wanted), cell.title)
    except KeyboardInterrupt:
        count = sum(store.read(cell) is not None for cell in wanted.values())  # it may come just after a write
        raise KeyboardInterrupt(
            f"{count} of {len(wanted)} cells are kept in {store.folder}; the same command continues from there"
        ) from None
    return done, reused
