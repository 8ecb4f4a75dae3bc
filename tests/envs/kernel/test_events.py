"""Events in the kernel: what sites, lanes, policies and bounds do while part of the network is out of order."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.utils.env_checker import check_env
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from regional_dispatch.baselines import baseline
from regional_dispatch.baselines.bounds.hindsight import exact_bound
from regional_dispatch.baselines.bounds.relaxation import relaxed_bound
from regional_dispatch.baselines.shadow_price import LinearProgramPricer, coming_cycle
from regional_dispatch.envs.dispatch_env import RegionalDispatchEnv
from regional_dispatch.envs.kernel.decisions.scorers import DEFAULT_BACKGROUND
from regional_dispatch.envs.kernel.ledger import COMPONENTS, USD
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError
from tests.baselines.bounds.test_hindsight import world
from tests.conftest import trace_scenario
from tests.envs.kernel.test_conservation import assert_books_agree, assert_laws, run_under_the_laws, scenarios
from tests.worlds import (
    EVENTFUL,
    TWO_REGIONS,
    Reader,
    closed,
    cut_off,
    decide_at_random,
    down,
    simulator,
    site_number,
    small,
    snapshot,
)

KEY = episode_key("evaluate", 7, 0)
FC, SC, STATION = "FC New York NY", "SC New York NY", "DS New York NY"
COUNTED = {"partition": {"kind": "national", "counted_by": TWO_REGIONS["partition"]}}


def lane_number(sim: Simulator, origin: str, destination: str) -> int:
    lanes = sim.world.net.lanes
    ends = (lanes["origin"] == site_number(sim, origin)) & (lanes["dest"] == site_number(sim, destination))
    return int(np.flatnonzero(ends)[0])


# ---------------------------------------------------------------------------------------------------------- the world


def play_ticks(sim: Simulator, ticks: range) -> None:
    while sim.tick(0) < ticks.stop:
        sim.begin(0)
        sim.decide(0, DEFAULT_BACKGROUND)
        sim.finish(0)


def test_a_site_that_is_down_picks_nothing_takes_nothing_new_and_goes_on_afterwards() -> None:
    """Every FC has plenty of every SKU, so another one can always serve."""
    sim = simulator(small(stock={"breadth": (1, 1, 1), "safety_factor": 6}, events=[down()]), KEY)
    site = site_number(sim, FC)
    sim.run(DEFAULT_BACKGROUND, 24)
    waiting = Reader(sim, 0).face(Reader(sim, 0).sites()[site])
    assert waiting
    sim.run(DEFAULT_BACKGROUND, 72)
    assert Reader(sim, 0).face(Reader(sim, 0).sites()[site]) == waiting
    assert sim.state.row["lines_lost"][0] == 0
    sim.run(DEFAULT_BACKGROUND, 80)
    assert all(face not in waiting for face in Reader(sim, 0).face(Reader(sim, 0).sites()[site]))


def test_a_site_with_half_its_capacity_works_half_as_much() -> None:
    world = {"demand": {"orders_per_day": 1500}, "capacity": {"pick_headroom": 1.0, "backlog_limit_hours": 1000}}
    left = []
    for events in ([], [down(share=0.5, start_hour=24, hours=12)]):
        sim = simulator(small(**world, events=events), KEY)
        site = site_number(sim, FC)
        sim.run(DEFAULT_BACKGROUND, 36)
        left.append(int(sim.state.queue["lines"][0, site]))
    assert left[1] > left[0] + 100


def test_no_truck_leaves_on_a_closed_lane_and_what_waited_leaves_after_it() -> None:
    """Not even a full load; each FC is the only one with its SKUs, so lines must wait."""
    sim = simulator(small(stock={"breadth": (0.01, 0.01, 0.01)}, events=[closed(FC, STATION)]), KEY)
    lane = lane_number(sim, FC, STATION)
    sim.run(DEFAULT_BACKGROUND, 24)
    before = int(sim.state.lane["sent"][0, lane])
    assert before > 0
    sim.run(DEFAULT_BACKGROUND, 72)
    assert sim.state.lane["sent"][0, lane] == before
    sim.run(DEFAULT_BACKGROUND, 73)
    assert sim.state.lane["count"][0, lane] < sim.world.rules.truck_packages


def test_a_line_that_only_cut_routes_can_serve_waits_on_its_way_and_is_not_lost(tmp_path: Path) -> None:
    """Everything into one station is closed; orders placed then come when it opens, late, and lateness is accrued."""
    names = build_network(small()).sites
    into = [
        closed(names["name"][lane["origin"]], STATION)
        for lane in build_network(small()).net.lanes
        if names["name"][lane["dest"]] == STATION
    ]
    scenario = trace_scenario(tmp_path / "orders.csv", [f"{25 + i},{i:03d},{STATION},{i},1,20" for i in range(20)])
    sim = simulator(scenario.model_copy(update={"events": small(events=into).events}), KEY)
    sim.run(DEFAULT_BACKGROUND, 71)
    assert sim.packages_under_way(0) == 20 and sim.state.row["lines_lost"][0] == 0
    accrued = sim.state.accrual[0, :, USD.late].sum()
    assert accrued > 19 * sim.world.rules.costs.late_usd and sim.state.cash[0, :, USD.late].sum() == 0
    sim.run(DEFAULT_BACKGROUND)
    assert sim.state.row["packages_done"][0] == 20
    assert_books_agree(sim, 0)


def test_cut_routes_are_no_candidates_while_there_is_another() -> None:
    sim, rng = simulator(small(**EVENTFUL), KEY), np.random.default_rng(0)
    net, events, seen = sim.world.net, sim.world.events, {"open": 0, "cut": 0}
    for _ in range(100):
        sim.begin(0)
        decide_at_random(sim, 0, rng)
        cut = events.route_cut(events.period_at(sim.tick(0)), net.routes["lanes"])
        for r in range(sim.regions):
            for j in range(int(sim.state.slots[0, r])):
                line = sim.state.line[0, r, (sim.state.line_first[0, r] + j) % sim.state.line.shape[2]]
                own = net.by_cost[0, line["station"]]
                own = own[own >= 0]
                able = own[sim.state.stock[0, line["sku"], net.routes["fc"][own]] >= line["units"]]
                routes = sim.state.candidate[0, r, j]
                routes = routes[routes >= 0]
                assert len(routes) > 0 or len(able) == 0
                assert not cut[routes].any() or cut[able].all()
                seen["cut" if cut[routes].any() else "open"] += bool(cut[able].any())
        sim.finish(0)
    assert seen["open"] > 50 and seen["cut"] > 5


def test_rows_at_different_ticks_equal_their_rows_alone() -> None:
    keys = [episode_key("train", 3, i) for i in range(3)]
    batch = simulator(small(**EVENTFUL), *keys)
    rngs = [np.random.default_rng(i) for i in range(3)]
    for row, ahead in enumerate((0, 35, 70)):
        for _ in range(ahead):
            one_tick(batch, row, rngs[row])
    for _ in range(40):
        for row in range(3):
            one_tick(batch, row, rngs[row])
    for row, ticks in enumerate((40, 75, 110)):
        alone, rng = simulator(small(**EVENTFUL), keys[row]), np.random.default_rng(row)
        for _ in range(ticks):
            one_tick(alone, 0, rng)
        assert snapshot(batch, row) == snapshot(alone, 0)


def one_tick(sim: Simulator, row: int, rng: np.random.Generator) -> None:
    sim.begin(row)
    decide_at_random(sim, row, rng)
    sim.finish(row)


def test_a_restored_simulator_is_in_the_midst_of_the_event() -> None:
    sim, twin = simulator(small(**EVENTFUL), KEY), Simulator(small(**EVENTFUL))
    sim.run(DEFAULT_BACKGROUND, 45)
    twin.restore({name: array.copy() for name, array in sim.snapshot().items()})
    for each in (sim, twin):
        each.run(DEFAULT_BACKGROUND)
    np.testing.assert_array_equal(twin.state.cash, sim.state.cash)


def test_an_event_goes_on_when_the_partition_changes() -> None:
    sim = simulator(small(**COUNTED, events=[cut_off()], changes=[{"hour": 40, **TWO_REGIONS}]), KEY)
    shut = sim.world.events.shut[1] == 1
    sim.run(DEFAULT_BACKGROUND, 24)
    sent = sim.state.lane["sent"][0, shut].sum()
    sim.run(DEFAULT_BACKGROUND, 40)
    sim.run(DEFAULT_BACKGROUND, 72)
    assert sim.state.lane["sent"][0, shut].sum() == sent > 0
    sim.run(DEFAULT_BACKGROUND)
    assert sim.state.lane["sent"][0, shut].sum() > sent
    assert_laws(sim, 0)
    assert_books_agree(sim, 0)


@st.composite
def eventful(draw: st.DrawFn) -> Scenario:
    """Random small worlds in which random things happen."""
    scenario = draw(scenarios())
    network = build_network(scenario)
    names, net = network.sites["name"].tolist(), network.net
    events: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.floats(0, 55))
        when = {"start_hour": start, "hours": draw(st.floats(0.5, 60 - start))}
        kind = draw(st.sampled_from(["capacity", "lane", "region"]))
        if kind == "capacity":
            site = names[draw(st.integers(0, net.fcs + net.scs - 1))]
            events.append({"kind": kind, "site": site, "share": draw(st.sampled_from([0, 0.4])), **when})
        elif kind == "lane":
            lane = net.lanes[draw(st.integers(0, len(net.lanes) - 1))]
            events.append({"kind": kind, "origin": names[lane["origin"]], "destination": names[lane["dest"]], **when})
        elif len(network.region_names) > 1:
            events.append({"kind": kind, "region": draw(st.sampled_from(network.region_names)), **when})
    return scenario.model_copy(update={"events": small(events=events).events})


@hypothesis_settings(max_examples=40)
@given(scenario=eventful(), seed=st.integers(0, 1000))
def test_the_laws_hold_whatever_happens(scenario: Scenario, seed: int) -> None:
    try:
        sim = run_under_the_laws(scenario, 10**6, seed)
    except ScenarioError as error:  # a region whose border no lane crosses
        assert "no lane crosses" in str(error)
        return
    assert_laws(sim, 0)
    assert_books_agree(sim, 0)


# ------------------------------------------------------------------------------------------------- who plays and bounds


def test_the_environment_keeps_its_contract_and_masks_what_is_closed() -> None:
    scenario = small(**{**EVENTFUL, "horizon_hours": 100})
    env = RegionalDispatchEnv(scenario, tables=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env, skip_render_check=True)
    env.reset(options={"key": KEY})
    net, events, masked = env.sim.world.net, env.sim.world.events, 0
    for _ in range(99):
        observation = env.step(np.zeros(env.action_space.shape, np.int64))[0]
        period = events.period_at(env.sim.tick(0))
        shut = [lane for lane in net.slot_lane[0] if lane >= 0 and events.shut[period, lane]]
        assert not observation["lane_mask"][net.lanes["slot"][shut], 1].any()
        masked += int((env.sim.state.lane["count"][0, shut] > 0).sum())
        assert np.isfinite(observation["orders"]).all() and np.isfinite(observation["lanes"]).all()
    assert masked > 0


def test_the_bound_holds_with_events() -> None:
    scenario = small(**{**EVENTFUL, "horizon_hours": 96})
    bound = relaxed_bound(scenario, KEY, time_limit_s=0.2)
    for policy in ("least_cost", "regional_nearest+hybrid", "consolidate+time"):
        sim = simulator(scenario, KEY)
        sim.run(baseline(policy).scorers)
        assert bound.usd <= sum(sim.cash(0).values())


def test_the_optimum_without_events_is_a_bound_with_them(tmp_path: Path) -> None:
    """Full loads wait on a closed lane, so no lane may be made strict; a plan that is hindered proves nothing."""
    sites = build_network(world(tmp_path)).sites["name"]
    down_all = [down(name, start_hour=4, hours=8) for name in sites if name.startswith("FC")]
    scenario = world(tmp_path, events=down_all)
    bound = exact_bound(scenario, KEY, 60)
    sim = simulator(scenario, KEY)
    sim.run(baseline("least_cost").scorers)
    assert bound.details["strict_lanes"] == 0 and bound.kind == "relaxation"
    assert bound.usd < float(bound.details["replay_usd"]) and bound.usd <= sum(sim.cash(0).values())


def test_prices_of_units_know_what_is_cut_now() -> None:
    sim = simulator(small(events=[down()]), KEY)
    site = site_number(sim, FC)
    before = coming_cycle(sim, 0)
    sim.run(DEFAULT_BACKGROUND, 24)
    during = coming_cycle(sim, 0)  # between two ticks, before the kernel has met the event
    assert np.isfinite(before.cost[:, site]).any() and before.capacity[site] > 0
    assert np.isinf(during.cost[:, site]).all() and during.capacity[site] == 0
    kept = np.arange(len(before.capacity)) != site
    np.testing.assert_array_equal(during.cost[:, kept], before.cost[:, kept])


def test_a_priced_episode_lives_through_events() -> None:
    sim = Simulator(small(**EVENTFUL), pricer=LinearProgramPricer(6))
    sim.reset(0, KEY)
    sim.run(baseline("least_cost").scorers)
    assert_books_agree(sim, 0)


def test_without_events_an_episode_is_what_it_was_and_an_event_changes_it_from_its_start_on() -> None:
    calm, hit = simulator(small(), KEY), simulator(small(events=[cut_off(boundary=TWO_REGIONS["partition"])]), KEY)
    for sim in (calm, hit):
        sim.run(DEFAULT_BACKGROUND, 24)
    assert snapshot(calm, 0) == snapshot(hit, 0)
    for sim in (calm, hit):
        sim.run(DEFAULT_BACKGROUND)
    assert (calm.state.row["orders"] == hit.state.row["orders"]).all()
    assert sum(hit.cash(0)[name] for name in COMPONENTS) > sum(calm.cash(0)[name] for name in COMPONENTS)
