"""Notebooks as they are committed; `pytest --nbmake notebooks` runs them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import regional_dispatch

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
OTHERS = {"gymnasium", "matplotlib.pyplot", "numpy", "pandas", "regional_dispatch", "subprocess", "sys", "tempfile"}


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def cells(request: pytest.FixtureRequest) -> list[dict]:
    notebook = json.loads(request.param.read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def text(cells: list[dict]) -> str:
    return "\n".join("".join(cell["source"]) for cell in cells)


def test_no_outputs_are_kept(cells: list[dict]) -> None:
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells)


def test_one_cell_installs_the_package(cells: list[dict]) -> None:
    assert "%pip install" in "".join(cells[0]["source"])
    assert text(cells).count("pip install") == 1


def test_only_public_names_are_used(cells: list[dict]) -> None:
    imported = set(re.findall(r"^import ([\w.]+)", text(cells), re.MULTILINE))
    assert imported <= OTHERS
    assert re.findall(r"^from (?!pathlib)\S+", text(cells), re.MULTILINE) == []
    assert set(re.findall(r"\brd\.(\w+)", text(cells))) <= set(regional_dispatch.__all__)
