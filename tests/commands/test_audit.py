"""`evaluate.py audit`, `replay` and `compare --audit` as a user runs them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from regional_dispatch.envs.audit.auditor import AUDIT_VARIABLE, AuditError
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.reliability.audit import campaign
from tests.processes import run_here
from tests.worlds import small


@pytest.fixture(autouse=True)
def small_worlds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A campaign over networks that take a moment, and no audit that outlasts the test."""
    monkeypatch.setenv(AUDIT_VARIABLE, "")
    monkeypatch.setattr(campaign, "scenario_of", lambda one: small(horizon_hours=48, layout_seed=one.number))


def test_a_campaign_counts_what_it_audits_and_goes_on_where_it_stood(tmp_path: Path) -> None:
    first = run_here(tmp_path, "evaluate.py", "audit", "--packages", "500", "--out", "a.json")
    assert first.code == 0 and "0 violations" in first.out
    counts = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert counts["packages"] >= 500 and counts["ticks"] == 48 * counts["episodes"]
    assert sum(counts["packages_by_policy"].values()) == counts["packages"]
    run_here(tmp_path, "evaluate.py", "audit", "--packages", "1500", "--out", "a.json")
    run_here(tmp_path, "evaluate.py", "audit", "--packages", "1500", "--out", "b.json")
    in_parts, at_once = (json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8")) for name in "ab")
    for one in (in_parts, at_once):
        for name in ("cpu_seconds", "packages_per_cpu_second", "meta"):
            del one[name]
    assert in_parts == at_once


@pytest.mark.parametrize("text", ["", "[]", '{"packages": "many"}', '{"packages": 1}', '{"kernel": "another"}'])
def test_another_file_is_not_gone_on_with(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    ended = run_here(tmp_path, "evaluate.py", "audit", "--out", "a.json")
    assert ended.code == 2 and "--out = a.json: is" in ended.err
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == text


def test_a_violation_is_kept_told_and_played_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = Simulator.begin

    def steal(self: Simulator, row: int) -> None:
        begin(self, row)
        if self.auditor is not None and self.tick(row) == 20:
            self.state.stock[row, 0, np.argmax(self.state.stock[row, 0])] -= 1

    monkeypatch.setattr(Simulator, "begin", steal)
    ended = run_here(tmp_path, "evaluate.py", "audit", "--packages", "100", "--folder", "found")
    assert ended.code == 1 and "1 violations" in ended.out and "units: units on hand" in ended.out
    monkeypatch.undo()
    file = next((tmp_path / "found").iterdir())
    again = run_here(tmp_path, "evaluate.py", "replay", str(file))
    assert again.code == 0 and "tick 20: units: units on hand" in again.out
    assert "does not occur with this version" in again.out


def test_replay_refuses_what_is_no_violation(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(b"no")
    ended = run_here(tmp_path, "evaluate.py", "replay", "x.npz")
    assert ended.code == 2 and "x.npz: is no file of a violation" in ended.err


def test_compare_under_audit_has_the_same_numbers(tmp_path: Path) -> None:
    rows = []
    for audit in ([], ["--audit"]):
        arguments = ["--scenario", "small", "--policies", "least_cost", "--episodes", "2", "--out"]
        assert run_here(tmp_path, "evaluate.py", "compare", *arguments, str(len(audit)), *audit).code == 0
        rows.append((tmp_path / str(len(audit)) / "results.csv").read_text(encoding="utf-8"))
    assert rows[0] == rows[1] and os.environ[AUDIT_VARIABLE] == "runs/audit"


def test_a_violation_is_no_refused_scenario() -> None:
    """Who counts refused scenarios must not count violations among them."""
    assert not issubclass(AuditError, ScenarioError)
