"""Every table of results sums to the KPIs of the run, to the cent, in every kind of world."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regional_dispatch.baselines import baseline
from regional_dispatch.data.results.assumptions import facts, settled_share
from regional_dispatch.data.results.columns import COLUMNS, KEYS, UNDER_WAY
from regional_dispatch.data.results.episode import Episode, play_episode
from regional_dispatch.data.results.tables import ROWS, Tables, clock, episode_tables
from regional_dispatch.envs.kernel.ledger import COMPONENTS
from regional_dispatch.envs.kernel.metrics import N, compute_kpis
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import Scenario
from tests.networks import SITES, from_tables
from tests.worlds import TWO_REGIONS, WORLDS, simulator, small

KEY = 5
POLICY = baseline("least_cost")
CENT = 0.005
USD = [f"{component}_usd" for component in COMPONENTS]


def played(scenario: Scenario) -> tuple[Episode, Tables]:
    episode = play_episode(scenario, POLICY, KEY)
    return episode, episode_tables(scenario, build_network(scenario), episode)


@pytest.mark.parametrize("name", WORLDS)
def test_every_table_sums_to_the_kpis_of_the_run(name: str) -> None:
    check(small(**WORLDS[name]))


@pytest.mark.parametrize("fleet", [0, 1, 50])
def test_so_they_do_where_lanes_take_no_time_and_leave_by_timetable(fleet: int, tmp_path: Path) -> None:
    sites = SITES.replace("Depot,fc,40,-90,IL,,5,30", f"Depot,fc,40,-90,IL,,{fleet},30")
    lanes = (
        "origin,destination,miles,transit_hours,departures,capacity\n"
        "Depot,Hub,60,0,,40\nHub,North,50,1,6;18,\nDepot,South,90,0,,20\n"
    )
    trucks = {"capacity_packages": 4, "fleet_headroom": 0.1, "spot_premium": 0.5}
    check(from_tables(tmp_path, sites, lanes, trucks=trucks))


def check(scenario: Scenario) -> None:
    """Every table's sums against counters and dollars of the episode as the compiled kernel plays it."""
    sim = simulator(scenario, KEY)
    sim.run(POLICY.scorers)
    totals = sim.totals(0)
    count, usd = totals.count, dict(zip(USD, totals.usd.tolist(), strict=True))
    episode, tables = played(scenario)
    assert compute_kpis(episode.whole) == pytest.approx(sim.kpis(0), rel=0, nan_ok=True)  # looking on changes nothing
    for table in ("regions", "days", "hours", "sites", "sku_classes"):
        sums = tables[table].sum(numeric_only=True)
        assert {column: sums[column] for column in USD} == pytest.approx(usd, abs=CENT)
        assert sums["total_usd"] == pytest.approx(totals.usd.sum(), abs=CENT)
        assert sums["lines_delivered"] == count[N.lines_due]
        assert sums["lines_late"] == count[N.lines_due] - count[N.lines_on_time]
        assert sums["lines_lost"] == count[N.lines_lost]
    for table in ("regions", "days", "hours"):
        sums = tables[table].sum(numeric_only=True)
        assert sums["orders"] == count[N.orders] and sums["lines"] == count[N.lines]
    for table in ("regions", "days", "hours", "sites", "lanes"):
        sums = tables[table].sum(numeric_only=True)
        assert [sums["trucks"], sums["spot_trucks"]] == [count[N.trucks], count[N.spot_trucks]]
        assert sums["truck_miles"] == pytest.approx(count[N.truck_miles])
    lanes = tables["lanes"].sum(numeric_only=True)
    assert lanes["packages"] == count[N.truck_packages]
    assert [lanes["truck_usd"], lanes["spot_usd"]] == pytest.approx([usd["truck_usd"], usd["spot_usd"]], abs=CENT)
    classes = tables["sku_classes"].sum(numeric_only=True)
    assert [classes["lines"], classes["lines_spilled"]] == [count[N.lines], count[N.lines_spilled]]


def test_shares_and_hours_are_those_of_the_kpis() -> None:
    episode, tables = played(small(**TWO_REGIONS))
    kpis = compute_kpis(episode.whole)
    sites = tables["sites"].query("kind == 'station'")
    hours = (sites["click_to_delivery_hours"] * sites["lines_delivered"]).sum() + episode.under_way.count[N.line_hours]
    assert hours / episode.whole.count[N.lines_due] == pytest.approx(kpis["click_to_delivery_hours"])
    network = tables["network"].set_index("kpi")["value"]
    assert {name: network[name] for name in kpis} == pytest.approx(kpis, nan_ok=True)
    lanes = tables["lanes"].query("trucks > 0")
    room = (lanes["packages"] / lanes["truck_fill_share"]).sum()
    assert lanes["packages"].sum() / room == pytest.approx(kpis["truck_fill"])


def test_stock_is_what_stands_on_the_shelves() -> None:
    """By hand: the mean over the ends of all ticks after the warm-up."""
    scenario = small(**TWO_REGIONS, stock={"safety_factor": -1})
    sim, on_hand, out = simulator(scenario, KEY), [], []
    carried = sim.world.base_stock[0] > 0
    for tick in range(scenario.horizon_ticks - 1):
        sim.run(POLICY.scorers, tick + 1)
        if tick >= scenario.warmup_ticks:
            on_hand.append(sim.state.stock[0].sum(axis=0))
            out.append(((sim.state.stock[0] == 0) & carried).sum(axis=0))
    episode, tables = played(scenario)
    sites, ticks = tables["sites"].query("kind == 'fc'"), len(episode.ticks)
    assert len(on_hand) == ticks - 1
    last = sites["units_on_hand"].to_numpy() * ticks - np.sum(on_hand, axis=0)
    assert (last >= 0).all() and (last <= sim.world.base_stock[0].sum(axis=0)).all()
    more = sites["sku_days_out"].to_numpy() * 24 / scenario.tick_hours - np.sum(out, axis=0)
    assert np.sum(out) > 0 and (more >= 0).all() and (more <= carried.sum(axis=0)).all()
    classes = tables["sku_classes"]
    assert classes["units_on_hand"].sum() == pytest.approx(sites["units_on_hand"].sum())
    assert classes["sku_days_out"].sum() == pytest.approx(sites["sku_days_out"].sum())


def test_every_column_is_explained_and_names_its_rows() -> None:
    _, tables = played(small(**TWO_REGIONS))
    assert set(tables) == set(ROWS)
    for name, table in tables.items():
        assert not table.duplicated(list(ROWS[name])).any()
        assert set(table.columns) - {"value"} <= {*COLUMNS, *KEYS}
    for name in ("sites", "lanes", "sku_classes"):
        assert tables[name].iloc[-1][ROWS[name][0]] == UNDER_WAY


@pytest.mark.parametrize("tick_hours", [0.5, 2.0])
def test_days_are_those_of_the_calendar_across_a_change_of_clocks(tick_hours: float) -> None:
    """Clocks in New York went back on 3 November 2024: a day of 25 hours."""
    calendar = {"start": "2024-11-02", "time_zone": "America/New_York"}
    scenario = small(calendar=calendar, tick_hours=tick_hours, horizon_hours=97, warmup_hours=24)
    episode, tables = played(scenario)
    assert tables["days"]["date"].tolist() == ["2024-11-03", "2024-11-04", "2024-11-05"][: len(tables["days"])]
    hours = pd.Series([time.date() for time in clock(scenario)]).value_counts(sort=False) * tick_hours
    assert hours.iloc[0] == (25 if tick_hours < 1 else 26)
    assert len(clock(scenario)) == len(episode.ticks)


def test_the_read_me_says_what_moves_dollars() -> None:
    scenario = small(trucks={"capacity_packages": 2000}, demand={"orders_per_day": 60})
    episode, _ = played(scenario)
    told = facts(scenario, {"least_cost": [episode]}, ["nearly empty trucks"], "command", 0, "evaluate")
    about = {fact.about: fact for fact in told}
    assert {"truck size", "stock", "settlement", "orders", "counted", "rates", "hired trucks"} <= set(about)
    assert about["truck size"].value == "2000 packages"
    assert f"{100 * settled_share([episode]):.1f} %" in about["settlement"].value
    assert settled_share([episode]) == pytest.approx(compute_kpis(episode.whole)["settled_share"])
    assert about["look at this"].note == "nearly empty trucks"


def test_an_episode_without_orders_has_empty_shares() -> None:
    _, tables = played(small(demand={"orders_per_day": 0}))
    assert tables["lanes"]["truck_fill_share"].isna().all() and tables["sku_classes"]["total_usd"].sum() == 0
