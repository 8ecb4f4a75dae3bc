"""A folder belongs to one kind of results and to one process at a time; what is not ours is never touched."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.folders import claim as module
from regional_dispatch.evaluation.folders.claim import claim, claim_file, claimed, hold, release
from regional_dispatch.evaluation.folders.kinds import (
    BENCHMARK,
    COMPARISON,
    EXPERIMENT,
    MARK,
    PLAN,
    STUDY,
    TRAINING,
    marked_kind,
    recognised_kind,
)
from tests.processes import ROOT

TRAINED = {"command": "python train.py", "seed": 0, "scenario": {}, "scenario_file": None}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def other_process(folder: Path, call: str) -> subprocess.Popen[str]:
    """A process that takes a folder or file, says so, and stays."""
    code = (
        "import time\nfrom pathlib import Path\nfrom regional_dispatch.evaluation.folders.claim import *\n"
        f"F = Path({str(folder)!r})\n{call}\nprint('taken', flush=True)\ntime.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "taken\n"
    return process


# ------------------------------------------------------------------------------------------------------------- kinds


def test_a_new_folder_is_marked_and_used_again_by_its_own_kind_alone(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "a"
    claim(folder, COMPARISON)
    (folder / "results.csv").write_text("x", encoding="utf-8")
    release()
    before = contents(folder)
    assert marked_kind(folder) == COMPARISON and set(json.loads(before[MARK])) == {"kind", "version", "made", "command"}
    with pytest.raises(InputError, match=r"holds results of kind 'comparison', and this command writes 'plan'; name a"):
        claim(folder, PLAN)
    claim(folder, COMPARISON)
    release()
    assert contents(folder) == before


def test_a_command_that_wrote_nothing_leaves_nothing(tmp_path: Path) -> None:
    claim(tmp_path / "runs" / "deep" / "a", PLAN)
    (tmp_path / "empty").mkdir()
    claim(tmp_path / "empty", PLAN)
    hold(tmp_path / "page.html")
    release()
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]


@pytest.mark.parametrize("kind", [TRAINING, COMPARISON, EXPERIMENT, STUDY])
def test_files_of_others_are_left_alone(kind: str, tmp_path: Path) -> None:
    """Another project's folder, whose names are those of ours."""
    (tmp_path / "checkpoints").mkdir()
    for name in ("checkpoints/000000000032.zip", "results.csv", "config.yaml", "summary.json", "study.yaml"):
        (tmp_path / name).write_text("lr: 0.1\n", encoding="utf-8")
    before = contents(tmp_path)
    with pytest.raises(InputError, match=rf"no '{kind}' of this project \(checkpoints, config.yaml, results.csv and 2"):
        claim(tmp_path, kind)
    assert contents(tmp_path) == before


def test_folders_of_earlier_versions_are_known_by_what_their_files_say(tmp_path: Path) -> None:
    files: dict[str, dict[str, object]] = {
        "train": {"config.yaml": TRAINED, "summary.json": {"policies": {}, "paired": {}, "meta": {}}},
        "compare": {"config.yaml": {"command": "compare", "arguments": {}, "scenario": {}}},
        "bench": {"summary.json": {"meta": {"suite": "main"}}},
        "experiment": {"whole/seed0/training.json": {"parts": {}, "done": True}},
        "study": {"study.yaml": {"study": "flip", "title": "Flip"}},
        "none": {"config.yaml": {"lr": 0.1}, "summary.json": {"meta": 3}},
    }
    found = {}
    for name, own in files.items():
        for file, fields in own.items():
            (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / file).write_text(yaml.safe_dump(fields) if "yaml" in file else json.dumps(fields))
        found[name] = recognised_kind(tmp_path / name)
    assert list(found.values()) == [TRAINING, COMPARISON, BENCHMARK, EXPERIMENT, STUDY, None]
    with pytest.raises(InputError, match="holds results of kind 'training'"):
        claim(tmp_path / "train", COMPARISON)
    claim(tmp_path / "train", TRAINING)
    assert marked_kind(tmp_path / "train") == TRAINING


def test_cells_of_an_interrupted_command_are_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / f"{'0' * 32}.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="'cells'"):
        claim(tmp_path, COMPARISON)
    claim(tmp_path, BENCHMARK)


def test_a_mark_whose_writing_was_interrupted_counts_for_none(tmp_path: Path) -> None:
    (tmp_path / MARK).write_text('{"kind": "pl', encoding="utf-8")
    claim(tmp_path, PLAN)
    assert marked_kind(tmp_path) == PLAN


# ------------------------------------------------------------------------------------------------------------- locks


def test_a_folder_in_use_names_its_user_and_is_free_once_that_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.1)
    process = other_process(tmp_path / "a", "claim(F, 'plan')")
    try:
        with pytest.raises(InputError, match=rf"in use by process {process.pid} \(-c\); wait for it, or name another"):
            claim(tmp_path / "a", PLAN)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    claim(tmp_path / "a", PLAN)


def test_a_file_in_use_is_locked_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.1)
    process = other_process(tmp_path / "map.html", "claim_file(F, ('.html',))")
    try:
        with pytest.raises(InputError, match=f"map.html: in use by process {process.pid}"):
            claim_file(tmp_path / "map.html", (".html",))
        claim_file(tmp_path / "other.html", (".html",))
    finally:
        process.kill()
        process.wait()
    claim_file(tmp_path / "map.html", (".html",))
    release()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_locks_is_told_and_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def acquire(self: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(module.FileLock, "acquire", acquire)
    claim(tmp_path / "a", PLAN)
    assert "this disk has no locks" in capsys.readouterr().err
    assert marked_kind(tmp_path / "a") == PLAN


def test_one_process_may_take_a_folder_twice_and_give_it_back_for_another(tmp_path: Path) -> None:
    claim(tmp_path / "a", PLAN)
    claim(tmp_path / "a", PLAN)
    with claimed(tmp_path / "b", TRAINING):
        (tmp_path / "b" / "curve.csv").touch()
    process = other_process(tmp_path / "b", "claim(F, 'training')")
    process.kill()
    process.wait()


def test_what_a_killed_process_left_half_written_is_removed_and_nothing_else(tmp_path: Path) -> None:
    code = (
        "import os, time\nfrom pathlib import Path\n"
        "from regional_dispatch.envs.world.replacing import hidden_folder, replacing\n"
        f"F = Path({str(tmp_path)!r})\n(F / 'cells').mkdir()\n"
        "with replacing(F / 'cells' / 'a.json') as file, hidden_folder(F) as hidden:\n"
        "    file.touch(); (hidden / 'b').touch(); print('taken', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "taken\n"
    foreign = [".7.notes", ".git", ".1.zzzzzzzz.a", ".writing-note"]
    for name in foreign:
        (tmp_path / name).touch()
    assert len(list((tmp_path / "cells").iterdir())) == 1
    module.remove_strays(tmp_path)
    assert len(list((tmp_path / "cells").iterdir())) == 1  # its writer lives
    process.kill()
    process.wait()
    module.remove_strays(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == sorted([*foreign, "cells"])


def test_what_a_killed_process_left_of_a_file_is_removed_with_the_next_one(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    half, other = f".{dead.pid}.0123abcd.map.html", f".{dead.pid}.0123abcd.other.html"
    for name in (half, other):
        (tmp_path / name).touch()
    claim_file(tmp_path / "map.html", (".html",))
    assert not (tmp_path / half).exists() and (tmp_path / other).exists()
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / f".writing-{dead.pid}-0123abcd").mkdir()
    hold(tmp_path / "set")
    assert list((tmp_path / "set").iterdir()) == []
    release()
