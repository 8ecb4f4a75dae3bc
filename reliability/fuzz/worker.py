"""The process that uses mutated inputs, one after the other, and says how each ended.

`python -m regional_dispatch.reliability.fuzz.worker KIND SEED FIRST COUNT FOLDER`. It writes a line before each input
and one after it: `start N`, `end N OUTCOME`. Input N depends on the seed and N alone. An input that fails stays in
FOLDER/failures, with its traceback.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import shutil
import sys
import traceback
import warnings
from pathlib import Path
from typing import TextIO

import numpy as np
import psutil

from regional_dispatch.commands.cli import input_errors
from regional_dispatch.reliability.fuzz.kind import Kind, open_kind

ACCEPTED, REFUSED, FAILED = "accepted", "refused", "failed"


def main() -> None:
    """Reads the arguments and uses the inputs."""
    name, seed, first, count, folder = sys.argv[1], *map(int, sys.argv[2:5]), Path(sys.argv[5])
    own = folder / f"{name}-base"
    own.mkdir(parents=True, exist_ok=True)
    kind = open_kind(name, own)
    lines = _own_stdout()
    warnings.simplefilter("ignore")  # mutated inputs have many
    for case in range(first, first + count):
        print(f"start {case}", file=lines, flush=True)
        print(f"end {case} {_ended(kind, name, seed, case, folder)} {_memory()}", file=lines, flush=True)


def _own_stdout() -> TextIO:
    """The standard output, for the protocol alone: what anything else prints is dropped."""
    lines = os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    return lines


def _ended(kind: Kind, name: str, seed: int, case: int, folder: Path) -> str:
    place = folder / f"{name}-{case}"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    try:
        kind.make(np.random.default_rng([seed, case, *name.encode()]), place)
        outcome = ACCEPTED if kind.use(place) else REFUSED
    except Exception as error:
        if not isinstance(error, input_errors()):
            _keep(place, folder / "failures", "".join(traceback.format_exception(error)))
            return FAILED
        outcome = REFUSED
    shutil.rmtree(place)
    return outcome


def _keep(place: Path, failures: Path, text: str) -> None:
    """Moves an input that failed aside, with its traceback."""
    (place / "traceback.txt").write_text(text, encoding="utf-8", errors="replace")
    shutil.rmtree(failures / place.name, ignore_errors=True)
    shutil.move(place, failures / place.name)


def _memory() -> int:
    """Bytes that this process and its children hold, after what is free was given back."""
    gc.collect(0)
    with contextlib.suppress(OSError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    return sum(process.memory_info().rss for process in processes)


if __name__ == "__main__":
    main()
