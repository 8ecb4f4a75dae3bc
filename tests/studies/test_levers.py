"""The three levers of a study: what each position means for a scenario, and what a lever is worth."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import RunningLanes, Scenario, ScenarioError
from regional_dispatch.envs.world.stock import place_stock
from regional_dispatch.planning.lanes import plan_lanes
from regional_dispatch.studies.flip.study import Flip
from regional_dispatch.studies.framework.kinds import load_study
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.framework.levers import (
    FINISHED,
    LEVERS,
    NATION,
    POSITIONS,
    LeverBoard,
    Levers,
    possible_orders,
    shares_of_levers,
    steps,
)
from tests.processes import write_study

CUT = {"kind": "balanced", "regions": 2}
COUNTED = {"kind": "national", "counted_by": CUT}


def flip(folder: Path, **changes: Any) -> Flip:
    data = {"question": "What changes?", "regions": CUT, "warmup_days": 1, "set": {"stock.breadth": [0.6, 0.4, 0.3]}}
    study = load_study(write_study(folder, "flip", data, changes))
    assert isinstance(study, Flip)
    return study


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> LeverBoard:
    folder = tmp_path_factory.mktemp("levers")
    return LeverBoard(flip(folder), Lab(folder / "out", 1, 0))


def said(world: Scenario) -> tuple[dict[str, Any], str, str | None]:
    return world.partition.model_dump(exclude_none=True), world.stock.layout, world.lanes.path


def test_a_position_sets_each_lever_by_itself(board: LeverBoard) -> None:
    nation, finished = (said(board.world(levers, 5)) for levers in (NATION, FINISHED))
    assert nation[:2] == (COUNTED, "scattered") and finished[:2] == (CUT, "regional")
    assert nation[2] != finished[2]
    for levers in POSITIONS:
        own = said(board.world(levers, 5))
        assert own == tuple((nation, finished)[pulled][i] for i, pulled in enumerate(levers))
    assert board.world(NATION, 5).horizon_hours == 120 and board.world(NATION, 5).warmup_hours == 24


def test_lanes_are_planned_for_the_regions_and_stock_of_their_side(board: LeverBoard) -> None:
    for levers in (NATION, FINISHED):
        everything = board.world(levers, 5).model_copy(update={"lanes": RunningLanes()})
        network = build_network(everything)
        plan = plan_lanes(everything, network, place_stock(everything, network))
        table = pd.read_csv(str(board.world(levers, 5).lanes.path))
        names, lanes = network.sites["name"].to_numpy(), network.net.lanes[plan.running]
        wanted = set(zip(names[lanes["origin"]], names[lanes["dest"]], strict=True))
        assert set(zip(table["origin"], table["destination"], strict=True)) == wanted
        assert board.running_lanes(levers) == len(wanted)


def test_an_episode_moves_only_the_levers_that_are_pulled(board: LeverBoard) -> None:
    then = ((3, Levers(regions=True)), (5, Levers(regions=True, stock=True)), (7, NATION))
    world = board.world(NATION, 9, then=then)
    assert said(world)[:2] == (COUNTED, "scattered")
    changes = [change.model_dump(exclude_none=True) for change in world.changes]
    assert changes == [
        {"hour": 72, "partition": CUT},
        {"hour": 120, "stock": {"layout": "regional"}},
        {"hour": 168, "partition": {"kind": "national"}, "stock": {"layout": "scattered"}},
    ]


def test_both_layouts_have_as_many_units(board: LeverBoard) -> None:
    nation, finished = (board.base_stock(levers).sum() for levers in (NATION, FINISHED))
    assert finished == pytest.approx(nation, rel=0.01)


def test_a_plan_of_lanes_is_made_once(board: LeverBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab(tmp_path, 1, 0)
    first = LeverBoard(board.study, lab)
    monkeypatch.setattr("regional_dispatch.studies.framework.planned.plan_lanes", None)
    assert LeverBoard(board.study, lab).fields(FINISHED) == first.fields(FINISHED)
    with pytest.raises(TypeError):  # other demand asks for other lanes
        LeverBoard(flip(tmp_path, set={"demand.orders_per_day": 300}), lab)


def test_a_layout_may_be_a_table(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("sku,site,units\n0,FC Dallas TX,7\n", encoding="utf-8")
    study = flip(tmp_path, nation_layout={"layout": "table", "placement": "own.csv"})
    board = LeverBoard(study, Lab(tmp_path / "out", 1, 0))
    assert board.base_stock(NATION).sum() == 7 and board.base_stock(FINISHED).sum() > 7
    back = board.world(FINISHED, 5, then=((2, NATION),)).changes[0].stock
    assert back is not None and back.placement == "own.csv"


def test_a_layout_that_is_missing_is_refused_before_anything_is_played(tmp_path: Path) -> None:
    study = flip(tmp_path, regions_layout={"placement": "none.csv"})
    with pytest.raises(ScenarioError, match=r"none\.csv: no such file"):
        study.run(Lab(tmp_path / "out", 1, 0))
    assert not (tmp_path / "out" / "cells").exists()


def test_steps_pull_the_levers_in_order() -> None:
    found = steps(("stock", "lanes", "regions"))
    assert found[0] == NATION and found[-1] == FINISHED
    assert [levers.name for levers in found] == ["nation", "stock", "stock + lanes", "regions + stock + lanes"]
    assert all(sum(after) == sum(before) + 1 for before, after in pairwise(found))
    assert len(POSITIONS) == len(set(POSITIONS)) == 8


def test_a_share_is_the_mean_over_orders() -> None:
    """Stock brings 6 by itself, and lanes 2, but only where stock stands: they share these 2."""
    values = {levers: np.array([6.0 * levers.stock + 2.0 * (levers.stock and levers.lanes)]) for levers in POSITIONS}
    shares = shares_of_levers(values)
    assert {lever: shares[lever][0] for lever in LEVERS} == {
        "regions": pytest.approx(0), "stock": pytest.approx(7), "lanes": pytest.approx(1),
    }  # fmt: skip


def test_shares_are_over_the_orders_that_are_possible() -> None:
    """Without lanes alone, stock comes first in all orders that are left, or regions do."""
    rng = np.random.default_rng(0)
    values = {levers: rng.normal(size=3) for levers in POSITIONS if levers != Levers(lanes=True)}
    orders = possible_orders(values)
    assert len(orders) == 4 and all(order[0] != "lanes" for order in orders)
    shares = shares_of_levers(values)
    np.testing.assert_allclose(sum(shares.values()), values[FINISHED] - values[NATION])
