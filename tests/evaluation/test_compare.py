"""Policies compared on the same orders: frames, paired differences, and summaries read back."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pandas as pd
import pytest

from regional_dispatch.baselines import baseline
from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.world.scenario import load_scenario
from regional_dispatch.evaluation.compare import compare_policies, read_summary, save_comparison, summarise
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.kpis import COST
from regional_dispatch.evaluation.report.comparison import markdown_table
from regional_dispatch.evaluation.rollouts import evaluate_policies
from tests.worlds import TWO_REGIONS, small

WORLD = small(**TWO_REGIONS, horizon_hours=48, warmup_hours=12)
REGIONAL, NATIONAL = baseline("regional_nearest"), baseline("national_nearest+immediate")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return evaluate_policies(WORLD, {"one": REGIONAL, "same": REGIONAL, "other": NATIONAL}, episodes=3, seed=4)


def test_a_frame_has_a_row_per_policy_and_episode_with_every_kpi(frame: pd.DataFrame) -> None:
    assert list(frame.columns) == ["policy", "episode", "seed", *KPIS]
    assert list(zip(frame["policy"], frame["episode"], strict=True)) == [
        (name, episode) for name in ("one", "same", "other") for episode in range(3)
    ]
    assert frame["seed"].nunique() == 3
    assert frame[frame["policy"] == "one"][COST].nunique() == 3


def test_the_same_policy_twice_differs_by_nothing(frame: pd.DataFrame) -> None:
    summary = summarise(frame)
    assert list(summary["paired"]) == ["one - same", "one - other", "same - other"]
    for kpi in KPIS:
        assert (summary["paired"]["one - same"][kpi]["mean"] or 0) == 0
        assert summary["paired"]["one - same"][kpi]["ci_low"] is None  # all differences are the same
    assert summary["paired"]["one - other"] == summary["paired"]["same - other"]
    means = [summary["policies"][name][COST]["mean"] for name in ("one", "other")]
    assert summary["paired"]["one - other"][COST]["mean"] == pytest.approx(means[0] - means[1]) != 0


def test_an_interval_does_not_depend_on_the_other_policies(frame: pd.DataFrame) -> None:
    alone = summarise(frame[frame["policy"] != "same"])
    together = summarise(frame)
    assert alone["policies"]["other"] == together["policies"]["other"]
    assert alone["paired"]["one - other"] == together["paired"]["one - other"]


def test_a_summary_is_read_back_and_other_json_refused(tmp_path: Path, frame: pd.DataFrame) -> None:
    path = tmp_path / "summary.json"
    summary = {**summarise(frame), "meta": {"scenario": "small", "seed": 0, "episodes": 3}}
    path.write_text(json.dumps(summary))
    assert read_summary(path) == summary
    del summary["policies"]["one"][COST]
    for text in ("{", "[]", '{"policies": {}, "paired": {}, "meta": {}}', json.dumps(summary), "\x00"):
        path.write_text(text)
        with pytest.raises(InputError, match=r"summary\.json: not"):
            read_summary(path)


def test_with_no_order_every_share_is_a_dash_and_json_has_no_nan(tmp_path: Path) -> None:
    world = load_scenario("small", {"demand.orders_per_day": "0"})
    rules = {"one": baseline("least_cost"), "two": baseline("national_nearest")}
    found = compare_policies(world, rules, 3, 0)
    text = json.dumps(found.summary, allow_nan=False)
    assert json.loads(text)["policies"]["one"]["on_time_share"] == {"mean": None, "ci_low": None, "ci_high": None}
    page = markdown_table(found.summary)
    for kpi in (COST, "on_time_share", "truck_fill", "settled_share", "in_region_share"):
        row = next(line for line in page.splitlines() if line.startswith(f"| `{kpi}`"))
        assert row.endswith("| – | – |"), row
    assert "| one − two | – | – |" in page
    save_comparison(found, tmp_path)
    assert pd.read_csv(tmp_path / "results.csv")["on_time_share"].isna().all()
    with open(tmp_path / "results.csv", newline="") as file:
        assert all(math.isnan(float(row["on_time_share"])) for row in csv.DictReader(file))  # no cell is empty


def test_the_settled_share_is_a_row_and_its_difference_has_no_interval(frame: pd.DataFrame) -> None:
    summary = summarise(frame)
    assert summary["policies"]["one"]["settled_share"]["ci_low"] is not None
    assert summary["paired"]["one - other"]["settled_share"]["ci_low"] is None
    assert summary["paired"]["one - other"][COST]["ci_low"] is not None
