"""The study of boundaries: its tables agree, and its search never plays the orders it is judged on."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from regional_dispatch.envs.render.colours import mix, region_colour
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import ScenarioError, load_scenario
from regional_dispatch.evaluation import cells
from regional_dispatch.studies.framework.kinds import load_study
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.region_design.study import RegionDesign
from regional_dispatch.studies.report.findings import Findings
from regional_dispatch.studies.report.region_maps import boundary_maps
from tests.processes import write_study
from tests.studies.asked import data_of
from tests.worlds import small

DRAWN = ["reference", "balanced bisection", "k-means", "balanced territories", "local search", "your boundary"]


def write(folder: Path, **changes: Any) -> Path:
    """Boundaries of the tiny world; three regions against the two it has."""
    data = {
        "question": "Which?", "episodes": 3, "policies": ["least_cost", "regional_nearest"], "regions": 3,
        "reference": {"kind": "balanced", "regions": 2}, "tolerance": 0.6, "starts": 2,
        "search": {"evaluations": 6, "episodes": 2, "balance": 3}, "weights": {"cost_per_order_usd": 1},
    }  # fmt: skip
    return write_study(folder, "region_design", data, changes)


def names_of(folder: Path) -> list[str]:
    sites = build_network(load_scenario(folder / "tiny.yaml")).sites
    return sites[sites["kind"] == "station"]["name"].tolist()


def write_own(folder: Path, regions: list[str]) -> Path:
    """A boundary of the tiny world's stations."""
    write(folder)
    rows = [f"{name},{region}" for name, region in zip(names_of(folder), regions, strict=True)]
    path = folder / "own.csv"
    path.write_text("\n".join(["site,region", *rows]), encoding="utf-8")
    return path


class Asked:
    """Notes which worlds were played on which orders."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.worlds: list[tuple[str, str]] = []
        play = Lab.play

        def noted(lab: Lab, worlds: Mapping[str, Any], policies: Any, stream: str = "evaluate") -> Any:
            self.worlds += [(stream, str(world.partition.path)) for world in worlds.values()]
            return play(lab, worlds, policies, stream)

        monkeypatch.setattr(Lab, "play", noted)


@pytest.fixture(scope="module")
def found(undrawn: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RegionDesign, Findings]:
    folder = tmp_path_factory.mktemp("design")
    own = write_own(folder, ["A", "B", "C", "D", "E", "F"])
    study = load_study(write(folder, own=str(own)))
    assert isinstance(study, RegionDesign)
    return folder, study, study.run(Lab(folder / "out", study.episodes, study.seed))


def test_differences_are_those_of_the_kpis(found: tuple[Path, RegionDesign, Findings]) -> None:
    findings = found[2]
    standings = data_of(findings, "objectives")
    assert standings[standings["policy"] == "least_cost"]["boundary"].tolist() == [*DRAWN, "one nation"]
    for policy in ("least_cost", "regional_nearest"):
        kpis = data_of(findings, f"kpis_{policy}")
        costs = kpis[kpis["kpi"] == "cost_per_order_usd"].set_index("boundary")
        own = standings[standings["policy"] == policy].set_index("boundary")
        np.testing.assert_allclose(own["objective_usd_mean"], costs["value_mean"])
        np.testing.assert_allclose(own["to_reference_mean"], costs["change_mean"])
        np.testing.assert_allclose(own["to_nation_mean"], costs["value_mean"] - costs["value_mean"]["one nation"])
        assert own["best_share"].drop("one nation").sum() == pytest.approx(1)
    lead = standings[(standings["policy"] == "least_cost") & (standings["boundary"] != "one nation")]
    assert findings.headlines[0].value == lead.loc[lead["objective_usd_mean"].idxmin(), "boundary"]


def test_a_boundary_is_kept_as_a_file_that_a_scenario_reads(found: tuple[Path, RegionDesign, Findings]) -> None:
    folder, study, findings = found
    shapes = data_of(findings, "shapes").set_index("boundary")
    for name in DRAWN:
        path = folder / "out" / "worlds" / f"{name.replace(' ', '_')}.csv"
        network = build_network(study.world({"partition": {"kind": "file", "path": str(path)}}))
        assert len(network.region_names) == shapes.loc[name, "regions"]
        home = network.net.region_of_site[-network.net.stations :]
        demand = np.bincount(home, network.station_share)
        assert demand.max() / demand.mean() == pytest.approx(shapes.loc[name, "largest"])
    assert shapes.loc["reference", "moved"] == 0 and (shapes["moved"].drop("reference") > 0).all()
    assert shapes["regions"].tolist() == [2, 3, 3, 3, 3, 6]
    assert shapes.loc["balanced territories", "whole"] == 3
    assert not list((folder / "out" / "worlds").glob("tried*"))


def test_regions_without_a_fulfillment_center_are_warned_of(found: tuple[Path, RegionDesign, Findings]) -> None:
    """Six regions of one station each share four FCs."""
    findings = found[2]
    without_fc = data_of(findings, "shapes").set_index("boundary")["without_fc"]
    text = next(section.text for section in findings.sections if section.title == "The boundaries")
    assert without_fc["your boundary"] >= 2
    assert text.count("Warning: ") == (without_fc > 0).sum()
    assert "Warning: the your boundary" not in text and "Warning: your boundary leaves" in text


def test_a_study_asked_again_plays_nothing(
    found: tuple[Path, RegionDesign, Findings], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, study, findings = found
    monkeypatch.setattr(cells, "compute", None)
    again = study.run(Lab(folder / "out", study.episodes, study.seed))
    assert (again.answer, again.headlines) == (findings.answer, findings.headlines)


def test_the_search_plays_tuning_orders_alone(undrawn: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, told = Asked(monkeypatch), list[tuple[int, int]]()
    study = load_study(write(tmp_path, policies=["least_cost"]))
    study.run(Lab(tmp_path / "out", 2, 0, progress=lambda done, total, title: told.append((done, total))))
    tried = [stream for stream, path in asked.worlds if "tried" in path]
    assert len(tried) >= 2 and set(tried) == {"tune"}
    searched = [stream for stream, path in asked.worlds if path.endswith("local_search.csv")]
    assert searched == ["evaluate"]  # chosen before it met them
    assert (len(tried), 6) in told


def test_a_policy_tuned_on_the_first_orders_is_searched_for_on_others(undrawn: None, tmp_path: Path) -> None:
    study = load_study(write(tmp_path, policies=["configs/baselines/us8.linear.yaml"]))
    assert study.run(Lab(tmp_path / "out", 2, 0)).headlines


def test_ctrl_c_keeps_what_was_played(undrawn: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = load_study(write(tmp_path, policies=["least_cost"]))
    compute, played = cells.compute, list[str]()

    def counted(cell: cells.Cell) -> cells.Rows:
        if len(played) == 6:
            raise KeyboardInterrupt
        played.append(cell.fingerprint)
        return compute(cell)

    monkeypatch.setattr(cells, "compute", counted)
    with pytest.raises(KeyboardInterrupt, match=r"\d boundaries of the search are kept in .*out; the same command"):
        study.run(Lab(tmp_path / "out", 2, 0))
    assert not list((tmp_path / "out" / "worlds").glob("tried*"))
    monkeypatch.setattr(cells, "compute", lambda cell: (played.append(cell.fingerprint), compute(cell))[1])
    study.run(Lab(tmp_path / "out", 2, 0))
    assert len(set(played)) == len(played) > 6


def test_the_ground_has_the_colour_of_its_region() -> None:
    """As much of it as there are regions, and none of a region that a boundary does not have."""
    sites = build_network(small()).sites
    stations = int((sites["kind"] == "station").sum())

    def drawn(labels: np.ndarray) -> np.ndarray:
        picture = Image.open(io.BytesIO(boundary_maps(sites, {"one": labels, "two": labels}, {})))
        return np.asarray(picture.convert("RGB"))

    def seen(picture: np.ndarray, region: int) -> int:
        tint = 255 * np.array(mix(region_colour(region), "white", 0.34))
        return int((np.abs(picture - tint) < 4).all(axis=2).sum())

    split, whole = drawn(np.arange(stations) % 2), drawn(np.zeros(stations, dtype=np.int64))
    assert seen(whole, 0) > seen(split, 0) > 1000 and seen(split, 1) > 1000
    assert seen(whole, 1) < 50  # the edges of dots


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "more regions than stations": ({"regions": 7}, r"regions = 7: more regions than stations \(6\); lower it"),
    "too even": (
        {"tolerance": 0.001},
        r"tolerance = 0.001: no contiguous .* station 'DS New York NY' alone has .* % of it; raise tolerance",
    ),
    "no file": ({"own": "nowhere.csv"}, r"nowhere\.csv: no such file"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_boundary_that_cannot_be_is_refused_before_anything_is_played(name: str, tmp_path: Path) -> None:
    changes, message = BAD[name]
    study = load_study(write(tmp_path, **changes))
    with pytest.raises(ScenarioError, match=message):
        study.run(Lab(tmp_path / "out", study.episodes, study.seed))
    assert not (tmp_path / "out" / "cells").exists()


def test_a_boundary_that_names_no_site_of_ours_is_refused(tmp_path: Path) -> None:
    own = write_own(tmp_path, ["A", "A", "B", "B", "C", "C"])
    own.write_text(own.read_text(encoding="utf-8") + "\nAtlantis,A\n", encoding="utf-8")
    study = load_study(write(tmp_path, own=str(own)))
    with pytest.raises(
        ScenarioError, match=r"own\.csv: row \d+: site = 'Atlantis': is no site of this network; remove the row"
    ):
        study.run(Lab(tmp_path / "out", study.episodes, study.seed))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"regions": 1}, "regions = 1: .*greater than or equal to 2"),
        ({"reference": {"kind": "national"}}, "reference: must be more than one region"),
        ({"tolerance": 0}, "tolerance = 0: .*greater than 0"),
        ({"search": {"episodes": 1}}, "search.episodes = 1: .*greater than or equal to 2"),
        ({"search": {"balance": 0.5}}, "search.balance = 0.5"),
    ],
)
def test_a_bad_study_names_its_field(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=message):
        load_study(write(tmp_path, **changes))
