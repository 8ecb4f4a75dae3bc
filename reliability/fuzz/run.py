"""Mutated inputs of every kind, in processes that may crash or hang."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import regional_dispatch
from regional_dispatch.reliability.fuzz.worker import ACCEPTED, FAILED, REFUSED

CRASHED, HUNG = "crashed", "hung"
HANG_SECONDS = 20.0
START_SECONDS = 600.0  # until the first input: code is compiled where nothing is kept
GROWTH_MIB = 48.0  # between the second and the last quarter of inputs; less is what caches and fragments make
ENOUGH = 400  # inputs, to say that memory grows, or that none is accepted: of fewer, the first may come late
_COMMAND = ["-m", "regional_dispatch.reliability.fuzz.worker"]
_PER_PROCESS = 2000  # inputs
_SECONDS_TO_DIE = 5.0  # for a process that has closed its output
_PARENT = Path(regional_dispatch.__file__).resolve().parents[1]


class Tally:
    """How the inputs of one kind ended.

    Args:
        kind: of input.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.outcomes: Counter[str] = Counter()
        self.failures: list[str] = []  # `KIND-N: OUTCOME`
        self.longest_seconds = 0.0
        self.growth_mib = 0.0  # the most of any process

    def row(self) -> dict[str, Any]:
        """As JSON takes it."""
        outcomes = {name: self.outcomes[name] for name in (ACCEPTED, REFUSED, FAILED, CRASHED, HUNG)}
        return {
            "kind": self.kind, "inputs": sum(outcomes.values()), **outcomes,
            "longest_seconds": round(self.longest_seconds, 2), "growth_mib": round(self.growth_mib, 1),
            "failures": self.failures,
        }  # fmt: skip

    @property
    def passed(self) -> bool:
        """No traceback, crash or hang, and no growth."""
        return not self.failures and self.growth_mib <= GROWTH_MIB


def fuzz(kind: str, inputs: int, seed: int, folder: Path, progress: Callable[[int], None] = lambda done: None) -> Tally:
    """Uses mutated inputs of one kind.

    Args:
        kind: see `fuzz.kind.kinds`.
        inputs: how many.
        seed: input N depends on it and N alone.
        folder: for inputs while they are used; those that fail stay in `failures` in it.
        progress: called with the number of inputs done.
    """
    tally, done = Tally(kind), 0
    while done < inputs:
        done += _one_process(tally, done, min(_PER_PROCESS, inputs - done), seed, folder, progress)
    if inputs >= ENOUGH and not tally.outcomes[ACCEPTED]:
        tally.failures.append(f"{kind}: none was accepted, so only the first checks were tried")
    return tally


def _one_process(tally: Tally, first: int, count: int, seed: int, folder: Path, progress: Callable[[int], None]) -> int:
    """Uses inputs in one process until all are done, or one of them ends it; how many were used."""
    arguments = [tally.kind, str(seed), str(first), str(count), str(folder)]
    path = os.pathsep.join(filter(None, [str(_PARENT), os.environ.get("PYTHONPATH", "")]))
    process = subprocess.Popen(
        [sys.executable, *_COMMAND, *arguments],
        stdout=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    lines = _Lines(process)
    held: list[int] = []
    try:
        limit = START_SECONDS
        for case in range(first, first + count):
            begun = lines.next(limit)
            since, limit = time.monotonic(), HANG_SECONDS
            ended = lines.next(limit) if begun else None
            if not ended:
                _note_death(tally, process, case, begun is not None, folder)
                return case - first + 1
            _, _, outcome, memory = ended.split()
            held.append(int(memory))
            tally.longest_seconds = max(tally.longest_seconds, time.monotonic() - since)
            _note(tally, case, outcome)
            progress(case + 1)
        tally.growth_mib = max(tally.growth_mib, _growth(held))
        return count
    finally:
        _end(process)


class _Lines:
    """Lines of a process, each waited for with a limit."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self._file, self._left = process.stdout, b""
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._file, selectors.EVENT_READ)

    def next(self, seconds: float) -> str | None:
        """The next line; None if the process ended, or the time is over."""
        end = time.monotonic() + seconds
        while b"\n" not in self._left:
            if not self._selector.select(max(0.0, end - time.monotonic())):
                return None
            more = os.read(self._file.fileno(), 65536)
            if not more:
                return None
            self._left += more
        line, _, self._left = self._left.partition(b"\n")
        return line.decode()


def _note(tally: Tally, case: int, outcome: str) -> None:
    tally.outcomes[outcome] += 1
    if outcome not in (ACCEPTED, REFUSED):
        tally.failures.append(f"{tally.kind}-{case}: {outcome}")


def _note_death(tally: Tally, process: subprocess.Popen[bytes], case: int, begun: bool, folder: Path) -> None:
    """The process said nothing more: it hangs, or it is dead."""
    try:
        code = process.wait(_SECONDS_TO_DIE)
    except subprocess.TimeoutExpired:
        code = None
    if not begun:
        raise RuntimeError(f"the process for {tally.kind} ended with exit code {code} between two inputs")
    _note(tally, case, HUNG if code is None else CRASHED)
    place = folder / f"{tally.kind}-{case}"
    if place.is_dir():
        (folder / "failures").mkdir(exist_ok=True)
        place.rename(folder / "failures" / place.name)


def _growth(held: list[int]) -> float:
    """MiB that the last quarter of the inputs holds more than the second."""
    if len(held) < ENOUGH:
        return 0.0
    quarters = np.array_split(np.array(held, float), 4)
    return float(np.median(quarters[3]) - np.median(quarters[1])) / 2**20


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the process and what it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()
