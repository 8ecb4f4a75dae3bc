"""A scenario for another folder: paths are relative to its file, and are rewritten to lead to the same files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from regional_dispatch.envs.world.scenario import DATA_DIR, Scenario

_PATHS = ("sites", "lanes", "path", "placement", "snapshot", "map")  # fields that may name a file


def relocated(scenario: Scenario, folder: Path) -> dict[str, Any]:
    """The fields of a scenario that its file sets, for a file in `folder`."""
    return with_paths(scenario, lambda path: os.path.relpath(path, folder))


def with_paths(scenario: Scenario, place: Callable[[Path], str]) -> dict[str, Any]:
    """The fields of a scenario that its file sets, with other paths.

    Args:
        scenario: may name files: tables, a trace, regions, lanes.
        place: says what stands in place of each path to one of them.
    """
    data: dict[str, Any] = scenario.model_dump(mode="json", exclude_unset=True)
    _rewrite(scenario, place, data)
    return data


def _rewrite(scenario: Scenario, place: Callable[[Path], str], group: Any) -> None:
    for name, value in group.items() if isinstance(group, dict) else enumerate(group):
        if isinstance(value, dict | list):
            _rewrite(scenario, place, value)
        elif name in _PATHS and isinstance(value, str) and not (DATA_DIR / f"{value}_states.csv").exists():
            group[name] = place(scenario.resolve(value))
