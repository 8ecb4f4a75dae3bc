"""What lanes are expected to cost a package: noted as it was, charged as it came, counted by plans."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from regional_dispatch.envs.dispatch_env import RegionalDispatchEnv
from regional_dispatch.envs.faces.infos import region_kpis
from regional_dispatch.envs.kernel.compiled import compiled
from regional_dispatch.envs.kernel.decisions import lane_price as lp
from regional_dispatch.envs.kernel.decisions.features import SOURCE_FEATURES
from regional_dispatch.envs.kernel.decisions.outlook import backlog_hours, expected_inflow
from regional_dispatch.envs.kernel.decisions.scorers import DEFAULT_BACKGROUND, Scorers, linear
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import Scenario
from tests.worlds import (
    TIGHT,
    TWO_REGIONS,
    Reader,
    decide_at_random,
    find_all,
    lane_price,
    random_tick,
    simulator,
    small,
)

KEY = episode_key("tune", 3, 0)
AMPLE = {**TWO_REGIONS, "network": {"fulfillment_centers": 8}, "stock": {"breadth": (1, 1, 1)}}


@compiled
def see(w: Any, s: Any, b: int, lane: int, ready: int, safe: int, ahead: int, x: np.ndarray) -> None:
    lp.lane_price_features(w, s, b, lane, ready, safe, ahead, x)


@compiled
def outlook(w: Any, s: Any, b: int, lane: int, site: int) -> tuple[float, float]:
    return expected_inflow(w, s, b, lane, 2), backlog_hours(w, s, b, site)


def expected(sim: Simulator, lane: int, ready: int, safe: int, ahead: int) -> dict[str, float]:
    """The features' formulas in plain Python, read from the packages themselves."""
    world, state, tick = sim.world, sim.state, sim.tick(0)
    record, read = world.net.lanes[lane], Reader(sim, 0)
    room, hours = world.rules.truck_packages, world.rules.tick_hours
    waiting = read.lanes()[lane]
    safes = [int(p["due"] - world.net.routes["rest"][p["route"], p["leg"]]) for p in (read.package[i] for i in waiting)]
    still = [t for t in safes if t >= tick]
    inflow, backlog = outlook(world, state, 0, lane, int(record["origin"]))
    inbound = int(state.lane["inbound"][0, lane])
    wait, full = (safe - ready) * hours, float(record["cost"]) / room
    first = min(still, default=2**30)

    def alone(load: float) -> float:
        return float(record["cost"]) / min(room, load) - full

    hour = (int(state.row["week_tick"][0]) + ready) * hours
    return {
        "full_load": full,
        "alone": alone(len(waiting) + 1),
        "in_six_hours": alone(len(waiting) + inbound + 1 + inflow),
        "at_deadline": alone(len(waiting) + inbound + 1 + inflow / 6 * min(max(wait, 0), 24)),
        "most_urgent": full if not waiting or safe <= first else 0,
        "fill": min(len(waiting) / room, 3),
        "inbound": min(inbound / room, 3),
        "slack": min(max(wait / 24, -1), 3),
        "deadline": math.exp(-max(wait, 0) / 4),
        "overdue": wait < 0,
        "backlog": min(backlog / 12, 5),
        "backlog_late": backlog > max(wait, 0) + hours,
        "rides_along": bool(waiting) and first >= ready,
        "next_departure": min(max((first - ready) * hours / 24, -1), 3),
        "late_waiting": len(still) < len(waiting),
        "hire": full * world.rules.spot_premium if state.trucks_home[0, record["origin"]] == 0 else 0,
        **{
            f"is_{name}": record["kind"] == kind
            for kind, name in enumerate(("direct", "fc_to_sc", "sc_to_sc", "sc_to_station"))
        },
        "ahead": ahead / 2,
        "hour_sin": math.sin(2 * math.pi * hour / 24),
        "hour_cos": math.cos(2 * math.pi * hour / 24),
    }


@pytest.mark.parametrize("world", [TWO_REGIONS, TIGHT, {**TWO_REGIONS, "tick_hours": 2}])
def test_features_equal_their_formulas(world: dict[str, Any]) -> None:
    sim, rng = simulator(small(**world), KEY), np.random.default_rng(0)
    seen = 0
    for tick in range(40):
        sim.begin(0)
        decide_at_random(sim, 0, rng)
        if tick % 5 == 4:
            for lane in rng.choice(len(sim.world.net.lanes), 12, replace=False):
                ready, safe, ahead = (
                    tick + int(rng.integers(0, 4)),
                    tick + int(rng.integers(-3, 30)),
                    int(rng.integers(3)),
                )
                x = np.full(lp.LANE_PRICE_COUNT, np.nan, np.float32)
                see(sim.world, sim.state, 0, int(lane), ready, safe, ahead, x)
                told = expected(sim, int(lane), ready, safe, ahead)
                assert tuple(told) == lp.LANE_PRICE_FEATURES
                for name, value in zip(lp.LANE_PRICE_FEATURES, x.tolist(), strict=True):
                    assert value == pytest.approx(float(told[name]), rel=1e-4, abs=1e-5), name
                seen += 1
        sim.finish(0)
    assert seen > 50


class Trucks:
    """Follows every truck: who rode, who could wait least, and what each was charged."""

    def __init__(self, scenario: Scenario, marginal: bool) -> None:
        self.sim = Simulator(scenario)
        if marginal:
            self.sim.charge_trucks(marginal=True)
        self.sim.reset(0, KEY)

    def departures(self, rng: np.random.Generator) -> list[tuple[list[float], list[int], float, int]]:
        """Of one tick: charges, last safe ticks, the truck's USD, and its room."""
        sim = self.sim
        before_cost = {}
        sim.begin(0)
        decide_at_random(sim, 0, rng)
        read = Reader(sim, 0)
        safe, lane_of = {}, {}
        for lane, packages in enumerate(read.lanes()):
            for p in packages:
                record = read.package[p]
                before_cost[p] = float(record["cost"])
                safe[p] = int(record["due"] - sim.world.net.routes["rest"][record["route"], record["leg"]])
                lane_of[p] = lane
        sim.finish(0)
        read, found = Reader(sim, 0), []
        for loads in read.trucks().values():
            for load in loads:
                if load[0] in lane_of and all(lane_of.get(p) == lane_of[load[0]] for p in load):
                    rode = [float(read.package[p]["cost"]) - before_cost[p] for p in load]
                    usd = float(sim.world.net.lanes["cost"][lane_of[load[0]]])
                    found.append((rode, [safe[p] for p in load], usd, sim.world.rules.truck_packages))
        return [one for one in found if sum(one[0]) > 0]


def test_who_makes_a_truck_leave_pays_a_share_and_the_others_ride_along() -> None:
    trucks, rng = Trucks(small(**TWO_REGIONS, trucks={"capacity_packages": 6}), marginal=True), np.random.default_rng(0)
    partly = 0
    for _ in range(60):
        for rode, safe, usd, room in trucks.departures(rng):
            if len(rode) == room:
                np.testing.assert_allclose(rode, usd / room, rtol=1e-4)
                continue
            urgent = [t == min(safe) for t in safe]
            assert sum(rode) == pytest.approx(usd / len(rode), rel=1e-4)  # one share
            assert [c > 0 for c in rode] == urgent
            partly += len(rode) > 1
    assert partly > 20


def test_by_default_everybody_pays_a_share() -> None:
    trucks, rng = Trucks(small(**TWO_REGIONS), marginal=False), np.random.default_rng(0)
    seen = 0
    for _ in range(40):
        for rode, _, usd, _ in trucks.departures(rng):
            np.testing.assert_allclose(rode, usd / len(rode), rtol=1e-4)
            seen += 1
    assert seen > 20


def test_samples_are_what_a_package_met_and_what_it_cost() -> None:
    """With full trucks of one package and promises that hold, no lane ever costs more than the standard."""
    world = small(
        trucks={"capacity_packages": 1, "fleet_headroom": 50},
        demand={"promise_hours": (200.0,), "promise_shares": (1.0,)},
    )
    sim = Simulator(world)
    sim.sample_lanes(4096)
    sim.reset(0, KEY)
    sim.run(DEFAULT_BACKGROUND)
    taken = min(int(sim.state.row["samples"][0]), 4096)
    assert taken > 100
    np.testing.assert_allclose(sim.state.sample_usd[0, :taken], 0, atol=1e-4)
    assert (sim.state.sample[0, :taken, lp.LANE_PRICE_FEATURES.index("full_load")] > 0).all()


def test_samples_book_trucks_less_than_full_and_waiting_too_long() -> None:
    sim = Simulator(small(**TWO_REGIONS, demand={"promise_hours": (6.0,), "promise_shares": (1.0,)}))
    sim.sample_lanes(4096)
    sim.reset(0, KEY)
    rng = np.random.default_rng(0)
    for _ in range(100):
        random_tick(sim, 0, rng)
    taken = int(sim.state.row["samples"][0])
    usd = sim.state.sample_usd[0, :taken]
    assert usd.min() >= -1e-3 and usd.max() > 5  # some waited until they were late


def test_plans_avoid_lanes_that_are_priced_high() -> None:
    """A price on every direct truck sends what it can over a sort center."""
    sim = simulator(small(**AMPLE), KEY)
    plain = direct_share(sim, Scorers(DEFAULT_BACKGROUND.source, DEFAULT_BACKGROUND.dispatch))
    dear = direct_share(sim, Scorers(*DEFAULT_BACKGROUND[:2], lane_price(is_direct=40.0)))
    assert dear < plain


def direct_share(sim: Simulator, scorers: Scorers) -> float:
    """Of the orders' least-cost plans over two days."""
    sim.reset(0, KEY)
    sim.price_lanes(scorers.price)
    direct = lines = 0
    for _ in range(48):
        sim.begin(0)
        found = np.zeros(sim.state.candidate.shape[1:3], np.int64)
        find_all(sim.world, sim.state, 0, found)
        for r, j in zip(*np.nonzero(found), strict=True):
            direct += sim.world.net.routes["legs"][sim.state.plan[0, r, j, 0]] == 1
            lines += 1
        sim.decide(0, scorers)
        sim.finish(0)
    return direct / lines


def test_a_policy_plans_with_its_own_prices_and_leaves_others_alone() -> None:
    """The prices of the one who decides count, not those that are observed."""
    one, two = simulator(small(**AMPLE), KEY), simulator(small(**AMPLE), KEY)
    two.price_lanes(lane_price(is_direct=30.0))
    for sim in (one, two):
        sim.run(DEFAULT_BACKGROUND)
    assert one.kpis(0) == two.kpis(0)


def test_learning_changes_nothing_in_the_world() -> None:
    plain, noted = simulator(small(**TWO_REGIONS), KEY), Simulator(small(**TWO_REGIONS))
    noted.sample_lanes(64)
    noted.charge_trucks(marginal=True)
    noted.reset(0, KEY)
    for sim in (plain, noted):
        sim.run(DEFAULT_BACKGROUND)
    assert plain.kpis(0) == noted.kpis(0) and plain.cash(0) == noted.cash(0)


def test_the_environment_shows_a_policy_what_the_kernel_shows_it() -> None:
    """One region decided from outside by `predict()`, the others inside: the episode is that of all inside."""
    scorers = Scorers(DEFAULT_BACKGROUND.source, DEFAULT_BACKGROUND.dispatch, lane_price(at_deadline=1.0, hire=2.0))
    source = linear(SOURCE_FEATURES, weights={"order_plan": 5.0, "surcharge": -1.0, "cost": -1.0})
    scorers = scorers._replace(source=source)
    env = RegionalDispatchEnv(small(**AMPLE), region=1, background=scorers, lane_price=scorers.price)
    whole, policy = simulator(small(**AMPLE), KEY), ScorerPolicy(scorers)
    observation, info = env.reset(options={"key": KEY})
    ended = False
    while not ended:
        observation, _, _, ended, info = env.step(policy.predict(observation)[0])
    whole.run(scorers)
    assert info["kpis"] == region_kpis(whole, 0, 1)
    blind = simulator(small(**AMPLE), KEY)
    blind.run(scorers._replace(price=lp.NO_PRICE))
    assert blind.kpis(0) != whole.kpis(0)  # so the prices do matter here
