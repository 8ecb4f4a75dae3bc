"""Restored states: a snapshot is taken, or refused with a clear error; what is taken can be played."""

from __future__ import annotations

from contextlib import suppress
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regional_dispatch.envs.kernel.decisions.scorers import DEFAULT_BACKGROUND
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.errors import ScenarioError
from tests.worlds import WAITING, small

Arrays = dict[str, np.ndarray]
WORLD = small(**WAITING, horizon_hours=96)
# Lists, indices and counts: what compiled code follows.
WRONG = [
    ("package", "next", 10**6), ("package", "next", 3), ("package", "route", -1), ("package", "route", 10**6),
    ("package", "leg", 3), ("package", "leg", -1), ("tag", "truck", 10**6), ("tag", "truck", 5),
    ("tag", "sibling", 10**6),
    ("tag", "items", 10**6), ("tag", "items", 2), ("item", "sku", 10**6), ("item", "sku", -3), ("item", "next", 10**6),
    ("lane", "head", 10**6), ("lane", "tail", -5), ("lane", "count", 10**6), ("lane", "active", 0),
    ("lane", "active", 7),
    ("lane", "inflow_tick", 10**6), ("queue", "head", 10**6), ("queue", "tail", 10**6), ("line", "choice", 10**6),
    ("line", "choice", -1), ("line", "sku", 10**6), ("line", "station", 10**6), ("line", "station", -9),
    ("line", "units", -1), ("line", "journey", 10**6), ("row", "fresh", 10**6), ("row", "fresh", 0),
    ("row", "free", 10**6),
    ("row", "packages", 0), ("row", "active", 10**6), ("row", "tick", -1), ("row", "period", 10**6),
    ("row", "setting", 9),
    ("row", "shipments", 10**6), ("row", "items", 0), ("row", "fresh_item", 10**6), ("row", "learning", 1),
    ("active", None, 10**6), ("active", None, -1), ("recent", None, 10**6), ("recent", None, -1),
    ("candidate", None, 10**6), ("arriving", None, 10**6), ("line_first", None, 10**6), ("line_count", None, 10**6),
    ("slots", None, 10**6), ("cash", None, np.nan), ("site_capacity", None, np.inf), ("stock", None, -1),
]  # fmt: skip


@cache
def snapshot() -> Arrays:
    """In the middle of an episode, with trucks on the road, merges, and lines that wait."""
    sim = Simulator(WORLD, reevaluate=True)
    sim.reset(0, 5)
    sim.run(DEFAULT_BACKGROUND, until=40)
    sim.begin(0)
    sim.decide(0, DEFAULT_BACKGROUND)
    return {name: array.copy() for name, array in sim.snapshot().items()}


def altered(name: str, field: str | None, value: float) -> Arrays:
    """The snapshot with a value in all places where numbers are in use."""
    arrays = {key: array.copy() for key, array in snapshot().items()}
    array = arrays[f"state.{name}"]
    (array if field is None else array[field])[...] = value
    return arrays


def play_on(arrays: Arrays) -> Simulator:
    sim = Simulator(WORLD, reevaluate=True)
    sim.restore(arrays)
    if sim.state.row["waiting_for_decisions"][0]:
        sim.decide(0, DEFAULT_BACKGROUND)
        sim.finish(0)
    sim.run(DEFAULT_BACKGROUND)
    return sim


def test_a_snapshot_is_restored_and_goes_on_as_it_would_have() -> None:
    whole = Simulator(WORLD, reevaluate=True)
    whole.reset(0, 5)
    whole.run(DEFAULT_BACKGROUND)
    np.testing.assert_array_equal(play_on(snapshot()).state.cash, whole.state.cash)


def test_a_simulator_that_has_not_begun_can_be_kept_and_restored() -> None:
    Simulator(WORLD).restore(Simulator(WORLD).snapshot())


@pytest.mark.parametrize(("name", "field", "value"), WRONG)
def test_a_number_that_compiled_code_would_follow_out_of_its_array_is_refused(
    name: str, field: str | None, value: float
) -> None:
    sim = Simulator(WORLD, reevaluate=True)
    before = sim.state
    with pytest.raises(ScenarioError, match=r"state, copy 0: .*The file is damaged, or it is of another network"):
        sim.restore(altered(name, field, value))
    assert sim.state is before, "nothing has changed"


@settings(max_examples=60)
@given(data=st.data())
def test_random_damage_is_refused_or_played(data: st.DataObject) -> None:
    """Under the debug build an index out of bounds would raise IndexError here."""
    arrays = {key: array.copy() for key, array in snapshot().items()}
    names = sorted(name for name in arrays if name.startswith("state."))
    for _ in range(data.draw(st.integers(1, 3))):
        array = arrays[data.draw(st.sampled_from(names))]
        if array.dtype.names:
            array = array[data.draw(st.sampled_from(array.dtype.names))]
        if not array.size:
            continue
        at = np.unravel_index(data.draw(st.integers(0, array.size - 1)), array.shape)
        low, high = (-(2**60), 2**60) if array.dtype.kind == "f" else _limits(array.dtype)
        near = data.draw(st.sampled_from([-2, -1, 1, 2]) | st.none())
        number = data.draw(st.integers(low, high)) if near is None else int(array[at]) + near
        array[at] = min(max(number, low), high)
    with suppress(ScenarioError):
        play_on(arrays)


def _limits(dtype: np.dtype) -> tuple[int, int]:
    info = np.iinfo(dtype)
    return int(info.min), int(info.max)
