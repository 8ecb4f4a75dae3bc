"""A trace is split by time: what is learned on, what is watched, and what is measured do not overlap."""

from __future__ import annotations

from pathlib import Path

from regional_dispatch.agents.config import PpoConfig
from regional_dispatch.agents.training.run import training_worlds, tuning_worlds
from regional_dispatch.envs.world.scenario import part_of
from tests.traces import drawn_orders, written
from tests.worlds import small


def test_a_trace_is_learned_on_in_its_first_weeks_and_watched_in_the_next(tmp_path: Path) -> None:
    table = drawn_orders(days=21, per_day=20)
    days = {"kind": "trace", "path": str(tmp_path / "orders.csv"), "weeks": {"train": 1, "tune": 1}}
    scenario = written(tmp_path / "orders.csv", table, demand=days)
    (train,), (tune,) = training_worlds(scenario, PpoConfig()), tuning_worlds(scenario, PpoConfig())
    evaluate = part_of(scenario, "evaluate")
    assert train.horizon_hours <= tune.warmup_hours < tune.horizon_hours <= evaluate.warmup_hours


def test_generated_orders_need_no_parts() -> None:
    scenario = small()
    assert training_worlds(scenario, PpoConfig()) == tuning_worlds(scenario, PpoConfig()) == [scenario]
