"""Which lanes run, and their miles, ticks and cost."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.geography import great_circle_miles
from regional_dispatch.envs.world.linehaul.lane_kinds import DIRECT, FC_TO_SC, KINDS, SC_TO_SC, SC_TO_STATION
from regional_dispatch.envs.world.network import Network, build_network
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError
from tests.envs.kernel.test_conservation import assert_books_agree, run_under_the_laws
from tests.networks import LANES_OF_TWO_MODES, MAPS, SITES, built, from_tables
from tests.worlds import Reader, decide_at_random, simulator

AIR_CLOSED = {
    "kind": "lane", "origin": "Depot", "destination": "South", "mode": "air", "start_hour": 10, "hours": 20,
}  # fmt: skip


@pytest.fixture(params=MAPS)
def world(request: pytest.FixtureRequest) -> tuple[Scenario, Network]:
    return built(request.param)


def test_lanes_join_the_right_kinds_and_cost_miles_and_dock(world: tuple[Scenario, Network]) -> None:
    scenario, network = world
    net, trucks, config = network.net, scenario.trucks, scenario.network
    kind = network.sites["kind"].to_numpy()
    ends = {DIRECT: ("fc", "station"), FC_TO_SC: ("fc", "sc"), SC_TO_SC: ("sc", "sc"), SC_TO_STATION: ("sc", "station")}
    assert ends == {number: (row.origin, row.dest) for number, row in enumerate(KINDS)}
    place = network.sites[["latitude", "longitude"]].to_numpy(float)
    for lane in net.lanes:
        a, b = int(lane["origin"]), int(lane["dest"])
        assert (kind[a], kind[b]) == ends[int(lane["kind"])] and a != b
        air = great_circle_miles(place[[a], 0], place[[a], 1], place[[b], 0], place[[b], 1])[0, 0]
        assert lane["miles"] == pytest.approx(max(10.0, air * config.circuity))
        real = trucks.usd_per_mile * lane["miles"] + trucks.dock_usd
        assert lane["cost"] == pytest.approx(real * trucks.capacity_packages / 2000)
        assert lane["ticks"] == max(1, math.ceil(lane["miles"] / config.speed_mph / scenario.tick_hours - 1e-9))
        assert lane["region"] == net.region_of_site[a]
    assert len({(int(x["origin"]), int(x["dest"])) for x in net.lanes}) == len(net.lanes)


# --------------------------------------------------------------------------------- two lanes between the same sites


def test_two_lanes_between_the_same_sites_have_their_own_miles_ticks_and_cost(tmp_path: Path) -> None:
    scenario = from_tables(tmp_path, lanes=LANES_OF_TWO_MODES)
    network = build_network(scenario)
    lanes = network.net.lanes
    found = sorted(network.route_modes(p) for p in range(len(network.net.routes)))
    assert found == [("air",), ("air", "truck"), ("truck",), ("truck", "truck")]
    assert build_network(from_tables(tmp_path)).route_modes(0) == ()
    assert [network.lane_name(i) for i in range(5)] == [
        "Depot → Hub by air", "Depot → Hub by truck", "Depot → South by air", "Depot → South by truck", "Hub → North",
    ]  # fmt: skip
    assert network.lane_modes.tolist() == ["air", "truck", "air", "truck", "truck"]
    assert lanes["miles"].tolist() == [55, 60, 80, 90, 50] and lanes["ticks"].tolist() == [1, 2, 1, 20, 1]
    truck = [2.26 * miles + 100 for miles in (60, 90, 50)]
    np.testing.assert_allclose(lanes["cost"] * 2000 / 3, [900, truck[0], 900, truck[1], truck[2]])


def test_the_order_of_rows_in_the_table_does_not_matter(tmp_path: Path) -> None:
    head, *rows = LANES_OF_TWO_MODES.splitlines()
    one = build_network(from_tables(tmp_path, lanes=LANES_OF_TWO_MODES))
    other = build_network(from_tables(tmp_path, lanes="\n".join([head, *rows[::-1]])))
    assert (one.net.lanes == other.net.lanes).all() and (one.net.routes == other.net.routes).all()
    assert (one.lane_modes == other.lane_modes).all()


def test_the_same_mode_twice_is_refused(tmp_path: Path) -> None:
    lanes = LANES_OF_TWO_MODES + "Depot,Hub,truck,70,,\n"  # the first row names no mode: a truck
    with pytest.raises(ScenarioError, match=r"lanes\.csv: row 7: lane Depot → Hub by truck is given twice"):
        build_network(from_tables(tmp_path, lanes=lanes))


def test_both_lanes_give_candidates_and_each_has_its_own_money_and_transit(tmp_path: Path) -> None:
    """Random decisions; dollars and arrival of every truck are those of the lane that it left on."""
    sites = SITES.replace("5,30", "500,300")  # never a spot truck, and no queue at the FC
    lanes = LANES_OF_TWO_MODES.replace("Hub,North,,50,,", "Hub,North,,50,,\nDepot,North,truck,150,,")
    fleet = {"capacity_packages": 3, "fleet_headroom": 100}
    scenario = from_tables(tmp_path, sites, lanes, trucks=fleet, warmup_hours=0)
    sim, rng = simulator(scenario, 5), np.random.default_rng(5)
    net, modes = sim.world.net, sim.network.lane_modes
    used: set[tuple[int, str]] = set()  # station and mode of the first leg
    seen: list[tuple[int, int, int]] = []  # arrival, lane and first package of the trucks on the road
    usd, sent = 0.0, np.zeros(len(net.lanes))
    for tick in range(60):
        sim.begin(0)
        choices, _ = decide_at_random(sim, 0, rng)
        assert len(choices) == 0 or (sim.state.candidate[0, 0, [j for _, j in choices], 1] >= 0).all()
        used |= {(int(net.routes["station"][p]), str(modes[net.routes["lanes"][p, 0]])) for p in choices.values()}
        sim.finish(0)
        left, paid = sim.state.lane["trucks"][0] - sent, sim.cash(0)["truck"] - usd
        assert paid == pytest.approx(float((left * net.lanes["cost"]).sum()))
        on_road = [
            (at, _lane_of(sim, load), load[0]) for at, loads in Reader(sim, 0).trucks().items() for load in loads
        ]
        for at, lane, _ in set(on_road) - set(seen):
            assert at == tick + net.lanes["ticks"][lane]
        seen, usd, sent = on_road, sim.cash(0)["truck"], sim.state.lane["trucks"][0].copy()
    assert used == {(0, "air"), (0, "truck"), (1, "air"), (1, "truck")}
    assert (sent > 0).all()


def _lane_of(sim: Simulator, load: list[int]) -> int:
    package = sim.state.package[0, load[0]]
    return int(sim.world.net.routes["lanes"][package["route"], package["leg"]])


@pytest.mark.parametrize("events", [(), (AIR_CLOSED,)], ids=["open", "air closed"])
def test_nothing_is_lost_and_the_books_agree_with_two_lanes_between_the_same_sites(
    tmp_path: Path, events: tuple[dict[str, Any], ...]
) -> None:
    scenario = from_tables(tmp_path, lanes=LANES_OF_TWO_MODES, horizon_hours=72, warmup_hours=0, events=events)
    sim = run_under_the_laws(scenario, 10**6, 3)
    assert_books_agree(sim, 0)
    assert (sim.state.lane["sent"][0] > 0).all()
