"""A digest of a world says whether two scenarios are the same one, wherever they lie and whatever they are called."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from regional_dispatch.envs.world.relocation import world_digest
from regional_dispatch.envs.world.scenario import load_scenario
from tests.envs.world.tables.writing import LANES, scenario


@pytest.mark.parametrize("changes", [{"name": "other"}, {"horizon_hours": "48"}, {"demand.orders_per_day": "24"}])
def test_name_hours_and_defaults_said_are_no_part_of_it(changes: dict[str, str]) -> None:
    same = load_scenario("small", {"demand.orders_per_day": "24"})
    assert world_digest(load_scenario("small", {"demand.orders_per_day": "24", **changes})) == world_digest(same)


@pytest.mark.parametrize("field", ["demand.orders_per_day", "costs.late_usd", "layout_seed"])
def test_a_number_is(field: str) -> None:
    assert world_digest(load_scenario("small", {field: "77"})) != world_digest(load_scenario("small"))


def test_the_contents_of_tables_are_and_their_place_is_not(tmp_path: Path) -> None:
    here = scenario(tmp_path)
    there = tmp_path / "there"
    shutil.copytree(tmp_path, there)
    moved = here.model_copy(update={"source_file": str(there / "mine.yaml")})
    assert world_digest(moved) == world_digest(here)
    (there / "lanes.csv").write_text(LANES.replace("190", "191"), encoding="utf-8")
    assert world_digest(moved) != world_digest(here)
