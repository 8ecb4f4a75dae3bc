"""The example learns its teacher from recorded decisions of several policies, as its docstring says."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import partial
from pathlib import Path

from tests.processes import ROOT, run_here


def test_a_clone_costs_what_its_teacher_costs_on_held_out_orders(tmp_path: Path) -> None:
    asked = ("--scenario", "small", "--policies", "national_nearest,least_cost", "--episodes", "24", "--out", "offline")
    recorded = run_here(tmp_path, "evaluate.py", "record", *asked)
    assert recorded.code == 0, recorded.err
    script, data = ROOT / "examples" / "behaviour_cloning.py", "offline/regional-dispatch/small-v0/data"
    command = [sys.executable, str(script), data, "--epochs", "12", "--episodes", "8"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(Path.home())}
    run = partial(subprocess.run, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    ended = run(command)
    assert ended.returncode == 0, ended.stderr
    found = re.search(r"clone − least_cost: [+−]?([\d.]+) \[", ended.stdout)
    assert found and float(found[1]) < 1
    other = run([*command, "--teacher", "immediate"])
    assert other.returncode == 1
    assert other.stderr == "error: --teacher immediate: the data set has episodes of least_cost, national_nearest\n"
