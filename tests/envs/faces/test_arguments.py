"""Overrides, seeds and options of the single environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regional_dispatch.envs.dispatch_env import RegionalDispatchEnv
from regional_dispatch.envs.faces.arguments import scenario_of
from regional_dispatch.envs.world.scenario import ScenarioError
from tests.traces import drawn_orders, written
from tests.worlds import TWO_REGIONS, small

WORLD = small(**TWO_REGIONS, horizon_hours=24, warmup_hours=2)


@pytest.fixture(scope="module")
def env() -> RegionalDispatchEnv:
    return RegionalDispatchEnv(WORLD)


def test_overrides_are_values_or_yaml_text() -> None:
    text = scenario_of("small", {"demand.orders_per_day": "900", "partition": "{kind: balanced, regions: 2}"})
    values = scenario_of("small", {"demand.orders_per_day": 900, "partition": {"kind": "balanced", "regions": 2}})
    assert text == values
    assert values.demand.orders_per_day == 900
    assert scenario_of("small", {}) == scenario_of("small", None)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"demand.ordrs": 3}, "demand.*ordrs = 3: unknown field"),
        ({3: 3}, "3 is no field"),
        ({"": 3}, "'' is no field"),
        ({"horizon_hours": {1}}, "must be YAML text or a plain value"),
        ({"horizon_hours": "[1"}, "not readable as YAML"),
        ([("horizon_hours", 24)], "must be one dictionary"),
        ("horizon_hours=24", "must be one dictionary"),
    ],
    ids=str,
)
def test_wrong_overrides_are_named(overrides: Any, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        RegionalDispatchEnv("small", overrides=overrides)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weektick": 3}, "'weektick' is unknown; there are key, week_tick"),
        ({"reset_mask": np.ones(1, bool)}, "'reset_mask' is unknown"),
        ({"week_tick": -1}, "week_tick = -1: must be a whole number, 0…167"),
        ({"week_tick": 168}, "week_tick = 168"),
        ({"week_tick": 2.5}, "week_tick = 2.5"),
        ({"key": True}, "key = True"),
        ({"key": [1]}, r"key = \[1\]"),
        ("key", "must be a dictionary"),
    ],
    ids=str,
)
def test_wrong_options_are_named_and_change_nothing(env: RegionalDispatchEnv, options: Any, message: str) -> None:
    env.reset(seed=1)
    with pytest.raises(ScenarioError, match=message):
        env.reset(seed=5, options=options)
    following = env.reset()[0]["region"]
    env.reset(seed=1)
    np.testing.assert_array_equal(env.reset()[0]["region"], following)


def test_options_that_are_none_are_left_out(env: RegionalDispatchEnv) -> None:
    with_none, without = (env.reset(seed=1, options=options)[0] for options in ({"key": None, "week_tick": None}, {}))
    np.testing.assert_array_equal(with_none["orders"], without["orders"])


@pytest.mark.parametrize("seed", [-1, 1.0, "1", True, [1]])
def test_wrong_seeds_are_named(env: RegionalDispatchEnv, seed: Any) -> None:
    with pytest.raises(ScenarioError, match="must be a whole number ≥ 0"):
        env.reset(seed=seed)


@pytest.mark.parametrize("seed", [2**70, np.int64(3)])
def test_seeds_have_any_size(env: RegionalDispatchEnv, seed: Any) -> None:
    np.testing.assert_array_equal(env.reset(seed=seed)[0]["orders"], env.reset(seed=int(seed))[0]["orders"])


def test_a_trace_keeps_its_own_time(tmp_path: Path) -> None:
    env = RegionalDispatchEnv(written(tmp_path / "orders.csv", drawn_orders(days=3, per_day=40)))
    env.reset(options={"week_tick": 0})
    with pytest.raises(ScenarioError, match="week_tick = 5: a trace has its own time"):
        env.reset(options={"week_tick": 5})
