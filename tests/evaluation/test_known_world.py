"""A tuned baseline that is found by a scenario's name alone says where it was tuned on another one."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from regional_dispatch.baselines.tuned import SHIPPED, load_tuned, read_tuned, write_tuned
from regional_dispatch.envs.world.relocation import world_digest
from regional_dispatch.envs.world.scenario import load_scenario
from regional_dispatch.evaluation.known_world import company, foreign_worlds, namesakes
from regional_dispatch.evaluation.policies import resolve_policy
from regional_dispatch.evaluation.policy_kinds import cheapest


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_file_knows_its_scenario(path: Path) -> None:
    tuned = read_tuned(path)
    assert tuned.made.world == world_digest(load_scenario(tuned.scenario))


def test_a_changed_scenario_that_kept_its_name_is_said() -> None:
    same, other = load_scenario("small"), load_scenario("small", {"costs.late_usd": "50"})
    policies = {"tuned_linear": resolve_policy("tuned_linear", other)}
    assert namesakes(policies, same) == []
    [text] = namesakes(policies, other)
    assert "policy 'tuned_linear' was tuned on another world" in text and "small.linear.yaml" in text
    frame = pd.DataFrame({"policy": ["tuned_linear"], "cost_per_order_usd": [1.0]})
    assert foreign_worlds(policies, other, frame) == [text] and company(policies, other) == {}


def test_a_file_named_by_its_path_is_meant(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    write_tuned(path, read_tuned(SHIPPED / "small.linear.yaml"))
    assert namesakes({"mine": load_tuned(path)}, load_scenario("small", {"costs.late_usd": "50"})) == []


def test_a_file_of_an_earlier_version_has_no_digest_and_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tuned = read_tuned(SHIPPED / "small.linear.yaml")
    earlier = tuned.model_copy(update={"made": tuned.made.model_copy(update={"world": None})})
    write_tuned(tmp_path / "configs/baselines/small.linear.yaml", earlier)
    other = load_scenario("small", {"costs.late_usd": "50"})
    assert namesakes({"tuned_linear": resolve_policy("tuned_linear", other)}, other) == []


def test_no_policy_is_cheapest_where_none_has_a_cost() -> None:
    frame = pd.DataFrame({"policy": ["a", "b"], "usd": [float("nan")] * 2})
    assert cheapest(frame, ["a", "b"], "usd") is None
