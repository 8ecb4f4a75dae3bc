"""Sites and lanes: what is taken as a person would, what is doubtful, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.findings import Findings
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.tables.everything import read_network
from tests.envs.world.tables.writing import LANES, ORDERS, SITES, scenario


def read(folder: Path, **changes: Any) -> tuple[pd.DataFrame, pd.DataFrame, Findings]:
    findings = Findings()
    sites, lanes = read_network(scenario(folder, **changes), findings)
    assert lanes is not None
    return sites, lanes, findings


def test_the_plain_tables_have_no_finding_but_what_is_assumed(tmp_path: Path) -> None:
    findings = read(tmp_path)[2]
    assert {finding.level for finding in findings} == {"assumed"}


@pytest.mark.parametrize(
    ("table", "old", "new", "level", "message"),
    [
        ("sites", "DS R,station", ",station", "error", "sites.csv: row 7: name = '': is empty"),
        ("sites", "DS P,station", "DS P,depot", "error", "row 5: kind = 'depot': must be fc, sc or station"),
        ("sites", "40.7,-74.0,NY", "400.7,-74.0,NY", "error",
         "row 5: latitude = '400.7': must lie in -90…90; check it"),
        ("sites", "40.5,-74.4", "0,0", "error", "row 2: latitude, longitude = '0, 0': is in the sea off Africa"),
        ("sites", "40.5,-74.4", "-74.4,40.5", "warning", "row 2: latitude, longitude = '-74.4, 40.5': is in Ant"),
        ("sites", "40.7,-74.0,NY", "-74.0,40.7,NY", "warning",
         "row 5: latitude, longitude = '-74, 40.7': is in Antarctica"),
        ("sites", "40.7,-74.0,NY", "40.7,286,NY", "error", "row 5: longitude = '286': must lie in -180…180; west of"),
        ("sites", "38.9,-77.0,DC", "51.5,-0.1,DC", "warning", "row 7: latitude, longitude = '51.5, -0.1': is 3,"),
        ("sites", "DC,700000", "DC,-3", "error", "row 7: population = '-3': must be a number of at least 0"),
        ("sites", "FC B", "fc a", "warning", "row 3: name = 'fc a': differs from another site in capitals alone"),
        ("sites", "FC B", "FC A", "error", "row 3: name = 'FC A': is given twice, see row 2; rename"),
        ("lanes", "FC A,DS P,30\n", "FC A,DS P,30\nFC A,DS P,30\n", "error",
         "row 4: lane FC A → DS P by truck is given twice"),
        ("lanes", "FC A,DS P", "FC Q,DS P", "error", "lanes.csv: row 3: origin = 'FC Q': no such site"),
        ("lanes", "FC A,DS P", "fc a,DS P", "warning", "row 3: origin = 'fc a': read as 'FC A'"),
        ("lanes", "SC X,DS P", "SC X,SC X", "error", "lane SC X → SC X: leads back to its own site"),
        ("lanes", "FC A,DS P", "DS P,FC A", "error", "lane DS P → FC A: leads station→fc; must run"),
        ("lanes", "FC B,SC X,190", "FC B,SC X,1.9", "warning",
         "row 5: miles = '1.9': shorter than the great circle of 160"),
        ("lanes", "FC B,SC X,190", "FC B,SC X,1900", "warning", "row 5: miles = '1900': more than 4 times"),
        ("lanes", "miles", "distance", "error", "distance: a distance in miles or in kilometres?"),
        ("lanes", "FC B,DS R,40\nFC B,DS Q,100\nSC X,DS P,15\nSC X,DS Q,95\nSC X,DS R,230\n",
         "FC B,DS Q,100\nSC X,DS P,15\nSC X,DS Q,95\n", "error",
         "sites.csv: row 7: name = 'DS R': no lane leads to this station"),
        ("lanes", "FC B,SC X,190\nFC B,DS R,40\nFC B,DS Q,100\n", "", "warning",
         "name = 'FC B': no lane starts from this FC"),
    ],
)  # fmt: skip
def test_a_doubt_is_said_with_its_row(tmp_path: Path, table: str, old: str, new: str, level: str, message: str) -> None:
    text = {"sites": SITES, "lanes": LANES}[table]
    assert old in text
    findings = read(tmp_path, **{table: text.replace(old, new, 1)})[2]
    assert any(finding.level == level and message in str(finding) for finding in findings), list(map(str, findings))


def test_everything_wrong_with_all_tables_is_one_error(tmp_path: Path) -> None:
    sites = SITES.replace("40.5,-74.4", "x,-74.4").replace("DC,700000", "DC,-3")
    lanes = LANES + "FC Q,DS P,3\nFC A,DS Q,60\n"
    world = scenario(tmp_path, sites=sites, lanes=lanes, orders=ORDERS.replace("DS P,007,1", "DS Z,007,1"))
    with pytest.raises(ScenarioError) as error:
        build_network(world)
    text = str(error.value)
    for part in ("sites.csv: row 2: latitude", "row 7: population", "lanes.csv: row 11", "row 12: lane FC A", "DS Z"):
        assert part in text


@pytest.mark.parametrize("word", ["FC", "Fulfillment Center", "fulfilment-centre", "warehouse"])
def test_kinds_may_be_written_out(tmp_path: Path, word: str) -> None:
    assert read(tmp_path, sites=SITES.replace("FC A,fc", f"FC A,{word}"))[0]["kind"].iloc[0] == "fc"


def test_kilometres_are_miles(tmp_path: Path) -> None:
    miles = read(tmp_path)[1]["miles"].to_numpy()
    in_km = "\n".join(
        line if not i else f"{line.rpartition(',')[0]},{float(line.rpartition(',')[2]) / 0.621371:.3f}"
        for i, line in enumerate(LANES.splitlines())
    )
    for head, network in (
        ("km", {}),
        ("distance", {"units": {"distance": "km"}}),
        ("miles", {"units": {"distance": "km"}}),
    ):
        found = read(tmp_path, lanes=in_km.replace("miles", head), network=network)
        np.testing.assert_allclose(found[1]["miles"], miles, rtol=1e-4)
        assert not found[2].warnings
    assert "are they miles?" in str(read(tmp_path, lanes=in_km)[2].warnings[0])
    assert "are they kilometres?" in str(read(tmp_path, lanes=LANES.replace("miles", "km"))[2].warnings[0])


def test_lanes_may_be_left_out_and_miles_too(tmp_path: Path) -> None:
    network = build_network(scenario(tmp_path, network={"lanes": None}))
    assert len(network.net.lanes) > 5
    bare = "\n".join(line.rpartition(",")[0] for line in LANES.splitlines())
    lanes = build_network(scenario(tmp_path, lanes=bare)).net.lanes
    longest = lanes[lanes["miles"].argmax()]
    assert 1.19 * 190 < longest["miles"] < 1.25 * 195 and (lanes["miles"] >= 10).all()


def test_capacities_hours_and_clocks_of_sites(tmp_path: Path) -> None:
    head = "population,lines_per_hour,packages_per_hour,opens,closes,weekdays,time_zone,trucks"
    rows = [
        f"{line},60,,6:30,22,Mo-Fr,America/New_York,3" if ",fc," in line else f"{line},,900,,,,,"
        for line in SITES.splitlines()
    ]
    text = "\n".join([SITES.splitlines()[0].replace("population", head), *rows[1:]]) + "\n"
    sites, _, findings = read(tmp_path, sites=text)
    assert not findings.errors and sites["per_hour"].tolist()[:3] == [60, 60, 900]
    assert (sites["opens"].iloc[0], sites["closes"].iloc[0], sites["weekdays"].iloc[0]) == (6.5, 22, "Mo-Fr")
    wrong = (
        text.replace("6:30", "25:00", 1)
        .replace("Mo-Fr", "Mo-Xx", 1)
        .replace("New_York", "Newark", 1)
        .replace(",3\n", ",2.5\n", 1)
    )
    found = [str(error) for error in read(tmp_path, sites=wrong)[2].errors]
    for part in (
        "opens = '25:00'",
        "weekdays = 'Mo-Xx'",
        "time_zone = 'America/Newark'",
        "trucks = '2.5': must be a whole",
    ):
        assert any(f"row 2: {part}" in text for text in found), part


def test_stations_without_people_share_demand_alike(tmp_path: Path) -> None:
    text = "\n".join(line.rpartition(",")[0] for line in SITES.splitlines())
    findings = Findings()
    sites = read_network(scenario(tmp_path, sites=text), findings)[0]
    assert sites.loc[sites["kind"] == "station", "population"].tolist() == [1, 1, 1]
    assert any("no station has a population" in str(finding) for finding in findings)


def test_another_currency_is_named_by_the_scenario(tmp_path: Path) -> None:
    text = LANES.replace("miles\n", "miles,cost_eur\n").replace("20\n", "20,900\n", 1)
    assert "cost_eur: a cost in another currency?" in str(read(tmp_path, lanes=text)[2].errors[0])
    _, lanes, findings = read(tmp_path, lanes=text, network={"units": {"money": "EUR"}})
    assert not findings.errors and lanes["departure_usd"].iloc[0] == 900


def test_the_table_of_sites_may_hold_the_regions(tmp_path: Path) -> None:
    text = SITES.replace("population\n", "population,region\n").replace("8000000\n", "8000000,North\n")
    text = text.replace("1500000\n", "1500000,South\n").replace("700000\n", "700000,South\n")
    fields: dict[str, Any] = {"sites": text, "partition": {"kind": "file", "path": "sites.csv"}}
    network = build_network(scenario(tmp_path, **fields))
    assert network.region_names == ("North", "South")
    fields["sites"] = text.replace("700000,South", "700000,")
    with pytest.raises(ScenarioError, match="site = 'DS R': this station has no region"):
        build_network(scenario(tmp_path, **fields))


def test_what_one_column_says_of_commas_holds_for_the_file(tmp_path: Path) -> None:
    text = SITES.replace(",", ";").replace(".", ",").replace("8000000", "8.000")
    sites, _, findings = read(tmp_path, sites=text)
    assert sites.loc[5, "population"] == 8000 and not findings.errors


def test_capitals_that_two_sites_differ_in_are_not_guessed(tmp_path: Path) -> None:
    sites = SITES.replace("FC B,", "fc a,")
    lanes = LANES.replace("FC B", "fc a").replace("FC A,DS P", "Fc A,DS P")
    assert "row 3: origin = 'Fc A': no such site" in "\n".join(
        map(str, read(tmp_path, sites=sites, lanes=lanes)[2].errors)
    )
