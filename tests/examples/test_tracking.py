"""The example logs a training to trackers: MLflow's calls are checked without it, both trackers where installed."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.learners import without_maps
from tests.processes import ROOT

SCRIPT = ROOT / "examples" / "tracking.py"
ONE_UPDATE = ("--timesteps", "2304")


class FakeMlflow(ModuleType):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__("mlflow")
        self.params: dict[str, Any] = {}
        self.metrics: dict[int, dict[str, float]] = {}

    def set_experiment(self, name: str) -> None: ...

    def start_run(self) -> nullcontext[None]:
        return nullcontext()

    def log_params(self, params: dict[str, Any]) -> None:
        self.params = params

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        self.metrics.setdefault(step, {}).update(metrics)


def test_mlflow_gets_hyperparameters_costs_and_losses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = FakeMlflow()
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_ALLOW_FILE_STORE"):
        monkeypatch.setenv(name, "set")  # so that it is reset after the test
    monkeypatch.setattr("sys.argv", [str(SCRIPT), "--to", "mlflow", "--out", str(tmp_path), *ONE_UPDATE])
    with without_maps():
        runpy.run_path(str(SCRIPT), run_name="__main__")
    assert (fake.params["scenario"], fake.params["learning_rate"]) == ("small", 0.003)
    assert list(fake.metrics) == [0, 2304]
    assert {"cost/cost_per_order_usd", "train/source_policy_loss"} < fake.metrics[2304].keys()
    assert "lowest cost on the tuning episodes" in capsys.readouterr().out


@pytest.mark.parametrize("tracker", ["wandb", "mlflow"])
def test_a_tracker_that_is_installed_keeps_the_run_on_this_machine(tracker: str, tmp_path: Path) -> None:
    if find_spec(tracker) is None:
        pytest.skip(f"{tracker} is not installed")
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("WANDB", "MLFLOW"))}
    command = [sys.executable, str(SCRIPT), "--to", tracker, "--out", "out", *ONE_UPDATE]
    environment = {**outside, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    kept = "wandb/offline-run-*/run-*.wandb" if tracker == "wandb" else "mlruns/*/*/metrics/cost/cost_per_order_usd"
    assert len(list((tmp_path / "out").glob(kept))) == 1
