"""A trace is split by time: what is learned on, what is watched, and what is measured do not overlap."""

from __future__ import annotations

from pathlib import Path

import pytest

from regional_dispatch.agents.config import PpoConfig
from regional_dispatch.agents.training.monitoring import OBJECTIVE, TuningEpisodes
from regional_dispatch.agents.training.run import training_worlds, tuning_worlds
from regional_dispatch.baselines import baseline
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


def test_a_mix_stands_beside_generated_networks_and_all_have_as_many_candidates() -> None:
    ppo = PpoConfig(mix=("us8", "small"), networks=2, wide=True, copies=4, eval_episodes=3)
    learned, watched = training_worlds(small(), ppo), tuning_worlds(small(), ppo)
    assert [world.name for world in learned] == ["us8", "small", "wide_train_0", "wide_train_1"]
    assert [world.name for world in watched] == ["us8", "small", "wide_tune_0"]
    assert {world.slots.candidates for world in learned} == {8}  # small has 16 of its own


@pytest.mark.parametrize(("copies", "episodes"), [(3, 2), (4, 1)])
def test_a_mix_that_copies_or_episodes_leave_out_is_refused(copies: int, episodes: int) -> None:
    with pytest.raises(ValueError, match=r"copies 3 must be a multiple|eval_episodes 1 must be at least"):
        PpoConfig(mix=("us8", "small"), copies=copies, eval_episodes=episodes)


def test_a_dear_scenario_weighs_as_much_as_a_cheap_one() -> None:
    dear = small(costs={"pick_pack_usd": 250.0})
    both = TuningEpisodes([small(), dear], episodes=2, seed=0)
    usual, other = (both.kpis(baseline(name))[OBJECTIVE] for name in ("least_cost", "national_nearest"))
    each = [TuningEpisodes([world], 1, 0) for world in both.worlds]
    for episodes, key in zip(each, both.keys, strict=True):
        episodes.keys = [key]
    ratios = [
        one.kpis(baseline("national_nearest"))[OBJECTIVE] / one.kpis(baseline("least_cost"))[OBJECTIVE] for one in each
    ]
    assert other / usual == pytest.approx(sum(ratios) / 2, rel=0.01)
