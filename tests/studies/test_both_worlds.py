"""The study of policies in both worlds: who plays where, what is compared, and which worlds cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.world.scenario import ScenarioError
from regional_dispatch.evaluation.rollouts import evaluation_keys, rollout, simulator_for
from regional_dispatch.studies.framework.kinds import load_study
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.report.findings import Findings
from tests.studies.asked import data_of
from tests.worlds import SMALL, TWO_REGIONS


def write(folder: Path, **regional: Any) -> Path:
    """A study of the small world as a nation and as two regions."""
    nation = {**SMALL, "partition": {"kind": "national", "counted_by": TWO_REGIONS["partition"]}}
    worlds = {"nation": nation, "regions": {**SMALL, **TWO_REGIONS, **regional}}
    for name, world in worlds.items():
        text = yaml.safe_dump({**world, "name": name, "stock": {**world["stock"], "breadth": [0.75, 0.5, 0.25]}})
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    pairs = [
        {"name": "mixed", "national": "least_cost", "regional": "regional_nearest"},
        {"name": "same", "national": "least_cost", "regional": "least_cost"},
    ]
    data = {
        "study": "both_worlds", "title": "Both", "question": "Which?", "scenario": str(folder / "nation.yaml"),
        "regional": str(folder / "regions.yaml"), "episodes": 3, "pairs": pairs,
    }  # fmt: skip
    path = folder / "both.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def found(undrawn: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Findings]:
    folder = tmp_path_factory.mktemp("both")
    study = load_study(write(folder))
    return study, study.run(Lab(folder / "out", study.episodes, study.seed))


def test_each_policy_is_measured_in_its_own_world(found: tuple[Any, Findings]) -> None:
    study, findings = found
    keys = evaluation_keys(study.episodes, study.seed)
    row = data_of(findings, "worlds_mixed").set_index("kpi").loc["cost_per_order_usd"]
    one, two = (
        [
            episode["cost_per_order_usd"]
            for episode in rollout(simulator_for(world), study.players()[name].scorers, keys)
        ]
        for world, name in ((study.base(), "least_cost"), (study._finished(), "regional_nearest"))
    )
    assert row["national_mean"] == pytest.approx(np.mean(one)) and row["regional_mean"] == pytest.approx(np.mean(two))
    assert row["change_mean"] == pytest.approx(np.mean(two) - np.mean(one))
    assert not row["change_ci_low"] > row["change_mean"] and not row["change_mean"] > row["change_ci_high"]


def test_every_policy_also_plays_the_other_world(found: tuple[Any, Findings]) -> None:
    cross = data_of(found[1], "cross")
    assert len(cross) == 8 and set(cross["world"]) == set(cross["made_for"]) == {"national", "regional"}
    same = cross[cross["pair"] == "same"].groupby("world")["mean"].nunique()
    assert (same == 1).all()


def test_the_last_column_says_which_intervals_leave_out_zero(found: tuple[Any, Findings]) -> None:
    table = next(part for part in found[1].parts if part.name == "worlds_mixed")
    for (_, row), cells in zip(table.data.iterrows(), table.rows, strict=True):  # type: ignore[union-attr]
        sign = {"lower": -1, "higher": 1, "neither": 0}[KPIS[row["kpi"]].better]
        low, high = sorted((sign * row["change_ci_low"], sign * row["change_ci_high"]))
        said = "–" if low != low else "better" if low > 0 else "worse" if high < 0 else "no difference"
        assert cells[-1] == (said if sign else "")


def test_worlds_that_cannot_be_compared_are_refused(tmp_path: Path) -> None:
    for regional, message in (
        ({"demand": {"orders_per_day": 300}}, "different demand"),
        ({"partition": {"kind": "balanced", "regions": 3}}, "count different regions"),
    ):
        study = load_study(write(tmp_path, **regional))
        with pytest.raises(ScenarioError, match=message):
            study.run(Lab(tmp_path / "out", study.episodes, study.seed))
    assert not (tmp_path / "out" / "cells").exists()
