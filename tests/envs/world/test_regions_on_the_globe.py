"""Regions of the user's own network, wherever on the globe it lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regional_dispatch.envs.world.geography import great_circle_miles
from regional_dispatch.envs.world.partition import label_sites
from regional_dispatch.envs.world.scenario import Boundary, Scenario
from tests.worlds import small

TABLES = {"kind": "tables", "sites": "sites.csv", "lanes": "lanes.csv"}


def network(places: list[tuple[float, float]], people: list[int] | None = None) -> pd.DataFrame:
    """Sites with a station at each place, and an FC at every third."""
    stations = pd.DataFrame(places, columns=["latitude", "longitude"]).assign(kind="station")
    sites = pd.concat([stations.iloc[::3].assign(kind="fc"), stations], ignore_index=True)
    weight = people or [100] * len(places)
    return sites.assign(
        name=[f"Site {i}" for i in range(len(sites))], state="", population=[0.0] * (len(sites) - len(places)) + weight
    )


def regions(sites: pd.DataFrame, k: int) -> list[int]:
    scenario: Scenario = small(network=TABLES)
    return label_sites(scenario, sites, Boundary(kind="balanced", regions=k)).of_site.tolist()


def turned(sites: pd.DataFrame, angle: float) -> pd.DataFrame:
    """The same network further east."""
    return sites.assign(longitude=(sites["longitude"] + angle + 180.0) % 360.0 - 180.0)


PLACES = st.lists(
    st.tuples(st.integers(-8900, 8900), st.integers(-9000, 9000), st.integers(1, 500)), min_size=6, max_size=30,
    unique_by=(lambda place: place[0], lambda place: place[1]),
)  # fmt: skip


@given(places=PLACES, k=st.integers(2, 6), angle=st.integers(-18000, 18000))
def test_turning_the_globe_changes_no_region(places: list[tuple[int, int, int]], k: int, angle: int) -> None:
    """Within half the globe; beyond, the widest gap may be one of several equal ones."""
    sites = network([(lat / 100, lon / 100) for lat, lon, _ in places], [people for *_, people in places])
    assert regions(turned(sites, angle / 100), k) == regions(sites, k)


def test_fiji_is_one_piece() -> None:
    """20 miles over the date line are 20 miles: the islands are cut between Nadi and Suva, not at 180 degrees."""
    places = [(-17.8, 177.4), (-17.6, 177.5), (-16.8, 179.97), (-16.8, -179.97), (-16.7, -179.9), (-16.9, -179.8)]
    found = regions(network(places), 2)[2:]
    assert found == [0, 0, 0, 1, 1, 1] or found == [1, 1, 1, 0, 0, 0]
    three = regions(network(places), 3)[2:]
    assert three[0] == three[1] and three[2] == three[3] and three[4] == three[5]


def test_degrees_of_longitude_are_short_in_the_north() -> None:
    """Norway is longer than it is wide: it is cut into north and south, though it spans more degrees of longitude."""
    places = [
        (58.2, 8.0),
        (59.9, 10.7),
        (60.4, 5.3),
        (63.4, 10.4),
        (68.4, 17.4),
        (69.6, 18.9),
        (70.7, 23.7),
        (69.7, 30.0),
    ]
    assert regions(network(places), 2)[3:] == [0, 0, 0, 0, 1, 1, 1, 1]
    assert np.ptp([lon for _, lon in places]) > np.ptp([lat for lat, _ in places])


def test_around_the_pole_regions_are_slices() -> None:
    places = [(80.0, float(lon)) for lon in (-170, -130, -80, -40, 5, 50, 100, 140)]
    sites = network(places)
    for k in (2, 4):
        found = np.array(regions(sites, k)[3:])
        changes = (found != np.roll(found, 1)).sum()
        assert changes == k  # each is one run of neighbours


def test_a_site_belongs_to_the_nearest_station_on_the_globe() -> None:
    sites = network([(70.0, -179.0), (75.0, 178.0), (70.0, 170.0), (40.0, 0.0)])
    fc = pd.DataFrame(
        [{"name": "FC X", "kind": "fc", "latitude": 70.0, "longitude": 179.0, "state": "", "population": 0}]
    )
    sites = pd.concat([fc, sites], ignore_index=True)
    found = regions(sites, 4)
    stations = sites[sites["kind"] == "station"]
    miles = great_circle_miles(
        sites["latitude"].to_numpy(float), sites["longitude"].to_numpy(float),
        stations["latitude"].to_numpy(float), stations["longitude"].to_numpy(float),
    )  # fmt: skip
    home = np.array(found)[stations.index]
    assert found == home[miles.argmin(axis=1)].tolist()
    assert found[0] == found[stations.index[0]]


@pytest.mark.parametrize("places", [[(90.0, 0.0), (-90.0, 0.0)], [(10.0, 10.0)] * 4, [(0.0, 180.0), (0.0, -180.0)]])
def test_poles_and_places_shared_by_all(places: list[tuple[float, float]]) -> None:
    found = regions(network(places), 2)
    stations = found[-len(places) :]
    assert set(stations) == {0, 1}


def test_a_partition_from_a_file_fills_in_over_the_date_line(tmp_path: Path) -> None:
    sites = network([(-17.0, 179.9), (-17.0, 160.0)])
    fc: dict[str, Any] = {
        "name": "FC X",
        "kind": "fc",
        "latitude": -17.0,
        "longitude": -179.9,
        "state": "",
        "population": 0,
    }
    sites = pd.concat([pd.DataFrame([fc]), sites[sites["kind"] == "station"]], ignore_index=True)
    (tmp_path / "regions.csv").write_text(
        f"site,region\n{sites['name'][1]},East\n{sites['name'][2]},West\n", encoding="utf-8"
    )
    boundary = Boundary(kind="file", path=str(tmp_path / "regions.csv"))
    labels = label_sites(small(network=TABLES), sites, boundary)
    assert labels.of_names()[0] == "East"
