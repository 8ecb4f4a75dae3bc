"""How a result was made: command, versions, machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("numpy", "numba", "highspy", "torch")


def provenance(command: str) -> dict[str, object]:
    """The command, the versions of Python and of the packages that affect the numbers, and the CPU."""
    return {"command": command, "versions": versions(), "cpu": {"model": cpu_model(), "count": os.cpu_count()}}


def made_by(meta: Mapping[str, Any]) -> str:
    """`provenance` as a sentence for a page."""
    listed = ", ".join(f"{name} {version}" for name, version in meta["versions"].items())
    return f"Made by `{meta['command']}` on {meta['cpu']['count']} cores of {meta['cpu']['model']}; {listed}."


def versions() -> dict[str, str]:
    """Python's version and those of the packages that affect the numbers."""
    return {"python": platform.python_version(), **versions_of(PACKAGES)}


def versions_of(packages: Sequence[str]) -> dict[str, str]:
    """Package → version; packages that are not installed are left out."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def cpu_model() -> str:
    """The processor's name as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
