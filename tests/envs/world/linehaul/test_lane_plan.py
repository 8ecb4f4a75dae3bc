"""Lanes that run by a plan: which routes they leave, what packages cost on them, and what a plan must not lose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regional_dispatch.envs.kernel.decisions.scorers import DEFAULT_BACKGROUND
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.network import Network, build_network
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError
from tests.worlds import TWO_REGIONS, simulator, small

KEY = episode_key("tune", 3, 0)
PATIENT = {"promise_hours": [72.0, 96.0, 120.0]}  # promises that every chain of lanes keeps


def named(network: Network) -> list[tuple[str, str]]:
    """Origin and destination of every lane."""
    names, lanes = network.sites["name"], network.net.lanes
    return [(names[origin], names[dest]) for origin, dest in zip(lanes["origin"], lanes["dest"], strict=True)]


def planned(folder: Path, kept: Any, fill: str = "", **changes: Any) -> Scenario:
    """The small world with a plan of the lanes for which `kept(origin, destination)` holds."""
    changes = {"demand": PATIENT, **changes}
    rows = [f"{a},{b},{fill}" for a, b in named(build_network(small(**changes))) if kept(a, b)]
    path = folder / "lanes.csv"
    path.write_text("\n".join(["origin,destination,fill", *rows]) + "\n", encoding="utf-8")
    return small(**changes, lanes={"kind": "file", "path": str(path)})


def no_direct(origin: str, destination: str) -> bool:
    return not (origin.startswith("FC") and destination.startswith("DS"))


def test_routes_and_trucks_use_only_lanes_that_run(tmp_path: Path) -> None:
    scenario = planned(tmp_path, no_direct)
    network = build_network(scenario)
    assert (network.net.routes["legs"] >= 2).all()
    assert set(network.net.routes["station"].tolist()) == set(range(network.net.stations))
    sim = simulator(scenario, KEY)
    sim.run(DEFAULT_BACKGROUND)
    direct = [not no_direct(a, b) for a, b in named(network)]
    assert sim.state.lane["sent"][0][direct].sum() == 0 < sim.state.lane["sent"][0].sum()


def test_a_thin_lane_costs_more_per_package(tmp_path: Path) -> None:
    thin, full = (build_network(planned(tmp_path, no_direct, fill)).net.routes for fill in ("0.25", "1"))
    np.testing.assert_allclose(thin["rest_cost"], 4 * full["rest_cost"])
    standard = build_network(planned(tmp_path, no_direct)).net.routes
    np.testing.assert_allclose(standard["rest_cost"], full["rest_cost"] / small().trucks.standard_fill)


def test_inside_a_region_a_package_may_go_over_two_sort_centers_where_one_does_not_do(tmp_path: Path) -> None:
    """Each FC feeds one sort center alone: stations of the others are reached over two."""
    first: dict[str, str] = {}
    kept = {(a, b) for a, b in named(build_network(small())) if no_direct(a, b)}
    for a, b in sorted(kept):
        if a.startswith("FC") and first.setdefault(a, b) != b:
            kept.discard((a, b))
    net = build_network(planned(tmp_path, lambda a, b: (a, b) in kept)).net
    assert set(net.routes["legs"].tolist()) == {2, 3}
    assert len(net.routes) == net.fcs * net.stations


def test_a_pair_with_a_direct_lane_keeps_a_way_over_two_sort_centers(tmp_path: Path) -> None:
    """Each FC feeds one sort center alone; where that does not feed the station, a second one does."""
    first: dict[str, str] = {}
    kept = set(named(build_network(small())))
    for a, b in sorted(kept):
        if a.startswith("FC") and b.startswith("SC") and first.setdefault(a, b) != b:
            kept.discard((a, b))
    routes = build_network(planned(tmp_path, lambda a, b: (a, b) in kept)).net.routes
    legs: dict[tuple[int, int], set[int]] = {}
    for route in routes:
        legs.setdefault((int(route["fc"]), int(route["station"])), set()).add(int(route["legs"]))
    assert {1, 3} in legs.values() and {1} not in legs.values()


def test_lanes_change_in_the_middle_of_an_episode(tmp_path: Path) -> None:
    """Packages made before the change end on the lanes of their routes; those made after it take lanes that run."""
    plan = planned(tmp_path, no_direct).lanes
    sim = simulator(small(demand=PATIENT, changes=[{"hour": 48, "lanes": plan}]), KEY)
    first = len(build_network(small()).net.routes)
    direct = [not no_direct(a, b) for a, b in named(sim.network)]
    sim.run(DEFAULT_BACKGROUND, 48)
    waiting = sim.state.lane["count"][0][direct].sum()
    assert waiting > 0
    sent = sim.state.lane["sent"][0][direct].sum()
    sim.run(DEFAULT_BACKGROUND, 119)
    assert sim.state.lane["sent"][0][direct].sum() >= sent + waiting
    travelling = sim.state.package["route"][0][: int(sim.state.row["packages_made"][0])]
    assert (travelling >= first).any()
    sim.run(DEFAULT_BACKGROUND)
    assert sim.packages_under_way(0) == 0 and sim.cash(0) == pytest.approx(sim.accrual(0))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            ["FC Nowhere,DS New York NY,0.5"],
            r"row 2: FC Nowhere → DS New York NY by truck: the network has no such lane",
        ),
        (["{0},{1},0.5", "{0},{1},0.5"], "row 3: .* is given twice; remove one row"),
        (["{0},{1},1.5"], r"row 2: fill = 1.5: must be above 0 and at most 1"),
        (["{0},{1},0"], r"row 2: fill = 0: must be above 0"),
        (["{0},{1},half"], "fill = 'half'"),
        (["{0},{1},0.5"], "no lane of the plan leads to 'DS"),
    ],
)
def test_a_wrong_plan_is_refused(tmp_path: Path, rows: list[str], message: str) -> None:
    lane = named(build_network(small()))[0]
    path = tmp_path / "lanes.csv"
    path.write_text("\n".join(["origin,destination,fill", *(row.format(*lane) for row in rows)]) + "\n")
    with pytest.raises(ScenarioError, match=message) as error:
        build_network(small(lanes={"kind": "file", "path": str(path)}))
    assert str(path) in str(error.value)


def test_a_plan_that_loses_a_promise_is_refused(tmp_path: Path) -> None:
    """With direct lanes a promise of a few hours can be kept; over sort centers it cannot."""
    fastest = build_network(small()).net.routes["rest"][:, 0].min() + 1
    demand = {"promise_hours": [float(fastest), 28.0, 60.0]}
    with pytest.raises(ScenarioError, match=r"no lane of the plan keeps the promise of .* hours: the fastest route"):
        build_network(planned(tmp_path, no_direct, demand=demand))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([{"hour": 120, "partition": {"kind": "national"}}], "changes.0.hour = 120: must be below horizon_hours 120"),
        ([{"hour": 12.5, "lanes": {"kind": "all"}}], "must be a multiple of tick_hours 1"),
        ([{"hour": 12}], "pulls no lever"),
        ([{"hour": 12, "stock": {"layout": "regional"}}] * 2, "changes.0 sets it at hour 12 too; remove one"),
        ([{"hour": 12, "stock": {"layout": "table"}}], "layout 'table' needs 'placement'"),
        ([{"hour": 12, "stock": {"layout": "spread", "placement": "a.csv"}}], "both say where stock stands"),
        ([{"hour": 12, "lanes": {"kind": "file"}}], "lanes kind 'file' needs 'path'"),
        ([{"hour": 12, "lanes": {"kind": "all", "path": "a.csv"}}], "lanes kind 'all' does not take 'path'"),
    ],
)
def test_a_wrong_change_is_refused(changes: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small(changes=changes)


def test_levers_changed_at_one_hour_make_one_setting() -> None:
    scenario = small(
        changes=[
            {"hour": 50, "stock": {"layout": "regional"}},
            {"hour": 20, **TWO_REGIONS},
            {"hour": 50, "partition": {"kind": "national"}},
        ]
    )
    sim = simulator(scenario, KEY)
    assert sim.world.net.first_tick.tolist() == [0, 20, 50] and sim.world.net.divided.tolist() == [0, 1, 0]
    assert len(sim.world.base_stock) == 3 and (sim.world.base_stock[0] == sim.world.base_stock[1]).all()
