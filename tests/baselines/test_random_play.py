"""Uniform legal play."""

from __future__ import annotations

import numpy as np

from regional_dispatch.baselines import baseline
from regional_dispatch.baselines.random_play import RandomPlay, _uniform
from regional_dispatch.baselines.tick_player import ScorerPlayer
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.evaluation.rollouts import rollout
from tests.worlds import TWO_REGIONS, small

WORLD = small(**TWO_REGIONS, horizon_hours=24, warmup_hours=0)
KEYS = [episode_key("evaluate", 0, i) for i in range(2)]
COST = "cost_per_order_usd"


def test_the_same_episode_is_played_the_same_and_another_one_is_not() -> None:
    first, again = (RandomPlay().rollout(WORLD, KEYS) for _ in range(2))
    costs = [[row[COST] for row in rows] for rows in (first, again)]
    assert costs[0] == costs[1]
    assert costs[0][0] != costs[0][1]


def test_it_goes_on_where_it_stopped() -> None:
    whole, parts = Simulator(WORLD), Simulator(WORLD)
    for sim in (whole, parts):
        sim.reset(0, KEYS[0])
    RandomPlay().run(whole)
    RandomPlay().run(parts, 7)
    assert parts.tick(0) == 7
    RandomPlay().run(parts)
    assert whole.kpis(0) == parts.kpis(0)


def test_each_legal_option_is_as_likely_and_none_that_is_not() -> None:
    mask = np.tile(np.array([[1, 0, 1, 1]], np.int8), (1, 6000, 1))
    share = np.bincount(_uniform(mask, np.random.default_rng(0)).ravel(), minlength=4) / 6000
    assert share[1] == 0
    assert np.abs(share[[0, 2, 3]] - 1 / 3).max() < 0.03


def test_it_costs_more_than_a_rule_and_counts_its_decisions() -> None:
    own, rule = RandomPlay().rollout(WORLD, KEYS), rollout(Simulator(WORLD), baseline("least_cost").scorers, KEYS)
    assert all(a[COST] > b[COST] for a, b in zip(own, rule, strict=True))
    assert all(row["decisions_made"] > 100 and row["cpu_seconds"] > 0 for row in own)


def test_scorers_played_tick_by_tick_decide_as_the_kernel_does() -> None:
    policy = baseline("hybrid")
    own, kernel = ScorerPlayer(policy).rollout(WORLD, KEYS), rollout(Simulator(WORLD), policy.scorers, KEYS)
    assert [row[COST] for row in own] == [row[COST] for row in kernel]
