"""The scripts that train stock algorithms and PPO in one file, shortened and on a small network."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path

import pytest

from regional_dispatch.agents.export import load_policy
from tests.processes import ROOT

EXAMPLES = ROOT / "examples"
pytestmark = pytest.mark.slow


def run(folder: Path, script: str, *arguments: str, changes: tuple[tuple[str, str], ...] = ()) -> str:
    """What a script prints, with texts of it changed."""
    text = (EXAMPLES / script).read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / script).write_text(text, encoding="utf-8")
    command, environment = [sys.executable, script, *arguments], {"PYTHONPATH": str(ROOT), "PATH": ""}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


def test_the_first_script_beats_the_nearest_rule(tmp_path: Path) -> None:
    changes = ("400_000", "60_000"), ('"us8"', '"small"'), ("episodes=8", "episodes=4")
    shown = run(tmp_path, "first_script.py", changes=changes)
    costs = {name: float(usd) for name, usd in re.findall(r"^(\w+) +([\d.]+) USD an order", shown, re.MULTILINE)}
    assert set(costs) == {"maskable_ppo", "least_cost", "regional_nearest"}
    assert costs["maskable_ppo"] < costs["regional_nearest"]


def test_ppo_in_one_file_writes_a_policy_and_its_curve(tmp_path: Path) -> None:
    changes = (("STREAMS, STEPS = 1024, 16", "STREAMS, STEPS = 256, 8"),)
    run(tmp_path, "ppo_single_file.py", "--scenario", "small", "--seconds", "1", "--out", "here", changes=changes)
    assert load_policy(tmp_path / "here").seen == {("train", 0), ("tune", 0)}
    with (tmp_path / "here" / "curve.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 2 and float(rows[-1]["cost_per_order_usd"]) < float(rows[0]["cost_per_order_usd"])
