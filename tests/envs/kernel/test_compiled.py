"""Where compiled code is kept, and that it is found again by what it was compiled from."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from regional_dispatch.envs import fingerprint
from regional_dispatch.envs.compile_progress import CompileProgress
from regional_dispatch.envs.kernel import compiled as c
from regional_dispatch.envs.kernel.draws import draw, mix
from regional_dispatch.envs.world.shipped import HOME


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the compiled sources that the fingerprint reads instead of the package's."""
    shutil.copytree(HOME / c.KERNEL, tmp_path / c.KERNEL, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(fingerprint, "HOME", tmp_path)
    return tmp_path / c.KERNEL


def kernel_digest() -> str:
    return fingerprint.source_digest([c.KERNEL])


def test_a_copy_has_the_fingerprint_of_the_original(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_copy = kernel_digest()
    monkeypatch.setattr(fingerprint, "HOME", HOME)
    assert of_copy == kernel_digest()


@pytest.mark.parametrize("change", ["add", "move into a subfolder", "edit", "remove"])
def test_any_change_to_the_compiled_files_changes_the_fingerprint(copy: Path, change: str) -> None:
    before = kernel_digest()
    if change == "add":
        (copy / "more").mkdir()
        (copy / "more" / "new.py").write_text("x = 1\n", encoding="utf-8")
    elif change == "move into a subfolder":
        (copy / "more").mkdir()
        (copy / "draws.py").rename(copy / "more" / "draws.py")
    elif change == "edit":
        (copy / "draws.py").write_text((copy / "draws.py").read_text(encoding="utf-8") + "#\n", encoding="utf-8")
    else:
        (copy / "draws.py").unlink()
    assert kernel_digest() != before


def test_every_compiled_function_of_the_kernel_is_kept_by_content() -> None:
    locator = c.ContentLocator.from_function(draw.py_func, draw.py_func.__code__.co_filename)
    assert locator is not None
    path = Path(locator.get_cache_path())
    assert path.parent == c.kernel_folder() and str(HOME) not in str(path)
    assert c.ContentLocator.from_function(os.path.join, os.__file__) is None


def test_a_function_outside_of_the_kernel_is_compiled_again_when_its_folder_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(HOME / "baselines" / "bounds", tmp_path / "baselines" / "bounds")
    for module in (fingerprint, c):
        monkeypatch.setattr(module, "HOME", tmp_path)
    file = str(tmp_path / "baselines" / "bounds" / "relaxation.py")
    c._folder_digest.cache_clear()
    before = c.ContentLocator(draw.py_func, file).get_source_stamp()
    (tmp_path / "baselines" / "bounds" / "cover.py").write_text("# another\n", encoding="utf-8")
    c._folder_digest.cache_clear()  # as in a new process
    assert c.ContentLocator(draw.py_func, file).get_source_stamp() != before
    c._folder_digest.cache_clear()


def test_a_folder_that_others_may_write_to_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    monkeypatch.setenv(c.CACHE_VARIABLE, str(shared))
    c.cache_root.cache_clear()
    try:
        chosen = c.cache_root()
        assert chosen != shared
        assert not stat.S_IMODE(chosen.stat().st_mode) & (stat.S_IWGRP | stat.S_IWOTH)
        chosen.rmdir()
    finally:
        c.cache_root.cache_clear()


def test_a_function_for_compiled_code_can_be_called_from_python() -> None:
    assert 0 <= draw(np.uint64(3), 1) < 1
    assert mix(np.uint64(1)) != mix(np.uint64(2))


TWO_COPIES = """\
import sys
sys.path.insert(0, sys.argv[1])
from regional_dispatch.envs.world.demand import alias_table
from regional_dispatch.envs.kernel import compiled as c
print(c.kernel_folder(), c.HOME)
"""


def test_two_copies_of_the_package_share_what_was_compiled(tmp_path: Path) -> None:
    rooms = [path.parent.name for path in HOME.glob("*/__init__.py") if path.parent.name not in ("tests", "benchmarks")]
    for room in [*rooms, "configs"]:
        shutil.copytree(HOME / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    printed = [
        subprocess.run(
            [sys.executable, "-c", TWO_COPIES, str(home)], check=True, capture_output=True, text=True, cwd=tmp_path
        ).stdout.split()
        for home in (HOME, tmp_path)
    ]
    assert printed[0][0] == printed[1][0] and printed[0][1] != printed[1][1]


class _Stderr:
    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return False

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


def test_long_compilation_is_told_and_short_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    from regional_dispatch.envs import compile_progress

    told = _Stderr()
    monkeypatch.setattr(sys, "stderr", told)
    monkeypatch.setattr(compile_progress, "PATIENCE_SECONDS", 0.05)
    progress = CompileProgress()
    event = type("Event", (), {"data": {"dispatcher": draw}})()
    progress.on_start(event)
    progress.on_end(event)
    assert told.text == ""
    progress.on_start(event)
    assert progress._ticker is not None
    progress._ticker._done.wait(0.3)
    progress.on_end(event)
    assert told.text.startswith("compiling the simulation kernel, once per version: ")
    assert told.text.count("\n") == 1
