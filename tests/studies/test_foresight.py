"""A policy that looks ahead on drawn futures, and what it gains from being told the orders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from regional_dispatch.baselines import BaselineError
from regional_dispatch.envs.world.scenario import ScenarioError
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.studies.framework.kinds import load_study
from regional_dispatch.studies.framework.lab import Lab
from tests.processes import write_study

HOURS = {"horizon_hours": 48}


def write(folder: Path, **changes: Any) -> Path:
    data = {
        "question": "What is knowing worth?", "scenario": "small", "set": HOURS, "episodes": 1,
        "policies": ["tuned_linear", "least_cost"], "hours": [0, 4], "futures": 2,
    }  # fmt: skip
    return write_study(folder, "foresight", data, changes)


def test_the_study_counts_from_the_best_untuned_rule_to_the_optimum(undrawn: None, tmp_path: Path) -> None:
    study = load_study(write(tmp_path))
    findings = study.answer(Lab(tmp_path / "out", study.episodes, study.seed))
    table = next(part.data for part in findings.parts if part.name == "gaps")
    assert table is not None
    closed = table.set_index("policy")["share_closed_mean"]
    assert list(closed.index) == [
        "tuned_linear", "least_cost", "tuned_linear looking ahead, told nothing",
        "tuned_linear looking ahead, told 4 h of orders", "tuned_linear looking ahead, told all orders",
    ]  # fmt: skip
    assert closed["least_cost"] == 0 and (closed <= 1 + 1e-6).all()
    assert closed["tuned_linear looking ahead, told all orders"] >= closed["tuned_linear"]
    assert "From least_cost to the optimum" in findings.answer
    changes = next(part.data for part in findings.parts if part.name == "changes")
    assert changes is not None and len(changes) == 9
    assert (changes["saved_usd_mean"].dropna() > 0).all() and changes["per_episode_mean"].sum() > 0


def test_hours_lie_ahead(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"foresight.yaml: hours.0 = -1"):
        load_study(write(tmp_path, hours=[-1]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scenario": "us8", "set": {}}, r"scenario = 'us8': too large .*name small"),
        ({"policies": ["tuned_linear"]}, r"policies: no untuned rule .*add least_cost"),
        ({"policies": ["shadow_price", "least_cost"]}, r"'shadow_price.*LP"),
    ],
)
def test_a_study_that_cannot_be_answered_says_why(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    study = load_study(write(tmp_path, **changes))
    with pytest.raises((BaselineError, InputError), match=message):
        study.run(Lab(tmp_path / "out", study.episodes, study.seed))
