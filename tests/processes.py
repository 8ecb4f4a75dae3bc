"""The project's scripts as a user runs them: as processes, or faster, in this one."""

from __future__ import annotations

import contextlib
import io
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from regional_dispatch.commands.cli import main
from regional_dispatch.envs.kernel.metrics import KPIS

ROOT = Path(__file__).resolve().parent.parent
# A scenario file that trains and tunes in seconds.
TINY = """\
name: tiny
horizon_hours: 36
warmup_hours: 6
partition: {kind: balanced, regions: 2}
network: {kind: cities, fulfillment_centers: 4, sort_centers: 3, stations: 6}
demand: {kind: generated, orders_per_day: 200}
stock: {skus: 40}
trucks: {capacity_packages: 3}
"""

# One that plays in a second, with more sites and full-size trucks.
TWO_DAYS = """\
name: tiny
horizon_hours: 48
warmup_hours: 12
partition: {kind: balanced, regions: 2}
network: {kind: cities, fulfillment_centers: 5, sort_centers: 3, stations: 8}
demand: {kind: generated, orders_per_day: 200}
stock: {skus: 50}
"""


def write_study(folder: Path, name: str, study: dict[str, Any], changes: dict[str, Any]) -> Path:
    """A study of the tiny world as a file; its fields with changes laid over them."""
    (folder / "tiny.yaml").write_text(TINY, encoding="utf-8")
    path = folder / f"{name}.yaml"
    data = {"study": name, "title": "A study", "scenario": str(folder / "tiny.yaml"), **study, **changes}
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return path


def write_summary(folder: Path, policy: str, command: str) -> None:
    """The summary.json of a finished comparison of one policy, in a new folder."""
    folder.mkdir()
    kpis = {kpi: {"mean": 0.25, "ci_low": 0.2, "ci_high": 0.3} for kpi in KPIS}
    meta = {
        "scenario": "us8", "seed": 0, "episodes": 2, "command": command,
        "versions": {"python": "3.11"}, "cpu": {"model": "Some CPU", "count": 2},
    }  # fmt: skip
    text = json.dumps({"policies": {policy: kpis}, "paired": {}, "meta": meta})
    (folder / "summary.json").write_text(text, encoding="utf-8")


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def heed_ctrl_c() -> None:
    """For a new process: a shell that runs the tests in the background hands down an ignored SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(folder: Path, script: str, *arguments: str) -> subprocess.Popen[str]:
    """A script of the project, under way in `folder`."""
    command = [sys.executable, str(ROOT / script), *arguments]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heed_ctrl_c
    )


def end(process: subprocess.Popen[str]) -> Ended:
    """Waits for it."""
    out, err = process.communicate(timeout=500)
    return Ended(process.returncode, out, err)


def run_here(folder: Path, script: str, *arguments: str) -> Ended:
    """A script of the project run in this process, with `folder` as the working folder: the imports are paid once."""
    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = [script, *arguments]
    try:
        with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main(Path(script).stem)
        code = 0
    except SystemExit as stop:
        code = int(stop.code or 0)
    finally:
        sys.argv = before
    return Ended(code, out.getvalue(), err.getvalue())
