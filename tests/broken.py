"""Copies of the project with a line broken on purpose."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from regional_dispatch.envs.world.shipped import HOME

_LEFT_OUT = {"benchmarks"}


def broken_copy(home: Path, breaks: Mapping[str, tuple[str, str]], tests: bool = False) -> None:
    """Copies the project's folders, and replaces text in some of their files.

    Args:
        home: where to copy to.
        breaks: file → text, which must stand there once, and what replaces it.
        tests: copy the tests too.
    """
    rooms = {path.parent.name for path in HOME.glob("*/__init__.py")} - _LEFT_OUT - (set() if tests else {"tests"})
    for room in [*sorted(rooms), "configs"]:
        shutil.copytree(HOME / room, home / room, ignore=shutil.ignore_patterns("__pycache__"))
    if tests:
        shutil.copy(HOME / "pyproject.toml", home)
    for name, (right, wrong) in breaks.items():
        path = home / name
        text = path.read_text(encoding="utf-8")
        assert text.count(right) == 1, name
        path.write_text(text.replace(right, wrong), encoding="utf-8")
