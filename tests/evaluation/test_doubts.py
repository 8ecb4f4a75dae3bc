"""What is said beside a comparison's numbers."""

from __future__ import annotations

import pandas as pd
import pytest

from regional_dispatch.envs.world.facts import world_facts
from regional_dispatch.envs.world.findings import Finding, notice
from regional_dispatch.envs.world.scenario import load_scenario
from regional_dispatch.evaluation.compare import compare_policies
from regional_dispatch.evaluation.doubts import settlement
from regional_dispatch.evaluation.known_world import company, foreign_worlds
from regional_dispatch.evaluation.policies import resolve_policies

SHORT = {"horizon_hours": "72", "warmup_hours": "24"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tick_hours": "6"}, "ticks of 1 h, here 6"),
        ({"trucks.capacity_packages": "2000"}, "trucks of 8 packages, here 2,000"),
        ({"partition": "{kind: national}"}, "3 regions, here 1"),
        ({"partition.regions": "2"}, "3 regions, here 2"),
        ({"demand.orders_per_day": "9000"}, "orders a day and station, here"),
        ({"demand.promise_hours": "[100, 200, 300]"}, "promises of"),
    ],
)
def test_a_policy_played_in_another_world_says_so(change: dict[str, str], words: str) -> None:
    scenario = load_scenario("small", change)
    policies = resolve_policies(["pretrained/small", "least_cost"], scenario)
    said = foreign_worlds(policies, scenario)
    assert len(said) == 1 and "'pretrained/small'" in said[0] and words in said[0]


def test_at_home_nothing_is_said_and_rules_are_made_for_no_world() -> None:
    scenario = load_scenario("small")
    assert foreign_worlds(resolve_policies(["pretrained/small", "tuned_linear"], scenario), scenario) == []
    assert foreign_worlds(resolve_policies(["least_cost"], scenario), load_scenario("small", {"tick_hours": "6"})) == []
    assert world_facts(scenario)["regions"] == 3


def test_trucks_that_leave_empty_and_a_large_settlement_are_said() -> None:
    scenario = load_scenario("small", {"trucks.capacity_packages": "2000", **SHORT})
    doubts = compare_policies(scenario, resolve_policies(["least_cost"], scenario), 1, 0).summary["doubts"]
    assert any("trucks of 2,000 packages leave" in doubt and "full" in doubt for doubt in doubts)
    short = load_scenario("small", {"horizon_hours": "30", "warmup_hours": "24"})
    doubts = compare_policies(short, resolve_policies(["least_cost"], short), 1, 0).summary["doubts"]
    assert any("settled at standard cost" in doubt for doubt in doubts)


def test_an_fc_whose_shelves_stay_empty_is_named() -> None:
    """Slow movers in one FC of three, divided over three regions, all go to the largest."""
    germany = "examples/networks/germany_fashion_shop/scenario.yaml"
    poor = {"stock.breadth": "[0.7, 0.4, 0.18]", "stock.layout": "regional", **SHORT}
    scenario = load_scenario(
        germany, {"partition": "{kind: file, path: regions_3.csv}", "demand.weeks": "null", **poor}
    )
    doubts = compare_policies(scenario, resolve_policies(["least_cost"], scenario), 1, 0).summary["doubts"]
    assert any("1 of 3 FCs hold nothing" in doubt and "'FC Erfurt'" in doubt for doubt in doubts)


def test_a_policy_of_another_world_has_untuned_rules_as_company() -> None:
    elsewhere, here = load_scenario("small", {"tick_hours": "6"}), load_scenario("small")
    alone = resolve_policies(["pretrained/small"], here)
    assert list(company(alone, elsewhere)) == ["regional_nearest", "least_cost"]
    assert company(alone, here) == {}
    assert company(resolve_policies(["pretrained/small", "hybrid"], here), elsewhere) == {}


def test_its_numbers_name_the_best_untuned_rule_beside_it() -> None:
    world = load_scenario("small", {"tick_hours": "6", "horizon_hours": "48"})
    compared = compare_policies(
        world, resolve_policies(["pretrained/small", "regional_nearest", "least_cost"], world), 1, 0
    )
    cost = {name: kpis["cost_per_order_usd"]["mean"] for name, kpis in compared.summary["policies"].items()}
    best = min(("regional_nearest", "least_cost"), key=lambda name: cost[name])
    assert (
        f"the best untuned rule beside it, '{best}', costs {cost[best]:.3f} USD" in compared.summary["doubts"][1]
    )  # after what one episode means


def test_a_comparison_says_the_warnings_of_its_own_files_alone() -> None:
    notice(Finding("warning", "elsewhere.csv", "is of another comparison"))
    notice(Finding("warning", "/any/where/small.yaml", "is of this one"))
    scenario = load_scenario("small", SHORT)
    said = compare_policies(scenario, resolve_policies(["least_cost"], scenario), 1, 0).summary["doubts"]
    assert [text for text in said if "is of" in text] == ["/any/where/small.yaml: is of this one"]


def test_more_than_two_percent_settled_is_said_and_less_is_not() -> None:
    scenario = load_scenario("small")
    for share, sentences in ((0.019, 0), (0.021, 1), (float("nan"), 0)):
        frame = pd.DataFrame({"policy": ["a", "a"], "settled_share": share})
        assert len(settlement(scenario, frame)) == sentences
