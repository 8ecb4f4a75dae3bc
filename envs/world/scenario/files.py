"""Scenarios from files and to files."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import ValidationError

from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.findings import Finding, notice
from regional_dispatch.envs.world.scenario.model import Scenario
from regional_dispatch.envs.world.shipped import find_file
from regional_dispatch.envs.world.yaml_files import explain, override, read_yaml


def find_scenario(name: str | Path) -> Path:
    """The file of a scenario given by path or, for the shipped ones, by name (`us8`)."""
    return find_file("scenarios", name)


def scenario_yaml(scenario: Scenario) -> str:
    """YAML text that `load_scenario` reads as the same scenario; paths are relative to the file it was read from."""
    data = scenario.model_dump(mode="json", exclude_unset=True)
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)


def load_scenario(name: str | Path | Scenario, overrides: dict[str, str] | None = None) -> Scenario:
    """A scenario from a file, a shipped name, or itself. What it leaves to its trace is filled in, so that is read.

    Args:
        name: path of a YAML file, name of a shipped scenario (`us8`), or a `Scenario`.
        overrides: dotted field → YAML text; replaces what the file says.

    Raises:
        ScenarioError: the file, a field or a trace is wrong; the text names file, field, value and fix.
    """
    from regional_dispatch.envs.world.trace import fitted  # reads tables, which import this package

    return fitted(read_scenario(name, overrides))


def read_scenario(name: str | Path | Scenario, overrides: dict[str, str] | None = None) -> Scenario:
    """A scenario as its file says it, from a file, a shipped name, or itself; no table is read.

    Args:
        name: path of a YAML file, name of a shipped scenario (`us8`), or a `Scenario`, which is returned as it is.
        overrides: dotted field → YAML text; replaces what the file says.

    Raises:
        ScenarioError: the file or a field is wrong; the text names file, field, value and fix.
    """
    if isinstance(name, Scenario):
        return name
    path = find_scenario(name)
    data = override(read_yaml(path), overrides or {})
    if "source_file" in data:
        raise ScenarioError(f"{path}: source_file: unknown field; remove it or correct its name")
    try:
        scenario = Scenario.model_validate({**data, "source_file": str(path)})
    except ValidationError as error:
        raise ScenarioError(explain(error, path)) from None
    for finding in rounded_hours(scenario):
        notice(finding)
    return scenario


def rounded_hours(scenario: Scenario) -> list[Finding]:
    """Warnings for hours that are no whole number of ticks."""
    found = []
    for field, ticks in (("horizon_hours", scenario.horizon_ticks), ("warmup_hours", scenario.warmup_ticks)):
        hours, played = getattr(scenario, field), ticks * scenario.tick_hours
        if abs(hours - played) > 1e-9:
            problem = f"is played as {played:g}, a whole number of ticks of {scenario.tick_hours:g} hours"
            where = str(scenario.source_file or scenario.name)
            found.append(Finding("warning", where, problem, "give such a number", column=field, value=f"{hours:g}"))
    return found
