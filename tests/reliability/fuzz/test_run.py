"""Mutated inputs: a slice of new ones in every run, and what is told of those that fail."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

import numpy as np
import pytest

from regional_dispatch.reliability.fuzz import run
from regional_dispatch.reliability.fuzz.kind import kinds
from regional_dispatch.reliability.fuzz.mutate import mutated_bytes, mutated_tree
from regional_dispatch.reliability.fuzz.run import fuzz
from regional_dispatch.reliability.fuzz.worker import _ended

INPUTS = 60  # of each kind


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(kinds()))
def test_new_mutated_inputs_are_used_or_refused(kind: str, tmp_path: Path) -> None:
    seed = secrets.randbelow(2**32)
    tally = fuzz(kind, INPUTS, seed, tmp_path)
    texts = [path.read_text()[-2000:] for path in sorted(tmp_path.glob("failures/*/traceback.txt"))]
    again = f"python evaluate.py fuzz --kinds {kind} --inputs {INPUTS} --seed {seed}"
    assert tally.passed, "\n".join([again, *tally.failures, *texts])
    assert tally.row()["inputs"] == INPUTS and tally.outcomes["refused"] > 0


class _Odd:
    """Inputs that fail in every way."""

    def __init__(self, folder: Path) -> None:
        pass

    def make(self, rng: np.random.Generator, folder: Path) -> None:
        (folder / "input.txt").write_text(str(rng.random()))

    def use(self, folder: Path) -> bool:
        raise ZeroDivisionError("a bug")


def test_an_input_that_fails_is_kept_with_its_traceback(tmp_path: Path) -> None:
    assert _ended(_Odd(tmp_path), "odd", 1, 7, tmp_path) == "failed"
    kept = tmp_path / "failures" / "odd-7"
    assert (kept / "input.txt").read_text() == str(np.random.default_rng([1, 7, *b"odd"]).random())
    assert "ZeroDivisionError: a bug" in (kept / "traceback.txt").read_text()


_SCRIPT = """
import os, signal, sys, time
_, kind, seed, first, count, folder = sys.argv
for case in range(int(first), int(first) + int(count)):
    print("start", case, flush=True)
    if case == 1:
        os.kill(os.getpid(), signal.SIGSEGV)
    if case == 3:
        time.sleep(100)
    print("end", case, "accepted", 2**20 * case, flush=True)
"""


def test_inputs_that_crash_or_hang_are_counted_and_the_next_ones_go_on(tmp_path, monkeypatch) -> None:
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT)
    monkeypatch.setattr(run, "HANG_SECONDS", 1.0)
    monkeypatch.setattr(run, "_COMMAND", [str(script)])
    begun = time.monotonic()
    tally = fuzz("odd", 6, 0, tmp_path)
    assert tally.failures == ["odd-1: crashed", "odd-3: hung"]
    assert tally.row()["accepted"] == 4 and not tally.passed
    assert time.monotonic() - begun < 30


def test_a_kind_of_which_nothing_is_accepted_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfor case in range(int(sys.argv[4])):\n"
        "    print('start', case, flush=True)\n    print('end', case, 'refused', 0, flush=True)\n"
    )
    monkeypatch.setattr(run, "_COMMAND", [str(script)])
    assert fuzz("odd", run.ENOUGH - 1, 0, tmp_path).passed
    assert fuzz("odd", run.ENOUGH, 0, tmp_path).failures == [
        "odd: none was accepted, so only the first checks were tried"
    ]


def test_memory_that_grows_is_told() -> None:
    steady = [100 * 2**20] * 400
    growing = [100 * 2**20 + i * 2**20 for i in range(400)]
    assert run._growth(steady) == 0
    assert run._growth(growing) > run.GROWTH_MIB
    assert run._growth(growing[: run.ENOUGH - 1]) == 0  # code that is loaded is no growth


def test_mutations_leave_what_they_are_given_as_it_was_and_depend_on_the_seed() -> None:
    tree = {"a": [1, {"b": 2.5}], "c": "text"}
    before = repr(tree)
    first, second = ([mutated_tree(np.random.default_rng(s), tree) for s in range(200)] for _ in range(2))
    assert repr(first) == repr(second) and repr(tree) == before
    assert sum(repr(one) != before for one in first) > 150
    assert len({mutated_bytes(np.random.default_rng(s), b"name: small\n") for s in range(200)}) > 150
