"""The map: pictures of small and large networks."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from regional_dispatch.envs.render.canvas import HEIGHT, MAP_BOX, WIDTH
from regional_dispatch.envs.render.colours import FILL_COLOURS
from regional_dispatch.envs.render.map import MapViewer, draw_map, save_map
from regional_dispatch.envs.render.traffic import (
    lane_packages,
    trucks_under_way,
)
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import Scenario, load_scenario
from tests.envs.render.running import RULE, running
from tests.worlds import TWO_REGIONS, simulator, small, snapshot

TINY = {"fulfillment_centers": 5, "sort_centers": 2, "stations": 6}
EUROPE = (("Berlin", 52.52, 13.40), ("Hamburg", 53.55, 9.99), ("Munich", 48.14, 11.58), ("Vienna", 48.21, 16.37))


def europe(folder: Path) -> Scenario:
    """A network of the user's own tables, without states, outside the US."""
    kinds = ("fc", "sc", "station", "station")
    sites = [f"{name},{kind},{lat},{lon},100000" for (name, lat, lon), kind in zip(EUROPE, kinds, strict=True)]
    (folder / "sites.csv").write_text("\n".join(["name,kind,latitude,longitude,population", *sites]), encoding="utf-8")
    lanes = ["Berlin,Hamburg,180", "Hamburg,Munich,490", "Hamburg,Vienna,600", "Berlin,Munich,360"]
    (folder / "lanes.csv").write_text("\n".join(["origin,destination,miles", *lanes]), encoding="utf-8")
    return small(network={"kind": "tables", "sites": str(folder / "sites.csv"), "lanes": str(folder / "lanes.csv")})


def assert_sites_on_map(sim: Simulator) -> None:
    view = MapViewer(sim)
    picture = view.frame()
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert picture.dtype == np.uint8
    left, bottom, right, top = MAP_BOX
    x, y = view.points.T
    assert (x >= left).all() and (x <= right).all() and (y >= bottom).all() and (y <= top).all()


def test_a_row_without_episode_is_an_error() -> None:
    with pytest.raises(ValueError, match="call reset"):
        draw_map(Simulator(small()))


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
    view, red = MapViewer(sim), []
    for tick in (50, 51, 56, 61, 66):
        sim.run(RULE, tick)
        away = np.abs(view.frame().astype(int) - np.array([0xC8, 0x10, 0x2E])).sum(axis=2)
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
    assert_sites_on_map(sim)


def test_the_national_network() -> None:
    sim = Simulator(load_scenario("national"))
    sim.reset(0, 5)
    sim.run(RULE, 52)
    assert_sites_on_map(sim)


def test_a_network_outside_the_us(tmp_path: Path) -> None:
    sim = running(50, europe(tmp_path))
    assert_sites_on_map(sim)


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
