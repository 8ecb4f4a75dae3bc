"""How long the first minutes take, at an earlier commit and now, on the same machine and with the same packages.

Run `python -m benchmarks.first_minutes [COMMIT]` in a checkout; COMMIT is the one before the rooms unless named. It
takes half an hour and writes its table into docs/explanation/code.md. Each tree is a fresh checkout with no compiled
code.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.structure import BEFORE, PAGE, checkout, table, write_section
from regional_dispatch.evaluation.provenance import cpu_model

FIRST_STEP = """\
import gymnasium
try:
    import regional_dispatch
except ModuleNotFoundError:
    import envs
env = gymnasium.make("RegionalDispatch-v0", scenario="us8")
env.reset(seed=0)
env.step(env.action_space.sample())
"""
COMPARE = ["evaluate.py", "compare", "--scenario", "us8", "--policies", "least_cost", "--episodes", "1"]
TESTS = ["-m", "pytest", "-n", "2", "--dist", "loadfile", "-p", "no:cacheprovider"]


class Took(NamedTuple):
    """What a command took, its children included."""

    wall: float  # seconds
    cpu: float  # seconds


def timed(tree: Path, cache: Path, *arguments: str) -> Took:
    """Runs Python in a tree and waits."""
    paths = {"PYTHONPATH": str(tree), "REGIONAL_DISPATCH_CACHE": str(cache), "CI": "true"}
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([sys.executable, *arguments], cwd=tree, env={**os.environ, **paths}, check=True, capture_output=True)
    wall, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Took(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def measure(commit: str) -> dict[str, Took]:
    """Every row of the table for a fresh checkout of a commit."""
    with tempfile.TemporaryDirectory() as folder:
        tree, cache = Path(folder) / "tree", Path(folder) / "cache"
        tree.mkdir()
        checkout(commit, tree)
        return {
            "make, reset and one step of `us8`, nothing compiled yet": timed(tree, cache, "-c", FIRST_STEP),
            "the same again": timed(tree, cache, "-c", FIRST_STEP),
            "first `compare` of one rule on one episode of `us8`": timed(tree, cache, *COMPARE),
            "all tests, two processes, after that": timed(tree, cache, *TESTS),
        }


def main() -> None:
    """Measures both trees one after the other, and writes the table."""
    commit = sys.argv[1] if len(sys.argv) > 1 else BEFORE
    old, new = measure(commit), measure("HEAD")
    rows = [[name, *(f"{took:.0f}" for took in (*old[name], *new[name]))] for name in new]
    head = ["seconds", f"before ({commit}): wall", "CPU", "now: wall", "CPU"]
    made = f"Made by `python -m benchmarks.first_minutes` on {os.cpu_count()} cores of {cpu_model()}."
    write_section(PAGE, "first minutes", "benchmarks.first_minutes", f"{table(head, rows)}\n\n{made}")


if __name__ == "__main__":
    main()
