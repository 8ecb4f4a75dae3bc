"""A scenario apart from where it lies: for another folder, with its paths rewritten, or as a digest of its contents."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from regional_dispatch.envs.world.reading import open_file
from regional_dispatch.envs.world.scenario import DATA_DIR, Scenario

_PATHS = ("sites", "lanes", "path", "placement", "snapshot", "map")  # fields that may name a file
_NO_WORLD: Any = {
    "name": True, "tests": True, "horizon_hours": True, "warmup_hours": True, "reward_scale_usd": True,
    "demand": {"size_from_days", "weeks"},
}  # fmt: skip


def relocated(scenario: Scenario, folder: Path) -> dict[str, Any]:
    """The fields of a scenario that its file sets, for a file in `folder`."""
    return with_paths(scenario, lambda path: os.path.relpath(path, folder))


def world_digest(scenario: Scenario) -> str:
    """A digest of what a scenario makes of the world: its fields that are not defaults, and the contents of its files.

    Its name, and the hours that are played and counted, are no part of it.

    Raises:
        ScenarioError: a file cannot be read.
    """
    data: dict[str, Any] = scenario.model_dump(mode="json", exclude_defaults=True, exclude=_NO_WORLD)
    _rewrite(scenario, _content, data)
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]


def _content(path: Path) -> str:
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
