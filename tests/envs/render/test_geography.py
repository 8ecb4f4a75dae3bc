"""Where places lie on the map, and which outlines are around them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regional_dispatch.envs.render.canvas import MAP_BOX
from regional_dispatch.envs.render.geography import ground_of, site_points
from regional_dispatch.envs.render.outlines import border_lines, outlines_within, read_countries, read_states

LEFT, BOTTOM, RIGHT, TOP = MAP_BOX
NETWORKS = {
    "India": [(28.6, 77.2), (19.1, 72.9), (13.1, 80.3), (22.6, 88.4)],
    "Europe": [(52.5, 13.4), (48.9, 2.4), (41.9, 12.5), (59.3, 18.1)],
    "Fiji": [(-17.0, 179.9), (-17.0, -179.8), (-16.5, 178.0), (-17.0, -178.0)],
    "Japan": [(35.7, 139.7), (34.7, 135.5), (43.06, 141.35)],
    "Russia": [(55.8, 37.6), (43.1, 131.9), (64.7, 177.5), (64.4, -173.2)],
    "one city": [(51.5, -0.12), (51.52, -0.1), (51.48, -0.2)],
    "one site": [(51.5, -0.12)],
    "the poles": [(90.0, 0.0), (-90.0, 0.0), (80.0, 120.0)],
    "Alaska": [(61.2, -149.9), (64.8, -147.7), (52.9, 173.2)],
}
COUNTRY = {"India": "India", "Europe": "Germany", "Fiji": "Fiji", "Japan": "Japan", "Russia": "Russia"}


def sites(places: list[tuple[float, float]]) -> pd.DataFrame:
    return pd.DataFrame(places, columns=["latitude", "longitude"]).assign(kind="station")


@pytest.mark.parametrize("name", NETWORKS)
def test_the_map_is_framed_to_its_network(name: str) -> None:
    """All sites are on the map, in its middle, and fill it in one direction at least."""
    table = sites(NETWORKS[name])
    x, y = site_points(ground_of(table).view, table).T
    assert (x >= LEFT).all() and (x <= RIGHT).all() and (y >= BOTTOM).all() and (y <= TOP).all()
    assert (x.min() + x.max()) / 2 == pytest.approx((LEFT + RIGHT) / 2, abs=1)
    assert (y.min() + y.max()) / 2 == pytest.approx((BOTTOM + TOP) / 2, abs=1)
    if not name.startswith("one"):
        assert max(np.ptp(x) / (RIGHT - LEFT), np.ptp(y) / (TOP - BOTTOM)) > 0.7


@pytest.mark.parametrize("name", COUNTRY)
def test_outlines_of_the_country_are_under_its_network(name: str) -> None:
    ground = ground_of(sites(NETWORKS[name]))
    rings = [ground.view.flat_pixels(*np.array(ring).T) for ring in ground.outlines[COUNTRY[name]]]
    low, high = np.concatenate(rings).min(axis=0), np.concatenate(rings).max(axis=0)
    assert (low < [RIGHT, TOP]).all() and (high > [LEFT, BOTTOM]).all()
    assert all(np.ptp(ring[:, 0]) < 0.9 * 360 * ground.view.aspect * ground.view.scale for ring in rings)


def test_sites_20_miles_apart_over_the_date_line_are_side_by_side() -> None:
    table = sites(NETWORKS["Fiji"])
    points = site_points(ground_of(table).view, table)
    east_of_it, west_of_it = points[1], points[0]
    assert 0 < (east_of_it - west_of_it)[0] < 0.1 * (RIGHT - LEFT)
    assert points[3][0] > points[1][0] > points[0][0] > points[2][0]


def test_miles_are_as_long_north_south_as_east_west() -> None:
    """At the map's middle latitude, here 60 degrees, a degree of longitude is half a degree of latitude."""
    table = sites([(59.5, 10.0), (60.5, 10.0), (60.0, 9.0), (60.0, 11.0)])
    south, north, west, east = site_points(ground_of(table).view, table)
    assert (east - west)[0] == pytest.approx((north - south)[1], rel=1e-3)


def test_a_network_that_spans_the_us_shows_the_us_alone() -> None:
    ground = ground_of(sites([(40.7, -74.0), (34.1, -118.2), (29.8, -95.4)]))
    assert ground.whole_us and ground.outlines == read_states()


def test_part_of_the_us_has_its_states_and_neighbours() -> None:
    ground = ground_of(sites([(29.8, -95.4), (27.5, -99.5), (31.8, -106.5)]))
    assert not ground.whole_us and {"TX", "Mexico"} <= set(ground.outlines) and "India" not in ground.outlines


def test_countries_have_closed_rings_without_a_jump() -> None:
    countries = read_countries()
    assert len(countries) > 200
    for name, rings in countries.items():
        for ring in rings:
            points = np.array(ring)
            assert (points[0] == points[-1]).all(), name
            assert (np.abs(np.diff(points[:, 0]))[np.minimum(points[:-1, 1], points[1:, 1]) > -90] < 180).all(), name
            assert (np.abs(points[:, 1]) <= 90).all(), name
    assert np.ptp(np.array(countries["Russia"][0])[:, 0]) < 170
    assert "United States of America" in countries  # Alaska and Hawaii; the states are the rest
    assert all(np.array(ring)[:, 0].max() < -124 or np.array(ring)[:, 0].min() > 170
               or np.array(ring)[:, 1].max() < 30 for ring in countries["United States of America"])  # fmt: skip


def test_neighbours_share_their_border() -> None:
    def pieces(name: str) -> set[frozenset[tuple[float, float]]]:
        return {frozenset((tuple(a), tuple(b))) for ring in read_countries()[name] for a, b in border_lines(ring)}  # type: ignore[misc]

    assert len(pieces("France") & pieces("Spain")) > 3 and not pieces("France") & pieces("Poland")


def test_outlines_are_moved_into_the_box() -> None:
    over = outlines_within(np.array([170.0, -25.0]), np.array([190.0, -10.0]))
    for rings in over.values():
        for ring in rings:
            west, east = np.array(ring)[:, 0].min(), np.array(ring)[:, 0].max()
            assert east >= 170 and west <= 190
    assert "Fiji" in over and "Brazil" not in over
    twice = outlines_within(np.array([-200.0, -30.0]), np.array([200.0, 30.0]))
    assert len(twice["Fiji"]) > len(over["Fiji"])
