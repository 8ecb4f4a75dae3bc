"""Pinned dependencies: versions and hashes of everything that is installed to run and test the project."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
NOT_HASHED = {"torch"}  # builds for CPUs and for GPUs have the same version; Makefile pins it


def locked() -> dict[str, str]:
    """Package → version."""
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", LOCK, re.MULTILINE))


def asked() -> list[Requirement]:
    """What the base install and the extra [dev] ask for, with the extras that it names."""
    found, waiting = [], [*PROJECT["dependencies"], "regional-dispatch[dev]"]
    while waiting:
        one = Requirement(waiting.pop())
        if one.name != PROJECT["name"]:
            found.append(one)
            continue
        waiting += [each for extra in sorted(one.extras) for each in PROJECT["optional-dependencies"][extra]]
    return found


def test_every_package_is_pinned_with_hashes() -> None:
    entries = re.split(r"^(?=[a-z0-9-]+==)", LOCK, flags=re.MULTILINE)[1:]
    assert len(entries) == len(locked()) > 100
    assert [entry.split("\n")[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert "http" + "://" not in LOCK and "https" + "://" not in LOCK  # no place that they come from


@pytest.mark.parametrize("one", asked(), ids=str)
def test_what_is_pinned_is_what_the_package_asks_for(one: Requirement) -> None:
    name = canonicalize_name(one.name)
    if name in NOT_HASHED:
        pins = re.findall(rf"{name}==([\d.]+)", (ROOT / "Makefile").read_text(encoding="utf-8"))
        assert len(set(pins)) == 1 and one.specifier.contains(pins[0])
        return
    assert one.specifier.contains(locked()[name], prereleases=True)


def test_what_is_installed_is_what_is_pinned() -> None:
    pins = locked()
    direct = [canonicalize_name(one.name) for one in asked() if one.marker is None or one.marker.evaluate()]
    wrong = {name: version(name) for name in direct if name not in NOT_HASHED and version(name) != pins[name]}
    assert wrong == {}, "make -B .venv/.installed"
