"""A what-if changes what it names, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regional_dispatch.baselines import baseline
from regional_dispatch.envs.world.network import Network, build_network
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError, load_scenario, scenario_yaml
from regional_dispatch.envs.world.stock import place_stock
from regional_dispatch.envs.world.what_if.stock import stock_moves
from regional_dispatch.envs.world.world import build_world
from regional_dispatch.evaluation.rollouts import evaluate_policies
from tests.networks import from_tables
from tests.traces import drawn_orders, written
from tests.worlds import small

LONELY = {"name": "FC Boise", "kind": "fc", "latitude": 43.6, "longitude": -116.2}
NEAR_NEW_YORK = {"name": "FC Newark", "kind": "fc", "latitude": 40.72, "longitude": -74.01}
# Site → its lines in `small` do not fit into the tables' network, whose names are other ones.
TWO_FCS = """name,kind,latitude,longitude,population,per_hour
Depot,fc,40,-90,,20
Other,fc,39.2,-90,,
Hub,sc,40.5,-90,,
North,station,41,-90,3,
South,station,39,-90,1,
"""
FOUR_LANES = """origin,destination,miles
Depot,Hub,60
Hub,North,50
Depot,South,90
Other,South,20
Other,Hub,110
"""


def by_name(network: Network, values: np.ndarray) -> dict[str, Any]:
    return dict(zip(network.sites["name"], values.tolist(), strict=False))


def lanes_of(network: Network) -> dict[tuple[str, str, str], tuple[float, int, float]]:
    """Lane by its ends and mode → miles, ticks and cost."""
    names, lanes = network.sites["name"].to_numpy(), network.net.lanes
    ends = zip(names[lanes["origin"]], names[lanes["dest"]], network.lane_modes, strict=True)
    values = zip(lanes["miles"].tolist(), lanes["ticks"].tolist(), lanes["cost"].tolist(), strict=True)
    return dict(zip(ends, values, strict=True))


def stock_of(scenario: Scenario) -> dict[str, list[int]]:
    network = build_network(scenario)
    return by_name(network, place_stock(scenario, network).T)


CLOSED = {"close": ["FC Dallas TX"]}
QUESTIONS: dict[str, dict[str, Any]] = {
    "close an FC": CLOSED,
    "close a sort center": {"close": ["SC Evansville IN"]},
    "add an FC": {"add": [NEAR_NEW_YORK]},
    "add an FC of no station": {"add": [LONELY]},
    "add a sort center": {"add": [{**LONELY, "name": "SC Boise", "kind": "sc"}]},
    "move a sort center": {"move": {"SC Evansville IN": (40.1, -75.2)}},
    "more capacity": {"capacity": {"FC New York NY": "×1.5"}},
    "more trucks": {"fleet": {"FC New York NY": 99}},
    "move stock": {"stock": [{"origin": "FC New York NY", "destination": "FC Dallas TX", "share": 0.2}]},
}


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=list(QUESTIONS))
def test_other_sites_keep_capacity_fleet_and_lanes(question: dict[str, Any]) -> None:
    was, now = build_network(small()), build_network(small(what_if=question))
    named = {*question.get("capacity", ()), *question.get("fleet", ())}
    for field in ("site_capacity", "fleet"):
        old, new = by_name(was, getattr(was.net, field)), by_name(now, getattr(now.net, field))
        for name in set(old) & set(new) - named:
            assert new[name] == old[name], (field, name)
    placed = {*question.get("close", ()), *question.get("move", ())}
    lanes = lanes_of(now)
    for lane, values in lanes_of(was).items():
        if not {*lane} & placed:
            assert lanes[lane] == values


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=list(QUESTIONS))
def test_no_unit_appears_or_vanishes(question: dict[str, Any]) -> None:
    was, now = stock_of(small()), stock_of(small(what_if=question))
    assert np.array_equal(np.sum([*was.values()], axis=0), np.sum([*now.values()], axis=0))  # SKU by SKU


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=list(QUESTIONS))
def test_units_that_move_are_said(question: dict[str, Any]) -> None:
    scenario = small(what_if=question)
    was, now = stock_of(small()), stock_of(scenario)
    change = {name: sum(now.get(name, [0])) - sum(was.get(name, [0])) for name in {*was, *now}}
    said = dict.fromkeys(change, 0)
    for move in stock_moves(scenario, build_network(scenario)):
        said[move.origin] -= move.units
        said[move.destination] += move.units
        assert move.usd > 0
    assert said == change


def test_units_of_a_closed_fc_can_be_lost() -> None:
    was, now = stock_of(small()), stock_of(small(what_if={**CLOSED, "stock_of_closed": "lost"}))
    assert sum(was["FC Dallas TX"]) > 0
    assert now == {name: units for name, units in was.items() if name != "FC Dallas TX"}


def test_an_added_fc_takes_stock_with_the_stations_it_is_nearest_to() -> None:
    was, now = stock_of(small()), stock_of(small(what_if={"add": [NEAR_NEW_YORK]}))
    assert sum(now["FC Newark"]) > 0
    assert sum(now["FC Newark"]) + sum(now["FC New York NY"]) == sum(was["FC New York NY"])
    empty = stock_of(small(what_if={"add": [NEAR_NEW_YORK], "stock_of_added": "none"}))
    assert sum(empty.pop("FC Newark")) == 0
    assert empty == was


@pytest.mark.parametrize(
    "question",
    [{}, {"add": [LONELY]}, {"add": [NEAR_NEW_YORK], "stock_of_added": "none"}],
    ids=["nothing", "an FC of no station", "an empty FC"],
)
def test_what_changes_nothing_costs_nothing(question: dict[str, Any]) -> None:
    policies = {"least_cost": baseline("least_cost")}
    was, now = (evaluate_policies(world, policies, 1, 0) for world in (small(), small(what_if=question)))
    assert now.equals(was)


def test_a_closed_fc_leaves_its_capacity_to_no_other(tmp_path: Path) -> None:
    """Without its rows in the tables, the next FC would be sized for its orders too."""
    demand = {"orders_per_day": 3000}
    scenario = from_tables(tmp_path, TWO_FCS, FOUR_LANES, demand=demand)
    was = build_network(scenario)
    now = build_network(scenario.model_copy(update={"what_if": load({"close": ["Depot"], "add": [northern()]})}))
    kept = by_name(now, now.net.site_capacity)
    assert kept["Other"] == by_name(was, was.net.site_capacity)["Other"]
    assert kept["Depot North"] == 30


def northern() -> dict[str, Any]:
    return {"name": "Depot North", "kind": "fc", "latitude": 40.6, "longitude": -90, "per_hour": 30, "trucks": 4}


def load(question: dict[str, Any]) -> Any:
    return small(what_if=question).what_if


def test_a_new_site_has_lanes_by_distance_and_no_other_site_has_new_ones(tmp_path: Path) -> None:
    scenario = from_tables(tmp_path, TWO_FCS, FOUR_LANES)
    was, now = (
        lanes_of(build_network(world))
        for world in (scenario, scenario.model_copy(update={"what_if": load({"add": [northern()]})}))
    )
    new = set(now) - set(was)
    assert {
        ("Depot North", "North", "truck"),
        ("Depot North", "South", "truck"),
        ("Depot North", "Hub", "truck"),
    } == new
    miles, ticks, usd = now["Depot North", "North", "truck"]
    assert miles == pytest.approx(1.2 * 27.64, rel=0.01)
    assert ticks == 1
    assert usd == pytest.approx((2.26 * miles + 100) * 3 / 2000)


def test_a_site_left_without_any_lane_gets_one() -> None:
    question = {"close": ["SC Evansville IN", "SC Lancaster CA"]}
    assert len(build_network(small(what_if=question)).net.routes)  # every station has a route, or this is an error


def test_a_moved_site_keeps_its_lanes_with_new_miles() -> None:
    was, now = build_network(small()), build_network(small(what_if=QUESTIONS["move a sort center"]))
    old, new = lanes_of(was), lanes_of(now)
    own = [lane for lane in old if "SC Evansville IN" in lane]
    assert own
    assert set(own) <= set(new)
    assert all(new[lane][0] != old[lane][0] for lane in own)


def test_trucks_before_size_the_fleet() -> None:
    before = small()
    after = small(trucks={"capacity_packages": 30}, what_if={"trucks_before": {"capacity_packages": 3}})
    assert build_network(after).net.fleet.tolist() == build_network(before).net.fleet.tolist()
    assert build_network(after).net.lanes["cost"] == pytest.approx(10 * build_network(before).net.lanes["cost"])


def test_a_question_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "asked.yaml"
    asked = small(what_if={**CLOSED, "capacity": {"FC New York NY": "x1.5"}, "move": {"SC Evansville IN": (40, -75)}})
    path.write_text(scenario_yaml(asked), encoding="utf-8")
    assert load_scenario(path).what_if == asked.what_if


@pytest.mark.parametrize(
    ("question", "problem"),
    [
        ({"close": ["FC Dalas TX"]}, "is no such site; the closest name is 'FC Dallas TX'"),
        ({"close": ["DS Dallas TX"]}, "is a station, where orders come from; demand stays"),
        ({"add": [{**LONELY, "name": "FC Dallas TX"}]}, "is a site already"),
        ({"move": {"Nowhere": (1, 2)}}, "what_if.move = 'Nowhere': is no such site"),
        ({"capacity": {"DS Dallas TX": 5}}, "what_if.capacity = 'DS Dallas TX': is no such site"),
        ({"stock": [{"origin": "SC Evansville IN", "destination": "FC Dallas TX", "share": 1}]}, "stock.0.origin"),
        ({"close": [f"FC {x}" for x in ("Dallas TX", "New York NY", "Evansville IN", "Lancaster CA")]}, "every FC"),
    ],
)  # fmt: skip
def test_names_are_checked(question: dict[str, Any], problem: str) -> None:
    with pytest.raises(ScenarioError) as error:
        build_network(small(what_if=question))
    assert problem in str(error.value)


@pytest.mark.parametrize(
    ("question", "problem"),
    [
        ({"close": ["A"], "move": {"A": (1, 2)}}, "closed, added or moved twice"),
        ({"close": ["A"], "capacity": {"A": 3}}, "capacity: 'A' is closed"),
        ({"close": ["A"], "stock": [{"origin": "A", "destination": "B", "share": 1}]}, "stock_of_closed says"),
        ({"capacity": {"A": "much"}}, "must be a number, or × and a number"),
        ({"capacity": {"A": "×-1"}}, "must be 0 or more"),
        ({"stock": [{"origin": "A", "destination": "A", "share": 1}]}, "name two FCs"),
    ],
)
def test_questions_that_contradict_themselves_are_refused(question: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        small(what_if=question)


def test_a_snapshot_of_stock_moves_with_its_fc(tmp_path: Path) -> None:
    """Tables name FCs of before; what lay in a closed one lies where its stations are served from now."""
    stock = tmp_path / "stock.csv"
    stock.write_text(
        "site,sku,on_hand,base_stock\nFC Dallas TX,00001,7,9\nFC New York NY,00000,5,6\n", encoding="utf-8"
    )
    scenario = written(tmp_path / "orders.csv", drawn_orders(days=3), stock={"snapshot": str(stock)})
    asked = scenario.model_copy(update={"what_if": load(CLOSED)})
    was, now = (build_world(world, build_network(world)) for world in (scenario, asked))
    assert now.on_hand.sum() == was.on_hand.sum() == 12
    assert np.array_equal(now.on_hand.sum(axis=1), was.on_hand.sum(axis=1))
    assert np.array_equal(now.base_stock[0].sum(axis=1), was.base_stock[0].sum(axis=1))
