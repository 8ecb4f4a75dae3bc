"""Episodes by the clocks of the sites, worked out by hand: zones, clock changes, holidays, hours, timetables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regional_dispatch.baselines import baseline
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import Scenario, load_scenario
from tests.envs.kernel.test_tick import run_both

ORDERS = "order,time,station,sku,units,promise_hours\n"


def world(
    folder: Path, orders: list[str], sites: str = "", lane: str = "", site: str = "", more: str = "",
    calendar: str = "{start: 2024-11-02, time_zone: America/New_York}", header: str = "",
) -> Scenario:  # fmt: skip
    """One FC in New York, one station two hours from it, a truck of two packages; columns may be added."""
    extra_site, extra_lane = (text.partition("=") for text in (site, lane))
    rows = [
        f"name,kind,latitude,longitude,population,trucks,per_hour{',' + extra_site[0] if site else ''}",
        f"FC,fc,40.7,-74,,10,1000{',' + extra_site[2] if site else ''}",
        f"DS,station,41.2,-74,100,,{',' if site else ''}",
        *([sites] if sites else []),
    ]
    (folder / "sites.csv").write_text("\n".join(rows) + "\n")
    lanes = [
        f"origin,destination,miles,transit_hours{',' + extra_lane[0] if lane else ''}",
        f"FC,DS,100,2{',' + extra_lane[2] if lane else ''}",
    ]
    if sites:
        lanes.append(f"FC,{sites.split(',')[0]},2900,50{',' if lane else ''}")
    (folder / "lanes.csv").write_text("\n".join(lanes) + "\n")
    (folder / "orders.csv").write_text((header or ORDERS) + "\n".join(orders) + "\n")
    (folder / "stock.csv").write_text("sku,site,units\na,FC,100\n")
    (folder / "s.yaml").write_text(
        f"name: local\nhorizon_hours: 96\nwarmup_hours: 0\ncalendar: {calendar}\n"
        "network: {kind: tables, sites: sites.csv, lanes: lanes.csv}\ndemand: {kind: trace, path: orders.csv}\n"
        f"stock: {{placement: stock.csv}}\ntrucks: {{capacity_packages: 2}}\n{more}\n"
    )
    return load_scenario(folder / "s.yaml")


def hours_to_delivery(scenario: Scenario, policy: str = "national_nearest+last_safe_hour") -> float:
    sim = Simulator(scenario)
    sim.reset(0, 1)
    sim.run(baseline(policy).scorers)
    cash, accrual = sim.state.cash[0].sum(axis=0), sim.state.accrual[0].sum(axis=0)
    np.testing.assert_allclose(cash, accrual, atol=1e-9)
    return sim.kpis(0)["click_to_delivery_hours"]


def test_an_order_before_a_clock_change_meets_the_scheduled_truck_of_the_day_after(tmp_path: Path) -> None:
    """2024-11-03 has 25 hours in New York: from 06:00 to the truck at 08:00 are two hours, and two on the road."""
    scenario = world(
        tmp_path, ["o,2024-11-03 06:00,DS,a,1,30"], more="", calendar="{start: 2024-11-02, time_zone: America/New_York}"
    )
    scenario = scenario.model_copy(update={"trucks": scenario.trucks.model_copy(update={"scheduled_hours": (8,)})})
    assert hours_to_delivery(scenario, "national_nearest+scheduled") == 4
    # Across the change, the same hours of the clock are one hour more.
    night = world(tmp_path, ["o,2024-11-02 23:00,DS,a,1,30"])
    night = night.model_copy(update={"trucks": night.trucks.model_copy(update={"scheduled_hours": (8,)})})
    assert hours_to_delivery(night, "national_nearest+scheduled") == 9 + 1 + 2


def test_a_timetable_holds_for_full_trucks_too_and_rules_know_the_last_safe_departure(tmp_path: Path) -> None:
    three = [f"{n},2024-11-02 00:00,DS,a,1,19" for n in "xyz"]
    assert hours_to_delivery(world(tmp_path, three, lane="departures=06:00;18:00")) == 8
    # Promised within 15 hours: the truck at 18:00 comes too late, so the one at 6:00 must go, though not full.
    one = ["x,2024-11-02 00:00,DS,a,1,15"]
    assert hours_to_delivery(world(tmp_path, one, lane="departures=06:00;18:00")) == 8
    # Promised within 30 hours: it can wait for 18:00, and for 6:00 of the next day.
    later = ["x,2024-11-02 00:00,DS,a,1,30"]
    assert hours_to_delivery(world(tmp_path, later, lane="departures=06:00;18:00")) == 20
    assert hours_to_delivery(world(tmp_path, later, lane="departures=Su 06:00")) == 24 + 6 + 1 + 2  # a day of 25 hours


def test_a_fc_picks_in_its_opening_hours_and_not_on_holidays(tmp_path: Path) -> None:
    order = ["x,2024-11-02 01:00,DS,a,1,1"]  # late at once, so the truck leaves as soon as it is picked
    assert hours_to_delivery(world(tmp_path, order, site="opens,closes=09:00,17:00")) == 9 + 2 - 1
    calendar = "{start: 2024-11-02, time_zone: America/New_York, holidays: [{date: 2024-11-02}]}"
    assert hours_to_delivery(world(tmp_path, order, calendar=calendar)) == 23 + 2
    worked = calendar.replace("11-02}]", "11-02, works: true}]")
    assert hours_to_delivery(world(tmp_path, order, calendar=worked)) == 3


def test_demand_follows_the_clock_of_each_station() -> None:
    settings = {
        "calendar": "{start: 2024-06-03, time_zone: America/New_York, holidays: [{date: 2024-06-05, demand: 0}]}",
        "horizon_hours": "96", "warmup_hours": "0", "demand.hourly_shares": str([0] * 12 + [1] + [0] * 11),
    }  # fmt: skip
    sim = Simulator(load_scenario("us8", settings))
    sim.reset(0, 7)
    names, zones = sim.network.calendars.names, sim.network.calendars.zone[sim.world.net.fcs + sim.world.net.scs :]
    placed: list[tuple[int, str]] = []
    for tick in range(96):
        sim.begin(0)
        for r in range(sim.regions):
            first, count = int(sim.state.line_first[0, r]), int(sim.state.line_count[0, r])
            lines = np.roll(sim.state.line[0, r], -first)[:count]
            placed += [(tick, names[zones[s]]) for s in lines["station"][lines["ordered"] == tick]]
        sim.decide(0, baseline("regional_nearest").scorers)
        sim.finish(0)
    noon = {"America/New_York": 12, "America/Chicago": 13, "America/Denver": 14, "America/Los_Angeles": 15}
    for zone, hour in noon.items():
        assert {tick for tick, name in placed if name == zone} == {hour, hour + 24, hour + 72}  # not on the 5th


def test_an_order_after_the_cut_off_is_promised_from_the_next_midnight() -> None:
    settings = {
        "demand.promise_hours": "[10]", "demand.promise_shares": "[1]", "demand.promise_cut_offs": "[14]",
        "horizon_hours": "48", "warmup_hours": "0",
    }  # fmt: skip
    sim = Simulator(load_scenario("small", settings))
    sim.reset(0, 3)
    seen: dict[int, set[int]] = {}
    for tick in range(24):
        sim.begin(0)
        lines = sim.state.line[0].ravel()
        fresh = lines[(lines["ordered"] == tick) & (lines["due"] > 0)]
        if len(fresh):
            seen[tick] = set((fresh["due"] - tick).tolist())
        sim.decide(0, baseline("regional_nearest").scorers)
        sim.finish(0)
    assert seen[13] == {10} and seen[14] == {10 + 10} and seen[20] == {4 + 10}


@pytest.mark.parametrize("tick_hours", [0.25, 0.5, 1, 2, 6])
def test_a_rate_an_hour_is_that_rate_at_any_tick(tmp_path: Path, tick_hours: float) -> None:
    """1.6 lines an hour: 160 lines take 100 hours, though a tick may hold less than a line, or an order more."""
    for lines in (1, 40):  # of an order
        rows = [f"{n // lines},2024-11-02 00:00,DS,a,1,900" for n in range(160)]
        scenario = world(tmp_path, rows, more=f"tick_hours: {tick_hours}")
        text = (tmp_path / "sites.csv").read_text().replace(",10,1000", ",10,1.6")
        (tmp_path / "sites.csv").write_text(text)
        (tmp_path / "stock.csv").write_text("sku,site,units\na,FC,1000\n")
        scenario = load_scenario(tmp_path / "s.yaml", {"horizon_hours": "240"})
        sim = Simulator(scenario)
        sim.reset(0, 1)
        picked: list[Any] = []
        for until in (60, 96, 108):
            sim.run(baseline("national_nearest+immediate").scorers, round(until / tick_hours))
            picked.append(160 - int(sim.state.queue["lines"][0, 0]))
        assert picked[0] <= 1.6 * 60 and picked[0] > 1.6 * 60 - lines - 1.6 * 6 and picked[2] == 160


def test_every_tick_of_a_dated_table_equals_the_reference(tmp_path: Path) -> None:
    """Timetables, opening hours, trucks of their own size, and a rate of which a tick has a fraction."""
    rows = [f"{n},2024-11-0{2 + n // 90} {n % 24:02d}:{n % 60:02d},DS,a,1,{4 + n % 40}" for n in range(260)]
    timetable = "Mo-Sa 06:00;15:30;18:00 Su 22:00"
    world(
        tmp_path, rows, lane=f"departures,capacity={timetable},1500", site="opens,closes=05:30,23:00",
        more="tick_hours: 0.5",
    )  # fmt: skip
    (tmp_path / "stock.csv").write_text("sku,site,units\na,FC,1000\n")
    text = (tmp_path / "sites.csv").read_text().replace(",10,1000", ",10,7.3")
    (tmp_path / "sites.csv").write_text(text)
    ref = run_both(load_scenario(tmp_path / "s.yaml"))
    assert ref.orders == 260 and ref.done > 200
