"""Repeated timings: medians with quartiles, CPU time of this process or of a whole subprocess, noise of the machine.

Units of peak memory are those of Linux.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
NOISE_WORK = 2_000_000  # steps of the fixed piece of work; about 0.1 s
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}

Spread = dict[str, float]  # median, q1, q3, repeats


class Settings(NamedTuple):
    """How a part is to be measured.

    Args:
        quick: small sizes and few repeats, to see that everything runs.
        peers_python: a Python in which the named peers are installed; None where there is none.
    """

    quick: bool = False
    peers_python: str | None = None


class Target(NamedTuple):
    """What the project asks of itself, and what was measured.

    Args:
        what: the quantity.
        asked: the limit, as text.
        measured: the figure, as text.
        met: whether the figure is within the limit.
    """

    what: str
    asked: str
    measured: str
    met: bool


class Used(NamedTuple):
    """What a subprocess took, its children included, and the JSON that it printed last."""

    wall_seconds: float
    cpu_seconds: float
    peak_mib: float
    answer: Any


class ChildError(RuntimeError):
    """A subprocess ended with an error; the message is the last line that it wrote."""


def spread(values: Sequence[float]) -> Spread:
    """Median and quartiles of repeats."""
    q1, median, q3 = np.percentile(values, [25, 50, 75])
    return {"median": float(median), "q1": float(q1), "q3": float(q3), "repeats": len(values)}


def rates(amount: float, seconds: Sequence[float]) -> Spread:
    """Median and quartiles of amount per second."""
    return spread([amount / s for s in seconds])


def cpu_seconds(
    work: Callable[[], object], repeats: int, warm_up: int = 1, prepare: Callable[[], object] = lambda: None
) -> list[float]:
    """CPU seconds of this process per call, after calls that warm up; `prepare` runs before each and is not timed."""
    seconds = []
    for _ in range(warm_up + repeats):
        prepare()
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return seconds[warm_up:]


def run_python(
    arguments: Sequence[str], python: str = sys.executable, variables: Mapping[str, str] | None = None
) -> Used:
    """Runs Python in the repository and waits; its resources are its own and those of the processes it waited for.

    Linux counts the memory of the process that starts another as that one's too, until it runs: so the peak is never
    below what this process holds.

    Raises:
        ChildError: it ended with an error.
    """
    begun = time.monotonic()
    own = {**os.environ, **ONE_THREAD, "PYTHONPATH": str(ROOT), **(variables or {})}
    with tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(
            [python, *arguments], cwd=ROOT, env=own, stdout=subprocess.PIPE, stderr=err, text=True
        )
        assert process.stdout is not None
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)  # unlike Popen.wait, it tells what the process used
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            err.seek(0)
            raise ChildError((err.read().strip() or f"exit code {process.returncode}").splitlines()[-1])
    answer = json.loads(out.strip().splitlines()[-1]) if out.strip() else None
    cpu = usage.ru_utime + usage.ru_stime
    return Used(time.monotonic() - begun, cpu, usage.ru_maxrss / 1024, answer)


def noise(repeats: int = 9) -> Spread:
    """CPU seconds of the same piece of work, again and again: how far this machine's own speed varies."""
    values = np.arange(NOISE_WORK, dtype=np.float64)

    def work() -> None:
        for _ in range(8):
            np.sin(values).sum()

    return spread(cpu_seconds(work, repeats))


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> tuple[float, float]:
    """The b of seconds = a · size^b by least squares on logarithms, and its standard error.

    Raises:
        ValueError: fewer than three sizes, or a value that is not positive.
    """
    if len(sizes) < 3 or min(*sizes, *seconds) <= 0:
        raise ValueError(f"an exponent needs three sizes or more, all values positive, not {sizes} and {seconds}")
    x, y = np.log(sizes), np.log(seconds)
    dx = x - x.mean()
    slope = float(dx @ y / (dx @ dx))
    rest = y - y.mean() - slope * dx
    return slope, float(np.sqrt(rest @ rest / (len(x) - 2) / (dx @ dx)))
