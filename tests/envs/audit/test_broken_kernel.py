"""A kernel that loses a unit, books a dollar twice, or writes beyond an array: the audit stops it and keeps a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from regional_dispatch.envs.audit.replay import replay
from regional_dispatch.envs.audit.violation import load_violation
from tests.broken import broken_copy

pytestmark = pytest.mark.slow  # a broken kernel is compiled, once per version

# File of the kernel → what is replaced in it. An episode's key says which law is broken, in one tick.
BREAKS = {
    "phases/source.py": (
        "    stock[w.net.routes[path].fc] -= line.units\n",
        "    stock[w.net.routes[path].fc] -= line.units\n"
        "    if row.key == 1 and row.tick == 30:\n"
        "        stock[w.net.routes[path].fc] -= 1\n"
        "    if row.key == 3 and row.tick == 30:\n"
        "        candidates[line.choice + 1000] = 0\n",
    ),
    "ledger.py": (
        "    book_cash(s, b, region, component, usd)\n    book_accrual(s, b, region, component, usd)\n",
        "    book_cash(s, b, region, component, usd)\n    book_accrual(s, b, region, component, usd)\n"
        "    if s.row[b].key == 2 and s.row[b].tick == 30:\n"
        "        book_cash(s, b, region, component, usd)\n        book_accrual(s, b, region, component, usd)\n",
    ),
}
LOST_UNIT, TWICE, OUT_OF_BOUNDS = 1, 2, 3
PLAY = """
import json, sys
from pathlib import Path
from regional_dispatch.envs.audit.auditor import AuditError
from regional_dispatch.envs.audit.replay import replay
from regional_dispatch.envs.audit.violation import load_violation
from regional_dispatch.envs.kernel.decisions.scorers import DEFAULT_BACKGROUND
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import load_scenario
found = {}
for key in map(int, sys.argv[2:]):
    folder = Path(sys.argv[1]) / str(key)
    sim = Simulator(load_scenario("small", {"demand.orders_per_day": "400"}), audit=folder)
    sim.reset(0, key)
    try:
        sim.run(DEFAULT_BACKGROUND, 40)
    except AuditError as error:
        file = next(folder.glob("*.npz"))
        found[key] = [error.law, sim.tick(0), str(file), list(replay(load_violation(file)))]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Any]:
    """What the audit says of a broken kernel, built to check indices: law, tick, file, and its replay, by key."""
    home, folder = tmp_path_factory.mktemp("broken"), tmp_path_factory.mktemp("violations")
    broken_copy(home, {f"envs/kernel/{name}": texts for name, texts in BREAKS.items()})
    done = subprocess.run(
        [sys.executable, "-c", PLAY, str(folder), "1", "2", "3", "4"], cwd=home, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(home), "NUMBA_BOUNDSCHECK": "1", "NUMBA_OPT": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {int(key): value for key, value in json.loads(done.stdout).items()}


def test_a_unit_that_the_kernel_loses_is_missed_after_the_tick(found: dict[int, Any]) -> None:
    law, tick, _, again = found[LOST_UNIT]
    assert law.startswith("units: units on hand and on the road, and initial + arrived − taken") and tick == 31
    assert again == [law, True, True], "the same violation, by the same kernel"


def test_a_dollar_that_the_ledger_books_twice_is_noticed(found: dict[int, Any]) -> None:
    law, tick, _, again = found[TWICE]
    assert law.startswith(("dollars_of_the_tick: USD paid for trucks", "books: USD of lost lines")) and tick == 31
    assert again == [law, True, True]


def test_an_index_out_of_bounds_leaves_a_file_too(found: dict[int, Any]) -> None:
    law, tick, _, again = found[OUT_OF_BOUNDS]
    assert law.startswith("bounds: index is out of bounds on axis 0, ") and tick == 30
    assert again == [law, True, True]


def test_an_episode_in_which_nothing_is_broken_passes(found: dict[int, Any]) -> None:
    assert set(found) == {LOST_UNIT, TWICE, OUT_OF_BOUNDS}


@pytest.mark.parametrize("key", [LOST_UNIT, TWICE, OUT_OF_BOUNDS])
def test_a_right_kernel_plays_the_tick_without_a_violation(found: dict[int, Any], key: int) -> None:
    played = replay(load_violation(Path(found[key][2])))
    assert played.found is None and not played.same_kernel
