"""The policy of the page on submissions."""

from __future__ import annotations

from regional_dispatch.evaluation.policies import resolve_players
from regional_dispatch.evaluation.rollouts import evaluate_policies
from tests.processes import ROOT
from tests.worlds import TWO_REGIONS, small

COST = "cost_per_order_usd"


def test_it_plays_better_than_chance() -> None:
    world = small(**TWO_REGIONS, horizon_hours=48, warmup_hours=12)
    policies = resolve_players([f"{ROOT}/examples/my_policy.py:HalfFull", "random"], world)
    mean = evaluate_policies(world, policies, 2, 0).groupby("policy", sort=False)[COST].mean()
    assert mean.iloc[0] < mean.iloc[1]
