"""Every command that writes keeps to its own folders, one command at a time, and touches nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from regional_dispatch.evaluation.folders import claim as module
from regional_dispatch.evaluation.folders.kinds import MARK
from regional_dispatch.reliability.kills.cases import CASES, write_files
from tests.processes import ROOT, Ended, run_here

ADDING = {"page", "ship", "record"}  # they put files of their own into a folder that may hold others
FOLDERS = [name for name, case in CASES.items() if "out" in case.arguments and name not in ADDING]
FILES = [name for name in CASES if name not in FOLDERS and name not in ADDING]
HOLD = (
    "import sys, time\nfrom pathlib import Path\n"
    "from regional_dispatch.evaluation.folders.claim import claim, hold\n"
    "for name in sys.argv[1:]:\n    (hold if '.' in name else claim)(Path(name), *([] if '.' in name else ['x']))\n"
    "print('taken', flush=True)\ntime.sleep(600)"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("folders")
    write_files(folder)
    return folder


def run(folder: Path, name: str) -> Ended:
    script, *arguments = CASES[name].arguments
    return run_here(folder, f"{script}.py", *arguments)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_refused(ended: Ended, text: str) -> None:
    assert ended.code == 2, ended.out + ended.err
    assert ended.err.startswith("error: ") and ended.err.count("\n") == 1 and text in ended.err


@pytest.mark.parametrize("name", FOLDERS)
def test_results_of_another_kind_are_not_replaced(name: str, folder: Path) -> None:
    out = folder / "out"
    out.mkdir(exist_ok=True)
    (out / MARK).write_text(json.dumps({"kind": "thesis"}), encoding="utf-8")
    for file in ("config.yaml", "results.csv", "summary.json"):
        (out / file).write_text("mine", encoding="utf-8")
    before = contents(folder)
    assert_refused(run(folder, name), "out: holds results of kind 'thesis', and this command writes ")
    (out / MARK).unlink()
    assert_refused(run(folder, name), "config.yaml, results.csv, summary.json); name a new or empty folder")
    (out / MARK).write_bytes(before[f"out/{MARK}"])
    assert contents(folder) == before


@pytest.fixture(scope="module")
def held(folder: Path) -> Iterator[Path]:
    """A working folder in which another process uses what the commands write."""
    used = folder / "used"
    used.mkdir()
    write_files(used)
    files = [next(word for word in CASES[name].arguments if word.startswith("out/") and "." in word) for name in FILES]
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, "out", *files], cwd=used, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert other.stdout is not None and other.stdout.readline() == "taken\n"
    yield used
    other.kill()
    other.wait()


@pytest.mark.parametrize("name", FILES)
def test_a_file_in_use_is_not_written(name: str, held: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.05)
    assert_refused(run(held, name), ": in use by process ")


def test_a_folder_in_use_is_not_written(held: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(module, "check_kind", lambda *_: None)
    for name in FOLDERS:
        assert_refused(run(held, name), "out: in use by process ")


def test_overwriting_spares_what_only_looks_like_a_run(folder: Path) -> None:
    """Another project's folder, with names that a training has."""
    theirs = folder / "theirs"
    for file in ("checkpoints/000000000032.zip", "tb/events.out.tfevents.1", "config.yaml", "results.csv"):
        (theirs / file).parent.mkdir(parents=True, exist_ok=True)
        (theirs / file).write_text("seed: 1\n", encoding="utf-8")
    before = contents(theirs)
    arguments = ["--scenario", "tiny.yaml", "--ppo", "ppo.yaml", "--out", "theirs"]
    assert_refused(run_here(folder, "train.py", *arguments, "--overwrite"), "no 'training' of this project")
    assert contents(theirs) == before
