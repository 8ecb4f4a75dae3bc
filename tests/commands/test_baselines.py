"""`evaluate.py baselines`: the rules with their parameters."""

from __future__ import annotations

from pathlib import Path

from regional_dispatch.baselines import DISPATCH_RULES, SOURCE_RULES
from tests.processes import run_here

SCRIPT = "evaluate.py"


def test_baselines_are_listed_with_their_parameters(tmp_path: Path) -> None:
    ended = run_here(tmp_path, SCRIPT, "baselines")
    assert ended.code == 0, ended.err
    for name in (*SOURCE_RULES, *DISPATCH_RULES):
        assert name in ended.out
    assert "cover_days = 1 (0…15)" in ended.out and "24 weights" in ended.out
