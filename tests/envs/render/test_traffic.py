"""What the map shows: trucks on the road and packages per lane."""

from __future__ import annotations

import numpy as np
import pytest

from regional_dispatch.envs.render.traffic import (
    Truck,
    fc_packages,
    full_width,
    lane_fill,
    lane_packages,
    trucks_under_way,
)
from tests.envs.render.running import RULE, running
from tests.worlds import Reader, simulator, small


def test_truck_position_is_the_share_of_the_transit_done() -> None:
    """Two trucks that arrive in the same tick and one that arrives now, laid into the state by hand."""
    sim = simulator(small(), 5)
    s, net = sim.state, sim.world.net
    legs = [(p, leg) for p in range(len(net.routes)) for leg in range(net.routes["legs"][p])]
    ticks = {(p, leg): int(net.lanes["ticks"][net.routes["lanes"][p, leg]]) for p, leg in legs}
    long, short = max(legs, key=lambda x: ticks[x]), min(legs, key=lambda x: ticks[x])
    assert ticks[long] > 4
    other = next(x for x in legs if ticks[x] >= 3 and x != long)
    s.row["tick"][0] = tick = 10
    # package, next in the truck, next truck, (route, leg)
    loads = ((5, 6, 9, long), (6, -1, 77, other), (9, -1, -1, other), (2, -1, -1, short))
    for p, following, truck, (route, leg) in loads:
        s.package[0, p]["next"], s.tag[0, p]["truck"] = following, truck
        s.package[0, p]["route"], s.package[0, p]["leg"] = route, leg
    length = s.arriving.shape[1]
    s.arriving[0, (tick + 3) % length] = 5, 9
    s.arriving[0, tick % length] = 2, 2

    lane = {key: int(net.routes["lanes"][key]) for key in (long, other, short)}
    assert trucks_under_way(sim, 0) == [
        Truck(lane[short], 1.0, 1),
        Truck(lane[long], 1 - 3 / ticks[long], 2),
        Truck(lane[other], 1 - 3 / ticks[other], 1),
    ]


def test_every_truck_of_the_state_is_found() -> None:
    sim = running(40)
    found = trucks_under_way(sim, 0)
    loads = [len(load) for _, trucks in sorted(Reader(sim, 0).trucks().items()) for load in trucks]
    assert [truck.packages for truck in found] == loads
    assert all(0 <= truck.fraction <= 1 for truck in found)


def test_trucks_that_have_just_left_stand_at_the_start() -> None:
    sim = running(40)
    sim.begin(0)  # full loads leave here, the clock has not moved yet
    before = len(trucks_under_way(sim, 0))
    sim.state.go[0] = 1
    sim.finish(0)
    sim.state.row["tick"][0] -= 1  # as seen in the tick they left in
    assert sum(truck.fraction == 0 for truck in trucks_under_way(sim, 0)) > 0
    assert len(trucks_under_way(sim, 0)) > before


def test_lanes_weigh_what_they_carried_and_before_that_what_waits_or_rides() -> None:
    sim = running(20)
    lane = sim.state.lane[0]
    assert not lane["carried"].any()
    trucks = trucks_under_way(sim, 0)
    packages = lane_packages(sim, 0, trucks)
    assert packages.sum() == lane["count"].sum() + sum(truck.packages for truck in trucks)
    sim.run(RULE, 60)
    trucks = trucks_under_way(sim, 0)
    packages = lane_packages(sim, 0, trucks)
    counted = lane["carried"] > 0
    np.testing.assert_array_equal(packages[counted], lane["carried"][counted])
    assert all(packages[truck.lane] > 0 for truck in trucks)


def test_fill_and_load_are_those_of_the_kpis() -> None:
    sim = running(20)
    assert np.isnan(lane_fill(sim, 0)).all() and not fc_packages(sim, 0).any()  # nothing is counted yet
    sim.run(RULE, 90)
    lane, fill, kpis = sim.state.lane[0], lane_fill(sim, 0), sim.kpis(0)
    used = lane["trucks"] > 0
    np.testing.assert_array_equal(np.isnan(fill), ~used)
    assert np.average(fill[used], weights=lane["trucks"][used]) == pytest.approx(kpis["truck_fill"])
    kind, origin = sim.world.net.lanes["kind"], sim.world.net.lanes["origin"]
    first = origin < sim.world.net.fcs
    assert fc_packages(sim, 0).sum() == lane["carried"][first].sum() and set(kind[first]) <= {0, 1}


@pytest.mark.parametrize(("lanes", "widest"), [(100, 5), (400, 20), (5000, 40)])
def test_of_thousands_of_lanes_only_the_busiest_have_full_width(lanes: int, widest: int) -> None:
    packages = np.arange(2 * lanes) - float(lanes)  # half of them carry nothing
    wide = int((packages >= full_width(packages)).sum())
    assert abs(wide - widest) <= 1
