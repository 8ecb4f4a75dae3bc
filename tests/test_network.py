"""Sites, lanes, routes and partitions."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.geography import great_circle_miles
from regional_dispatch.envs.world.lane_kinds import DIRECT, FC_TO_SC, SC_TO_SC, SC_TO_STATION
from regional_dispatch.envs.world.network import Network, build_network, repartition
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError
from tests.worlds import TWO_REGIONS, US8, small

MIDDLE = {"network": {"fulfillment_centers": 12, "sort_centers": 8, "stations": 24}}
MAPS: dict[str, dict[str, Any]] = {
    "national": MIDDLE,
    "two regions": {**MIDDLE, **TWO_REGIONS},
    "five regions": {**MIDDLE, "partition": {"kind": "balanced", "regions": 5}},
    "eight regions": {**MIDDLE, **US8},
    "one sort center": {**TWO_REGIONS, "network": {"sort_centers": 1}},
    "no direct lanes": {**TWO_REGIONS, "network": {"direct_max_miles": 0, "sort_centers": 4}},
}


@pytest.fixture(params=MAPS)
def world(request: pytest.FixtureRequest) -> tuple[Scenario, Network]:
    scenario = small(**MAPS[request.param])
    return scenario, build_network(scenario)


def stops(network: Network, p: int) -> list[int]:
    """Sites of a route, FC first."""
    net = network.net
    legs = net.routes["lanes"][p][: net.routes["legs"][p]]
    for a, b in pairwise(legs):
        assert net.lanes["dest"][a] == net.lanes["origin"][b]
    return [int(net.lanes["origin"][legs[0]]), *net.lanes["dest"][legs].tolist()]


def test_great_circle_miles() -> None:
    def between(a: tuple[float, float], b: tuple[float, float]) -> float:
        return float(great_circle_miles(*(np.array([x]) for x in (*a, *b)))[0, 0])

    assert between((40.7128, -74.0060), (34.0522, -118.2437)) == pytest.approx(2446, abs=3)  # New York, Los Angeles
    assert between((10, 20), (10, 20)) == 0
    assert between((0, 0), (0, 180)) == pytest.approx(math.pi * 3958.8)


def test_every_station_is_reached_from_every_fc(world: tuple[Scenario, Network]) -> None:
    net = world[1].net
    pairs = set(zip(net.routes["fc"].tolist(), net.routes["station"].tolist(), strict=True))
    assert pairs == {(f, d) for f in range(net.fcs) for d in range(net.stations)}


def test_sites_come_in_order_and_have_a_region(world: tuple[Scenario, Network]) -> None:
    network = world[1]
    net = network.net
    assert network.sites["kind"].tolist() == ["fc"] * net.fcs + ["sc"] * net.scs + ["station"] * net.stations
    assert network.sites["name"].is_unique
    assert [network.region_names[r] for r in net.region_of_site] == network.sites["region"].tolist()
    assert network.station_share.sum() == pytest.approx(1) and network.fc_share.sum() == pytest.approx(1)


def test_lanes_join_the_right_kinds_and_cost_miles_and_dock(world: tuple[Scenario, Network]) -> None:
    scenario, network = world
    net, trucks, config = network.net, scenario.trucks, scenario.network
    kind = network.sites["kind"].to_numpy()
    ends = {DIRECT: ("fc", "station"), FC_TO_SC: ("fc", "sc"), SC_TO_SC: ("sc", "sc"), SC_TO_STATION: ("sc", "station")}
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


def test_route_numbers_add_up_along_the_legs(world: tuple[Scenario, Network]) -> None:
    scenario, network = world
    net, costs = network.net, scenario.costs
    per_package = net.lanes["cost"] / (scenario.trucks.capacity_packages * scenario.trucks.standard_fill)
    for p, route in enumerate(net.routes):
        n, sites = int(route["legs"]), stops(network, p)
        assert sites[0] == route["fc"] and sites[-1] == net.fcs + net.scs + route["station"]
        legs = route["lanes"][:n]
        assert (route["lanes"][n:] == -1).all()
        assert route["rest"].tolist() == [int(net.lanes["ticks"][legs[i:]].sum()) for i in range(4)]
        np.testing.assert_allclose(route["rest_cost"], [per_package[legs[i:]].sum() for i in range(4)])
        assert route["cost"] == pytest.approx(per_package[legs].sum() + costs.sort_usd * (n - 1) + costs.pick_pack_usd)
        assert route["miles"] == pytest.approx(net.lanes["miles"][legs].sum())
        assert route["in_region"] == (net.region_of_site[sites[0]] == net.region_of_site[sites[-1]])


def expected_routes(scenario: Scenario, network: Network, f: int, station: int) -> list[tuple[int, float]]:
    """Legs and truck cost per package of the routes of a pair, by trying every chain of lanes."""
    net = network.net
    cost = {
        (int(x["origin"]), int(x["dest"])): float(x["cost"])
        / scenario.trucks.capacity_packages
        / scenario.trucks.standard_fill
        for x in net.lanes
    }
    region, end, none = net.region_of_site, net.fcs + net.scs + station, math.inf
    scs = range(net.fcs, net.fcs + net.scs)
    home = [c for c in scs if region[c] == region[end] and (c, end) in cost]
    feeds = [c for c in home if cost[c, end] == min(cost[x, end] for x in home)]
    origin = [c for c in scs if region[c] == region[f]]

    def way(*sites: int) -> float:
        return sum(cost.get(pair, none) for pair in pairwise(sites))

    def one(first: Any, last: Any) -> float:
        return min((way(f, c, end) for c in first if c in last), default=none)

    def two(first: Any, last: Any) -> float:
        return min((way(f, a, b, end) for a in first for b in last if a != b), default=none)

    direct, sort = way(f, end), scenario.costs.sort_usd
    if region[f] == region[end]:
        inside = [(1, direct), (2, one(origin, feeds))]
        if any(usd < none for _, usd in inside):
            return [(legs, usd) for legs, usd in inside if usd < none]
    if two(origin, feeds) < none:
        return [(3, two(origin, feeds))]
    if one(scs, scs) + sort <= two(scs, scs) + 2 * sort and one(scs, scs) < none:
        return [(2, one(scs, scs))]
    return [(3, two(scs, scs))] if two(scs, scs) < none else [(1, direct)]


def test_a_pair_has_exactly_the_cheapest_route_of_each_allowed_kind(world: tuple[Scenario, Network]) -> None:
    scenario, network = world
    found: dict[tuple[int, int], list[tuple[int, float]]] = {}
    for route in network.net.routes:
        found.setdefault((int(route["fc"]), int(route["station"])), []).append(
            (int(route["legs"]), float(route["rest_cost"][0]))
        )
    for (f, d), routes in found.items():
        expected = expected_routes(scenario, network, f, d)
        assert [legs for legs, _ in routes] == [legs for legs, _ in expected]
        np.testing.assert_allclose([usd for _, usd in routes], [usd for _, usd in expected])


@pytest.mark.parametrize("name", ["national", "two regions", "five regions"])
def test_routes_stay_in_their_regions(name: str) -> None:
    """Where regions have sort centers and lanes to them: one sort at most inside, two between, each in its region."""
    every_lane = {**MIDDLE["network"], "inject_max_miles": 4000, "last_max_miles": 4000}
    network = build_network(small(**{**MAPS[name], "network": every_lane}))
    region = network.net.region_of_site
    sorting = set(region[network.net.fcs :][: network.net.scs].tolist())
    for p, route in enumerate(network.net.routes):
        sites = stops(network, p)
        at = region[sites].tolist()
        if not {at[0], at[-1]} <= sorting:
            continue
        if route["in_region"]:
            assert route["legs"] <= 2 and len(set(at)) == 1
        else:
            assert route["legs"] == 3 and at == [at[0], at[0], at[3], at[3]]


def test_tables_by_cost_and_distance_are_sorted(world: tuple[Scenario, Network]) -> None:
    net = world[1].net
    routes = net.routes
    for d in range(net.stations):
        own = net.by_cost[d][net.by_cost[d] >= 0]
        assert set(own.tolist()) == set(np.flatnonzero(routes["station"] == d).tolist())
        assert (np.diff(routes["cost"][own]) >= 0).all()
        near = net.by_distance[d][net.by_distance[d] >= 0]
        assert sorted(routes["fc"][near].tolist()) == list(range(net.fcs))
        assert (np.diff(routes["air_miles"][near]) >= 0).all()
        for p in near:
            assert routes["cost"][p] == routes["cost"][own][routes["fc"][own] == routes["fc"][p]].min()


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


@pytest.mark.parametrize("regions", [1, 2, 3, 5, 8])
def test_balanced_regions_are_as_many_as_asked_and_about_equal(regions: int) -> None:
    scenario = small(partition={"kind": "balanced", "regions": regions}, network={**MIDDLE["network"], "stations": 80})
    network = build_network(scenario)
    net = network.net
    share = np.bincount(net.region_of_site[net.fcs + net.scs :], network.station_share, minlength=regions)
    assert net.regions == len(network.region_names) == regions
    assert share.min() > 0.4 / regions and share.max() < 1.8 / regions


def test_more_regions_than_stations_is_an_error() -> None:
    with pytest.raises(ScenarioError, match=r"partition.regions = 7: more regions than stations \(6\)"):
        build_network(small(partition={"kind": "balanced", "regions": 7}))


def test_a_partition_changes_neither_lanes_nor_buildings() -> None:
    one, eight = build_network(small(**MIDDLE)), build_network(small(**{**MIDDLE, **US8}))
    for name in ("origin", "dest", "kind", "ticks", "miles", "cost"):
        np.testing.assert_array_equal(one.net.lanes[name], eight.net.lanes[name])
    np.testing.assert_array_equal(one.net.site_capacity, eight.net.site_capacity)
    np.testing.assert_array_equal(one.net.fleet, eight.net.fleet)
    again = repartition(one, small(**{**MIDDLE, **US8}))
    assert again.region_names == eight.region_names
    assert (again.net.routes[len(one.net.routes) :] == eight.net.routes).all()


def test_a_partition_from_a_file(tmp_path: Path) -> None:
    names = build_network(small()).sites["name"].tolist()
    path = tmp_path / "regions.csv"

    def labelled(rows: list[str]) -> Scenario:
        path.write_text("\n".join(["site,region", *rows]), encoding="utf-8")
        return small(partition={"kind": "file", "path": str(path)})

    rows = [f"{name},{'West' if i % 2 else 'East'}" for i, name in enumerate(names)]
    network = build_network(labelled(rows))
    assert network.region_names == ("East", "West")
    assert network.net.region_of_site.tolist() == [i % 2 for i in range(len(names))]
    with pytest.raises(ScenarioError, match=rf"regions\.csv: site: station '{names[-1]}' has no region"):
        build_network(labelled(rows[:-1]))
    with pytest.raises(ScenarioError, match=rf"regions\.csv: site: '{names[0]}' stands twice"):
        build_network(labelled([*rows, rows[0]]))
    with pytest.raises(ScenarioError, match="'Atlantis' is no site"):
        build_network(labelled([*rows, "Atlantis,East"]))


def test_a_state_map_that_misses_a_state_names_it(tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    path.write_text("state,region\nNY,East\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"map\.csv: state: '\w+' of site '.+' has no region"):
        build_network(small(partition={"kind": "states", "map": str(path)}))


# ------------------------------------------------------------------------------------------ the user's tables

SITES = """name,kind,latitude,longitude,state,population,trucks,per_hour
North,station,41,-90,IL,3,,
Depot,fc,40,-90,IL,,5,30
Hub,sc,40.5,-90,IL,,,
South,station,39,-90,MO,1,,
"""
LANES = """origin,destination,miles,transit_hours
Depot,Hub,60,2
Hub,North,50,
Depot,South,90,3.5
"""


def from_tables(folder: Path, sites: str = SITES, lanes: str = LANES, **changes: Any) -> Scenario:
    (folder / "sites.csv").write_text(sites, encoding="utf-8")
    (folder / "lanes.csv").write_text(lanes, encoding="utf-8")
    network = {"kind": "tables", "sites": str(folder / "sites.csv"), "lanes": str(folder / "lanes.csv")}
    return small(network=network, **changes)


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
        ("sites", "population", "people", ("unknown column 'people'",)),
        ("sites", "Depot,fc", "Depot,shed", ("kind = 'shed'", "'Depot'", "fc, sc or station")),
        ("sites", "South,station", "North,station", ("name = 'North'", "twice")),
        ("sites", "40,-90", "forty,-90", ("row 3", "latitude = 'forty'", "finite number")),
        ("sites", "IL,3", "IL,-3", ("row 2", "population = '-3'", "at least 0")),
        ("sites", "Depot,fc", "Depot,sc", ("at least one fc and one station", "0 and 2")),
        ("lanes", "miles", "length", ("column 'miles' is missing",)),
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
    with pytest.raises(ScenarioError, match="no route reaches 'South'"):
        build_network(from_tables(tmp_path, lanes=LANES.replace("Depot,South,90,3.5\n", "")))
    scenario = from_tables(tmp_path)
    (tmp_path / "lanes.csv").unlink()
    with pytest.raises(ScenarioError, match=r"lanes\.csv: no such file"):
        build_network(scenario)
