"""`best_of(…)`: the cheapest on simulated orders, which are not the held-out ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from regional_dispatch.evaluation.best_of import SEED, candidates
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.policies import resolve_policies, resolve_policy
from regional_dispatch.evaluation.policy_kinds import tuned_rules, untuned_rules
from regional_dispatch.evaluation.rollouts import evaluate_policies
from tests.traces import drawn_orders, written
from tests.worlds import small

SPEC = "best_of(immediate,least_cost,least_cost+full_truck)"


def test_it_is_the_cheapest_on_simulated_orders_and_says_which() -> None:
    scenario = small()
    chosen = resolve_policy(SPEC, scenario)
    names = candidates(SPEC)
    frame = evaluate_policies(scenario, resolve_policies(names, scenario), 2, SEED, stream="tune")
    cheapest = frame.groupby("policy")["cost_per_order_usd"].mean().idxmin()
    assert chosen.learned_on["chosen"] == cheapest
    assert (chosen.name, ("tune", SEED) in chosen.seen) == (SPEC, True)


def test_it_counts_as_neither_a_rule_nor_a_tuned_one() -> None:
    policies = resolve_policies([SPEC, "least_cost"], small())
    assert (untuned_rules(policies), tuned_rules(policies)) == (["least_cost"], [])


@pytest.mark.parametrize("spec", ["best_of()", "best_of(least_cost)", "best_of(least_cost,)"])
def test_a_choice_among_fewer_than_two_is_refused(spec: str) -> None:
    with pytest.raises(InputError, match="give two policies or more"):
        resolve_policy(spec, small())


def test_a_trace_needs_weeks_that_are_not_measured(tmp_path: Path) -> None:
    table = drawn_orders(days=21, per_day=20)
    whole = {"kind": "trace", "path": str(tmp_path / "orders.csv")}
    scenario = written(tmp_path / "orders.csv", table, demand=whole)
    with pytest.raises(InputError, match=r"demand.weeks: \{train: 2\}"):
        resolve_policy(SPEC, scenario)
    split = written(tmp_path / "orders.csv", table, demand={**whole, "weeks": {"train": 1}})
    assert resolve_policy(SPEC, split).learned_on["chosen"] in candidates(SPEC)
