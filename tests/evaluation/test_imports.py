"""What rooms may import: the world and the rules know nothing of what measures or trains them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.processes import ROOT

# Room → rooms that no file of it imports.
FORBIDDEN = {
    "evaluation": {"studies", "commands"},
    "baselines": {"evaluation", "agents", "studies", "commands"},
    "solvers": {"envs", "planning", "baselines", "agents", "evaluation", "studies", "commands"},
}


@pytest.mark.parametrize("room", FORBIDDEN)
def test_a_room_does_not_import_those_that_use_it(room: str) -> None:
    found = {
        f"{path.relative_to(ROOT)}: {other}"
        for path in (ROOT / room).rglob("*.py")
        for other in FORBIDDEN[room] & imported_rooms(path)
    }
    assert found == set()


def imported_rooms(path: Path) -> set[str]:
    """Rooms that a file imports, at its top or inside a function."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    names += [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    return {name.split(".")[1] for name in names if name.startswith("regional_dispatch.")}
