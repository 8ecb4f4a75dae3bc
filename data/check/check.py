"""Everything that is found in a scenario file and its tables, at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from regional_dispatch.data.check.volume import say_volume
from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.events import build_events
from regional_dispatch.envs.world.findings import Finding, Findings, noticed
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import CityNetwork, Scenario, TableNetwork, find_scenario, rounded_hours
from regional_dispatch.envs.world.sites import build_sites
from regional_dispatch.envs.world.tables.everything import Tables, read_all
from regional_dispatch.envs.world.trace import fitted
from regional_dispatch.envs.world.yaml_files import override, problems, read_yaml_lines

_MOST_ROUNDS = 20  # of leaving out wrong fields, to find what is behind them


class Checked(NamedTuple):
    """What a check finds."""

    path: Path  # of the scenario
    scenario: Scenario | None  # without its wrong fields; None where too little is left
    tables: Tables | None
    findings: Findings


def check(name: str | Path, overrides: dict[str, str] | None = None) -> Checked:
    """Checks a scenario file and everything that it names.

    Args:
        name: path of a scenario file, or name of a shipped one.
        overrides: dotted field → YAML text.

    Raises:
        ScenarioError: the file is missing or is no YAML mapping.
    """
    path, findings = find_scenario(name), Findings()
    scenario = _scenario(path, overrides or {}, findings)
    if scenario is None:
        return Checked(path, None, None, findings)
    tables = _tables(scenario, findings)
    if tables is not None and not findings.errors:
        _build(scenario, tables, findings)
    return Checked(path, scenario, tables, findings)


def _scenario(path: Path, overrides: dict[str, str], findings: Findings) -> Scenario | None:
    """The scenario, without the fields that are wrong."""
    data, lines, refused = read_yaml_lines(path)
    for line, text in refused:
        findings.error(path, text, row=line)
    data = override(data, overrides)
    for _ in range(_MOST_ROUNDS):
        try:
            return Scenario.model_validate({**data, "source_file": str(path)})
        except ValidationError as error:
            wrong = problems(error)
        for field, value, problem in wrong:
            shown = None if isinstance(value, dict) else value
            findings.error(path, problem, row=lines.get(field), column=field, value=shown)
        if not [field for field, _, _ in wrong if _without(data, field.split("."))]:
            return _what_names_tables(data, path)
    return None


def _what_names_tables(data: dict[str, Any], path: Path) -> Scenario | None:
    """The scenario with the groups alone that name tables, where the others do not fit together."""
    kept = {name: data[name] for name in ("network", "demand", "partition", "calendar") if name in data}
    try:
        return Scenario.model_validate({"name": "checked", "warmup_hours": 0, **kept, "source_file": str(path)})
    except ValidationError:
        return None


def _without(data: Any, field: list[str]) -> bool:
    """Removes a field from nested data; False where it is not there, as one that is missing is not."""
    name: Any = int(field[0]) if isinstance(data, list) and field[0].isdigit() else field[0]
    inside = (isinstance(data, dict) and name in data) or (
        isinstance(data, list) and isinstance(name, int) and name < len(data)
    )
    if not inside:
        return False
    if len(field) > 1 and _without(data[name], field[1:]):
        return True
    del data[name]
    return True


def _tables(scenario: Scenario, findings: Findings) -> Tables | None:
    city = isinstance(scenario.network, CityNetwork)
    try:
        return read_all(scenario, findings, build_sites(scenario) if city else None)
    except ScenarioError as error:
        _add_error(scenario, error, findings)
        return None


def _build(scenario: Scenario, tables: Tables, findings: Findings) -> None:
    """What only the network as a whole shows: stations that no route reaches, regions, events, volumes."""
    before = set(noticed())
    try:
        findings.all += rounded_hours(scenario)
        scenario = fitted(scenario)
        network = build_network(scenario)
        build_events(scenario, network)
    except ScenarioError as error:
        _add_error(scenario, error, findings)
        return
    if isinstance(scenario.network, TableNetwork) and scenario.network.lanes is None:
        findings.assumed(
            str(scenario.source_file), f"not given: {len(network.net.lanes):,} lanes within reach, see "
            "`network.direct_max_miles` and those beside it", column="network.lanes",
        )  # fmt: skip
    known = set(findings)
    findings.all += [finding for finding in noticed() if finding not in before and finding not in known]
    say_volume(scenario, network, tables, findings)


def _add_error(scenario: Scenario, error: ScenarioError, findings: Findings) -> None:
    """An error that has its file in its text."""
    for line in str(error).split("\n"):
        file, _, problem = line.partition(": ")
        findings.all.append(Finding("error", file if problem else str(scenario.source_file), problem or line))
