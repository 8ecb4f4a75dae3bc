"""Commands find the files that come with the package, by name, from any working folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.processes import run_here

SCRIPT = "evaluate.py"
# Arguments that name a shipped file → what the message that then ends the command says: the file was read.
USED = {
    "benchmark --suite main --policies nearst": "main.yaml: scenarios: us8_spread: policy 'nearst'",
    "benchmark --suite configs/suites/quick.yaml --policies nearst": "quick.yaml: scenarios: us8: policy 'nearst'",
    "benchmark --policies nearst": "main.yaml: scenarios: us8_spread: policy 'nearst'",
    "experiment networks --no-train": "runs/experiments/networks: no training is finished",
    "experiment networks --variants moon": "'moon' is not a variant of ",
    "compare --policies nearst": "policy 'nearst'",
    "animate --day 99": "--day = 99: this day must end before",
    "tune --baseline immediate": "has no parameters, so nothing to tune",
    "tune_transfers transfers --world moon --rule lp": "--world = 'moon': must be one of",
    "train_stock --ppo nearst": "PPO file 'nearst': no such file",
}
UNKNOWN = {
    "benchmark --suite mine": "'mine': no such file and no shipped suite of that name; give a path, or one of: ",
    "experiment mine": "'mine': no such file and no shipped experiment of that name; give a path, or one of: ablations",
    "study mine": "'mine': no such file and no shipped study of that name; give a path, or one of: ",
}


@pytest.mark.parametrize("arguments", [*USED, *UNKNOWN])
def test_shipped_files_are_found_from_any_folder(arguments: str, tmp_path: Path) -> None:
    ended = run_here(tmp_path, SCRIPT, *arguments.split())
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert {**USED, **UNKNOWN}[arguments] in ended.err
    assert list(tmp_path.iterdir()) == []
