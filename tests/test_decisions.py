"""What a learner is told of its decisions: lines are charged what their order cost, lanes what they caused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from regional_dispatch.agents.credit.decisions import Charges, LaneBook, Lanes, LineBook, Lines
from regional_dispatch.envs.kernel.features import SHADOW_PRICE_USD, SOURCE_FEATURES
from regional_dispatch.envs.kernel.ledger import COMPONENTS, USD
from regional_dispatch.envs.kernel.metrics import N
from regional_dispatch.envs.kernel.score import Scorer
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import Scenario
from tests.conftest import trace_scenario
from tests.worlds import FEW_SLOTS, SCARCE, TIGHT, TWO_REGIONS, Reader, lane_price, small

KEY = episode_key("train", 5, 0)
SHORT = {"horizon_hours": 72, "warmup_hours": 0}
AMPLE = {**TWO_REGIONS, **SHORT, "stock": {"safety_factor": 6, "breadth": (1, 1, 1)}}
SLOW = {**AMPLE, "capacity": {"pick_headroom": 0.6, "sort_headroom": 0.3, "backlog_limit_hours": 9}}
PRICE, SURCHARGE = (SOURCE_FEATURES.index(name) for name in ("shadow_price", "surcharge"))
Choose = Callable[[np.ndarray, np.ndarray], np.ndarray]


FREE = Charges()


class Record(NamedTuple):
    """A sourcing decision as the test saw it."""

    copy: int
    order: int
    price: float


class Runner:
    """Runs copies with both books as `RegionalPPO` does, and keeps its own notes.

    The log-probability of a decision is its serial number, so that it is known again when it comes back.
    """

    def __init__(
        self, scenario: Scenario, copies: int = 1, room: int = 64, charges: Charges = FREE, price: Scorer | None = None
    ) -> None:
        self.sim = Simulator(scenario, copies)
        if price is not None:
            self.sim.price_lanes(price)
            self.sim.sample_lanes(256)
        self.lines, self.lanes = LineBook(self.sim, room, charges), LaneBook(self.sim, charges)
        self.rng = np.random.default_rng(0)
        self.records: list[Record] = []
        self.lane_notes: dict[tuple[int, int, int], list[tuple[int, float, float, float]]] = defaultdict(list)
        self.episode = [0] * copies
        self.lane_cost = 0.0
        self.lane_serial = 0
        for copy in range(copies):
            self.start(copy)

    def start(self, copy: int) -> None:
        self.sim.reset(copy, KEY + copy + 10 * self.episode[copy])
        self.sim.begin(copy)

    def run(self, ticks: int, choose: Choose | None = None, go: float = 0.3) -> None:
        """Plays on, with random choices unless told otherwise; episodes that end are followed by new ones."""
        for _ in range(ticks):
            self.source(choose or self.at_random)
            self.dispatch(go)
            for copy in range(self.sim.copies):
                if self.sim.finish(copy):
                    self.lines.harvest(copy)
                    self.lanes.end_episode(copy)
                    self.episode[copy] += 1
                    self.start(copy)
                else:
                    self.sim.begin(copy)

    def at_random(self, x: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return (self.rng.random(mask.shape) * mask).argmax(axis=1)

    def source(self, choose: Choose) -> None:
        x, mask, _ = self.lines.pack()
        action = choose(x, mask).astype(np.int64)
        serial = np.arange(len(self.records), len(self.records) + len(x)).astype(np.float32)
        rows = np.arange(len(x))
        for (copy, order), price in zip(self.waiting(), x[rows, action, PRICE], strict=True):
            self.records.append(Record(copy, order, float(price) * SHADOW_PRICE_USD))
        self.lines.unpack(action, serial)

    def waiting(self) -> list[tuple[int, int]]:
        """Copy and order (a new number in every episode) of the lines that have a candidate, as packed."""
        s, found = self.sim.state, []
        for copy in range(self.sim.copies):
            for r in range(self.sim.regions):
                for j in range(int(s.slots[copy, r])):
                    line = s.line[copy, r, (s.line_first[copy, r] + j) % s.line.shape[2]]
                    if s.candidate[copy, r, j, 0] >= 0:
                        order = int(line["order"]) + 1_000_000 * self.episode[copy]
                        found.append((copy, order))
        return found

    def dispatch(self, go: float) -> None:
        x, _ = self.lanes.pack()
        n = len(x)
        action = (self.rng.random(n) < go).astype(np.int64)
        value = self.rng.normal(size=n).astype(np.float32)
        serial = np.arange(self.lane_serial, self.lane_serial + n, dtype=np.float32)
        self.lane_serial += n
        self.lanes.unpack(action, serial, value)
        kept: Lanes = self.lanes._kept[-1]
        for i in range(n):
            copy, lane = self._owner(int(kept.chain[i]))
            note = (self.sim.tick(copy), float(kept.cost[i]), float(value[i]), float(serial[i]))
            self.lane_notes[copy, self.episode[copy], lane].append(note)
        self.lane_cost += float(kept.cost.sum())

    def _owner(self, chain: int) -> tuple[int, int]:
        lanes = len(self.sim.world.net.lanes)
        return chain // lanes % self.sim.copies, chain % lanes

    def dollars(self, taken: Lines) -> dict[tuple[int, int], float]:
        """Copy and order → what its decisions were charged, the unit's price aside; the same for all of them."""
        usd: dict[tuple[int, int], list[float]] = defaultdict(list)
        for serial, reward in zip(taken.log_prob, taken.reward, strict=True):
            record = self.records[int(serial)]
            usd[record.copy, record.order].append(-float(reward) - record.price)
        for charged in usd.values():
            np.testing.assert_allclose(charged, charged[0], rtol=1e-4, atol=1e-4)
        return {order: charged[0] for order, charged in usd.items()}


def cash(sim: Simulator) -> dict[str, float]:
    return dict(zip(COMPONENTS, sim.state.cash.sum(axis=(0, 1)).tolist(), strict=True))


def run_to_settlement(runner: Runner, **how: Any) -> Lines:
    """One episode of copy 0, books closed; leaves the settled state as it is."""
    runner.run(runner.sim.world.rules.horizon_tick - 1, **how)
    runner.source(how.get("choose", runner.at_random))
    runner.dispatch(how.get("go", 0.3))
    assert runner.sim.finish(0)
    return runner.lines.take()


# ------------------------------------------------------------------------------------------------------------ lines


@pytest.mark.parametrize("lines", [(1.0,), (0.3, 0.3, 0.4)], ids=["single lines", "up to three lines"])
@pytest.mark.parametrize("go", [0.0, 0.3, 1.0])
def test_the_orders_costs_add_up_to_the_cash(lines: tuple[float, ...], go: float) -> None:
    """Each order counted once, lines of one order charged alike."""
    runner = Runner(small(**{**AMPLE, "demand": {"lines_per_order": lines, "orders_per_day": 150}}))
    taken = run_to_settlement(runner, go=go)
    paid = cash(runner.sim)
    assert paid["lost"] == 0
    assert len(taken.reward) == len(runner.records) > 300
    assert sum(runner.dollars(taken).values()) == pytest.approx(sum(paid.values()), rel=1e-4)


def test_an_order_is_charged_what_it_costs_alone(tmp_path: Path) -> None:
    """Orders too far apart to share a truck: each one's dollars are those of a world that has no other."""
    orders = [
        ["0.5,a,{0},1,1,30"],
        ["30.5,b,{3},2,1,2", "30.5,b,{3},7,2,2", "30.5,b,{3},9,1,2"],  # surely late
        ["60.5,c,{5},4,1,60", "60.5,c,{5},4,1,60"],
        ["110.5,d,{2},8,1,60"],  # settled at the horizon
    ]

    def charged(rows: list[str]) -> tuple[list[float], float]:
        runner = Runner(trace_scenario(tmp_path / "orders.csv", rows))
        taken = run_to_settlement(runner, choose=lambda x, mask: mask.sum(axis=1) - 1, go=1.0)
        return list(runner.dollars(taken).values()), sum(cash(runner.sim).values())

    together, total = charged([row for rows in orders for row in rows])
    alone = [charged(rows)[1] for rows in orders]
    assert min(alone) > 1
    assert sorted(together) == pytest.approx(sorted(alone), rel=1e-5)
    assert total == pytest.approx(sum(alone))


def test_a_line_pays_the_price_of_the_units_it_took() -> None:
    runner = Runner(small(**{**AMPLE, "demand": {"units_per_line": (0, 0, 1), "lines_per_order": (1.0,)}}))
    taken = run_to_settlement(runner)
    seen = taken.x[np.arange(len(taken.action)), taken.action, PRICE] * SHADOW_PRICE_USD
    np.testing.assert_allclose(seen, [runner.records[int(serial)].price for serial in taken.log_prob], rtol=1e-6)
    assert seen.max() > 0.1


def test_a_line_pays_for_the_hours_of_work_queued_on_its_way() -> None:
    """At the FC of the candidate it chose, and at every sort center on its way."""
    plain, charged = (Runner(small(**SLOW), charges=Charges(congestion_usd_per_hour=usd)) for usd in (0.0, 0.5))
    hours: list[float] = []

    def choose(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
        action = charged.at_random(x, mask)
        hours.extend(hours_queued(charged.sim, p) for p in chosen_routes(charged.sim, action))
        return action

    plain.run(71)
    charged.run(71, choose=choose)
    rewards = [rewards_by_serial(runner.lines.take()) for runner in (plain, charged)]
    assert rewards[0].keys() == rewards[1].keys()
    for serial, reward in rewards[1].items():
        assert rewards[0][serial] - reward == pytest.approx(0.5 * hours[serial], rel=1e-3, abs=1e-3)
    assert max(hours) > 5


def test_the_price_of_lanes_charges_the_same_hours() -> None:
    """What a policy plans with after training is what its lines paid while it learned. At later sort centers too."""
    price = Charges(congestion_usd_per_hour=0.1).with_congestion(lane_price())
    runner, legs = Runner(small(**SLOW), price=price), set()

    def choose(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
        action = runner.at_random(x, mask)
        for i, p in enumerate(chosen_routes(runner.sim, action)):
            legs.add(int(runner.sim.world.net.routes["legs"][p]))
            told = 5 * x[i, action[i], SURCHARGE]
            assert told == pytest.approx(0.1 * hours_queued(runner.sim, p), rel=1e-3, abs=1e-3)
        return action

    runner.run(71, choose=choose)
    assert legs == {1, 2, 3}


def chosen_routes(sim: Simulator, action: np.ndarray) -> list[int]:
    """Routes of the candidates chosen for the lines of copy 0, in the order they are packed."""
    routes = [
        candidates
        for r in range(sim.regions)
        for candidates in sim.state.candidate[0, r, : sim.state.slots[0, r]]
        if candidates[0] >= 0
    ]
    return [int(candidates[k]) for candidates, k in zip(routes, action, strict=True)]


def hours_queued(sim: Simulator, p: int) -> float:
    """Of work at a route's FC and at its sort centers; 60 a site at most."""
    net, queue, route = sim.world.net, sim.state.queue[0], sim.world.net.routes[p]
    centers = [net.lanes["origin"][lane] for lane in route["lanes"][1 : route["legs"]]]
    work = [(route["fc"], queue["lines"]), *((center, queue["packages"]) for center in centers)]
    return sum(min(60.0, float(queued[site] / net.site_capacity[site])) for site, queued in work)


def rewards_by_serial(taken: Lines) -> dict[int, float]:
    return dict(zip(taken.log_prob.astype(int).tolist(), taken.reward.tolist(), strict=True))


def test_a_line_pays_the_share_of_the_units_price_that_is_asked_for() -> None:
    whole, half = (Runner(small(**AMPLE), charges=Charges(units=units)) for units in (1.0, 0.5))
    for runner in (whole, half):
        runner.run(71)
    rewards = [rewards_by_serial(runner.lines.take()) for runner in (whole, half)]
    assert len(rewards[0]) > 100
    for serial, reward in rewards[1].items():
        price = whole.records[serial].price
        assert reward - rewards[0][serial] == pytest.approx(price / 2, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("changes", [SCARCE, FEW_SLOTS, TIGHT], ids=["scarce stock", "lines wait", "few trucks"])
def test_no_decision_is_lost(changes: dict[str, Any]) -> None:
    """Each is closed once, or void since another FC served the line than was chosen, or the line was lost."""
    runner = Runner(small(**{**changes, **SHORT}))
    horizon, taken = runner.sim.world.rules.horizon_tick, []
    for ticks in (1, 2, 10, 30, horizon - 44):
        runner.run(ticks)
        taken.append(runner.lines.take())
        closed = sum(len(part.reward) for part in taken)
        assert closed + runner.lines._open.sum() <= len(runner.records)
    runner.source(runner.at_random)
    runner.dispatch(0.3)
    assert runner.sim.finish(0)
    taken.append(runner.lines.take())
    serials = np.concatenate([part.log_prob for part in taken])
    assert len(np.unique(serials)) == len(serials)
    assert not runner.lines._open.any()
    count = runner.sim.state.count[0].sum(axis=0)
    assert count[N.lines] == len(serials) + count[N.lines_replanned] + count[N.lines_lost]
    if changes is SCARCE:
        assert count[N.lines_replanned] > 0
        assert count[N.lines_lost] > 0


def test_the_notes_of_a_decision_come_back_as_they_were() -> None:
    runner = Runner(small(**{**TWO_REGIONS, **SHORT}), copies=2)
    seen: list[tuple[np.ndarray, np.ndarray, int]] = []

    def choose(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
        action = runner.at_random(x, mask)
        seen.extend((x[i].copy(), mask[i].copy(), int(action[i])) for i in range(len(x)))
        return action

    runner.run(60, choose=choose)
    taken = runner.lines.take()
    assert len(taken.reward) > 100
    assert set(taken.region.tolist()) == {0, 1}
    for i, serial in enumerate(taken.log_prob):
        x, mask, action = seen[int(serial)]
        np.testing.assert_array_equal(taken.x[i], x)
        np.testing.assert_array_equal(taken.mask[i], mask)
        assert taken.action[i] == action
        assert mask[action]


def test_a_book_with_little_room_grows_and_tells_the_same() -> None:
    taken = []
    for room in (1, 4096):
        runner = Runner(small(**{**TWO_REGIONS, **SHORT}), copies=2, room=room)
        runner.run(100)
        lines = runner.lines.take()
        order = np.argsort(lines.log_prob)
        taken.append((lines.log_prob[order], lines.reward[order]))
    for small_room, large_room in zip(*taken, strict=True):
        np.testing.assert_array_equal(small_room, large_room)


def test_a_decision_is_open_until_its_whole_order_has_arrived(tmp_path: Path) -> None:
    """One order, two packages over routes of different length: both lines close at once."""
    runner = Runner(trace_scenario(tmp_path / "orders.csv", ["0.5,a,{0},1,1,30", "0.5,a,{0},2,1,30"]))

    def choose(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
        transit = np.where(mask, x[:, :, SOURCE_FEATURES.index("transit")], np.nan)
        return np.array([np.nanargmin(transit[i]) if i == 0 else np.nanargmax(transit[i]) for i in range(len(x))])

    waits = []
    for _ in range(100):
        runner.run(1, choose=choose, go=1.0)
        closed = len(runner.lines.take().reward)
        assert closed in (0, 2)
        waits.append((closed, runner.sim.packages_under_way(0)))
    assert sum(closed for closed, _ in waits) == 2
    arrived = [under_way for closed, under_way in waits if closed]
    assert arrived == [0]
    assert 1 in [under_way for _, under_way in waits]  # the first package arrived earlier and closed nothing


# ------------------------------------------------------------------------------------------------------------ lanes


def slow_advantages(
    chain: list[tuple[int, float, float, float]], gamma: float, gae_lambda: float
) -> dict[float, tuple[float, float]]:
    """Serial → advantage and return, term by term from the definition, for a chain of (tick, cost, value, serial)."""
    found = {}
    for i in range(len(chain) - 1):
        advantage = 0.0
        for n in range(i, len(chain) - 1):
            (tick, _, value, _), (after, cost, value_after, _) = chain[n], chain[n + 1]
            delta = -cost + gamma ** (after - tick) * value_after - value
            advantage += (gamma * gae_lambda) ** (tick - chain[i][0]) * delta
        found[chain[i][3]] = (advantage, advantage + chain[i][2])
    return found


@pytest.mark.parametrize("load_credit", [0.0, 1.0])
def test_advantages_are_those_of_a_plain_sum_over_gaps(load_credit: float) -> None:
    runner = Runner(small(**{**TWO_REGIONS, **SHORT}), copies=2, charges=Charges(load_credit=load_credit))
    runner.run(40)
    taken, advantage, returns = runner.lanes.take(0.97, 0.9)
    wanted: dict[float, tuple[float, float]] = {}
    for chain in runner.lane_notes.values():
        wanted.update(slow_advantages(chain, 0.97, 0.9))
    gaps = {b[0] - a[0] for chain in runner.lane_notes.values() for a, b in pairwise(chain)}
    assert {1, 2} < gaps
    assert advantage.dtype == returns.dtype == np.float32
    assert set(taken.log_prob.tolist()) == set(wanted)
    np.testing.assert_allclose(advantage, [wanted[s][0] for s in taken.log_prob.tolist()], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(returns, [wanted[s][1] for s in taken.log_prob.tolist()], rtol=1e-4, atol=1e-4)


def test_the_last_of_a_chain_waits_for_the_next_take() -> None:
    """So no end of a rollout is taken for the end of the world: each decision but the last comes back, once."""
    runner, taken = Runner(small(**{**TWO_REGIONS, **SHORT}), copies=2), []
    for ticks in (1, 9, 1, 20, 15):
        runner.run(ticks)
        taken += runner.lanes.take(1.0, 0.0)[0].log_prob.tolist()
        last = {chain[-1][3] for chain in runner.lane_notes.values()}
        assert len(taken) == len(set(taken))
        assert set(taken) | last == set(np.arange(runner.lane_serial, dtype=float))
        assert not set(taken) & last


def test_with_lambda_zero_a_return_is_one_cost_and_the_next_value() -> None:
    runner = Runner(small(**{**TWO_REGIONS, **SHORT}))
    returns = {}
    for _ in range(6):
        runner.run(8)
        taken, _, value = runner.lanes.take(0.9, 0.0)
        returns.update(zip(taken.log_prob.tolist(), value.tolist(), strict=True))
    for chain in runner.lane_notes.values():
        for (tick, _, _, serial), (after, cost, value_after, _) in pairwise(chain):
            assert returns[serial] == pytest.approx(-cost + 0.9 ** (after - tick) * value_after, rel=1e-4, abs=1e-4)


def test_the_end_of_an_episode_cuts_the_chains() -> None:
    """The last decision of an ended episode never comes back, and no chain reaches into the next episode."""
    runner = Runner(small(**{**TWO_REGIONS, **SHORT}), copies=2)
    horizon = runner.sim.world.rules.horizon_tick
    runner.run(horizon // 2)
    first = runner.lanes.take(0.97, 0.9)
    runner.run(horizon)
    second = runner.lanes.take(0.97, 0.9)
    assert {episode for _, episode, _ in runner.lane_notes} == {0, 1}
    taken = [*first[0].log_prob.tolist(), *second[0].log_prob.tolist()]
    last = {chain[-1][3] for chain in runner.lane_notes.values()}
    assert set(taken) == set(np.arange(runner.lane_serial, dtype=float)) - last
    kept = {serial for part in runner.lanes._kept for serial in part.log_prob.tolist()}
    assert kept == {chain[-1][3] for (_, episode, _), chain in runner.lane_notes.items() if episode == 1}


def test_lanes_are_charged_every_dollar_of_their_trucks() -> None:
    """Without lateness, what lanes were told of and what waits to be told is what trucks have cost."""
    free_of_lateness = {"late_usd": 0, "late_usd_per_hour": 0}
    runner = Runner(small(**{**TWO_REGIONS, **SHORT, "costs": free_of_lateness, "trucks": {"fleet_headroom": 0.02}}))
    runner.run(50)
    untold = runner.sim.state.lane["cost"].sum()
    trucks = runner.sim.state.accrual[..., [USD.truck, USD.spot]].sum()
    assert runner.sim.state.accrual[..., USD.spot].sum() > 0
    assert runner.lane_cost + untold == pytest.approx(trucks)


def test_a_lane_that_holds_is_charged_the_lateness_it_makes() -> None:
    """Trucks of a hundred never fill; with free trucks, held lanes are charged lateness and nothing else."""
    world = small(**{**TWO_REGIONS, **SHORT, "trucks": {"capacity_packages": 100, "usd_per_mile": 0, "dock_usd": 0}})
    held, sent = Runner(world), Runner(world)
    held.run(60, go=0.0)
    sent.run(60, go=1.0)
    assert sent.lane_cost == pytest.approx(0, abs=1e-9)
    assert held.lane_cost > 100


def test_full_credit_leaves_a_lane_the_air_it_sends() -> None:
    """Load credit 1 gives back a full truck's cost per package: full trucks are free, others pay for empty room."""
    costs = {"late_usd": 0, "late_usd_per_hour": 0}
    world = small(**{**TWO_REGIONS, **SHORT, "costs": costs, "trucks": {"spot_allowed": False}})
    full, partly = (Runner(world, charges=Charges(load_credit=1.0)) for _ in range(2))
    full.run(60, go=0.0)
    partly.run(60, go=1.0)
    assert full.sim.state.accrual[..., USD.truck].sum() > 100
    assert full.lane_cost == pytest.approx(0, abs=1e-6)
    assert partly.lane_cost > 100


@pytest.mark.parametrize("share", [0.0, 0.6])
def test_a_lane_that_hands_packages_on_is_charged_the_price_of_their_next_lane(share: float) -> None:
    """A price of one full truck's share per package, whatever the state of the next lane."""
    world = small(**{**TWO_REGIONS, **SHORT})
    plain, charged = (
        Runner(world, charges=Charges(handover=handover), price=lane_price(full_load=1.0)) for handover in (0.0, share)
    )
    handed: dict[int, float] = defaultdict(float)
    for _ in range(60):
        plain.run(1)
        charged.source(charged.at_random)
        charged.dispatch(0.3)
        follow_handovers(charged.sim, handed)
    assert len(handed) > 5
    untold = charged.sim.state.lane["handover_usd"][0]
    for lane in range(len(untold)):
        paid = [sum(cost for _, cost, _, _ in runner.lane_notes[0, 0, lane]) for runner in (plain, charged)]
        assert paid[1] - paid[0] == pytest.approx(share * (handed[lane] - untold[lane]), rel=1e-4, abs=1e-4)


def follow_handovers(sim: Simulator, handed: dict[int, float]) -> None:
    """Plays copy 0 on to its next decisions; adds, per lane, full trucks' shares on the next lanes of what it sent."""
    before = on_the_road(sim)
    assert not sim.finish(0)
    after = on_the_road(sim)
    sim.begin(0)  # full loads leave here
    net, packages = sim.world.net, sim.state.package[0]
    for p, leg in (after - before) | (on_the_road(sim) - after):
        lanes = net.routes[packages["route"][p]]["lanes"]
        if leg + 1 < net.routes[packages["route"][p]]["legs"]:
            share = float(net.lanes["cost"][lanes[leg + 1]]) / sim.world.rules.truck_packages
            handed[int(lanes[leg])] += share


def on_the_road(sim: Simulator) -> set[tuple[int, int]]:
    """Packages on trucks, each with the leg of its route."""
    loads = [load for trucks in Reader(sim, 0).trucks().values() for load in trucks]
    return {(p, int(sim.state.package["leg"][0, p])) for load in loads for p in load}
