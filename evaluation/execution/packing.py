"""A scenario with the contents of the files that it names, for a machine that has none of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from regional_dispatch.envs.world.relocation import with_paths
from regional_dispatch.envs.world.scenario import Scenario


class Packed(NamedTuple):
    """A scenario that needs no file."""

    fields: dict[str, Any]  # as in a scenario file; its paths are keys of `files`
    files: dict[str, bytes]


def packed(scenario: Scenario) -> Packed:
    """Reads the files that a scenario names."""
    names: dict[Path, str] = {}
    fields = with_paths(scenario, lambda path: names.setdefault(path, f"{len(names)}-{path.name}"))
    return Packed(fields, {name: path.read_bytes() for path, name in names.items()})


def unpacked(parcel: Packed, folder: Path) -> Scenario:
    """Writes the files to a folder. The same world is built from the scenario as long as they are there."""
    for name, content in parcel.files.items():
        (folder / name).write_bytes(content)
    return Scenario(**parcel.fields, source_file=str(folder / "scenario.yaml"))
