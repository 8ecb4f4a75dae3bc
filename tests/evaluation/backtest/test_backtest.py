"""A back-test follows the record, agrees with the simulator's books, and says what it cannot know."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regional_dispatch.baselines import baseline
from regional_dispatch.envs.kernel.metrics import N
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError, part_of, window
from regional_dispatch.envs.world.trace import trace_of
from regional_dispatch.evaluation.backtest.page import assumed, page, reality_lines
from regional_dispatch.evaluation.backtest.really import reality
from regional_dispatch.evaluation.backtest.run import BackTest, backtest
from regional_dispatch.evaluation.backtest.split import hour_of, split_text, time_text
from regional_dispatch.evaluation.backtest.tables import lane_table, region_rows, rows, week_table
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.rollouts import evaluate_policies
from regional_dispatch.evaluation.statistics import week_mean
from tests.traces import drawn_orders, written
from tests.worlds import TWO_REGIONS, small

FCS = ["FC Evansville IN", "FC Lancaster CA", "FC New York NY", "FC Dallas TX"]
FULL = {"breadth": (1, 1, 1), "safety_factor": 6}
EVERYWHERE = {"stock": FULL}  # shelves are rarely empty


def recorded(days: int = 28, **changes: float) -> pd.DataFrame:
    """Orders with the FC each really came from, drawn by order, and hours that were really taken."""
    table = drawn_orders(days=days, per_day=120)
    names = table["order"].unique()
    source = dict(zip(names, np.random.default_rng(1).choice(FCS, len(names)), strict=True))
    table["source"] = table["order"].map(source)
    table["shipped_at"] = table["time"] + pd.Timedelta(hours=changes.get("ship", 5))
    table["delivered_at"] = table["time"] + pd.Timedelta(hours=changes.get("deliver", 20))
    return table


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    return written(tmp_path_factory.mktemp("trace") / "orders.csv", recorded(), **TWO_REGIONS, **EVERYWHERE)


@pytest.fixture(scope="module")
def found(scenario: Scenario) -> BackTest:
    return backtest(scenario, {name: baseline(name) for name in ("least_cost", "national_nearest")})


def test_every_line_is_served_by_the_fc_on_record(found: BackTest) -> None:
    for beside in found.beside.values():
        assert beside.forced.recorded == beside.forced.served == beside.forced.lines == len(found.orders.sku)
        assert beside.forced.no_route == 0


def test_the_policy_is_played_as_compare_plays_it(tmp_path: Path) -> None:
    """Where the record needs no unit that the simulated shelves lack."""
    network = {"fulfillment_centers": 1}
    table = recorded(14).assign(source=build_network(small(network=network)).sites["name"].iloc[0])
    scenario = written(tmp_path / "orders.csv", table, network=network, **EVERYWHERE)
    found = backtest(scenario, {"least_cost": baseline("least_cost")}, recorded_shelves=False)
    frame = evaluate_policies(scenario, {"least_cost": baseline("least_cost")}, 1, 0)
    assert found.beside["least_cost"].forced.lent_units == 0
    whole = sum(period.totals.usd.sum() for period in found.beside["least_cost"].policy)
    orders = sum(period.totals.count[N.orders] for period in found.beside["least_cost"].policy)
    assert whole / orders == pytest.approx(frame["cost_per_order_usd"].iloc[0])


def test_a_record_of_the_policys_own_choices_differs_by_nothing(tmp_path: Path) -> None:
    """With one FC there is one choice, so a policy does what is on record, under its own trucks."""
    network = {"fulfillment_centers": 1}
    table = recorded(14)
    table["source"] = build_network(small(network=network)).sites["name"].iloc[0]
    world = written(tmp_path / "orders.csv", table, network=network, **EVERYWHERE)
    own = backtest(world, {"least_cost": baseline("least_cost")}).beside["least_cost"]
    for policy, record in zip(own.policy, own.recorded, strict=True):
        assert policy.totals.usd == pytest.approx(record.totals.usd)
        assert policy.lane_trucks.tolist() == record.lane_trucks.tolist()


def test_regions_and_weeks_add_up_to_the_whole(found: BackTest) -> None:
    for policy in found.beside:
        whole, regions = rows(found.beside[policy]), region_rows(found, policy)
        assert len(regions) == 2
        for measure in ("usd", "miles", "co2_kg", "trucks", "packages"):
            parts = sum(of[measure].difference for of in regions.values())
            assert parts == pytest.approx(whole[measure].difference, abs=1e-6)
    table = week_table(found)
    own = table[(table["policy"] == "least_cost") & table["whole"]]
    all_of = own[own["region"] == "all"]["usd_difference"]
    assert all_of.sum() == pytest.approx(own[own["region"] != "all"]["usd_difference"].sum())
    assert own[own["region"] == "all"]["file_hours"].to_numpy() == pytest.approx(20, abs=0.01)
    assert all_of.mean() == pytest.approx(rows(found.beside["least_cost"])["usd"].difference)


def test_lanes_add_up_to_trucks_and_miles(found: BackTest) -> None:
    table = lane_table(found)
    own = table[table["policy"] == "least_cost"]
    whole = rows(found.beside["least_cost"])
    assert own["trucks_difference"].sum() == pytest.approx(whole["trucks"].difference)
    assert own["miles_per_week_recorded"].sum() == pytest.approx(whole["miles"].recorded)
    known = own.dropna(subset="usd_low")
    assert len(known) > 5 and (known["usd_low"] <= known["usd_difference"]).all()


def test_intervals_are_over_whole_weeks_alone(found: BackTest) -> None:
    """28 days less a warm-up of 30 hours are three whole weeks and a part."""
    periods = found.beside["least_cost"].policy
    assert [round(period.hours) for period in periods] == [168, 168, 168, 146]
    change = week_table(found).query("policy == 'least_cost' and region == 'all' and whole")["usd_difference"]
    interval = rows(found.beside["least_cost"])["usd"].interval
    assert interval == week_mean(change.to_numpy())
    half = 4.303 * change.std(ddof=1) / np.sqrt(3)  # Student's t, two degrees of freedom
    assert interval.ci_high - interval.ci_low > 1.99 * half


def test_one_week_has_no_interval(tmp_path: Path) -> None:
    world = written(tmp_path / "orders.csv", recorded(9), **EVERYWHERE)
    short = backtest(world, {"least_cost": baseline("least_cost")})
    assert all(np.isnan(row.interval.ci_low) for row in rows(short.beside["least_cost"]).values())
    assert "there is no interval. 1 week: too few" in page(short, "")


def test_units_that_shelves_lack_are_lent_and_said(tmp_path: Path) -> None:
    world = written(tmp_path / "orders.csv", recorded(9), stock={"breadth": (0.25, 0.25, 0.25)})
    lent = backtest(world, {"least_cost": baseline("least_cost")}, recorded_shelves=False)
    forced = lent.beside["least_cost"].forced
    assert forced.served == forced.recorded
    assert forced.lent_units > 0
    assert "were not on the simulated shelves" in page(lent, "")
    assert any("as its layout places it" in sentence for sentence in assumed(lent))
    lost = sum(period.totals.count[N.lines_lost] for period in lent.beside["least_cost"].recorded)
    assert lost == 0
    alone = evaluate_policies(world, {"least_cost": baseline("least_cost")}, 1, 0)["lost_line_share"].iloc[0]
    own = lent.beside["least_cost"].policy
    share = sum(p.totals.count[N.lines_lost] for p in own) / sum(p.totals.count[N.lines] for p in own)
    assert share < alone  # the policy has those units too


def test_without_a_table_of_stock_fcs_carry_what_they_shipped(tmp_path: Path) -> None:
    """So few units have to be lent: a trace alone is enough for a back-test."""
    world = written(tmp_path / "orders.csv", recorded(14), stock={"breadth": (0.25, 0.25, 0.25)})
    policies = {"least_cost": baseline("least_cost")}
    own, placed = (backtest(world, policies, recorded_shelves=on, folder=tmp_path) for on in (True, False))
    lent = [found.beside["least_cost"].forced.lent_units for found in (own, placed)]
    assert lent[0] < 0.25 * lent[1]
    assert any("each FC carries what it really shipped" in sentence for sentence in assumed(own))
    table = pd.read_csv(tmp_path / "placement.csv", dtype={"sku": str})
    shipped = trace_of(world)
    names = np.array(shipped.sku_names)[shipped.sku], np.array(FCS)[shipped.source]
    assert set(zip(table["sku"], table["site"], strict=True)) == set(zip(*names, strict=True))


def test_a_table_of_stock_is_kept(tmp_path: Path) -> None:
    (tmp_path / "placement.csv").write_text("sku,site,units\n00000,FC Dallas TX,500\n", encoding="utf-8")
    world = written(tmp_path / "orders.csv", recorded(9), stock={"placement": str(tmp_path / "placement.csv")})
    found = backtest(world, {"least_cost": baseline("least_cost")})
    assert found.scenario is world
    assert any("in its table of stock" in sentence for sentence in assumed(found))


def test_lines_without_a_record_are_chosen_by_the_policy(tmp_path: Path) -> None:
    table = recorded(9)
    table.loc[table.index % 2 == 0, "source"] = ""
    world = written(tmp_path / "orders.csv", table, **EVERYWHERE)
    forced = backtest(world, {"least_cost": baseline("least_cost")}).beside["least_cost"].forced
    assert forced.lines == len(table)
    assert forced.recorded == forced.served == (table["source"] != "").sum()


def test_a_file_without_sources_is_refused(tmp_path: Path) -> None:
    world = written(tmp_path / "orders.csv", recorded(9).drop(columns="source"))
    with pytest.raises(InputError, match="give the file a column `source`"):
        backtest(world, {"least_cost": baseline("least_cost")})
    with pytest.raises(InputError, match="nothing was really done"):
        backtest(small(), {"least_cost": baseline("least_cost")})


# ---------------------------------------------------------------------------------------------- what was really done


def test_hours_of_the_file_are_read(scenario: Scenario) -> None:
    real = reality(trace_of(scenario), 30, 21 * 24)
    assert real.ship_hours == pytest.approx(5, abs=0.01)
    assert real.delivery_hours == pytest.approx(20, abs=0.01)
    assert real.with_source == real.with_delivery == 1
    promise = trace_of(scenario).promise_hours
    assert real.on_time_share == pytest.approx((promise > 19).mean(), abs=0.02)


def test_hours_far_from_the_files_are_warned_of(tmp_path: Path) -> None:
    world = written(tmp_path / "orders.csv", recorded(9, deliver=90), **EVERYWHERE)
    text = "\n".join(reality_lines(backtest(world, {"least_cost": baseline("least_cost")})))
    assert "90.0 hours from click to delivery" in text
    assert "more than a quarter apart" in text


# --------------------------------------------------------------------------------------------- what was really done


def split(scenario: Scenario, train: float, tune: float) -> Scenario:
    weeks = {"train": train, "tune": tune}
    demand = {**scenario.demand.model_dump(exclude_unset=True), "weeks": weeks}
    return Scenario.model_validate({**scenario.model_dump(exclude_unset=True), "demand": demand})


def test_parts_follow_each_other_and_do_not_overlap(scenario: Scenario) -> None:
    world = split(scenario, 1, 1)
    spans = [
        (part.warmup_hours, part.horizon_hours) for part in (part_of(world, s) for s in ("train", "tune", "evaluate"))
    ]
    assert spans == [(30, 168), (168, 336), (336, 680)]


def test_stock_of_later_parts_is_sized_from_training_weeks(scenario: Scenario) -> None:
    part = part_of(split(scenario, 1, 0.5), "evaluate")
    assert part.demand.size_from_days == 7  # type: ignore[union-attr]


def test_without_weeks_or_of_generated_orders_nothing_changes(scenario: Scenario) -> None:
    assert part_of(scenario, "evaluate") is scenario
    assert part_of(small(), "train") == small()
    assert "It is not split" in split_text(scenario)


def test_an_empty_part_is_refused(scenario: Scenario) -> None:
    with pytest.raises(ScenarioError, match="no week is left for 'tune'"):
        part_of(split(scenario, 1, 0), "tune")
    with pytest.raises(ScenarioError, match="no week is left for 'evaluate'"):
        part_of(split(scenario, 3, 2), "evaluate")
    with pytest.raises(ScenarioError, match="no hour is left to count"):
        window(scenario, 400, 300)


def test_hours_can_be_dates(scenario: Scenario) -> None:
    assert hour_of(scenario, "2024-11-11", "--from") == 168
    assert hour_of(scenario, "36", "--from") == 36
    assert time_text(scenario, 168) == "2024-11-11 00:00"
    with pytest.raises(InputError, match="give an hour of the episode, or a date"):
        hour_of(scenario, "soon", "--from")
    with pytest.raises(InputError, match="has no calendar"):
        hour_of(small(), "2024-11-11", "--from")


def test_a_later_window_costs_what_those_hours_cost(scenario: Scenario) -> None:
    """Earlier hours are played, so the world of the window is not an empty one."""
    late = backtest(window(scenario, 198, 366), {"least_cost": baseline("least_cost")})
    (week,) = late.beside["least_cost"].policy
    whole = backtest(scenario, {"least_cost": baseline("least_cost")}).beside["least_cost"].policy[1]
    assert week.totals.count[N.orders] == whole.totals.count[N.orders]
    assert week.totals.usd.sum() == pytest.approx(whole.totals.usd.sum(), rel=0.01)  # one is settled at its end


def test_what_to_know_about_the_numbers_is_said(found: BackTest) -> None:
    assert isinstance(found.doubts, list)
    assert all(f"Note: {doubt}." in page(found, "") for doubt in found.doubts)
