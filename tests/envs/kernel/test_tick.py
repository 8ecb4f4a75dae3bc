"""The compiled kernel against the plain reference, and a batch against its rows alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from regional_dispatch.envs.kernel import tick as kernel
from regional_dispatch.envs.kernel.decisions.scorers import DEFAULT_BACKGROUND
from regional_dispatch.envs.kernel.ledger import COMPONENTS
from regional_dispatch.envs.kernel.metrics import COUNTERS
from regional_dispatch.envs.kernel.phases.lane_queue import NEVER
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import Scenario
from tests.reference import Reference
from tests.worlds import (
    FEW_SLOTS,
    SCARCE,
    TIGHT,
    TWO_REGIONS,
    WAITING,
    WORLDS,
    Reader,
    decide_at_random,
    random_tick,
    simulator,
    small,
    snapshot,
)

KEY = episode_key("evaluate", 7, 0)


# ------------------------------------------------------------------------------------------ kernel and reference


def books(book: Sequence[Mapping[str, float]], names: tuple[str, ...]) -> np.ndarray:
    return np.array([[part[name] for name in names] for part in book], dtype=float)


def assert_same_shelves(sim: Simulator, ref: Reference) -> None:
    s = sim.state
    assert s.stock[0].tolist() == ref.stock
    on_order = np.zeros(s.stock[0].shape, int)
    for (sku, fc), outstanding in ref.on_order.items():
        on_order[sku, fc] = sum(units for _, units in outstanding)
    np.testing.assert_array_equal(s.pipeline[0].sum(axis=0), on_order)


def assert_same_places(sim: Simulator, ref: Reference) -> None:
    read = Reader(sim, 0)
    places: list[tuple[list[int], list[Any]]] = []
    places += zip(read.sites(), map(list, ref.site_queue), strict=True)
    places += zip(read.lanes(), map(list, ref.lane_queue), strict=True)
    trucks = read.trucks()
    loads = {tick: loads for tick, loads in ref.arriving.items() if loads}
    assert {tick: len(x) for tick, x in trucks.items()} == {tick: len(x) for tick, x in loads.items()}
    places += [pair for tick in trucks for pair in zip(trucks[tick], loads[tick], strict=True)]
    occupied = [pair for pair in places if pair[0] or pair[1]]
    for packages, expected in occupied:
        assert read.face(packages) == [p.face for p in expected]
    costs = [p.cost for _, expected in occupied for p in expected]
    np.testing.assert_allclose(
        read.package["cost"][[p for packages, _ in occupied for p in packages]], costs, rtol=1e-5
    )
    queue = sim.state.queue[0]
    assert queue["packages"].tolist() == [len(q) for q in ref.site_queue]
    assert queue["lines"].tolist() == [sum(p.lines for p in q) for q in ref.site_queue]


def assert_same_lanes(sim: Simulator, ref: Reference) -> None:
    lane, tick = sim.state.lane[0], ref.tick
    safe = [[p.due - ref.rest(p) for p in queue] for queue in ref.lane_queue]
    ahead = [[t for t in ticks if t >= tick] for ticks in safe]
    assert lane["count"].tolist() == [len(queue) for queue in ref.lane_queue]
    assert lane["late"].tolist() == [sum(t < tick for t in ticks) for ticks in safe]
    assert lane["safe"].tolist() == [min(ticks, default=NEVER) for ticks in ahead]
    urgent = sim.state.urgent[0]
    for counted, ticks in zip(urgent, ahead, strict=True):
        assert counted.tolist() == np.bincount(np.array(ticks, int) % len(counted), minlength=len(counted)).tolist()
    inbound: Counter[int] = Counter()
    for package, picks, _, leg, _ in ref.under_way():
        at_site = picks == 1 or any(package in queue for queue in ref.site_queue)
        on_road = leg == package.leg + 1
        if (at_site or on_road) and leg < ref.routes[package.route]["legs"]:
            inbound[ref.routes[package.route]["lanes"][leg]] += 1
    assert lane["inbound"].tolist() == [inbound[i] for i in range(len(lane))]
    assert lane["sent"].tolist() == [ref.sent[i] for i in range(len(lane))]
    np.testing.assert_allclose(lane["cost"], [ref.lane_cost[i] for i in range(len(lane))], rtol=1e-9, atol=1e-6)
    active = sim.state.active[0, : sim.state.row["active"][0]].tolist()
    assert active == [i for i, queue in enumerate(ref.lane_queue) if queue]


def assert_same_trucks(sim: Simulator, ref: Reference) -> None:
    s = sim.state
    assert s.trucks_home[0].tolist() == ref.home
    length = s.trucks_back.shape[1]
    back = np.zeros(s.trucks_back[0].shape, int)
    for tick, sites in ref.returning.items():
        for site, trucks in sites.items():
            back[tick % length, site] += trucks
    np.testing.assert_array_equal(s.trucks_back[0], back)


def assert_same_lines(sim: Simulator, ref: Reference) -> None:
    s = sim.state
    for r, lines in enumerate(ref.waiting):
        size, first = s.line.shape[2], int(s.line_first[0, r])
        found = [s.line[0, r, (first + i) % size] for i in range(int(s.line_count[0, r]))]
        seen = [tuple(int(x[name]) for name in ("order", "ordered", "due", "station", "sku", "units")) for x in found]
        assert seen == [(x.order, x.ordered, x.due, x.station, x.sku, x.units) for x in lines]
    assert s.slots[0].tolist() == [len(lines) for lines in ref.slots]


def assert_same_books(sim: Simulator, ref: Reference) -> None:
    s = sim.state
    close: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-6}
    np.testing.assert_allclose(s.cash[0], books(ref.cash, COMPONENTS), err_msg="cash", **close)
    np.testing.assert_allclose(s.accrual[0], books(ref.accrual, COMPONENTS), err_msg="accrual", **close)
    np.testing.assert_allclose(s.opening[0], books(ref.opening, COMPONENTS), err_msg="opening", **close)
    np.testing.assert_allclose(s.count[0], books(ref.count, COUNTERS), err_msg=str(COUNTERS), **close)
    row = s.row[0]
    assert (row["tick"], row["orders"], row["lines"], row["lines_lost"]) == (ref.tick, ref.orders, ref.lines, ref.lost)
    assert (row["packages_made"], row["packages_done"]) == (ref.made, ref.done)
    assert row["packages"] == ref.made - ref.done
    assert (row["units_arrived"], row["units_shipped"]) == (ref.arrived_units, ref.shipped_units)


def assert_same(sim: Simulator, ref: Reference) -> None:
    for check in (
        assert_same_shelves,
        assert_same_places,
        assert_same_lanes,
        assert_same_trucks,
        assert_same_lines,
        assert_same_books,
    ):
        check(sim, ref)


def assert_same_candidates(sim: Simulator, ref: Reference) -> None:
    for r, lines in enumerate(ref.slots):
        for j, line in enumerate(lines):
            found = sim.state.candidate[0, r, j].tolist()
            expected = ref.candidates(line)
            assert found == expected + [-1] * (len(found) - len(expected))


def run_both(scenario: Scenario, seed: int = 0, reevaluate: bool = False) -> Reference:
    """A whole episode under random decisions, compared before and after every tick's decisions."""
    sim, rng = simulator(scenario, KEY, reevaluate=reevaluate), np.random.default_rng(seed)
    ref = Reference(sim.world, KEY, round(scenario.start_hour / scenario.tick_hours), reevaluate)
    done = False
    while not done:
        sim.begin(0)
        ref.begin()
        assert_same(sim, ref)
        choices, go = decide_at_random(sim, 0, rng)
        assert_same_candidates(sim, ref)
        done = sim.finish(0)
        ref.finish(choices, go)
        if not done:
            assert_same(sim, ref)
    ref.settle()
    assert_same_places(sim, ref)
    assert_same_lines(sim, ref)
    assert_same_books(sim, ref)
    return ref


def total(ref: Reference, counter: str) -> float:
    return sum(count[counter] for count in ref.count)


@pytest.mark.parametrize("name", WORLDS)
def test_every_tick_equals_the_reference(name: str) -> None:
    ref = run_both(small(**WORLDS[name]))
    assert ref.orders > 100 and ref.done > 100


@pytest.mark.parametrize(
    "name",
    ["packages wait to be picked", "slow picking and sorting", "scarce stock", "half-hour ticks", "all late", "events"],
)
def test_re_evaluation_equals_the_reference(name: str) -> None:
    changes = {**WORLDS[name], "capacity": WAITING["capacity"]}
    ref = run_both(small(**changes), reevaluate=True)
    assert ref.orders > 100 and ref.done > 100
    assert total(ref, "lines_mended") > 10 or name != "packages wait to be picked"


def test_re_evaluation_mends_splits_and_breaks_nothing() -> None:
    """Against the same policy without it: fewer packages, fewer dollars; shelves never above base stock."""
    kpis = {}
    for reevaluate in (False, True):
        sim = simulator(small(**WAITING), KEY, reevaluate=reevaluate)
        while not sim.state.row["settled"][0]:
            sim.begin(0)
            sim.decide(0, DEFAULT_BACKGROUND)
            sim.finish(0)
            assert (sim.state.stock[0] <= sim.world.base_stock[0]).all()
        kpis[reevaluate] = sim.kpis(0)
        assert sum(sim.cash(0).values()) == pytest.approx(sum(sim.accrual(0).values()), abs=0.01)
    assert kpis[False]["mended_share"] == 0 < kpis[True]["mended_share"]
    assert kpis[True]["packages_per_order"] < kpis[False]["packages_per_order"]
    assert kpis[True]["cost_per_order_usd"] < kpis[False]["cost_per_order_usd"]


def test_replayed_orders_equal_the_reference(trace_world: Scenario) -> None:
    ref = run_both(trace_world)
    assert ref.orders == 240


def test_the_worlds_reach_the_rules_they_are_for() -> None:
    scarce, tight = run_both(small(**SCARCE), 1), run_both(small(**TIGHT), 1)
    assert (
        total(scarce, "lines_lost") > 0 and total(scarce, "lines_replanned") > 0 and total(scarce, "lines_spilled") > 0
    )
    assert total(tight, "spot_trucks") == 0 and min(tight.home) == 0
    spot = run_both(small(**WORLDS["small fleet, spot trucks"]), 1)
    assert total(spot, "spot_trucks") > 0
    late = run_both(small(**WORLDS["all late"]), 1)
    assert total(late, "lines_on_time") < 0.1 * total(late, "lines_due")


def test_lines_wait_when_slots_are_full() -> None:
    sim, rng = simulator(small(**FEW_SLOTS), KEY), np.random.default_rng(0)
    waited = 0
    for _ in range(60):
        sim.begin(0)
        waited += int((sim.state.line_count[0] > sim.state.slots[0]).any())
        assert (sim.state.slots[0] <= 6).all()
        decide_at_random(sim, 0, rng)
        sim.finish(0)
    assert waited > 0


# ------------------------------------------------------------------------------------------ batches, keys, growth


@pytest.mark.parametrize("changes", [TWO_REGIONS, FEW_SLOTS, SCARCE], ids=["two regions", "few slots", "scarce"])
def test_a_batch_equals_its_rows_alone(changes: dict[str, Any]) -> None:
    keys = [episode_key("train", 3, i) for i in range(4)]
    batch = simulator(small(**changes), *keys)
    batch.run(DEFAULT_BACKGROUND, until=70)
    for row, key in enumerate(keys):
        alone = simulator(small(**changes), key)
        alone.run(DEFAULT_BACKGROUND, until=70)
        assert snapshot(batch, row) == snapshot(alone, 0)
    batch.run(DEFAULT_BACKGROUND)
    alone.run(DEFAULT_BACKGROUND)
    assert snapshot(batch, 3) == snapshot(alone, 0)
    assert (batch.state.row["settled"] == 1).all()


def test_run_equals_step_by_step() -> None:
    whole, steps = simulator(small(**TWO_REGIONS), KEY), simulator(small(**TWO_REGIONS), 1, KEY)
    whole.run(DEFAULT_BACKGROUND)
    done = False
    while not done:
        steps.begin(1)
        steps.decide(1, DEFAULT_BACKGROUND)
        done = steps.finish(1)
    assert snapshot(whole, 0) == snapshot(steps, 1)


def test_rows_stepped_in_turn_do_not_touch_each_other() -> None:
    keys = [episode_key("train", 5, i) for i in range(3)]
    together = simulator(small(**TWO_REGIONS), *keys)
    rngs = [np.random.default_rng(i) for i in range(3)]
    for _ in range(40):
        for row in range(3):
            random_tick(together, row, rngs[row])
    for row, key in enumerate(keys):
        alone, rng = simulator(small(**TWO_REGIONS), key), np.random.default_rng(row)
        for _ in range(40):
            random_tick(alone, 0, rng)
        assert snapshot(together, row) == snapshot(alone, 0)


def test_regions_decided_one_by_one_equal_all_at_once() -> None:
    once, parts = simulator(small(**TWO_REGIONS), KEY), simulator(small(**TWO_REGIONS), KEY)
    for _ in range(50):
        once.begin(0)
        parts.begin(0)
        once.decide(0, DEFAULT_BACKGROUND)
        parts.decide(0, DEFAULT_BACKGROUND, only=1)
        parts.decide(0, DEFAULT_BACKGROUND, skip=1)
        once.finish(0)
        parts.finish(0)
    assert snapshot(once, 0) == snapshot(parts, 0)


def test_the_same_key_is_the_same_episode_and_another_key_another() -> None:
    sim = simulator(small(), KEY, KEY, KEY + 1)
    sim.run(DEFAULT_BACKGROUND, until=30)
    assert snapshot(sim, 0) == snapshot(sim, 1)
    assert (
        snapshot(sim, 0)["waiting"] != snapshot(sim, 2)["waiting"]
        or snapshot(sim, 0)["stock"] != snapshot(sim, 2)["stock"]
    )


def test_orders_do_not_depend_on_decisions() -> None:
    sim, rng = simulator(small(), KEY, KEY), np.random.default_rng(0)
    for _ in range(30):
        for row in (0, 1):
            sim.begin(row)
        lines = [sim.state.line[row, 0][["sku", "station", "units", "due"]] for row in (0, 1)]
        counts = [int(sim.state.line_count[row, 0]) for row in (0, 1)]
        assert counts[0] == counts[1]
        first = [int(sim.state.line_first[row, 0]) for row in (0, 1)]
        assert np.roll(lines[0], -first[0])[: counts[0]].tolist() == np.roll(lines[1], -first[1])[: counts[1]].tolist()
        decide_at_random(sim, 0, rng)
        sim.decide(1, DEFAULT_BACKGROUND)
        for row in (0, 1):
            sim.finish(row)


def test_reset_forgets_the_last_episode() -> None:
    sim = simulator(small(**TWO_REGIONS), 11)
    sim.run(DEFAULT_BACKGROUND, until=50)
    sim.begin(0)
    sim.reset(0, KEY)
    fresh = simulator(small(**TWO_REGIONS), KEY)
    sim.run(DEFAULT_BACKGROUND, until=40)
    fresh.run(DEFAULT_BACKGROUND, until=40)
    assert snapshot(sim, 0) == snapshot(fresh, 0)


@pytest.mark.parametrize("packages, lines", [(1, 1), (40, 256), (10_000, 3)])
def test_room_for_packages_and_lines_grows_without_a_trace(packages: int, lines: int) -> None:
    scenario = small(**FEW_SLOTS)
    roomy, narrow = simulator(scenario, KEY, 5), Simulator(scenario, 2)
    s = narrow.state
    narrow.state = s._replace(
        package=np.zeros((2, packages), s.package.dtype), line=np.zeros((2, s.line.shape[1], lines), s.line.dtype)
    )
    narrow.reset(0, KEY)
    narrow.reset(1, 5)
    rngs = [np.random.default_rng(1) for _ in range(2)]
    for _ in range(80):
        random_tick(roomy, 0, rngs[0])
        random_tick(narrow, 0, rngs[1])
    assert snapshot(narrow, 0) == snapshot(roomy, 0)
    assert narrow.state.package.shape[1] > packages or narrow.state.line.shape[2] > lines
    narrow.run(DEFAULT_BACKGROUND)
    roomy.run(DEFAULT_BACKGROUND)
    for row in (0, 1):
        assert snapshot(narrow, row) == snapshot(roomy, row)


def test_begin_that_asks_for_room_changes_nothing() -> None:
    sim = simulator(small(**TWO_REGIONS), KEY)
    sim.run(DEFAULT_BACKGROUND, until=30)
    packages = sim.state.package.shape[1]
    sim.state = sim.state._replace(line=np.zeros((1, 2, 1), sim.state.line.dtype))
    sim.state.line_first[:] = 0
    before = snapshot(sim, 0)
    assert kernel.begin_tick(sim.world, sim.state, 0) == kernel.GROW_LINES
    assert snapshot(sim, 0) == before
    sim.state.row["packages"][0] += packages
    assert kernel.begin_tick(sim.world, sim.state, 0) == kernel.GROW_PACKAGES


def test_a_day_without_orders_costs_nothing() -> None:
    sim = simulator(small(demand={"orders_per_day": 0}), KEY)
    sim.run(DEFAULT_BACKGROUND)
    assert sim.state.cash.sum() == 0 and sim.state.row["packages_made"][0] == 0
    kpis = sim.kpis(0)
    assert all(
        math.isnan(kpis[name]) for name in ("cost_per_order_usd", "on_time_share", "packages_per_order", "truck_fill")
    )
    assert kpis["trucks"] == kpis["lanes_used"] == 0


# ------------------------------------------------------------------------------------------ levers


def test_settings_have_their_own_routes_in_one_table_and_the_same_buildings() -> None:
    counted = {"kind": "national", "counted_by": TWO_REGIONS["partition"]}
    national, regional = (build_network(small(partition=x)).net for x in (counted, TWO_REGIONS["partition"]))
    both = build_network(small(partition=counted, changes=[{"hour": 30, **TWO_REGIONS}])).net
    first = len(national.routes)
    assert both.first_tick.tolist() == [0, 30] and both.divided.tolist() == [0, 1]
    for name in ("fc", "station", "legs", "lanes", "local", "cost"):
        np.testing.assert_array_equal(both.routes[name][:first], national.routes[name])
        np.testing.assert_array_equal(both.routes[name][first:], regional.routes[name])
    for name in ("by_cost", "inside", "outside", "by_distance"):
        new, own = (x if name == "by_cost" else x["path"] for x in (getattr(both, name)[1], getattr(regional, name)[0]))
        np.testing.assert_array_equal(new[:, : own.shape[1]], np.where(own < 0, -1, own + first))
    for name in ("site_capacity", "fleet", "region_of_site"):
        np.testing.assert_array_equal(getattr(both, name), getattr(national, name))


def test_rows_at_different_hours_are_in_different_settings() -> None:
    """Two rows of a batch: one a day ahead. Each gives what it gives alone."""
    scenario = small(**WORLDS["levers change"])
    batch = Simulator(scenario, copies=2)
    for row in range(2):
        batch.reset(row, KEY)
    while batch.tick(0) < 50:
        batch.begin(0)
        batch.decide(0, DEFAULT_BACKGROUND)
        batch.finish(0)
    assert batch.state.row["setting"].tolist() == [1, 0]
    batch.run(DEFAULT_BACKGROUND)
    np.testing.assert_array_equal(batch.state.cash[0], batch.state.cash[1])
