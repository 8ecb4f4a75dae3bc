"""`evaluate.py whatif` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.processes import TWO_DAYS, end, run_here, start


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished answer in `out`."""
    folder = tmp_path_factory.mktemp("whatif")
    (folder / "tiny.yaml").write_text(TWO_DAYS, encoding="utf-8")
    arguments = [
        "tiny.yaml",
        "--close",
        "FC Dallas TX",
        "--add",
        "FC Boise,fc,43.6,-116.2",
        "--capacity",
        "FC New York NY=×1.5",
    ]
    ended = end(start(folder, "evaluate.py", "whatif", *arguments, "--episodes", "2", "--out", "out"))
    assert ended.code == 0, ended.err
    (folder / "printed.txt").write_text(ended.out, encoding="utf-8")
    return folder


def test_everything_assumed_is_printed_beside_the_result(folder: Path) -> None:
    printed = (folder / "printed.txt").read_text(encoding="utf-8")
    for text in (
        "cost_per_order_usd", "2 held-out episodes", "Demand stays", "keeps its capacity", "units stand elsewhere",
        "FC Boise picks", "FC New York NY: ", "lanes go",
    ):  # fmt: skip
        assert text in printed


def test_every_file_is_written(folder: Path) -> None:
    names = {"kpis.csv", "lanes.csv", "map.html", "map.png", "report.md", "scenario.yaml", "sites.csv", "summary.json"}
    assert {path.name for path in (folder / "out").glob("[!.]*")} == names
    assert (folder / "out" / "map.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((folder / "out" / "summary.json").read_text(encoding="utf-8"))["assumed"]


def test_a_closed_site_has_nothing_after_and_an_added_one_nothing_before(folder: Path) -> None:
    sites = pd.read_csv(folder / "out" / "sites.csv").set_index("site")
    for column in ("capacity_per_hour", "stock_units", "packages_per_day"):
        assert sites.loc["FC Dallas TX", f"{column}_before"] > 0
        assert sites.loc["FC Dallas TX", f"{column}_after"] == 0
    assert sites.loc["FC Boise", "capacity_per_hour_before"] == 0
    assert sites["stock_units_after"].sum() == sites["stock_units_before"].sum()


def test_lanes_agree_with_kpis(folder: Path) -> None:
    lanes, kpis = pd.read_csv(folder / "out" / "lanes.csv"), pd.read_csv(folder / "out" / "kpis.csv")
    trucks = kpis.set_index("kpi").loc["trucks"]
    for side in ("before", "after"):
        assert lanes[f"trucks_per_day_{side}"].sum() == pytest.approx(trucks[side])


def test_the_network_after_can_be_played(folder: Path) -> None:
    file, out = folder / "out" / "scenario.yaml", folder / "played"
    arguments = ["--scenario", str(file), "--policies", "least_cost", "--episodes", "2", "--out", str(out)]
    assert run_here(folder, "evaluate.py", "compare", *arguments).code == 0
    cost = pd.read_csv(out / "results.csv")["cost_per_order_usd"].mean()
    kpis = pd.read_csv(folder / "out" / "kpis.csv").set_index("kpi")
    assert kpis.loc["cost_per_order_usd", "after"] == pytest.approx(cost)


def test_an_unknown_site_ends_before_anything_is_played(folder: Path) -> None:
    ended = end(start(folder, "evaluate.py", "whatif", "tiny.yaml", "--close", "FC Dalas", "--out", "none"))
    assert ended.code == 2
    assert "the closest name is 'FC Dallas TX'" in ended.err
    assert not (folder / "none").exists()
