"""Processes end with the one that started them, and requests to stop end it in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from regional_dispatch.commands.cli import guarded
from tests.processes import ROOT, heed_ctrl_c

WORKERS = """
import os, sys, time
from pathlib import Path
from typing import NamedTuple
from regional_dispatch.evaluation.execution.executor import Processes
class Item(NamedTuple):
    title: str
    scenario: object
def work(item):
    Path(item.title).write_text(str(os.getpid()))
    time.sleep(60)
if __name__ == '__main__':
    from regional_dispatch.commands.cli import guarded
    guarded(lambda: list(Processes(2).run(work, [Item(name, None) for name in sys.argv[1:]])))
"""


def is_there(process: int) -> bool:
    """Whether a process runs; one that is over and waits for its parent to hear of it does not."""
    try:
        return "State:\tZ" not in Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    except OSError:
        return False


def started(tmp_path: Path) -> tuple[subprocess.Popen[str], list[int]]:
    """A process with two workers, and their numbers."""
    (tmp_path / "workers.py").write_text(WORKERS, encoding="utf-8")
    files = [tmp_path / "a", tmp_path / "b"]
    parent = subprocess.Popen(
        [sys.executable, str(tmp_path / "workers.py"), *map(str, files)], stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True, preexec_fn=heed_ctrl_c,
    )  # fmt: skip
    limit = time.monotonic() + 60
    while not all(file.exists() and file.read_text(encoding="utf-8") for file in files):
        assert time.monotonic() < limit and parent.poll() is None
        time.sleep(0.02)
    return parent, [int(file.read_text(encoding="utf-8")) for file in files]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)],
    ids=["SIGKILL", "SIGTERM", "SIGHUP", "SIGINT"],
)
def test_workers_end_with_their_parent(number: int, code: int, tmp_path: Path) -> None:
    parent, workers = started(tmp_path)
    parent.send_signal(number)
    _, err = parent.communicate(timeout=30)
    assert parent.returncode == code
    assert "Traceback" not in err and ("interrupted\n" in err) == (number != signal.SIGKILL)
    limit = time.monotonic() + 5
    while any(map(is_there, workers)) and time.monotonic() < limit:
        time.sleep(0.02)
    assert not any(map(is_there, workers))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_worker_that_the_system_ends_is_told_in_one_line(tmp_path: Path) -> None:
    parent, workers = started(tmp_path)
    os.kill(workers[0], signal.SIGKILL)
    _, err = parent.communicate(timeout=30)
    assert (parent.returncode, err.count("\n")) == (2, 1)
    assert "a worker process was ended from outside" in err and "fewer --workers" in err
    assert not any(map(is_there, workers))


def test_a_command_whose_parent_is_gone_does_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "REGIONAL_DISPATCH_PARENT": "1"}
    ended = subprocess.run(
        [sys.executable, "-m", "regional_dispatch", "evaluate", "generate", "--out", "a.yaml"], cwd=tmp_path,
        env=environment, check=False,
    )  # fmt: skip
    assert ended.returncode == 1 and list(tmp_path.iterdir()) == []


def test_ignored_signals_stay_ignored_and_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    old = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        guarded(lambda: signal.raise_signal(signal.SIGHUP))
        with pytest.raises(SystemExit) as stopped:
            guarded(lambda: signal.raise_signal(signal.SIGTERM))
        assert stopped.value.code == 143
    finally:
        signal.signal(signal.SIGHUP, old)
    assert signal.getsignal(signal.SIGTERM) is before
