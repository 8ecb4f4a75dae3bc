"""The map: its numbers, its geometry, and pictures of small and large networks."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from regional_dispatch.baselines import baseline
from regional_dispatch.envs.kernel.metrics import compute_kpis, difference
from regional_dispatch.envs.render.canvas import HEIGHT, MAP_BOX, WIDTH
from regional_dispatch.envs.render.colours import FILL_COLOURS, PALETTE
from regional_dispatch.envs.render.curves import BOW, truck_points
from regional_dispatch.envs.render.geography import region_of_states
from regional_dispatch.envs.render.ground import place_labels
from regional_dispatch.envs.render.kpi_window import KpiWindow, clock
from regional_dispatch.envs.render.map import MapViewer, draw_map, save_map
from regional_dispatch.envs.render.traffic import Truck, fc_packages, lane_fill, lane_packages, trucks_under_way
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import Scenario, load_scenario
from tests.worlds import TWO_REGIONS, Reader, simulator, small, snapshot

RULE = baseline("regional_nearest+immediate").scorers
TINY = {"fulfillment_centers": 5, "sort_centers": 2, "stations": 6}
EUROPE = (("Berlin", 52.52, 13.40), ("Hamburg", 53.55, 9.99), ("Munich", 48.14, 11.58), ("Vienna", 48.21, 16.37))


def running(ticks: int, scenario: Scenario | None = None) -> Simulator:
    sim = simulator(scenario or small(**TWO_REGIONS), 5)
    sim.run(RULE, ticks)
    return sim


def europe(folder: Path) -> Scenario:
    """A network of the user's own tables, without states, outside the US."""
    kinds = ("fc", "sc", "station", "station")
    sites = [f"{name},{kind},{lat},{lon},100000" for (name, lat, lon), kind in zip(EUROPE, kinds, strict=True)]
    (folder / "sites.csv").write_text("\n".join(["name,kind,latitude,longitude,population", *sites]), encoding="utf-8")
    lanes = ["Berlin,Hamburg,180", "Hamburg,Munich,490", "Hamburg,Vienna,600", "Berlin,Munich,360"]
    (folder / "lanes.csv").write_text("\n".join(["origin,destination,miles", *lanes]), encoding="utf-8")
    return small(network={"kind": "tables", "sites": str(folder / "sites.csv"), "lanes": str(folder / "lanes.csv")})


def picture_of(sim: Simulator) -> np.ndarray:
    picture = draw_map(sim)
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert picture.dtype == np.uint8
    return picture


def sites_on_map(view: MapViewer) -> bool:
    left, bottom, right, top = MAP_BOX
    x, y = view.points.T
    return bool((x >= left).all() and (x <= right).all() and (y >= bottom).all() and (y <= top).all())


# ------------------------------------------------------------------------------------------------- trucks and lanes


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
        s.package[0, p]["next"], s.package[0, p]["truck"] = following, truck
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


def test_a_truck_moves_along_its_bent_lane() -> None:
    start, end = np.zeros((3, 2)), np.tile([100.0, 0.0], (3, 1))
    points = truck_points(start, end, np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(points[1], [50.0, -100 * BOW])
    np.testing.assert_allclose(points[0][0], 100 - points[2][0])
    assert 5 < points[0][0] < 15
    assert np.isfinite(truck_points(start, start, np.array([0.0, 0.5, 1.0]))).all()


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


def test_a_row_without_episode_is_an_error() -> None:
    with pytest.raises(ValueError, match="call reset"):
        draw_map(Simulator(small()))


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


def test_loads_are_coloured_and_have_a_key() -> None:
    sim = running(60)
    plain, loads = draw_map(sim), draw_map(sim, loads=True)
    legend, bar = slice(HEIGHT - 122, HEIGHT - 106), (255 * FILL_COLOURS([0.2, 0.5, 0.8])[:, :3]).round()
    for colour in bar:
        near = [(np.abs(picture[legend].astype(float) - colour).max(axis=2) < 6).any() for picture in (plain, loads)]
        assert near == [False, True]


def test_a_film_shows_where_trucks_were_between_two_ticks() -> None:
    sim = running(60)
    view, packages = MapViewer(sim, small=True), lane_packages(sim, 0, trucks_under_way(sim, 0))
    now, before = view.map_alone(packages), view.map_alone(packages, back=0.9)
    left, bottom, right, top = (round(edge) for edge in MAP_BOX)
    assert now.shape == (top - bottom, right - left, 3) and (now != before).any()
    sim.state.arriving[0] = -2  # nobody on the road
    sim.state.arriving[0, :, 0] = -1
    empty = view.map_alone(packages)
    assert (empty != now).any()
    np.testing.assert_array_equal(empty, view.map_alone(packages, back=0.9))


# ----------------------------------------------------------------------------------------------------- KPIs, clock


def test_kpis_of_the_last_day_are_those_of_the_difference() -> None:
    sim, window = simulator(small(**TWO_REGIONS), 5), KpiWindow()
    assert window.read(sim, 0) == ("Warming up\nuntil hour 30", {})
    sim.run(RULE, 60)
    before = sim.totals(0)
    assert window.read(sim, 0) == ("Since warm-up,\n30 hours", compute_kpis(before))
    sim.run(RULE, 84)
    period, kpis = window.read(sim, 0)
    now = sim.totals(0)
    assert period == "Last 24 hours"
    assert kpis == compute_kpis(difference(now, before)) != compute_kpis(now)
    assert difference(now, before).days == pytest.approx(1.0)
    sim.run(RULE, 100)
    assert window.read(sim, 0)[0] == "Since warm-up,\n70 hours"


def test_a_new_episode_forgets_the_old_one() -> None:
    sim, window = running(60), KpiWindow()
    window.read(sim, 0)
    sim.reset(0, 6)
    sim.run(RULE, 84)
    assert window.read(sim, 0)[0] == "Since warm-up,\n54 hours"


def test_clock_counts_from_the_start_of_the_week() -> None:
    sim = Simulator(small(tick_hours=0.5, horizon_hours=72))
    sim.reset(0, 5, week_tick=2 * (24 + 14))
    assert clock(sim, 0) == "Tue 14:00"
    sim.state.row["tick"][0] = 2 * 6 * 24 + 1
    assert clock(sim, 0) == "Mon 14:30" and clock(sim, 0, back=0.5) == "Mon 14:15"


# -------------------------------------------------------------------------------------------------------- geography


def test_a_state_belongs_to_the_region_of_most_of_its_sites() -> None:
    sites = running(0).network.sites.iloc[:5].assign(state=["CA", "CA", "CA", "NY", "NY"])
    assert region_of_states(sites, np.array([1, 0, 1, 2, 0])) == {"CA": 1, "NY": 0}


def test_region_names_keep_off_each_other() -> None:
    anchors = np.array([[300.0, 300.0], [305.0, 300.0], [310.0, 305.0], [29.0, 135.0]])
    sizes = np.array([[90.0, 14.0], [70.0, 14.0], [80.0, 14.0], [120.0, 14.0]])
    box = (28.0, 134.0, 1200.0, 700.0)
    middles = place_labels(anchors, sizes, anchors, np.arange(4), box)
    for i in range(4):
        assert (middles[i] - sizes[i] / 2 >= box[:2]).all()
        for j in range(i):
            assert (np.abs(middles[i] - middles[j]) >= (sizes[i] + sizes[j]) / 2).any()


def test_twenty_regions_have_twenty_colours() -> None:
    assert len(set(PALETTE)) == len(PALETTE) == 20


# --------------------------------------------------------------------------------------------------------- pictures


def test_the_same_state_gives_the_same_picture_and_stays_as_it_is() -> None:
    sim = running(60)
    before, view = snapshot(sim, 0), MapViewer(sim)
    first = view.frame()
    np.testing.assert_array_equal(first, view.frame())
    np.testing.assert_array_equal(first, draw_map(sim))
    assert snapshot(sim, 0) == before


def test_the_picture_changes_when_trucks_have_moved() -> None:
    sim = running(60)
    view = MapViewer(sim)
    first = view.frame()
    sim.run(RULE, 61)
    second = view.frame()
    left, bottom, right, top = (round(edge) for edge in MAP_BOX)
    ground = (slice(HEIGHT - top, HEIGHT - bottom), slice(left, right))
    assert (first[ground] != second[ground]).any()


def test_what_is_out_of_order_is_red_until_it_is_over() -> None:
    hit = {"kind": "capacity", "site": "FC New York NY", "share": 0, "start_hour": 50, "hours": 5}
    shut = {"kind": "region", "region": "Region 01", "start_hour": 60, "hours": 5}
    sim = running(50, small(**TWO_REGIONS, events=[hit, shut]))
    red = []
    for tick in (50, 51, 56, 61, 66):
        sim.run(RULE, tick)
        away = np.abs(picture_of(sim).astype(int) - np.array([0xC8, 0x10, 0x2E])).sum(axis=2)
        red.append(int((away < 30).sum()))
    calm, crossed, calm_again, cut, over = red
    assert calm == calm_again == over < crossed < cut


def test_pictures_of_the_first_ticks() -> None:
    sim = running(0)
    view = MapViewer(sim)
    empty = view.frame()
    sim.begin(0)
    assert view.frame().shape == empty.shape
    sim.run(RULE, 6)
    assert (view.frame() != empty).any()


def test_a_tiny_network() -> None:
    sim = running(50, small(network=TINY, **TWO_REGIONS))
    picture_of(sim)
    assert sites_on_map(MapViewer(sim))


def test_the_national_network() -> None:
    sim = Simulator(load_scenario("national"))
    sim.reset(0, 5)
    sim.run(RULE, 52)
    picture_of(sim)
    assert sites_on_map(MapViewer(sim))


def test_a_network_outside_the_us(tmp_path: Path) -> None:
    sim = running(50, europe(tmp_path))
    picture_of(sim)
    assert sites_on_map(MapViewer(sim))


def test_sixteen_regions_and_dollar_signs() -> None:
    partition = {"kind": "balanced", "regions": 16}
    sim = running(50, small(network={"stations": 40, "fulfillment_centers": 16}, partition=partition))
    view = MapViewer(sim)
    long = view.frame(title="$3 against $4, " * 20, kpis_text="$3.11\n$3.12")
    assert (long != view.frame()).any()


def test_each_row_has_its_own_picture() -> None:
    sim = simulator(small(), 5, 6)
    sim.run(RULE, 40)
    view = MapViewer(sim)
    assert (view.frame(0) != view.frame(1)).any()


def test_save_map_leaves_the_picture_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sim, path = running(40), tmp_path / "map.png"
    save_map(sim, path, title="Small")
    assert [entry.name for entry in tmp_path.iterdir()] == ["map.png"]
    drawn = np.round(imread(path)[..., :3] * 255).astype(np.uint8)
    np.testing.assert_array_equal(drawn, draw_map(sim, title="Small"))

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        save_map(sim, path, title="Other")
    assert [entry.name for entry in tmp_path.iterdir()] == ["map.png"]
