"""Studies: counts that can be checked by hand, pages that stand alone, and the command as a user runs it."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import ScenarioError
from regional_dispatch.envs.world.shipped import CONFIGS
from regional_dispatch.envs.world.stock import place_stock
from regional_dispatch.evaluation import cells
from regional_dispatch.evaluation.provenance import provenance
from regional_dispatch.studies.framework.kinds import KINDS, find_study, load_study
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.region_count.study import RegionCount, selection_in_region
from regional_dispatch.studies.report.findings import Findings
from regional_dispatch.studies.report.page import report_markdown
from tests.commands import ROOT, TINY, end, start
from tests.worlds import TWO_REGIONS, small

COUNT = """\
study: region_count
title: How many
question: How many regions?
scenario: {here}/tiny.yaml
episodes: 3
policies: [least_cost, regional_nearest]
counts: [1, 2, 3]
weights: {{cost_per_order_usd: 1, click_to_delivery_hours: 0.5}}
variations:
  - {{name: busy, set: {{demand.orders_per_day: 400}}}}
"""


def write_count(folder: Path, **changes: object) -> Path:
    """A study of the number of regions in the tiny world."""
    (folder / "tiny.yaml").write_text(TINY, encoding="utf-8")
    data = {**yaml.safe_load(COUNT.format(here=folder)), **changes}
    path = folder / "count.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return path


# ----------------------------------------------------------------------------------------------------- ten by hundred


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the textbook study, run by its command."""
    folder = tmp_path_factory.mktemp("study")
    ended = end(start(folder, "evaluate.py", "study", "ten_by_hundred", "--workers", "1"))
    assert ended.code == 0, ended.err
    assert "1,000 trucks" in ended.out and "100 % full" in ended.out
    return folder / "runs" / "studies" / "ten_by_hundred"


def test_a_nation_sends_a_thousand_trucks_and_ten_regions_a_hundred(picture: Path) -> None:
    found = pd.read_csv(picture / "by_regions.csv")
    assert found["trucks"].tolist() == [1000, 500, 200, 100]
    np.testing.assert_allclose(found["fill"], [0.1, 0.2, 0.5, 1.0])
    assert (found["on_time"] == 1).all()
    assert found["miles"].is_monotonic_decreasing and found["co2_kg"].is_monotonic_decreasing


def test_miles_and_dollars_of_ten_regions_follow_from_their_tables(picture: Path) -> None:
    """Every lane of a region runs one full truck."""
    world = picture / "worlds" / "regions_10"
    lanes, regions = pd.read_csv(world / "lanes.csv"), pd.read_csv(world / "regions.csv")
    region = regions.set_index("site")["region"]
    used = lanes[region[lanes["origin"]].to_numpy() == region[lanes["destination"]].to_numpy()]
    assert len(used) == 100
    found = pd.read_csv(picture / "by_regions.csv").iloc[-1]
    assert found["miles"] == pytest.approx(used["miles"].mean())
    assert found["usd"] == pytest.approx((2.26 * used["miles"] + 100).sum() / 10_000)
    assert found["co2_kg"] == pytest.approx(1.55 * used["miles"].sum() / 10_000)


def test_every_world_of_the_picture_holds_the_same_units(picture: Path) -> None:
    for world in sorted((picture / "worlds").iterdir()):
        assert pd.read_csv(world / "placement.csv")["units"].sum() == 10_000
        assert len(pd.read_csv(world / "orders.csv")) == 10_000


class Links(HTMLParser):
    """What a page loads, and what it leads to."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.loaded += [given[name] or "" for name in ("src",) if name in given]
        self.loaded += [given["href"] or ""] if tag == "link" else []
        self.linked += [given["href"] or ""] if tag == "a" else []


def test_a_report_needs_nothing_but_itself(picture: Path) -> None:
    page = (picture / "report.html").read_text(encoding="utf-8")
    links = Links()
    links.feed(page)
    assert links.loaded and all(source.startswith("data:image/png;base64,") for source in links.loaded)
    assert all(base64.b64decode(source.partition(",")[2]).startswith(b"\x89PNG") for source in links.loaded)
    assert all((picture / name).is_file() for name in links.linked if not name.startswith("#"))
    assert all(f'id="{name[1:]}"' in page for name in links.linked if name.startswith("#"))
    assert "url(" not in page and "@import" not in page and "<script" not in page


def test_a_report_says_what_was_asked_and_how(picture: Path) -> None:
    page = (picture / "report.html").read_text(encoding="utf-8")
    asked = yaml.safe_load((picture / "study.yaml").read_text(encoding="utf-8"))
    assert asked["title"] in page and "study ten_by_hundred --workers 1" in page
    assert load_study(picture / "study.yaml") == load_study(find_study("ten_by_hundred"))


# ------------------------------------------------------------------------------------------------- number of regions


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Findings]:
    folder = tmp_path_factory.mktemp("count")
    study = load_study(write_count(folder))
    return folder, study.answer(Lab(folder / "out", study.episodes, study.seed))


def table_of(findings: Findings, name: str) -> pd.DataFrame:
    data = next(part.data for part in findings.parts if part.name == name)
    assert data is not None
    return data


def test_the_best_count_is_the_cheapest_by_the_objective(counted: tuple[Path, Findings]) -> None:
    _, findings = counted
    kpis = table_of(findings, "kpis").pivot_table(index=["series", "regions"], columns="panel", values="mean")
    worth = kpis["Cost per order, USD"] + 0.5 * kpis["Click to delivery, hours"]
    best = table_of(findings, "best")
    for policy in ("least_cost", "regional_nearest"):
        row = best[(best["world"] == "base") & (best["policy"] == policy)].iloc[0]
        assert row["regions"] == worth[policy].idxmin()
        assert row["objective_usd"] == pytest.approx(worth[policy].min())
        assert row["to_first_mean"] == pytest.approx(worth[policy].min() - worth[policy][1])
        assert row["low"] <= row["regions"] <= row["high"]
    assert set(best["world"]) == {"base", "busy"}


def test_a_study_asked_again_plays_nothing(counted: tuple[Path, Findings], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, findings = counted
    monkeypatch.setattr(cells, "compute", None)
    study = load_study(folder / "count.yaml")
    again = study.answer(Lab(folder / "out", study.episodes, study.seed))
    assert (again.answer, again.headlines) == (findings.answer, findings.headlines)
    pd.testing.assert_frame_equal(table_of(again, "kpis"), table_of(findings, "kpis"))


def test_the_worlds_a_study_names_are_shown_closely(counted: tuple[Path, Findings]) -> None:
    """Maps before the rest, decisions last; one region has nobody to spill to."""
    findings = counted[1]
    assert [section.title for section in findings.sections][:1] == ["Maps"]
    assert findings.sections[-1].title == "Decisions, order by order" and findings.sections[-1].parts
    names, shown = [part.name for part in findings.parts], set(findings.places)
    assert "1" in shown and {f"{kind}_{k}" for kind in ("map", "fill") for k in shown} < set(names)
    assert {name for name in names if name.startswith("spill_")} == {f"spill_{k}" for k in shown - {"1"}}
    assert set(table_of(findings, "distributions")["series"]) == {place.title for place in findings.places.values()}
    study = load_study(counted[0] / "count.yaml")
    docs = report_markdown(study, findings, provenance("python evaluate.py study region_count"))
    assert "## The trade-off" in docs and "map_1.png" not in docs and "order by order" not in docs


def test_all_shares_are_in_percent_and_all_intervals_hold_their_mean(counted: tuple[Path, Findings]) -> None:
    kpis = table_of(counted[1], "kpis")
    assert (kpis["ci_low"] <= kpis["mean"] + 1e-9).all() and (kpis["mean"] <= kpis["ci_high"] + 1e-9).all()
    nation = kpis[(kpis["panel"] == "In region, %") & (kpis["regions"] == 1)]
    assert nation["mean"].between(99, 100).all()


def test_selection_in_region_is_the_demand_an_own_fc_can_serve() -> None:
    world = small(**TWO_REGIONS, stock={"breadth": (0.5, 0.3, 0.2)})
    network, stock = build_network(world), place_stock(world, build_network(world))
    net, rank = network.net, np.arange(1, world.stock.skus + 1.0)
    popularity = rank**-world.demand.zipf_exponent
    served = 0.0
    for d in range(net.stations):
        home = net.region_of_site[net.fcs + net.scs + d]
        for sku in range(world.stock.skus):
            has = any(stock[sku, f] > 0 for f in range(net.fcs) if net.region_of_site[f] == home)
            served += has * network.station_share[d] * popularity[sku] / popularity.sum()
    assert selection_in_region(world) == pytest.approx(served)
    assert 0.1 < served < 0.99


# ---------------------------------------------------------------------------------------------------------- bad input

BAD: dict[str, tuple[dict[str, object], str]] = {
    "another kind": ({"study": "regions"}, r"count.yaml: study = 'regions': must be one of .*ten_by_hundred"),
    "unknown field": ({"count": [1, 2]}, r"count.yaml: count = .*unknown field"),
    "descending counts": ({"counts": [3, 2, 1]}, r"counts = .*ascending"),
    "no region": ({"counts": [0, 1, 2]}, r"counts = .*from 1 on"),
    "unknown KPI": ({"weights": {"price": 1}}, r"weights: no such KPI: price; known: cost_per_order_usd"),
    "no weights": ({"weights": {}}, r"weights: .*at least 1 item"),
    "no episodes": ({"episodes": 0}, r"episodes = 0"),
    "doubled world": ({"variations": [{"name": "base", "set": {}}]}, r"none of them 'base'"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_study_names_file_field_and_mend(name: str, tmp_path: Path) -> None:
    changes, message = BAD[name]
    with pytest.raises(ScenarioError, match=message):
        load_study(write_count(tmp_path, **changes))


def test_more_regions_than_stations_are_refused_before_anything_is_played(tmp_path: Path) -> None:
    study = load_study(write_count(tmp_path, counts=[1, 2, 7]))
    with pytest.raises(ScenarioError, match=r"partition.regions = 7: more regions than stations \(6\)"):
        study.run(Lab(tmp_path / "out", study.episodes, study.seed))
    assert not (tmp_path / "out" / "cells").exists()


def test_an_unknown_study_or_policy_ends_in_one_line(tmp_path: Path) -> None:
    path = write_count(tmp_path)
    for arguments, named in ((["nobody"], "ten_by_hundred"), ([str(path), "--policies", "nobody"], "'nobody'")):
        ended = end(start(tmp_path, "evaluate.py", "study", *arguments))
        assert (ended.code, ended.err.count("\n")) == (2, 1), ended.err
        assert ended.err.startswith("error: ") and named in ended.err
    assert not (tmp_path / "runs").exists()


def test_every_shipped_study_can_be_read() -> None:
    paths = sorted((ROOT / "configs" / "studies").glob("*.yaml"))
    assert {load_study(path).study for path in paths} == set(KINDS)
    count = load_study(find_study("region_count"))
    assert isinstance(count, RegionCount) and set(count.weights) <= set(KPIS)
    count.players()


@pytest.mark.parametrize("path", sorted((CONFIGS / "studies").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_study_file_in_a_report_asks_the_same_again(path: Path) -> None:
    study = load_study(path)
    assert type(study).model_validate(study.model_dump(mode="json")) == study


def test_the_readme_names_every_study() -> None:
    told = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(re.search(rf"\b{path.stem}\b", told) for path in (ROOT / "configs" / "studies").glob("*.yaml"))


# ---------------------------------------------------------------------------------------------------- the user's tables


def test_stock_stands_where_the_table_says(tmp_path: Path) -> None:
    names = build_network(small()).sites["name"].tolist()
    path = tmp_path / "placement.csv"
    path.write_text(f"sku,site,units\n3,{names[0]},7\n0,{names[2]},9\n", encoding="utf-8")
    world = small(stock={"placement": str(path)})
    base = place_stock(world, build_network(world))
    assert base[3, 0] == 7 and base[0, 2] == 9 and base.sum() == 16


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("999,{fc},1", "row 3: sku = 999.0: must be a whole number below stock.skus"),
        ("1.5,{fc},1", "row 3: sku = 1.5: must be a whole number"),
        ("1,Atlantis,1", "row 3: site = Atlantis: must be the name of a fulfillment center"),
        ("1,{station},1", "row 3: site = .*: must be the name of a fulfillment center"),
        ("1,{fc},40000", "row 3: units = 40000.0: must be a whole number up to 32767"),
        ("1,{fc},-1", "row 3: units = '-1': must be a number of at least 0"),
        ("0,{fc},1", "row 3: SKU 0 at '.*' is given twice"),
    ],
)
def test_a_wrong_placement_names_its_row(row: str, message: str, tmp_path: Path) -> None:
    sites = build_network(small()).sites
    fc, station = sites["name"].iloc[0], sites["name"].iloc[-1]
    path = tmp_path / "placement.csv"
    path.write_text(f"sku,site,units\n0,{fc},1\n{row.format(fc=fc, station=station)}\n", encoding="utf-8")
    world = small(stock={"placement": str(path)})
    with pytest.raises(ScenarioError, match=rf"placement\.csv: {message}"):
        place_stock(world, build_network(world))


@pytest.fixture
def stations_only(tmp_path: Path) -> Callable[[], Path]:
    """A boundary that names stations alone: the westernmost half against the rest."""

    def write() -> Path:
        sites = build_network(small()).sites
        own = sites[sites["kind"] == "station"].sort_values("longitude")
        rows = [f"{name},{'West' if i < len(own) / 2 else 'East'}" for i, name in enumerate(own["name"])]
        path = tmp_path / "regions.csv"
        path.write_text("\n".join(["site,region", *rows]), encoding="utf-8")
        return path

    return write


def test_buildings_follow_the_station_nearest_to_them(stations_only: Callable[[], Path]) -> None:
    world = small(partition={"kind": "file", "path": str(stations_only())})
    sites = build_network(world).sites
    stations = sites[sites["kind"] == "station"]
    for site in sites[sites["kind"] != "station"].itertuples():
        across, along = 0.77 * (stations["longitude"] - site.longitude), stations["latitude"] - site.latitude
        assert site.region == stations["region"].iloc[int((across**2 + along**2).to_numpy().argmin())]
    assert set(sites["region"]) == {"East", "West"}
