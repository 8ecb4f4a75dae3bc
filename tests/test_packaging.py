"""The wheel holds every room of the project with its files, under one name; derived from the folders, not listed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from regional_dispatch.envs.world.shipped import HOME

CODE = (".py", ".csv", ".json", ".yaml", ".j2", ".safetensors", ".md", ".html", ".css", ".js", ".txt")
NOT_INSTALLED = {"tests", "benchmarks"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of a copy of the checkout with one more folder in a room."""
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    for room in rooms():
        shutil.copytree(room, tree / room.name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(HOME / name, tree / name)
    (tree / "envs" / "world" / "more").mkdir()
    (tree / "envs" / "world" / "more" / "added.py").write_text('"""Added."""\n', encoding="utf-8")
    (tree / "envs" / "world" / "more" / "__init__.py").write_text("", encoding="utf-8")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(tree)]
    subprocess.run(build, check=True, capture_output=True, timeout=300)
    return zipfile.ZipFile(next(out.glob("*.whl")))


def rooms() -> list[Path]:
    return [*(path.parent for path in HOME.glob("*/__init__.py")), HOME / "configs"]


def test_the_wheel_holds_every_file_of_every_room(wheel: zipfile.ZipFile) -> None:
    held = set(wheel.namelist())
    for room in rooms():
        if room.name in NOT_INSTALLED:
            assert not any(name.startswith((f"{room.name}/", f"regional_dispatch/{room.name}/")) for name in held)
            continue
        inside = "" if room.name == "regional_dispatch" else "regional_dispatch/"
        for path in room.rglob("*"):
            if path.suffix in CODE and "__pycache__" not in path.parts:
                assert f"{inside}{path.relative_to(HOME).as_posix()}" in held


def test_a_folder_that_was_added_is_packaged(wheel: zipfile.ZipFile) -> None:
    assert "regional_dispatch/envs/world/more/added.py" in wheel.namelist()


@pytest.fixture(scope="module")
def installed(wheel: zipfile.ZipFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the wheel is unpacked into, as pip does."""
    folder = tmp_path_factory.mktemp("site-packages")
    wheel.extractall(folder)
    return folder


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        ("evaluate compare --scenario small --policies pretrained/small --episodes 1", "results: runs/compare"),
        ("evaluate study ten_by_hundred --workers 1", "report: runs/studies/ten_by_hundred/report.html"),
        ("evaluate generate --seed 3 --out my.yaml", "scenario: my.yaml"),
        ("train --help", "--ppo"),
    ],
)  # fmt: skip
def test_commands_of_an_installed_package_work_in_any_folder(
    installed: Path, tmp_path: Path, arguments: str, printed: str
) -> None:
    command = [sys.executable, "-m", "regional_dispatch", *arguments.split()]
    paths = {**os.environ, "PYTHONPATH": str(installed)}
    ended = subprocess.run(command, cwd=tmp_path, env=paths, capture_output=True, text=True, timeout=500)
    assert ended.returncode == 0, ended.stderr
    assert printed in ended.stdout


def test_the_wheel_has_one_top_level_name_and_a_command(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"regional_dispatch"}
    points = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "regional-dispatch = regional_dispatch.commands.cli:main" in wheel.read(points).decode()
