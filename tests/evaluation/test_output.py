"""Results are written whole or not at all."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from regional_dispatch.envs.world.replacing import remove_strays, replacing
from regional_dispatch.evaluation import output
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.output import check_folder, finish_moves, staged, write_file
from tests.processes import ROOT


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """The system refuses longer files, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def write_two(folder: Path, text: str) -> None:
    with staged(folder) as files:
        for name in ("a.txt", "b.txt"):
            (files / name).write_text(text, encoding="utf-8")


def test_results_are_written_all_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "out"
    with pytest.raises(ZeroDivisionError), staged(folder) as files:
        (files / "a.txt").write_text("half")
        _ = 1 / 0
    assert not (tmp_path / "new").exists()
    with staged(folder) as files:
        (files / "a.txt").write_text("whole")
    with pytest.raises(ZeroDivisionError), staged(folder) as files:
        (files / "a.txt").write_text("half")
        _ = 1 / 0
    assert contents(folder) == {"a.txt": "whole"}


def test_a_folder_in_the_place_of_a_file_stops_all_of_them(tmp_path: Path) -> None:
    (tmp_path / "b.txt").mkdir()
    with pytest.raises(InputError, match=r"b\.txt' is a folder"):
        write_two(tmp_path, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["b.txt"]


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("old", ["", "a.txt", "a.txt b.txt"])
def test_a_move_that_fails_takes_the_others_back(
    links: bool, old: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in old.split():
        (tmp_path / name).write_text("old", encoding="utf-8")

    def replace(source: Path, target: Path) -> None:
        if Path(target) == tmp_path / "b.txt" and Path(source).parent.name == output.NEW:
            raise OSError(5, "Input/output error", str(target))
        os.rename(source, target)

    def no_link(source: Path, target: Path) -> None:
        raise PermissionError(1, "no links on this disk")

    with monkeypatch.context() as patch:
        patch.setattr(output.os, "replace", replace)
        if not links:
            patch.setattr(output.os, "link", no_link)
        with pytest.raises(InputError, match=r"cannot write .*b\.txt: Input/output error; check the disk"):
            write_two(tmp_path, "new")
    assert contents(tmp_path) == dict.fromkeys(old.split(), "old")


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_moves_that_a_kill_interrupted_are_finished_at_the_next_start(moved: int, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old", encoding="utf-8")
    code = (
        "import os, signal\nfrom pathlib import Path\nfrom regional_dispatch.evaluation import output\n"
        "real, done = os.replace, []\n"
        "def replace(a, b):\n"
        f"    if len(done) == {moved}: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    done.append(a); real(a, b)\n"
        "output.os.replace = replace\n"
        f"with output.staged(Path({str(tmp_path)!r})) as files:\n"
        "    for name in 'abc': (files / f'{name}.txt').write_text('new')\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert ended.returncode == -signal.SIGKILL
    finish_moves(tmp_path)
    remove_strays(tmp_path)
    assert contents(tmp_path) == dict.fromkeys(["a.txt", "b.txt", "c.txt"], "new")


def test_what_was_killed_before_the_moves_has_changed_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old", encoding="utf-8")
    code = (
        "import os, signal\nfrom pathlib import Path\nfrom regional_dispatch.evaluation.output import staged\n"
        f"with staged(Path({str(tmp_path)!r})) as files:\n"
        "    (files / 'a.txt').write_text('new'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert len(list(tmp_path.iterdir())) == 2
    finish_moves(tmp_path)
    remove_strays(tmp_path)
    assert contents(tmp_path) == {"a.txt": "old"}


def test_a_full_disk_is_told_in_one_line_and_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old", encoding="utf-8")
    told = r"cannot write .*: File too large; raise the limit .*what was finished before is kept"
    with files_of_at_most(100):
        with pytest.raises(InputError, match=told):
            write_two(tmp_path, "new" * 100)
        with pytest.raises(InputError, match=told):
            write_file(tmp_path / "a.txt", "new" * 100)
        with pytest.raises(OSError, match=r"File too large: '.*/a\.txt'"), replacing(tmp_path / "a.txt") as file:
            file.write_text("new" * 100)
    assert contents(tmp_path) == {"a.txt": "old"}


def test_a_file_is_no_folder_for_results(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match=r"file' is not a folder"):
            check_folder(folder)
    check_folder(tmp_path / "not" / "yet")
    assert not (tmp_path / "not").exists()
    with pytest.raises(InputError, match="File name too long; give a shorter name"):
        write_two(tmp_path / ("x" * 300), "new")
