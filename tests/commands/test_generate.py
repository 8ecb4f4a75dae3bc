"""`evaluate.py generate`: a random network as a scenario file."""

from __future__ import annotations

from pathlib import Path

from regional_dispatch.envs.world.scenario import load_scenario
from tests.processes import run_here

SCRIPT = "evaluate.py"


def test_a_generated_network_can_be_used_at_once(tmp_path: Path) -> None:
    ended = run_here(tmp_path, SCRIPT, *["generate", "--seed", "5", "--stream", "train", "--out", "worlds/mine.yaml"])
    assert (ended.code, ended.err) == (0, "")
    assert "train_5" in ended.out and "worlds/mine.yaml" in ended.out
    assert load_scenario(tmp_path / "worlds" / "mine.yaml").name == "train_5"
    assert [path.name for path in (tmp_path / "worlds").iterdir()] == ["mine.yaml"]
    for option, message in {
        "--seed -1": "--seed = -1",
        "--out mine.txt": "--out = mine.txt: must end in .yaml",
    }.items():
        ended = run_here(tmp_path, SCRIPT, "generate", *option.split())
        assert (ended.code, ended.err.count("\n")) == (2, 1)
        assert message in ended.err
