"""The live network without HTTP: what parity with the simulator does not show."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from regional_dispatch.baselines.pricing import simulator_for
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.policies import resolve_policy
from regional_dispatch.service import messages as m
from regional_dispatch.service.errors import RefusedError
from regional_dispatch.service.live.calendar import Calendar, default_start
from regional_dispatch.service.live.events import apply
from regional_dispatch.service.live.names import Names
from regional_dispatch.service.live.network import LiveNetwork
from regional_dispatch.service.live.packages import PICKING, RIDING, SORTING, WAITING
from regional_dispatch.service.live.pricing import price_now, pricing_is_due
from regional_dispatch.service.live.warm_up import advance, warm_up
from tests.conftest import trace_scenario
from tests.service.played import START
from tests.worlds import SCARCE, TIGHT, TWO_REGIONS, small


def live_network(scenario: Scenario, policy: str = "pretrained/small") -> LiveNetwork:
    return LiveNetwork(scenario, resolve_policy(policy, scenario), Calendar(START, scenario.tick_hours))


def order(live: LiveNetwork, name: str, *lines: m.Line, hours: float | None = 30) -> list[dict[str, object]]:
    sent = m.Order(order=name, station=live.names.station.names[0], promise_hours=hours, lines=list(lines))
    answered: list[dict[str, object]] = live.source([sent], [live.calendar.time(live.tick)])[0]["lines"]
    return answered


def test_warming_up_leaves_no_trace() -> None:
    live = live_network(small(**TWO_REGIONS))
    before = {name: array.copy() for name, array in live.arrays().items()}
    warm_up(live)
    for name, array in live.arrays().items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)
    assert live.where.facts() == ([], [])


def test_units_are_priced_as_in_the_simulator_and_again_when_it_is_time() -> None:
    scenario = small(**SCARCE)
    policy = resolve_policy("shadow_price", scenario)
    sim = simulator_for(scenario, policy.pricing)
    sim.reset(0, 1)
    sim.begin(0)
    live = live_network(scenario, "shadow_price")
    price_now(live)
    assert sim.state.price.max() > 0
    np.testing.assert_array_equal(live.sim.state.price, sim.state.price)
    sku = int(sim.state.price[0].max(axis=1).argmax())
    offers = order(live, "priced", m.Line(sku=str(sku)))[0]["candidates"]
    assert isinstance(offers, list) and max(offer["units_usd"] for offer in offers) > 0
    assert not pricing_is_due(live)
    live.pass_time(START + timedelta(hours=24))
    assert pricing_is_due(live)


def test_a_package_is_due_with_the_most_urgent_of_its_lines() -> None:
    live = live_network(small(**TWO_REGIONS))
    two = order(live, "two", m.Line(sku="0", promise_hours=80), m.Line(sku="0"))
    assert [line["package"] for line in two] == ["two/1", "two/1"]
    assert live.sim.state.package["due"][0, live.where.packages["two/1"].number] == 30
    own = order(live, "own", m.Line(sku="0", promise_hours=20), hours=None)
    assert own[0]["package"] == "own/1"
    assert live.sim.state.package["due"][0, live.where.packages["own/1"].number] == 20


def test_an_order_of_hundreds_of_lines_is_one_decision() -> None:
    live = live_network(small(**TWO_REGIONS, stock={"safety_factor": 6}))
    lines = order(live, "large", *(m.Line(sku=str(i % 40)) for i in range(700)))
    assert len(lines) == 700
    taken = sum(not line["lost"] for line in lines)
    assert int(live.sim.world.base_stock.sum()) - int(live.sim.state.stock.sum()) == taken > 0


def test_skus_of_a_users_file_go_by_their_names(tmp_path: Path) -> None:
    skus = ("Ä-7 #1", "0012", "long/name")
    rows = [f"{n // 4},o{n},{{{n % 6}}},{skus[n % 3]},1,30" for n in range(120)]
    live = live_network(trace_scenario(tmp_path / "orders.csv", rows), "least_cost")
    assert sorted(live.names.sku.names) == sorted(skus)
    lines = order(live, "named", *(m.Line(sku=sku) for sku in skus))
    assert [line["sku"] for line in lines] == list(skus) and not any(line["lost"] for line in lines)
    with pytest.raises(RefusedError, match="closest name is '0012'"):
        order(live, "cut", m.Line(sku="12"))


def test_a_truck_takes_those_that_waited_longest_or_those_that_are_named() -> None:
    live = live_network(small(**TWO_REGIONS, stock={"safety_factor": 6, "breadth": (1, 1, 1)}))
    names = []
    for n in range(5):
        line = order(live, f"t{n}", m.Line(sku="0"))[0]
        names.append(str(line["package"]))
        apply(m.PackagePicked(event="e", kind="package_picked", package=names[-1]), live)
    assert len({live.where.packages[name].route for name in names}) == 1
    lane = live.answers.lane(int(live.sim.world.net.routes["lanes"][live.where.packages[names[0]].route][0]))
    named = m.TruckDeparted(event="e", kind="truck_departed", truck="a", packages=[names[3], names[1]], **lane)
    assert apply(named, live)["packages"] == [names[3], names[1]]
    first = m.TruckDeparted(event="e", kind="truck_departed", truck="b", **lane)
    assert apply(first, live)["packages"] == [names[0], names[2], names[4]]
    state = live.sim.state
    assert (state.lane["count"] == 0).all() and (state.lane["head"] == -1).all() and (state.lane["tail"] == -1).all()


def test_hired_trucks_do_not_come_home() -> None:
    live = live_network(small(trucks={"fleet_headroom": 0, "spot_allowed": True}))
    line = order(live, "h", m.Line(sku="0"))[0]
    apply(m.PackagePicked(event="e", kind="package_picked", package=str(line["package"])), live)
    lane = live.answers.lane(int(live.sim.world.net.routes["lanes"][live.where.packages["h/1"].route][0]))
    apply(m.TrucksCounted(event="e", kind="trucks_counted", site=lane["origin"], trucks=0), live)
    assert apply(m.TruckDeparted(event="e", kind="truck_departed", truck="x", **lane), live)["hired"]
    apply(m.TruckArrived(event="e", kind="truck_arrived", truck="x"), live)
    with pytest.raises(RefusedError, match="no such truck"):
        apply(m.TruckReturned(event="e", kind="truck_returned", truck="x"), live)
    assert live.sim.state.trucks_home[0, live.names.site.number(lane["origin"], "")] == 0


def test_lanes_of_a_site_share_its_trucks() -> None:
    live = live_network(small(**TIGHT), "least_cost+immediate")
    for n in range(30):
        line = order(live, f"s{n}", m.Line(sku=str(n % 40)))[0]
        if not line["lost"]:
            apply(m.PackagePicked(event="e", kind="package_picked", package=str(line["package"])), live)
    for site in live.names.sites:
        apply(m.TrucksCounted(event="e", kind="trucks_counted", site=site, trucks=1), live)
    go = [lane["origin"] for lane in live.decide_lanes() if lane["decision"] == "go"]
    assert go and len(go) == len(set(go))


def test_the_longest_wait_between_two_requests_is_passed_in_no_time() -> None:
    live = live_network(small(**TWO_REGIONS))
    order(live, "old", m.Line(sku="0"))
    apply(m.PackagePicked(event="e", kind="package_picked", package="old/1"), live)
    begun = time.process_time()
    live.pass_time(START + timedelta(days=365))
    assert time.process_time() - begun < 1
    assert "holding makes packages late" in live.decide_lanes()[0]["why"] or live.decide_lanes()[0]["decision"] == "go"


def test_a_close_name_is_found_among_a_hundred_thousand() -> None:
    names = Names("SKU", [f"SKU-{n:06}" for n in range(100_000)])
    begun = time.process_time()
    with pytest.raises(RefusedError, match="closest name is 'SKU-054321'"):
        names.number("SKU-054321-", "sku")
    assert time.process_time() - begun < 0.05


def test_ticks_keep_promises_to_the_minute() -> None:
    calendar = Calendar(START, 0.5)
    assert [calendar.tick(START + timedelta(minutes=minutes)) for minutes in (0, 29.99, 30, 59)] == [0, 0, 1, 1]
    assert calendar.time(3) == START + timedelta(minutes=90)


def test_the_week_starts_where_the_scenario_does() -> None:
    now = datetime(2026, 3, 4, 12, tzinfo=UTC)  # a Wednesday
    assert default_start(now, 0) == datetime(2026, 3, 2, tzinfo=UTC)
    assert default_start(now, 100) == datetime(2026, 2, 27, 4, tzinfo=UTC)


def test_cancelled_and_lost_packages_leave_no_trace_in_queues() -> None:
    live = live_network(small(**TWO_REGIONS))
    live.sim.state.stock[0, 0] = 10
    before = live.arrays()
    order(live, "cancelled", m.Line(sku="0"))
    apply(m.OrderCancelled(event="e", kind="order_cancelled", order="cancelled"), live)
    np.testing.assert_array_equal(live.sim.state.stock, before["stock"])
    for n, place in enumerate((PICKING, WAITING, RIDING, SORTING)):
        routes = live.sim.world.net.routes
        path = next(path for path in range(len(routes)) if routes["legs"][path] > 1)  # over a sort center
        route = live.answers.route(path)
        far = m.Order(order=f"{n}", station=route["stops"][-1], promise_hours=60, lines=[m.Line(sku="0")])
        live.source_again(far, live.calendar.time(live.tick), {"lines": [{"route": route}]})
        while live.where.packages[f"{n}/1"].place != place:
            advance(live, live.where.packages[f"{n}/1"])
        apply(m.PackageLost(event="e", kind="package_lost", package=f"{n}/1"), live)
    state = live.sim.state
    assert (live.where.packages, live.where.orders, live.where.by_number) == ({}, {}, {})
    for field in ("inbound", "count", "late"):
        np.testing.assert_array_equal(state.lane[field], before["lane"][field], err_msg=field)
    for field in ("packages", "lines", "head", "tail"):
        np.testing.assert_array_equal(state.queue[field], before["queue"][field], err_msg=field)
    assert not state.onward.any() and not state.urgent.any() and state.row["packages"][0] == 0
