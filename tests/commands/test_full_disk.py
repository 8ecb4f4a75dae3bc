"""Disks that take no more: one clear line, nothing half-written, and what was there is kept."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.evaluation.test_output import files_of_at_most
from tests.processes import ROOT, TINY, Ended, run_here

# Commands that write in a second or two, and where to.
COMMANDS = {
    "generate": ("generate", "out/world.yaml"),
    "compare": ("compare --scenario tiny.yaml --policies least_cost --episodes 1", "out"),
    "map": ("map tiny.yaml --hours 8", "out/map.html"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    return tmp_path


@pytest.fixture
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of 32 kB at `disk`; skips where none can be mounted."""
    disk = folder / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(disk)]
    if sys.platform != "linux" or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a disk here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def assert_told(ended: Ended, reason: str) -> None:
    assert ended.code == 2, ended.err
    lines = [line for line in ended.err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "Traceback" not in ended.err
    assert "cannot write " in lines[0] and reason in lines[0]


def contents(folder: Path) -> dict[str, bytes]:
    """Visible files, and hidden ones that are no mark."""
    found = [path for path in folder.rglob("*") if path.is_file() and path.name != ".regional-dispatch.json"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_ends_a_command_in_one_line(name: str, folder: Path) -> None:
    before = contents(folder)
    arguments, out = COMMANDS[name]
    with files_of_at_most(400):  # bytes; a mark is shorter
        ended = run_here(folder, "evaluate.py", *arguments.split(), "--out", out)
    assert_told(ended, "File too large; raise the limit on the size of files (ulimit -f), or give another path")
    assert contents(folder) == before


def test_a_disk_that_is_full_and_one_that_is_read_only(folder: Path, small_disk: Path) -> None:
    arguments = ["map", "tiny.yaml", "--hours", "8", "--out"]
    small_disk.joinpath("kept.txt").write_text("kept", encoding="utf-8")
    assert_told(run_here(folder, "evaluate.py", *arguments, "disk/map.html"), "No space left on device; free some")
    assert contents(small_disk) == {"kept.txt": b"kept"}
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for out in ("disk/map.html", "disk/new/map.html"):
        ended = run_here(folder, "evaluate.py", *arguments, out)
        assert ended.code == 2 and ended.err.count("\n") == 1 and "disk" in ended.err
    assert contents(small_disk) == {"kept.txt": b"kept"}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user")
def test_a_folder_of_another_user_is_refused_before_any_work(folder: Path) -> None:
    theirs = folder / "theirs"
    theirs.mkdir(mode=0o755)
    for path in (folder, *list(folder.parents)[:-2]):
        path.chmod(path.stat().st_mode | 0o055)
    os.seteuid(65534)
    try:
        for out in ("theirs/a.yaml", "theirs/new/a.yaml"):
            ended = run_here(folder, "evaluate.py", "generate", "--out", out)
            assert ended.code == 2 and ended.err.count("\n") == 1
            assert "may not write in" in ended.err or "Permission denied; change its permissions" in ended.err
    finally:
        os.seteuid(0)
    assert list(theirs.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no /dev/full")
def test_output_that_cannot_be_printed_is_told(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "evaluate.py"), "baselines"]
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        ended = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert ended.stderr.startswith("error: cannot write a file or the output: No space left on device; free some space")


def test_a_closed_pipe_ends_quietly(tmp_path: Path) -> None:
    command = f"{sys.executable} {ROOT / 'evaluate.py'} baselines | true; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ended.returncode in (0, 1, 141), ended.stderr) == (True, "")  # Rich ends with 1
