"""Executors of one machine: every item once, errors as they are raised, no work after the end."""

from __future__ import annotations

import time
from contextlib import closing
from typing import NamedTuple

import pytest

from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.execution.executor import HERE, Executor, Processes, Threads
from tests.worlds import small

EXECUTORS = {"here": HERE, "threads": Threads(2), "processes": Processes(1)}


class Number(NamedTuple):
    title: str
    scenario: Scenario
    value: int


def halved(item: Number) -> float:
    if item.value == 3:
        raise InputError(f"{item.title}: odd")
    time.sleep(0.01)
    return item.value / 2


def numbers(*values: int) -> list[Number]:
    return [Number(str(value), small(), value) for value in values]


@pytest.mark.parametrize("name", EXECUTORS)
def test_every_item_comes_back_with_its_result_until_one_fails(name: str) -> None:
    executor: Executor = EXECUTORS[name]
    assert sorted((item.value, half) for item, half in executor.run(halved, numbers(2, 4, 6))) == [
        (2, 1), (4, 2), (6, 3),
    ]  # fmt: skip
    with pytest.raises(InputError, match="3: odd"):
        list(executor.run(halved, numbers(2, 3, *range(4, 400, 2))))


def test_closing_stops_the_work() -> None:
    done: list[int] = []

    def noted(item: Number) -> None:
        done.append(item.value)
        time.sleep(0.01)

    with closing(Threads(1).run(noted, numbers(*range(100)))) as results:
        next(results)
    assert len(done) < 10
