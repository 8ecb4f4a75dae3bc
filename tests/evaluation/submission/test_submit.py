"""Submissions: rows of the leaderboard and their page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from regional_dispatch.baselines.tick_player import PlayerError
from regional_dispatch.commands.submit import Command
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.report.pages import refresh
from regional_dispatch.evaluation.submission.page import leaderboard_page
from regional_dispatch.evaluation.submission.row import file_name, read_rows

CODE = """
import numpy as np

class First:
    def predict(self, observation, action_masks):
        rows, slots, _ = observation["order_mask"].shape
        return np.zeros((rows, slots + observation["lane_mask"].shape[1]), int), None

class Short(First):
    def predict(self, observation):
        return np.zeros(3, int), None
"""
SUITE = """
name: tiny
episodes: 3
bound: false
scenarios:
  - {scenario: small, name: small, set: {horizon_hours: 12}}
  - {scenario: small, name: other, set: {horizon_hours: 12, demand.orders_per_day: 900}}
policies: [hybrid]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of an object, random play and the rule itself."""
    folder = tmp_path_factory.mktemp("submit")
    (folder / "mine.py").write_text(CODE, encoding="utf-8")
    (folder / "tiny.yaml").write_text(SUITE, encoding="utf-8")
    command(folder, f"{folder}/mine.py:First", name="my first", note="takes what comes first").run()
    command(folder, "random", "least_cost", "pretrained/small").run()
    return folder


def command(folder: Path, *policies: str, **options: object) -> Command:
    paths = {"suite": str(folder / "tiny.yaml"), "rows": folder / "rows", "out": folder / "out"}
    return Command(policies=policies, workers=1, **{**paths, **options})  # type: ignore[arg-type]


def test_a_row_says_what_it_costs_and_where_it_comes_from(folder: Path) -> None:
    row = json.loads((folder / "rows" / "my-first.json").read_text(encoding="utf-8"))
    assert row["policy"]["kind"] == "own code" and row["policy"]["note"] == "takes what comes first"
    assert row["suite"] == {"name": "tiny", "stream": "evaluate", "seed": 0, "episodes": 3}
    assert {"python", "numpy", "numba"} <= set(row["made"]["versions"]) and row["made"]["sources"]
    small, other = row["scenarios"]["small"], row["scenarios"]["other"]
    assert small["world"] != other["world"] and small["episodes"] == 3
    rule = small["against"]["rule"]
    assert rule["policy"] == "least_cost" and other["against"]["rule"]["difference_usd"]["ci_low"] > 0
    assert small["cost_usd"]["mean"] - rule["cost_usd"] == pytest.approx(rule["difference_usd"]["mean"])
    assert small["against"]["shipped"]["policy"] == "pretrained/small" and "shipped" not in other["against"]
    assert small["seconds_per_decision"] > 0 and small["bound"] is None


def test_a_policy_played_where_it_was_not_trained_says_so_beside_the_best_untuned_rule(folder: Path) -> None:
    row = json.loads((folder / "rows" / file_name("pretrained/small")).read_text(encoding="utf-8"))
    assert row["scenarios"]["small"]["doubts"] == []
    (doubt,) = row["scenarios"]["other"]["doubts"]
    assert "another world" in doubt and "the best untuned rule beside it, 'least_cost', costs" in doubt
    assert doubt in leaderboard_page(read_rows(folder / "rows"))


def test_the_page_ranks_all_rows(folder: Path) -> None:
    page = folder / "page.md"
    page.write_text(
        "# Leaderboard\n\n<!-- results: written by evaluate.py page -->\n<!-- end of results -->\n", encoding="utf-8"
    )
    refresh(page, folder, folder / "rows")
    text = page.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    ranking = [line.split("`")[1] for line in lines[:4]]
    assert set(ranking[:2]) == {"least_cost", "pretrained/small"}
    assert set(ranking[2:]) == {"my first", "random"}
    assert "hindsight bound |" not in text  # none was computed


def test_the_page_says_what_the_bound_leaves(folder: Path) -> None:
    rows = [row for row in read_rows(folder / "rows") if row["policy"]["name"] != "my first"]
    for row in rows:
        for part in row["scenarios"].values():
            closed = {"mean": 0.25, "ci_low": 0.2, "ci_high": 0.3}
            part["bound"] = {
                "label": "optimum", "episodes": 2, "usd": 3.0, "rule_usd": 4.0, "gap_percent": None,
                "share_closed": closed,
            }  # fmt: skip
    text = leaderboard_page(rows)
    assert "| hindsight bound | bound | −25.0 | −25.0 | −25.0 | – |" in text
    assert "| `random` | 25 [20, 30] | 25 [20, 30] |" in text and "small, optimum of 2 episodes" in text


def test_a_second_submission_replaces_the_row(folder: Path) -> None:
    command(folder, "random", note="again", scenarios="small").run()
    rows = {row["policy"]["name"]: row for row in read_rows(folder / "rows")}
    assert len(rows) == 4
    assert rows["random"]["policy"]["note"] == "again" and list(rows["random"]["scenarios"]) == ["small"]


def test_what_cannot_be_submitted_leaves_no_row(folder: Path) -> None:
    before = sorted((folder / "rows").iterdir())
    with pytest.raises(PlayerError, match=r"mine.py:Short': predict\(\) gave an action"):
        command(folder, f"{folder}/mine.py:Short").run()
    with pytest.raises(InputError, match=r"--scenarios: 'us8' is not in .*tiny.yaml; it has small, other"):
        command(folder, "random", scenarios="us8").run()
    with pytest.raises(InputError, match="exactly one"):
        command(folder, "random", "least_cost", name="both").run()
    assert sorted((folder / "rows").iterdir()) == before


def test_a_damaged_row_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"format": "regional-dispatch-leaderboard-1"}', encoding="utf-8")
    with pytest.raises(InputError, match=r"bad.json: has no 'policy'"):
        read_rows(tmp_path)
