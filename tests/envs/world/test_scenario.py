"""Scenario files: what they may say, and what is said to those who err."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from regional_dispatch.envs.world.scenario import ScenarioError, load_scenario, rounded_hours
from regional_dispatch.envs.world.shipped import CONFIGS
from tests.worlds import small


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_read_with_defaults_and_paths_beside_it(tmp_path: Path) -> None:
    scenario = load_scenario(written(tmp_path, "name: mine\ntick_hours: 0.5\ntrucks: {usd_per_mile: 1e0}\n"))
    assert (scenario.name, scenario.tick_hours, scenario.trucks.usd_per_mile) == ("mine", 0.5, 1.0)
    assert scenario.horizon_ticks == 432 and scenario.warmup_ticks == 96 and scenario.ticks_per_week == 336
    assert scenario.resolve("orders.csv") == tmp_path / "orders.csv"
    assert scenario.resolve("/data/orders.csv") == Path("/data/orders.csv")


def test_overrides_lie_over_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "name: mine\ndemand: {orders_per_day: 10, zipf_exponent: 0.5}\n")
    scenario = load_scenario(
        path, {"demand.orders_per_day": "9000", "partition.kind": "balanced", "partition.regions": "3"}
    )
    assert scenario.demand.orders_per_day == 9000 and scenario.demand.zipf_exponent == 0.5
    assert scenario.partition.regions == 3
    with pytest.raises(ScenarioError, match=r"override name\.first=x: 'name' is not a group of fields"):
        load_scenario(path, {"name.first": "x"})


def test_a_scenario_is_frozen_and_given_back_as_it_is() -> None:
    scenario = small()
    assert load_scenario(scenario) is scenario
    with pytest.raises(ValidationError):
        scenario.tick_hours = 2.0  # type: ignore[misc]


@pytest.mark.parametrize("path", sorted((CONFIGS / "scenarios").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_scenario_loads_by_name(path: Path) -> None:
    assert load_scenario(path.stem) == load_scenario(path)


@pytest.mark.parametrize(
    "text, words",
    [
        ("name: x\ntrucs: {}\n", ("trucs", "unknown field")),
        ("name: x\ntrucks: {capacity: 3}\n", ("trucks.capacity", "= 3", "unknown field")),
        ("name: x\nsource_file: y\n", ("source_file", "unknown field")),
        ("tick_hours: 1\n", ("name", "missing")),
        ("name: ''\n", ("name", "''")),
        ("name: x\ntick_hours: soon\n", ("tick_hours", "'soon'", "number")),
        ("name: x\ntick_hours: 5\n", ("tick_hours 5", "divide a day")),
        ("name: x\nstart_hour: 168\n", ("start_hour", "168", "167")),
        ("name: x\nhorizon_hours: .inf\n", ("horizon_hours", "inf", "finite")),
        ("name: x\ncosts: {late_usd: -5}\n", ("costs.late_usd", "-5", "greater than or equal to 0")),
        ("name: x\nnetwork: {kind: cities, fulfillment_centers: 0}\n", ("fulfillment_centers", "= 0")),
        ("name: x\nnetwork: {kind: hexagons}\n", ("network", "hexagons")),
        ("name: x\ndemand: {kind: trace, path: a.csv, orders_per_day: 0}\n", ("orders_per_day", "= 0")),
        ("name: x\ndemand: {kind: generated, orders_per_day: -1}\n", ("orders_per_day", "-1")),
        ("name: x\ndemand: {kind: generated, hourly_shares: [1, 2]}\n", ("hourly_shares", "24")),
        ("name: x\ndemand: {kind: generated, units_per_line: [0, 0]}\n", ("units_per_line", "with a sum of")),
        ("name: x\ndemand: {kind: generated, promise_hours: [1]}\n", ("promise_hours", "same length")),
        ("name: x\ndemand: {kind: generated, promise_hours: [0], promise_shares: [1]}\n", ("above 0",)),
        ("name: x\ndemand: {kind: generated, surges: [{start_hour: 5, end_hour: 5, factor: 2}]}\n", ("end_hour 5",)),
        ("name: x\npartition: {kind: balanced}\n", ("partition", "'balanced' needs 'regions'")),
        ("name: x\npartition: {kind: states, regions: 2}\n", ("partition", "'states' needs 'map'")),
        ("name: x\npartition: {kind: national, regions: 2}\n", ("partition", "'national' does not take 'regions'")),
        ("name: x\npartition: {kind: balanced, regions: 2, path: a.csv}\n", ("partition", "does not take 'path'")),
        ("name: x\nwarmup_hours: 50\nhorizon_hours: 50\n", ("warmup_hours 50", "below", "horizon_hours 50")),
        ("name: x\nhorizon_hours: 0.4\nwarmup_hours: 0\n", ("horizon_hours 0.4",)),
        ("name: x\nstock: {breadth: [2, 0, 0]}\n", ("breadth", "0…1", "2")),
        ("name: x\ntrucks: {scheduled_hours: [24]}\n", ("scheduled_hours", "0…23", "24")),
        ("name: x\nslots: {orders: 3}\n", ("slots.orders", "largest order")),
        ("- a\n- b\n", ("mapping", "list")),
        ("name: [x\n", ("not readable as YAML",)),
        ("", ("mapping",)),
    ],
)  # fmt: skip
def test_a_wrong_file_names_file_field_and_value(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ScenarioError) as error:
        load_scenario(path)
    for word in (str(path), *words):
        assert word in str(error.value)


def test_several_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as error:
        load_scenario(written(tmp_path, "name: x\ncosts: {late_usd: -5, sort_usd: -1}\nhorizon: 3\n"))
    assert len(str(error.value).splitlines()) == 3


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"none\.yaml: no such file"):
        load_scenario(tmp_path / "none.yaml")
    with pytest.raises(ScenarioError, match="scenario 'atlantis': no such file and no shipped scenario"):
        load_scenario("atlantis")
    with pytest.raises(ScenarioError, match="is a folder; give the path of a YAML file"):
        load_scenario(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x\nname: y\n", "'name' is given twice; remove one"),
        ("name: x\ndemand: {orders_per_day: 5, orders_per_day: 6}\n", "'orders_per_day' is given twice"),
        ("name: x\nstart_hour: 010\n", r"mine\.yaml: row 2: 010 means 8 in YAML"),
        ("name: x\nstart_hour: 10:30\n", "10:30 means 630 in YAML"),
        ("name: x\nhorizon_hours: 1:30.5\n", "1:30.5 means 90.5 in YAML"),
    ],
)
def test_yaml_that_reads_otherwise_than_it_looks_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        load_scenario(written(tmp_path, text))


@pytest.mark.parametrize(
    ("field", "text", "message"),
    [
        ("start_hour", "010", "override start_hour=010: 010 means 8 in YAML"),
        ("stock", "{skus: 5, skus: 6}", "override stock=.*'skus' is given twice"),
    ],
)
def test_settings_are_read_as_strictly_as_files(field: str, text: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        load_scenario("small", {field: text})


@pytest.mark.parametrize("name", ["../../x", "a/b", "a\\b", ".hidden", "red\x1b[31m", "x" * 101])
def test_a_name_cannot_lead_out_of_a_folder_or_reach_the_terminal(tmp_path: Path, name: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(yaml.safe_dump({"name": name}), encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"name = |U\+001B"):
        load_scenario(path)


def test_hours_that_are_no_whole_ticks_are_said() -> None:
    assert [finding.value for finding in rounded_hours(load_scenario("small", {"horizon_hours": "72.5"}))] == ["72.5"]
    assert not rounded_hours(load_scenario("small", {"horizon_hours": "72.5", "tick_hours": "0.5"}))
