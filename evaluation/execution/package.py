"""This package as it travels to a cluster, and what must be the same there for results to be the same."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from typing import NamedTuple

import regional_dispatch
from regional_dispatch.envs.fingerprint import source_digest
from regional_dispatch.envs.world.shipped import CONFIGS, HOME
from regional_dispatch.evaluation.provenance import versions

NAME = regional_dispatch.__name__
NOT_SENT = {NAME, "tests", "benchmarks"}


class Build(NamedTuple):
    """What results depend on beside their input."""

    sources: str  # digest
    versions: dict[str, str]  # of Python and packages


@cache
def own_build() -> Build:
    """That of this process."""
    return Build(source_digest(sorted(folder.name for folder in _folders())), versions())


def differences(there: Build, here: Build) -> list[str]:
    """What is not the same on two machines, in words; `here` is the driver's."""
    names = sorted({*there.versions, *here.versions})
    found = [
        f"{name} {there.versions.get(name, 'missing')} in place of {here.versions.get(name, 'none')}"
        for name in names
        if there.versions.get(name) != here.versions.get(name)
    ]
    return [*found, *(["another version of this package"] if there.sources != here.sources else [])]


def copy_package(into: Path) -> Path:
    """Copies code and files of this package, as they are installed, to a folder `regional_dispatch` in `into`."""
    package = into / NAME
    package.mkdir()
    shutil.copy(Path(str(regional_dispatch.__file__)), package)
    for folder in (*_folders(), CONFIGS):
        shutil.copytree(folder, package / folder.name, ignore=shutil.ignore_patterns("__pycache__"))
    return package


def _folders() -> list[Path]:
    return [path.parent for path in HOME.glob("*/__init__.py") if path.parent.name not in NOT_SENT]
