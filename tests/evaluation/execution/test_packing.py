"""A scenario that was packed builds the same world where none of its files are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from regional_dispatch.envs.world import scenario as fields
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.relocation import _PATHS
from regional_dispatch.envs.world.scenario import Scenario, load_scenario
from regional_dispatch.envs.world.world import build_world
from regional_dispatch.evaluation.cells import digest
from regional_dispatch.evaluation.execution.packing import packed, unpacked
from tests.conftest import trace_scenario


def world(scenario: Scenario) -> str:
    return digest(build_world(scenario, build_network(scenario)))


def test_a_trace_and_a_table_travel_with_their_scenario(tmp_path: Path) -> None:
    plain = trace_scenario(tmp_path / "orders.csv", ["3,a,{0},1,1,10", "4,b,{1},2,1,10"])
    stations = build_network(plain).sites.query("kind == 'station'")["name"]
    rows = [f"{name},{('East', 'West')[i % 2]}" for i, name in enumerate(stations)]
    (tmp_path / "regions.csv").write_text("\n".join(["site,region", *rows]) + "\n", encoding="utf-8")
    parts = plain.model_dump(exclude_unset=True)
    boundary = {"kind": "file", "path": "regions.csv"}
    changes = [{"hour": 48, "partition": boundary}]
    source = str(tmp_path / "scenario.yaml")
    scenario = Scenario(**{**parts, "partition": boundary, "changes": changes, "source_file": source})
    before, parcel = world(scenario), packed(scenario)
    assert sorted(parcel.files) == ["0-regions.csv", "1-orders.csv"]  # each once
    for path in tmp_path.glob("*.csv"):
        path.unlink()
    (tmp_path / "there").mkdir()
    assert world(unpacked(parcel, tmp_path / "there")) == before


@pytest.mark.parametrize("name", ["us8", "small"])
def test_a_shipped_scenario_is_the_same_world(name: str, tmp_path: Path) -> None:
    scenario = load_scenario(name)
    assert world(unpacked(packed(scenario), tmp_path)) == world(scenario)


def test_every_field_that_names_a_table_is_packed() -> None:
    """A field that is added to a scenario, and to none of these, would be looked for on the wrong machine."""
    found = {
        name
        for model in models()
        for name, field in model.model_fields.items()
        if ("CSV" in (field.description or "") and "relative to the" in " ".join((model.__doc__ or "").split()))
        or "relative to the scenario file" in (field.description or "")
    }
    assert {"sites", "lanes", "path", "placement", "map"} <= found <= set(_PATHS)


def models() -> Iterator[type[BaseModel]]:
    for value in vars(fields).values():
        if isinstance(value, type) and issubclass(value, BaseModel):
            yield value
