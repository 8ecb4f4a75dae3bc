"""An answer on generated orders and on a trace: both sides play the same orders."""

from __future__ import annotations

from pathlib import Path

import pytest

from regional_dispatch.baselines import baseline
from regional_dispatch.envs.kernel.metrics import N
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.evaluation.compare import compare_policies
from regional_dispatch.evaluation.periods import joined
from regional_dispatch.evaluation.whatif.answer import Answer, answer, kpi_table
from regional_dispatch.evaluation.whatif.page import page, sample_line
from regional_dispatch.evaluation.whatif.question import asked
from tests.traces import drawn_orders, written
from tests.worlds import small

POLICY = {"least_cost": baseline("least_cost")}


@pytest.fixture(scope="module")
def on_trace(tmp_path_factory: pytest.TempPathFactory) -> Answer:
    path = tmp_path_factory.mktemp("trace") / "orders.csv"
    scenario = written(path, drawn_orders(days=28, per_day=80))
    return answer(asked(scenario, close=["FC Dallas TX"]), POLICY, 8, 0)


def test_a_trace_is_played_once_with_intervals_over_its_weeks(on_trace: Answer) -> None:
    assert "over its 3 whole weeks" in sample_line(on_trace)
    cost = on_trace.kpis["least_cost"]["cost_per_order_usd"]["difference"]
    assert cost["ci_low"] < cost["mean"] < cost["ci_high"]
    assert "held-out" not in page(on_trace, "")


def test_weeks_of_training_do_not_count(tmp_path: Path) -> None:
    """They are those that `compare` counts, with shelves that do not know them."""
    demand = {"kind": "trace", "path": str(tmp_path / "orders.csv"), "weeks": {"train": 1}}
    scenario = written(tmp_path / "orders.csv", drawn_orders(days=28, per_day=40), demand=demand)
    found = answer(asked(scenario, close=["FC Dallas TX"]), POLICY, 8, 0)
    compared = compare_policies(scenario, POLICY, 1, 0).frame["cost_per_order_usd"][0]
    assert found.before.samples["least_cost"][0].start_hour == 168
    assert found.kpis["least_cost"]["cost_per_order_usd"]["before"]["mean"] == pytest.approx(compared)


def test_both_sides_have_the_same_orders(on_trace: Answer) -> None:
    generated = answer(asked(small(), close=["FC Dallas TX"]), POLICY, 2, 0)
    for found in (on_trace, generated):
        sides = [joined(side.samples["least_cost"]).totals.count for side in (found.before, found.after)]
        assert sides[0][N.orders] == sides[1][N.orders] > 0


def test_one_episode_has_no_interval() -> None:
    found = answer(asked(small(), close=["FC Dallas TX"]), POLICY, 1, 0)
    assert kpi_table(found)["ci_low"].isna().all()
    assert "no interval" in sample_line(found)


def test_the_difference_is_after_less_before() -> None:
    found = answer(asked(small(), stock_of_closed="lost", close=["FC New York NY"]), POLICY, 2, 0)
    table = kpi_table(found).set_index("kpi")
    assert table.loc["lost_line_share", "difference"] > 0  # the largest FC, and its stock, are gone
    known = table.dropna(subset="difference")
    assert (known["after"] - known["before"]).to_numpy() == pytest.approx(known["difference"].to_numpy(float))


def test_trucks_that_leave_empty_after_are_said() -> None:
    found = answer(asked(small(), fleet=["trucks.capacity_packages=2000"]), POLICY, 1, 0)
    assert any("trucks of 2,000 packages leave" in doubt for doubt in found.doubts)
    assert "trucks of 2,000 packages leave" in page(found, "")


def test_trucks_before_are_those_that_the_trace_sizes(tmp_path: Path) -> None:
    """Without a size in the file, trucks follow from the volume, and so do the fleets that stay."""
    table = drawn_orders(days=9, per_day=400)
    scenario = written(tmp_path / "orders.csv", table)
    scenario = scenario.model_copy(update={"trucks": type(scenario.trucks)()})
    found = answer(asked(scenario, fleet=["trucks.capacity_packages=50"]), POLICY, 1, 0)
    was, now = found.before.network.net, found.after.network.net
    assert was.lanes["room"].tolist() == build_network(scenario).net.lanes["room"].tolist()
    assert set(now.lanes["room"].tolist()) == {50}
    assert now.fleet.tolist() == was.fleet.tolist()
