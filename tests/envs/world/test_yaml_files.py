"""YAML means what it looks like, or is refused with what it would have meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.scenario import RegionEvent, load_scenario
from regional_dispatch.envs.world.yaml_files import read_yaml, read_yaml_lines


@pytest.mark.parametrize("name", ["NO", "no", "Off", "y", "ON", '"010"', "A-1"])
def test_a_region_has_the_name_that_is_written(name: str) -> None:
    event = f"[{{kind: region, region: {name}, start_hour: 0, hours: 2}}]"
    [found] = load_scenario("small", {"events": event}).events
    assert isinstance(found, RegionEvent) and found.region == name.strip('"')


@pytest.mark.parametrize(
    ("field", "text", "message"),
    [
        ("demand.orders_per_day", "yes", "valid number"),
        ("demand.orders_per_day", "true", "orders_per_day must not be true"),
        ("demand.orders_per_day", "1,000", "valid number"),
        ("trucks.scheduled_hours", "[6:00, 18:00]", "6:00 means 360 in YAML"),
        ("horizon_hours", "1:30.5", "1:30.5 means 90.5 in YAML"),
        ("events", "[{kind: region, region: 010, start_hour: 0, hours: 2}]", "in quotes if it is a name"),
        ("events", "[{kind: region, region: 7, start_hour: 0, hours: 2}]", 'must be text; write it in quotes: "7"'),
    ],
)
def test_what_reads_otherwise_is_refused(field: str, text: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        load_scenario("small", {field: text})


def test_what_can_be_meant_is_taken() -> None:
    changed = {"demand.orders_per_day": "1e3", "trucks.spot_allowed": "no", "tick_hours": "0.5"}
    scenario = load_scenario("small", changed)
    assert scenario.demand.orders_per_day == 1000 and scenario.trucks.spot_allowed is False


def test_all_that_is_refused_is_found_with_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("\ufeffname: x\nstart_hour: 010\ndemand: {a: 1, a: 2}\nlist: [3, 4:30]\n", encoding="utf-8")
    data, lines, refused = read_yaml_lines(path)
    assert sorted(line for line, _ in refused) == [2, 3, 4]
    assert data["name"] == "x" and lines["start_hour"] == 2 and lines["list.1"] == 4
    with pytest.raises(ScenarioError, match=r"mine\.yaml: row \d"):
        read_yaml(path)
