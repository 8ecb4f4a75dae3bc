"""Digests of source code change with every file of a folder, wherever in it the file lies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from regional_dispatch.envs import fingerprint
from regional_dispatch.envs.fingerprint import code_digest, source_digest, source_files
from regional_dispatch.envs.world.shipped import HOME
from regional_dispatch.evaluation import cells
from regional_dispatch.evaluation.experiments import trainings

TREE = {
    "envs/kernel/tick.py": "def tick(t):\n    return t + 1\n",
    "envs/kernel/phases/pick.py": "PICKED = 3\n",
    "envs/render/map.py": "COLOURS = ()\n",
    "baselines/rules.py": "RULES = ()\n",
}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small package, in the place of this one."""
    for name, text in TREE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(fingerprint, "HOME", tmp_path)
    return tmp_path


def names(tree: Path, places: tuple[str, ...], leave_out: tuple[str, ...] = ()) -> list[str]:
    return [path.relative_to(tree).as_posix() for path in source_files(places, leave_out)]


def test_files_are_found_in_folders_below_and_by_name(tree: Path) -> None:
    assert names(tree, ("envs/kernel",)) == ["envs/kernel/phases/pick.py", "envs/kernel/tick.py"]
    assert names(tree, ("envs/kernel", "envs/kernel/tick.py")) == names(tree, ("envs/kernel",))
    assert names(tree, ("baselines/rules.py", "envs"), ("envs/render", "envs/kernel/tick.py")) == [
        "baselines/rules.py", "envs/kernel/phases/pick.py",
    ]  # fmt: skip


def test_adding_moving_renaming_changing_or_removing_a_file_changes_the_digest(tree: Path) -> None:
    kernel, found = tree / "envs" / "kernel", [source_digest(["envs/kernel"])]
    (kernel / "phases" / "sort.py").write_text("SORTED = 1\n", encoding="utf-8")
    found.append(source_digest(["envs/kernel"]))
    (kernel / "phases" / "sort.py").rename(kernel / "sort.py")
    found.append(source_digest(["envs/kernel"]))
    (kernel / "sort.py").rename(kernel / "sorting.py")
    found.append(source_digest(["envs/kernel"]))
    (kernel / "sorting.py").write_text("SORTED = 2\n", encoding="utf-8")
    found.append(source_digest(["envs/kernel"]))
    assert len(set(found)) == len(found)
    (kernel / "sorting.py").unlink()
    assert source_digest(["envs/kernel"]) == found[0]


def test_the_digest_does_not_depend_on_where_the_package_lies(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, elsewhere = source_digest(["envs"]), tree / "copy"
    for name, text in TREE.items():
        (elsewhere / name).parent.mkdir(parents=True, exist_ok=True)
        (elsewhere / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(fingerprint, "HOME", elsewhere)
    assert source_digest(["envs"]) == here


@pytest.mark.parametrize("digest", [source_digest, code_digest])
def test_what_is_left_out_does_not_count(digest: Callable[..., str], tree: Path) -> None:
    leave_out = ("envs/render", "baselines/rules.py")
    before = digest(["envs", "baselines"], leave_out)
    (tree / "envs" / "render" / "map.py").write_text("COLOURS = (1,)\n", encoding="utf-8")
    (tree / "envs" / "render" / "film.py").write_text("FILM = 1\n", encoding="utf-8")
    (tree / "baselines" / "rules.py").unlink()
    assert digest(["envs", "baselines"], leave_out) == before
    (tree / "envs" / "kernel" / "tick.py").write_text("def tick(t):\n    return t + 2\n", encoding="utf-8")
    assert digest(["envs", "baselines"], leave_out) != before


def test_comments_and_layout_count_as_source_but_not_as_code(tree: Path) -> None:
    before = source_digest(["envs"]), code_digest(["envs"])
    text = "# One hour.\ndef tick(t):\n\n    return (t + 1)  # the next\n"
    (tree / "envs" / "kernel" / "tick.py").write_text(text, encoding="utf-8")
    assert source_digest(["envs"]) != before[0]
    assert code_digest(["envs"]) == before[1]
    (tree / "envs" / "kernel" / "tick.py").write_text(text.replace("t + 1", "t + 2"), encoding="utf-8")
    assert code_digest(["envs"]) != before[1]


@pytest.mark.parametrize("module", [cells, trainings])
def test_the_places_that_kept_results_depend_on_exist(module: ModuleType) -> None:
    """A folder that moves is not silently left out."""
    for place in (*module.SOURCES, *module.NO_SOURCES):
        assert source_files([place]) and all(path.is_file() for path in source_files([place])), place
    kernel = set(source_files(["envs/kernel"]))
    assert kernel == {*(HOME / "envs" / "kernel").rglob("*.py")} <= set(source_files(module.SOURCES, module.NO_SOURCES))
