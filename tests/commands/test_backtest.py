"""`evaluate.py backtest`, and `compare` on a trace, as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regional_dispatch.envs.world.scenario import scenario_yaml
from tests.processes import run_here
from tests.traces import drawn_orders, written

FCS = ["FC Evansville IN", "FC Lancaster CA", "FC New York NY", "FC Dallas TX"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trace of four weeks as trace.yaml, and a finished back-test in `out`."""
    folder = tmp_path_factory.mktemp("backtest")
    table = drawn_orders(days=28, per_day=60)
    names = table["order"].unique()
    table["source"] = table["order"].map(
        dict(zip(names, np.random.default_rng(1).choice(FCS, len(names)), strict=True))
    )
    scenario = written(folder / "orders.csv", table)
    (folder / "trace.yaml").write_text(scenario_yaml(scenario), encoding="utf-8")
    ended = run_here(folder, "evaluate.py", "backtest", "trace.yaml", "--policies", "least_cost", "--out", "out")
    assert ended.code == 0, ended.err
    (folder / "printed.txt").write_text(ended.out, encoding="utf-8")
    return folder


def test_the_result_says_what_it_is_a_sample_of(folder: Path) -> None:
    printed = (folder / "printed.txt").read_text(encoding="utf-8")
    for text in ("One trace is one sample", "over 3 weeks", "It is not split", "click to delivery", "CO₂", "on record"):
        assert text in printed
    assert "episode" not in printed


def test_every_file_is_written(folder: Path) -> None:
    names = {"lanes.csv", "placement.csv", "regions.csv", "report.md", "summary.json", "weeks.csv"}
    assert {path.name for path in (folder / "out").glob("[!.]*")} == names
    summary = json.loads((folder / "out" / "summary.json").read_text(encoding="utf-8"))
    usd = summary["policies"]["least_cost"]["usd"]
    assert usd["interval"]["ci_low"] < usd["difference"] < usd["interval"]["ci_high"]
    weeks = pd.read_csv(folder / "out" / "weeks.csv")
    own = weeks[weeks["whole"] & (weeks["region"] == "all")]
    assert own["usd_difference"].mean() == pytest.approx(usd["difference"])


def test_a_window_is_named_by_dates(folder: Path) -> None:
    arguments = ["--from", "2024-11-11", "--until", "2024-11-18"]
    ended = run_here(folder, "evaluate.py", "backtest", "trace.yaml", *arguments, "--out", "window")
    assert ended.code == 0, ended.err
    assert "counted from 2024-11-11 00:00 to 2024-11-18 00:00" in ended.out
    assert "there is no interval. 1 week: too few for an interval" in ended.out


def test_compare_plays_a_trace_once_and_calls_it_one_sample(folder: Path) -> None:
    arguments = [
        "--scenario",
        "trace.yaml",
        "--policies",
        "least_cost,national_nearest",
        "--episodes",
        "8",
        "--out",
        "both",
    ]
    ended = run_here(folder, "evaluate.py", "compare", *arguments)
    assert ended.code == 0, ended.err
    assert "one trace, which is one sample; intervals over its 3 whole weeks" in " ".join(ended.out.split())
    assert "held-out" not in ended.out
    assert len(pd.read_csv(folder / "both" / "results.csv")) == 2
    weeks = pd.read_csv(folder / "both" / "weeks.csv")
    assert weeks["policy"].value_counts().tolist() == [4, 4]
    summary = json.loads((folder / "both" / "summary.json").read_text(encoding="utf-8"))
    paired = summary["paired"]["least_cost - national_nearest"]["cost_per_order_usd"]
    assert paired["ci_low"] < paired["mean"] < paired["ci_high"]
    table = run_here(folder, "evaluate.py", "table", "both/summary.json")
    assert table.code == 0
    assert "one sample" in table.out


def test_compare_on_a_split_trace_counts_its_evaluation_weeks(folder: Path) -> None:
    arguments = ["--scenario", "trace.yaml", "--policies", "least_cost", "--set", "demand.weeks={train: 1, tune: 1}"]
    ended = run_here(folder, "evaluate.py", "compare", *arguments, "--out", "held")
    assert ended.code == 0, ended.err
    said = " ".join(ended.out.split())
    assert "counted from 2024-11-18 00:00 to 2024-12-02 08:00, the part 'evaluate'" in said
    assert "no interval without three whole weeks" in said


def test_one_episode_has_no_interval(folder: Path) -> None:
    arguments = ["--scenario", "small", "--policies", "least_cost,national_nearest", "--episodes", "1", "--out", "one"]
    ended = run_here(folder, "evaluate.py", "compare", *arguments)
    assert ended.code == 0, ended.err
    assert "no interval, as one episode says nothing of spread" in " ".join(ended.out.split())
    summary = json.loads((folder / "one" / "summary.json").read_text(encoding="utf-8"))
    paired = summary["paired"]["least_cost - national_nearest"]["cost_per_order_usd"]
    assert paired["ci_low"] is paired["ci_high"] is None
    assert run_here(folder, "evaluate.py", "table", "one/summary.json").code == 0
