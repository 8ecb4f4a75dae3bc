"""The optimum in hindsight: its plan costs what it says, no policy costs less, and enumeration finds the same."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regional_dispatch.baselines import baseline, baseline_names
from regional_dispatch.baselines.bounds.bound import BoundError
from regional_dispatch.baselines.bounds.hindsight import exact_bound, hindsight_bound, is_small, replay
from regional_dispatch.baselines.bounds.known_orders import all_orders
from regional_dispatch.baselines.bounds.time_expanded import Plan
from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import Scenario, load_scenario
from tests.worlds import decide_at_random

pytestmark = pytest.mark.slow

CENT = 0.005
SITES = """name,kind,latitude,longitude,state,population,trucks,per_hour
FC A,fc,40.0,-75.0,PA,,50,500
FC B,fc,41.0,-75.0,PA,,50,500
SC A,sc,40.2,-75.1,PA,,50,500
SC B,sc,41.1,-75.1,PA,,50,500
DS A,station,40.3,-75.3,PA,100,,
DS B,station,41.3,-75.3,PA,100,,
"""
LANES = """origin,destination,miles,transit_hours
FC A,DS A,60,1
FC A,SC A,50,1
FC B,DS B,60,1
FC B,SC B,50,1
SC A,SC B,100,2
SC B,SC A,100,2
SC A,DS A,40,1
SC B,DS B,40,1
"""
HEAD = "hour,order,station,sku,units,promise_hours"


def world(folder: Path, orders: list[str] | None = None, **changes: Any) -> Scenario:
    """Two regions of one FC, one sort center and one station each; generated orders, or those of a trace."""
    (folder / "sites.csv").write_text(SITES, encoding="utf-8")
    (folder / "lanes.csv").write_text(LANES, encoding="utf-8")
    data: dict[str, Any] = {
        "name": "tiny",
        "horizon_hours": 24,
        "warmup_hours": 0,
        "partition": {"kind": "balanced", "regions": 2},
        "network": {"kind": "tables", "sites": str(folder / "sites.csv"), "lanes": str(folder / "lanes.csv")},
        "demand": {"kind": "generated", "orders_per_day": 10, "promise_hours": (6, 12, 20)},
        "stock": {"skus": 4, "breadth": (1, 1, 0.5), "review_hours": 6, "lead_time_hours": 5, "safety_factor": 0.5},
        "trucks": {"capacity_packages": 3, "real_capacity_packages": 300},
        "slots": {"orders": 16},
    }
    if orders is not None:
        (folder / "orders.csv").write_text("\n".join([HEAD, *orders]) + "\n", encoding="utf-8")
        data["demand"] = {"kind": "trace", "path": str(folder / "orders.csv"), "orders_per_day": 8}
    for name, value in changes.items():
        data[name] = {**data[name], **value} if isinstance(value, dict) and name in data else value
    return Scenario.model_validate(data)


def dollars(sim: Simulator) -> float:
    return sum(sim.cash(0).values())


# ------------------------------------------------------------------------------------------- replay and lower bound

TINY = {
    "full loads and scarce shelves": {},
    "trucks of two": {"trucks": {"capacity_packages": 2}},
    "roomy trucks": {"trucks": {"capacity_packages": 8}, "demand": {"orders_per_day": 14}},
    "one region": {"partition": {"regions": 1}},
    "lost lines": {"stock": {"safety_factor": -1, "breadth": (0.5, 0.5, 0.5)}},
    "reviews every tick, no lead time": {
        "stock": {"review_hours": 1, "lead_time_hours": 0},
        "trucks": {"capacity_packages": 6},
    },
    "half-hour ticks": {"tick_hours": 0.5, "horizon_hours": 16},
}


@pytest.mark.parametrize("changes", TINY.values(), ids=TINY.keys())
def test_the_plan_costs_what_the_program_says_and_no_baseline_costs_less(tmp_path: Path, changes: dict) -> None:
    scenario = world(tmp_path, **{"horizon_hours": 20, **changes})
    sim = Simulator(scenario)
    for index in range(2):
        key = episode_key("tune", 0, index)
        bound = exact_bound(scenario, key, 60)
        assert bound.kind == "exact" and bound.plan is not None
        assert abs(float(bound.details["difference_usd"])) < CENT
        again = replay(scenario, key, bound.plan)
        assert dollars(again) == pytest.approx(bound.usd, abs=CENT)
        assert bound.orders == again.state.row["orders"][0]
        assert (bound.plan.route < 0).sum() == again.state.row["lines_lost"][0]
        for name in baseline_names():
            sim.reset(0, key)
            sim.run(baseline(name).scorers)
            assert dollars(sim) > bound.usd - CENT, name


def test_random_decisions_never_cost_less(tmp_path: Path) -> None:
    scenario, key = world(tmp_path, stock={"safety_factor": -2}), episode_key("tune", 0, 5)
    bound = exact_bound(scenario, key, 60)
    sim, rng = Simulator(scenario), np.random.default_rng(0)
    for _ in range(50):
        sim.reset(0, key)
        done = False
        while not done:
            sim.begin(0)
            decide_at_random(sim, 0, rng)
            done = sim.finish(0)
        assert dollars(sim) > bound.usd - CENT


def test_the_plan_names_a_route_for_every_line(tmp_path: Path) -> None:
    scenario, key = world(tmp_path), episode_key("tune", 0, 0)
    bound, orders = exact_bound(scenario, key, 60), all_orders(scenario, key)
    assert bound.plan is not None
    net = Simulator(scenario).world.net
    served = bound.plan.route >= 0
    assert len(bound.plan.route) == len(orders.sku)
    assert bound.plan.departures.shape == (24, len(net.lanes))
    station = np.repeat(orders.station, np.diff(orders.first))
    assert (net.routes["station"][bound.plan.route[served]] == station[served]).all()


# ------------------------------------------------------------------------------------------------ known by reasoning


def test_two_orders_share_a_truck_by_waiting(tmp_path: Path) -> None:
    """Two orders three hours apart, both with time: one direct truck of $2.36 carries both, at $5 of picking."""
    scenario = world(
        tmp_path, ["0,a,DS A,0,1,10", "3,b,DS A,0,1,10"], stock={"safety_factor": 6}, horizon_hours=18
    )  # fmt: skip
    bound = exact_bound(scenario, episode_key("tune", 0, 0), 60)
    truck = (60 * 2.26 + 100) * 3 / 300
    assert truck == pytest.approx(2.356)
    assert bound.kind == "exact" and bound.usd == pytest.approx(2 * 2.5 + truck, abs=1e-6)


def test_an_order_that_cannot_wait_has_its_own_truck(tmp_path: Path) -> None:
    """The first order must leave at once; the second comes too late for its truck. Late costs more than a truck."""
    scenario = world(
        tmp_path, ["0,a,DS A,0,1,2", "3,b,DS A,0,1,2"], stock={"safety_factor": 6}, horizon_hours=18
    )  # fmt: skip
    bound = exact_bound(scenario, episode_key("tune", 0, 0), 60)
    assert bound.kind == "exact" and bound.usd == pytest.approx(2 * (2.5 + 2.356), abs=1e-6)


FULL_LOAD = ["0,a,DS A,0,1,30", "0,b,DS A,0,1,30", "4,c,DS A,0,1,2", "8,d,DS A,0,1,2"]


@pytest.mark.parametrize("spot, trucks, kind", [(True, 3, "exact"), (False, 2, "relaxation")])
def test_a_full_load_leaves_by_itself(tmp_path: Path, spot: bool, trucks: int, kind: str) -> None:
    """Trucks of two; a and b (in no hurry) fill one at once, so c and d (in a hurry) need a truck each: three trucks.

    Were full loads free to wait, a with c and b with d would do. Without spot trucks they might have to, so the program
    cannot forbid it, and the bound it then finds must not be called optimal.
    """
    scenario = world(
        tmp_path, FULL_LOAD, stock={"safety_factor": 6}, trucks={"capacity_packages": 2, "spot_allowed": spot}
    )  # fmt: skip
    bound = exact_bound(scenario, episode_key("tune", 0, 0), 60)
    truck = (60 * 2.26 + 100) * 2 / 300
    assert bound.kind == kind and bound.usd == pytest.approx(4 * 2.5 + trucks * truck, abs=1e-6)
    assert bound.details["rounds"] == (2 if spot else 1) and bound.details["strict_lanes"] == int(spot)


# -------------------------------------------------------------------------------------------------------- enumeration

MICRO = [
    ["0,a,DS A,0,1,3", "0,a,DS A,1,1,3", "1,b,DS A,0,1,4"],
    ["0,a,DS A,0,1,6", "1,b,DS B,0,1,5", "1,c,DS B,1,1,6"],
    ["0,a,DS B,0,1,7", "1,b,DS B,0,1,7", "1,b,DS B,1,1,7"],
]


def every_outcome(sim: Simulator, key: int) -> Iterator[float]:
    """Dollars of every sequence of source choices and go or hold that the kernel allows, by depth-first search."""
    sim.reset(0, key)
    yield from _from_here(sim, baseline("immediate").scorers)


def _from_here(sim: Simulator, scorers: Scorers) -> Iterator[float]:
    """The same from the tick that row 0 is in: each combination of the tick's decisions, and what comes of it."""
    sim.begin(0)
    sim.decide(0, scorers)  # finds the candidates
    s = sim.state
    lines = [(r, j) for r, j in product(range(sim.regions), range(s.slots.max())) if j < s.slots[0, r]]
    found = {(r, j): int((s.candidate[0, r, j] >= 0).sum()) for r, j in lines}
    places = [(r, (s.line_first[0, r] + j) % s.line.shape[2]) for (r, j), count in found.items() if count]
    lanes = s.active[0, : s.row["active"][0]].tolist()
    arrays = [array for array in s if isinstance(array, np.ndarray)]
    before = [array.copy() for array in arrays]
    for options in product(*(range(count) for count in found.values() if count), *[range(2)] * len(lanes)):
        sim.state = s
        for array, kept in zip(arrays, before, strict=True):
            array[...] = kept
        for (r, place), choice in zip(places, options, strict=False):
            s.line["choice"][0, r, place] = choice
        s.go[0] = 0
        s.go[0, lanes] = options[len(places) :]
        if sim.finish(0):
            yield dollars(sim)
        else:
            yield from _from_here(sim, scorers)


@pytest.mark.parametrize("orders", MICRO)
@pytest.mark.parametrize("room", [1, 2, 4])
def test_enumeration_finds_the_same_optimum(tmp_path: Path, orders: list[str], room: int) -> None:
    """Every decision there is, tried in the kernel: shelves of one unit, so sourcing decides who gets what."""
    changes: dict[str, Any] = {"stock": {"safety_factor": -3, "skus": 2}, "horizon_hours": 7}
    scenario = world(tmp_path, orders, trucks={"capacity_packages": room}, **changes)
    key = episode_key("tune", 0, 0)
    bound = exact_bound(scenario, key, 60)
    outcomes = list(every_outcome(Simulator(scenario), key))
    assert len(outcomes) > 3
    assert bound.kind == "exact"
    assert min(outcomes) == pytest.approx(bound.usd, abs=1e-4)


@pytest.mark.parametrize("orders", MICRO)
def test_enumeration_finds_the_same_optimum_where_lanes_have_trucks_of_their_own_size(
    tmp_path: Path, orders: list[str]
) -> None:
    scenario = world(tmp_path, orders, stock={"safety_factor": -3, "skus": 2}, horizon_hours=7)
    table = (tmp_path / "lanes.csv").read_text(encoding="utf-8").splitlines()
    sizes = ["capacity", *("100" if row.startswith("FC") else "400" for row in table[1:])]  # model trucks of 1 and 4
    text = "\n".join(f"{row},{size}" for row, size in zip(table, sizes, strict=True))
    (tmp_path / "lanes.csv").write_text(text + "\n", encoding="utf-8")
    key = episode_key("tune", 0, 0)
    sim = Simulator(scenario)
    assert set(sim.world.net.lanes["room"].tolist()) == {1, 4}
    bound = exact_bound(scenario, key, 60)
    assert bound.kind == "exact"
    assert min(every_outcome(sim, key)) == pytest.approx(bound.usd, abs=1e-4)


# ---------------------------------------------------------------------------------------------------- sizes and errors


def test_small_is_small_and_the_nation_is_not() -> None:
    assert is_small(load_scenario("small"))
    assert not is_small(load_scenario("us8"))
    with pytest.raises(BoundError, match=r"us8: too large for the optimum .* lower horizon_hours"):
        exact_bound(load_scenario("us8"), 1)


def test_the_bound_is_the_optimum_where_it_can_be_found_and_a_relaxation_elsewhere(tmp_path: Path) -> None:
    key, tiny = episode_key("tune", 0, 0), world(tmp_path)
    many = world(tmp_path, demand={"kind": "generated", "orders_per_day": 20_000})
    assert hindsight_bound(tiny, key).usd == exact_bound(tiny, key).usd
    found = hindsight_bound(many, key, 0.1)
    assert (found.kind, found.plan) == ("relaxation", None)


def test_no_time_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(BoundError, match=r"tiny: no bound within the time limit .* raise the limit .*time_limit_s"):
        exact_bound(world(tmp_path), episode_key("tune", 0, 0), 0.0)


def test_lines_that_wait_for_slots_are_an_error(tmp_path: Path) -> None:
    orders = [f"0,{name},DS A,0,1,10" for name in "abc"]
    with pytest.raises(BoundError, match=r"slots.orders = 2: 3 lines arrive in one tick of a region.*set it to 3"):
        exact_bound(world(tmp_path, orders, slots={"orders": 2}), episode_key("tune", 0, 0))


def test_an_episode_without_orders_costs_nothing(tmp_path: Path) -> None:
    bound = exact_bound(world(tmp_path, demand={"orders_per_day": 0}), episode_key("tune", 0, 0))
    assert (bound.usd, bound.orders, bound.kind) == (0.0, 0, "exact")


def test_a_plan_of_nothing_leaves_the_choices_to_the_kernel(tmp_path: Path) -> None:
    scenario = world(tmp_path)
    sim = replay(scenario, 1, Plan(np.full(999, -1), np.zeros((24, 8), dtype=np.bool_)))
    assert sim.state.row["settled"][0] == 1 and dollars(sim) > 0
