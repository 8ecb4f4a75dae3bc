"""Worlds on planned lanes: one table per world, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from regional_dispatch.envs.world.network import build_network
from regional_dispatch.studies.framework import planned
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.framework.planned import on_planned_lanes
from tests.worlds import TWO_REGIONS, small


def test_a_plan_is_made_once_per_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab(tmp_path, 1, 0)
    first = on_planned_lanes(lab, small(**TWO_REGIONS))
    other = on_planned_lanes(lab, small(**TWO_REGIONS, stock={"layout": "scattered"}))
    assert first.lanes.path != other.lanes.path and first.lanes.kind == "file"
    assert build_network(first).net.routes["legs"].max() <= 3
    monkeypatch.setattr(planned, "plan_lanes", None)  # would fail if it were called
    assert on_planned_lanes(lab, small(**TWO_REGIONS)).lanes == first.lanes


def test_lanes_of_an_earlier_plan_are_not_kept(tmp_path: Path) -> None:
    lab = Lab(tmp_path, 1, 0)
    first = on_planned_lanes(lab, small(**TWO_REGIONS))
    assert on_planned_lanes(lab, first).lanes == first.lanes
