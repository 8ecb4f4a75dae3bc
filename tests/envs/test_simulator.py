"""The simulator's own face: rows, keys, order of calls and scorers are checked before compiled code sees them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from hypothesis import given, settings
from hypothesis import strategies as st

from regional_dispatch.envs.faces.scorers import check_scorers
from regional_dispatch.envs.kernel.decisions.scorers import DEFAULT_BACKGROUND, Scorers
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.transfers import Moves
from regional_dispatch.envs.world.errors import ScenarioError
from tests.worlds import TWO_REGIONS, small

WORLD = small(**TWO_REGIONS, horizon_hours=24, warmup_hours=2)


@cache
def simulator() -> Simulator:
    return Simulator(WORLD)


def begun() -> Simulator:
    sim = simulator()
    sim.reset(0, 1)
    return sim


@pytest.mark.parametrize(
    "call", [lambda sim: sim.begin(0), lambda sim: sim.finish(0), lambda sim: sim.decide(0, DEFAULT_BACKGROUND),
             lambda sim: sim.run(DEFAULT_BACKGROUND), lambda sim: sim.run(DEFAULT_BACKGROUND, threads=2)],
)  # fmt: skip
def test_nothing_is_played_before_reset(call: Callable[[Simulator], Any]) -> None:
    with pytest.raises(ResetNeeded, match="call reset"):
        call(Simulator(WORLD))


def test_a_tick_begins_once_and_ends_once() -> None:
    sim = begun()
    with pytest.raises(ResetNeeded, match=r"finish\(\) before begin"):
        sim.finish(0)
    sim.begin(0)
    with pytest.raises(ResetNeeded, match=r"begin\(\) after begin"):
        sim.begin(0)
    sim.finish(0)
    sim.run(DEFAULT_BACKGROUND)
    with pytest.raises(ResetNeeded, match="has ended"):
        sim.begin(0)


@pytest.mark.parametrize("row", [-1, 1, 2**40, 0.0, True, "0", None])
def test_a_row_that_there_is_not_is_refused(row: Any) -> None:
    sim = begun()
    for call in (sim.begin, sim.finish, lambda row: sim.reset(row, 1), lambda row: sim.decide(row, DEFAULT_BACKGROUND)):
        with pytest.raises(ScenarioError, match="row = "):
            call(row)


@pytest.mark.parametrize("key", [-1, 2**64, 1.5, "a", None, True])
def test_a_key_that_is_none_is_refused(key: Any) -> None:
    with pytest.raises(ScenarioError, match="key = "):
        begun().reset(0, key)


@pytest.mark.parametrize("region", [-2, 2, 2**40, 0.5, "0"])
def test_a_region_that_there_is_not_is_refused(region: Any) -> None:
    sim = begun()
    sim.begin(0)
    for name in ("only", "skip"):
        with pytest.raises(ScenarioError, match=f"{name} = "):
            sim.decide(0, DEFAULT_BACKGROUND, **{name: region})


DAMAGES: dict[str, Callable[[np.ndarray], Any]] = {
    "one too few": lambda array: array[..., :-1], "another type": lambda array: array.astype(np.float64),
    "every other": lambda array: np.repeat(array, 2, axis=-1)[..., ::2], "no array": lambda array: 3.0,
    "one more axis": lambda array: array[None], "not a number": lambda array: np.full_like(array, np.nan),
    "infinite": lambda array: np.full_like(array, np.inf),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", ["source", "dispatch"])
def test_scorers_that_compiled_code_cannot_read_are_refused(kind: str, damage: str) -> None:
    scorer, sim = getattr(DEFAULT_BACKGROUND, kind), begun()
    for field in ("bias", "weight", "step_weight", "step_at"):
        if field == "bias" and damage == "every other":
            continue  # one number is contiguous whichever way it is taken
        wrong = scorer._replace(**{field: DAMAGES[damage](getattr(scorer, field))})
        scorers = DEFAULT_BACKGROUND._replace(**{kind: wrong})
        for use in (ScorerPolicy, sim.run, partial(check_scorers, "scorers")):
            with pytest.raises(ScenarioError, match=rf"scorers\.{kind}"):
                use(scorers)  # type: ignore[operator]


@pytest.mark.parametrize("scorers", [None, 3, DEFAULT_BACKGROUND.source, (1, 2, 3), Scorers(1, 2, 3)])  # type: ignore[arg-type]
def test_other_things_are_no_scorers(scorers: Any) -> None:
    with pytest.raises(ScenarioError, match="scorers"):
        begun().run(scorers)


NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 45)
COLUMNS = st.lists(NUMBERS, max_size=4) | st.lists(st.floats(), max_size=3) | st.none() | st.text(max_size=3)


@settings(max_examples=150)
@given(columns=st.tuples(COLUMNS, COLUMNS, COLUMNS, COLUMNS))
def test_moves_of_stock_are_made_or_refused(columns: tuple[Any, ...]) -> None:
    """A shelf is never below zero, and no unit is made."""
    sim = begun()
    before = sim.state.stock.sum(dtype=int)
    try:
        sim.move(0, Moves(*map(np.asarray, columns)))
    except ValueError as error:
        assert str(error).startswith("transfers: ")
    assert sim.state.stock.min() >= 0 and sim.state.road.min() >= 0
    assert sim.state.stock.sum(dtype=int) + sim.state.road.sum(dtype=int) == before
