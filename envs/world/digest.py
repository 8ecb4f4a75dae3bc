"""Digests of values and of built worlds: two with the same digest give the same numbers."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.envs.world.world import World, build_world


def scenario_digest(scenario: Scenario) -> str:
    """A digest of the scenario and of the world built from it, with the tables and traces that it names."""
    return digest(scenario.model_dump_json(), built(scenario))


def built(scenario: Scenario) -> World:
    """The world of a scenario."""
    return build_world(scenario, build_network(scenario))


def digest(*parts: Any) -> str:
    """32 hexadecimal digits: of arrays by their bytes, of tuples by their items, of everything else by its text."""
    found = hashlib.sha256()
    for part in parts:
        _feed(found, part)
    return found.hexdigest()[:32]


def _feed(into: Any, part: Any) -> None:
    if isinstance(part, np.ndarray) and part.dtype.names:
        for name in part.dtype.names:  # a record may hold bytes that belong to no field, and those may hold anything
            into.update(name.encode())
            _feed(into, part[name])
    elif isinstance(part, np.ndarray):
        into.update(f"{part.dtype}{part.shape}".encode())
        into.update(np.ascontiguousarray(part).tobytes())
    elif isinstance(part, tuple):
        into.update(f"({len(part)}".encode())
        for inner in part:
            _feed(into, inner)
    else:
        into.update(part if isinstance(part, bytes) else f"{part!r};".encode())
