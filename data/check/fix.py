"""Mended copies of a scenario's tables: UTF-8, commas, points, canonical names, miles; and what was changed."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from regional_dispatch.data.check.check import Checked
from regional_dispatch.data.check.mend import Change, mend_table
from regional_dispatch.envs.world.findings import Findings
from regional_dispatch.envs.world.relocation import relocated
from regional_dispatch.envs.world.scenario import Scenario, TableNetwork, TraceDemand
from regional_dispatch.envs.world.tables.options import Options, options_of
from regional_dispatch.envs.world.tables.schema import LANES, ORDERS, PLACEMENT, REGIONS, SITES, STOCK, Table
from regional_dispatch.evaluation.errors import InputError

_READING = ("columns", "units", "encoding", "decimal", "time_format", "time_zone")  # how the originals are read


def check_new(folder: Path) -> None:
    """Checks that mended copies can go to a folder.

    Raises:
        InputError: it is there and not empty, or is a file.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"--fix = {folder}: is there already; name a new or empty folder")


def write_fixed(checked: Checked, folder: Path) -> str:
    """Writes mended copies of all tables that can be read, all at once.

    Args:
        checked: what was checked.
        folder: new or empty.

    Returns:
        What was done, in one line.

    Raises:
        InputError: the scenario's YAML is too wrong to tell its tables, or the folder cannot be written.
    """
    check_new(folder)
    if checked.scenario is None:
        raise InputError(f"--fix = {folder}: {checked.path} must be corrected first: its tables cannot be told")
    folder.parent.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        changes = _write_all(checked.scenario, staged)
        facts = pd.DataFrame(changes, columns=list(Change._fields))
        facts.to_csv(staged / "changes.csv", index=False)
        staged.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        os.replace(staged, folder)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    cells = sum(change.cells for change in changes)
    return f"mended copies: {folder / 'scenario.yaml'}; {cells:,} cells or rows changed, see {folder / 'changes.csv'}"


def _write_all(scenario: Scenario, folder: Path) -> list[Change]:
    """Every table, and a scenario that names the copies."""
    data: dict[str, Any] = relocated(scenario, folder.absolute())
    changes: list[Change] = []
    names = _known_names(scenario)
    for table, group, field, options in _named_tables(scenario):
        source = scenario.resolve(data_of(scenario, group, field))
        copied = folder / f"{table.name}{'.parquet' if source.suffix == '.parquet' else '.csv'}"
        mended = mend_table(source, copied, table, options, scenario, names)
        if mended is None:
            continue
        changes += mended
        data[group][field] = copied.name
    for group in ("network", "demand"):
        for name in _READING if isinstance(data.get(group), dict) else ():
            if not (group == "network" and name == "units" and scenario.network.units.money != "USD"):  # type: ignore[union-attr]
                data[group].pop(name, None)
        if group == "network" and isinstance(data.get(group), dict) and "units" in data[group]:
            data[group]["units"].pop("distance", None)
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)
    (folder / "scenario.yaml").write_text(text, encoding="utf-8")
    return changes


def data_of(scenario: Scenario, group: str, field: str) -> str:
    """The path that a scenario gives in a field."""
    return str(getattr(getattr(scenario, group), field))


def _named_tables(scenario: Scenario) -> list[tuple[Table, str, str, Options]]:
    """The tables that a scenario names: schema, group and field of their path, and how they are read."""
    found = []
    if isinstance(scenario.network, TableNetwork):
        found.append((SITES, "network", "sites", options_of(scenario.network, SITES)))
        if scenario.network.lanes is not None:
            found.append((LANES, "network", "lanes", options_of(scenario.network, LANES)))
    if isinstance(scenario.demand, TraceDemand):
        found.append((ORDERS, "demand", "path", options_of(scenario.demand, ORDERS)))
    for table, field in ((PLACEMENT, "placement"), (STOCK, "snapshot")):
        if getattr(scenario.stock, field) is not None:
            found.append((table, "stock", field, Options()))
    if scenario.partition.path is not None:
        found.append((REGIONS, "partition", "path", Options()))
    return found


def _known_names(scenario: Scenario) -> list[str]:
    """Names of the sites as their table spells them."""
    from regional_dispatch.envs.world.tables.reading import read_frame

    if not isinstance(scenario.network, TableNetwork):
        return []
    path = scenario.resolve(scenario.network.sites)
    return [str(name) for name in read_frame(path, SITES, options_of(scenario.network, SITES), Findings())["name"]]
