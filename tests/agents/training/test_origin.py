"""A run goes on only in the world that it was begun in."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from regional_dispatch.agents.config import PpoConfig
from regional_dispatch.agents.errors import PolicyFileError
from regional_dispatch.agents.training.origin import check_origin
from regional_dispatch.agents.training.run import Run
from regional_dispatch.envs.world.scenario import load_scenario
from regional_dispatch.evaluation.execution.packing import packed, unpacked
from tests.conftest import trace_scenario
from tests.worlds import TWO_REGIONS, small

RUN = Run(small(**TWO_REGIONS), PpoConfig(), 1000, 5, Path("out"), "test")
HERE, CONFIG = Path("1.safetensors"), Path("config.yaml")


def check(saved: Any, now: Run) -> None:
    check_origin(HERE, json.loads(json.dumps(saved)), now.origin(), CONFIG)


def test_the_same_run_is_taken_and_so_is_a_longer_one() -> None:
    check(RUN.origin(), RUN)
    check(RUN.origin(), replace(RUN, timesteps=5000, out=Path("elsewhere"), command="other", device="cuda"))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (replace(RUN, seed=6), "config.yaml has now: seed = 6, was 5; set them back, or train again"),
        (replace(RUN, ppo=PpoConfig(gamma=0.5)), "ppo.gamma = 0.5, was 0.99"),
        (replace(RUN, scenario=small(**TWO_REGIONS, stock={"skus": 50})), "scenario.stock.skus = 50, was 40"),
        (
            replace(RUN, ppo=PpoConfig(gamma=0.5, copies=8, n_steps=3, n_epochs=9, hidden=4)),
            "ppo.copies = 8, was 4, ppo.gamma = 0.5, was 0.99, ppo.hidden = 4, was 32, and 2 more",
        ),
    ],
)  # fmt: skip
def test_what_was_edited_is_named(changed: Run, message: str) -> None:
    with pytest.raises(PolicyFileError) as error:
        check(RUN.origin(), changed)
    assert message in str(error.value)


def test_another_version_is_named() -> None:
    with pytest.raises(PolicyFileError, match=r"written by version 0\.0\.0\\x1b, and this is .*train again"):
        check({**RUN.origin(), "version": "0.0.0\x1b"}, RUN)


@pytest.mark.parametrize("saved", [None, [], {}, {"version": 1}, "x"])
def test_an_origin_of_another_kind_is_refused(saved: Any) -> None:
    with pytest.raises(PolicyFileError, match="does not say what it was made from"):
        check(saved, RUN)


def test_a_trace_may_move_and_may_not_change(tmp_path: Path) -> None:
    rows = [f"{i * 0.25},{i},{{0}},{i % 40},1,30" for i in range(240)]
    before = replace(RUN, scenario=trace_scenario(tmp_path / "orders.csv", rows)).origin()
    moved = replace(RUN, scenario=trace_scenario(tmp_path / "moved.csv", rows))
    check(before, moved)
    other = replace(RUN, scenario=trace_scenario(tmp_path / "orders.csv", [*rows[:-1], rows[0]]))
    with pytest.raises(PolicyFileError, match=r"orders\.csv changed since the run was begun; put back"):
        check(before, other)


def test_a_run_is_the_same_on_another_machine(tmp_path: Path) -> None:
    """Which has the tables in other places."""
    rows = [f"{i * 0.25},{i},{{0}},{i % 40},1,30" for i in range(240)]
    run = replace(RUN, scenario=load_scenario(trace_scenario(tmp_path / "orders.csv", rows)))
    (tmp_path / "there").mkdir()
    there = unpacked(packed(run.scenario), tmp_path / "there")
    check(run.origin(), replace(run, scenario=there))


def test_the_rule_beside_the_policy_may_not_change() -> None:
    source = replace(RUN, ppo=PpoConfig(decisions="source"))
    saved = source.origin()
    check(saved, source)
    with pytest.raises(PolicyFileError, match="the rule that the PPO file names as `other` has other weights"):
        check({**saved, "rules": "0" * 32}, source)


def test_the_scenarios_of_a_mix_count() -> None:
    mixed = replace(RUN, ppo=PpoConfig(mix=("small",), copies=4))
    assert mixed.fingerprint["worlds"] == replace(RUN, scenario=load_scenario("small")).fingerprint["worlds"]
    assert mixed.fingerprint["worlds"] != RUN.fingerprint["worlds"]
