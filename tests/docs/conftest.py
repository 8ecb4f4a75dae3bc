"""The generator and the hooks of the documentation, which are files beside the pages and no package."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _module(name: str) -> ModuleType:
    folder = str(ROOT / "docs")
    sys.path.insert(0, folder)
    try:
        return import_module(name)
    finally:
        sys.path.remove(folder)


@pytest.fixture(scope="session")
def generate() -> ModuleType:
    return _module("generate")


@pytest.fixture(scope="session")
def hooks() -> ModuleType:
    return _module("hooks")
