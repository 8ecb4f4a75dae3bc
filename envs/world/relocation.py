"""A scenario for another folder: paths are relative to its file, and are rewritten to lead to the same files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from regional_dispatch.envs.world.scenario import DATA_DIR, Scenario

_PATHS = ("sites", "lanes", "path", "placement", "map")  # fields that may name a file


def relocated(scenario: Scenario, folder: Path) -> dict[str, Any]:
    """The fields of a scenario that its file sets, for a file in `folder`."""
    data: dict[str, Any] = scenario.model_dump(mode="json", exclude_unset=True)
    _rewrite(scenario, folder, data)
    return data


def _rewrite(scenario: Scenario, folder: Path, group: Any) -> None:
    for name, value in group.items() if isinstance(group, dict) else enumerate(group):
        if isinstance(value, dict | list):
            _rewrite(scenario, folder, value)
        elif name in _PATHS and isinstance(value, str) and not (DATA_DIR / f"{value}_states.csv").exists():
            group[name] = os.path.relpath(scenario.resolve(value), folder)
