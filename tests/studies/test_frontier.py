"""Settings swept, and the front of those that no other dominates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from regional_dispatch.baselines import BaselineError, baseline
from regional_dispatch.envs.world.scenario import ScenarioError, load_scenario
from regional_dispatch.studies.framework.kinds import find_study, load_study
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.frontier.page import undominated
from regional_dispatch.studies.frontier.study import Frontier, Sweep
from regional_dispatch.studies.report.findings import Findings
from tests.processes import write_study


@given(arrays(float, st.tuples(st.integers(1, 9), st.just(3)), elements=st.integers(0, 3).map(float)))
def test_the_front_is_what_no_other_dominates(goals: np.ndarray) -> None:
    front = undominated(goals)
    for i, own in enumerate(goals):
        assert front[i] == (not any((other <= own).all() and (other < own).any() for other in goals))
    assert front.any()


def write(folder: Path, **changes: Any) -> Path:
    data = {
        "question": "What costs what?",
        "episodes": 2,
        "sweeps": [
            {"policy": "least_cost+quantity", "setting": "dispatch.fill", "values": [0.1, 0.5, 1.0]},
            {"policy": "regional_nearest+last_safe_hour", "setting": "dispatch.bias", "values": [0, 1]},
        ],
    }  # fmt: skip
    return write_study(folder, "frontier", data, changes)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    folder = tmp_path_factory.mktemp("frontier")
    study = load_study(write(folder))
    return study.run(Lab(folder / "out", study.episodes, study.seed))


def test_fuller_trucks_are_slower_and_emit_less(found: Findings) -> None:
    table = next(part.data for part in found.parts if part.name == "settings")
    assert table is not None and len(table) == 5
    rule = table[table["policy"] == "least_cost+quantity"].sort_values("value")
    assert rule["click_to_delivery_hours_mean"].is_monotonic_increasing
    assert rule["co2_kg_per_package_mean"].is_monotonic_decreasing
    goals = table[[f"{kpi}_mean" for kpi in ("cost_per_order_usd", "click_to_delivery_hours", "co2_kg_per_package")]]
    assert table["on_front"].tolist() == undominated(goals.to_numpy()).tolist()


def test_a_bias_sends_trucks_earlier(found: Findings) -> None:
    """With one added to its score, the rule no longer waits for the last safe hour."""
    table = next(part.data for part in found.parts if part.name == "settings")
    assert table is not None
    held, sent = table[table["setting"] == "dispatch.bias"].sort_values("value").itertuples()
    assert sent.click_to_delivery_hours_mean < held.click_to_delivery_hours_mean


def test_a_tilt_leaves_the_policy_it_came_from_alone() -> None:
    sweep = Sweep(policy="least_cost", setting="source.transit", values=(0.0, -5.0))
    plain, tilted = sweep.players(load_scenario("us8")).values()
    rule = baseline("least_cost").scorers.source
    changed = np.flatnonzero(tilted.scorers.source.weight - rule.weight)
    np.testing.assert_array_equal(plain.scorers.source.weight, rule.weight)
    assert len(changed) == 1 and tilted.scorers.source.weight[0, changed[0]] == -5.0


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        (
            {"policy": "pretrained/us8", "setting": "dispatch.fil", "values": [0, 1]},
            "setting = 'dispatch.fil': must be",
        ),
        ({"policy": "least_cost", "setting": "dispatch.bias", "values": [1]}, "values"),
        ({"policy": "least_cost", "setting": "dispatch.bias", "values": [1, 1]}, "one is repeated"),
    ],
)
def test_a_bad_sweep_is_refused(sweep: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=message):
        load_study(write(tmp_path, sweeps=[sweep]))


def test_policies_outside_sweeps_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="names its policies in sweeps"):
        load_study(write(tmp_path), {"policies": ["least_cost"]})


def test_a_value_out_of_bounds_names_the_parameter(tmp_path: Path) -> None:
    sweeps = [{"policy": "least_cost+quantity", "setting": "dispatch.fill", "values": [0.5, 9.0]}]
    study = load_study(write(tmp_path, sweeps=sweeps))
    with pytest.raises(BaselineError, match=r"dispatch\.fill = 9"):
        study.run(Lab(tmp_path / "out", study.episodes, study.seed))


def test_the_shipped_frontier_sweeps_a_trained_policy() -> None:
    study = load_study(find_study("frontier"))
    assert isinstance(study, Frontier) and "pretrained/us8_spread" in [sweep.policy for sweep in study.sweeps]
