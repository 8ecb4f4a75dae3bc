"""Sites, slots, a change of partition, and the user's tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.network import Network, build_network
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError
from tests.networks import LANES, MAPS, MIDDLE, SITES, built, from_tables, stops
from tests.worlds import US8, small


@pytest.fixture(params=MAPS)
def world(request: pytest.FixtureRequest) -> tuple[Scenario, Network]:
    return built(request.param)


def test_sites_come_in_order_and_have_a_region(world: tuple[Scenario, Network]) -> None:
    network = world[1]
    net = network.net
    assert network.sites["kind"].tolist() == ["fc"] * net.fcs + ["sc"] * net.scs + ["station"] * net.stations
    assert network.sites["name"].is_unique
    assert [network.region_names[r] for r in net.region_of_site] == network.sites["region"].tolist()
    assert network.station_share.sum() == pytest.approx(1) and network.fc_share.sum() == pytest.approx(1)


def test_every_lane_in_use_has_one_slot_in_its_region(world: tuple[Scenario, Network]) -> None:
    net = world[1].net
    used = set(net.routes["lanes"][net.routes["lanes"] >= 0].tolist())
    seen = {}
    for r, row in enumerate(net.slot_lane):
        for slot, lane in enumerate(row.tolist()):
            if lane >= 0:
                assert (net.lanes["region"][lane], net.lanes["slot"][lane]) == (r, slot)
                seen[lane] = (r, slot)
    assert set(seen) == used
    assert (net.lanes["slot"][[i for i in range(len(net.lanes)) if i not in used]] == -1).all()


def test_a_partition_changes_neither_lanes_nor_buildings() -> None:
    one, eight = build_network(small(**MIDDLE)), build_network(small(**{**MIDDLE, **US8}))
    for name in ("origin", "dest", "kind", "ticks", "miles", "cost"):
        np.testing.assert_array_equal(one.net.lanes[name], eight.net.lanes[name])
    np.testing.assert_array_equal(one.net.site_capacity, eight.net.site_capacity)
    np.testing.assert_array_equal(one.net.fleet, eight.net.fleet)


def test_a_network_from_tables(tmp_path: Path) -> None:
    network = build_network(from_tables(tmp_path))
    net = network.net
    assert network.sites["name"].tolist() == ["Depot", "Hub", "North", "South"]
    np.testing.assert_allclose(network.station_share, [0.75, 0.25])
    assert net.lanes["miles"].tolist() == [60, 90, 50] and net.lanes["ticks"].tolist() == [2, 4, 1]
    np.testing.assert_allclose(net.lanes["cost"], (2.26 * net.lanes["miles"] + 100) * 3 / 2000)
    assert sorted(stops(network, p) for p in range(len(net.routes))) == [[0, 1, 2], [0, 3]]
    assert net.fleet[0] == 5 and net.site_capacity[0] == 30 and net.fleet[1] >= 2
    sim = Simulator(from_tables(tmp_path, horizon_hours=48))
    sim.reset(0, 1)
    sim.begin(0)


@pytest.mark.parametrize(
    "table, old, new, words",
    [
        ("sites", "latitude,", "height,", ("column 'latitude' is missing",)),
        ("sites", "population", "populatoin", ("populatoin", "unknown column; is it population?")),
        ("sites", "Depot,fc", "Depot,shed", ("row 3", "kind = 'shed'", "fc, sc or station")),
        ("sites", "South,station", "North,station", ("name = 'North'", "twice")),
        ("sites", "40,-90", "forty,-90", ("row 3", "latitude = 'forty'", "finite number")),
        ("sites", "IL,3", "IL,-3", ("row 2", "population = '-3'", "at least 0")),
        ("sites", "Depot,fc", "Depot,sc", ("at least one fc and one station", "0 and 2")),
        ("lanes", "miles", "length", ("length", "in miles or in kilometres?")),
        ("lanes", "Hub,North", "Hub,Nowhere", ("destination = 'Nowhere'", "no such site")),
        ("lanes", "Depot,South", "Deposit,South", ("origin = 'Deposit'", "no such site")),
        ("lanes", "Hub,North", "North,Hub", ("row 3", "North → Hub", "fc→station")),
        ("lanes", "Hub,North", "Depot,Hub", ("Depot → Hub", "twice")),
        ("lanes", "60,2", "-60,2", ("row 2", "miles = '-60'", "at least 0")),
    ],
)  # fmt: skip
def test_a_wrong_table_names_file_and_value(
    tmp_path: Path, table: str, old: str, new: str, words: tuple[str, ...]
) -> None:
    text = {"sites": SITES, "lanes": LANES}
    assert old in text[table]
    text[table] = text[table].replace(old, new)
    with pytest.raises(ScenarioError) as error:
        build_network(from_tables(tmp_path, **text))
    for word in (str(tmp_path / f"{table}.csv"), *words):
        assert word in str(error.value)


def test_a_station_without_a_lane_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"sites\.csv: row 5: name = 'South': no lane leads to this station"):
        build_network(from_tables(tmp_path, lanes=LANES.replace("Depot,South,90,3.5\n", "")))
    scenario = from_tables(tmp_path)
    (tmp_path / "lanes.csv").unlink()
    with pytest.raises(ScenarioError, match=r"lanes\.csv: no such file"):
        build_network(scenario)
