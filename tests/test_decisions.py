"""The ledger's returns, decision by decision, against slow bookkeeping in plain Python."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest

from agents.decisions import LaneBook, Lanes, LineBook, Lines, join
from envs.features import SOURCE_FEATURES
from envs.ledger import LATE, LOST, SPOT, TRUCK
from envs.scenario import Scenario
from envs.simulator import Simulator
from envs.vector_env import RegionRows
from tests.worlds import FEW_SLOTS, SCARCE, TIGHT, TWO_REGIONS, small

SHORT = {"horizon_hours": 36, "warmup_hours": 0}
WORLDS = {"roomy": TWO_REGIONS, "scarce stock": SCARCE, "lines wait for slots": FEW_SLOTS, "tight fleet": TIGHT}
PROMPT = {**TWO_REGIONS, "demand": {"promise_hours": (1000.0, 1000.0, 1000.0)}}  # nothing is ever late


def world(changes: dict[str, Any]) -> Scenario:
    return small(**{**changes, **SHORT})


@dataclass
class Books:
    """Copies under random decisions, every decision booked as a learner does."""

    scenario: Scenario
    copies: int = 2
    room: int = 4096
    load_credit: float = 0.0
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))

    def __post_init__(self) -> None:
        self.sim = Simulator(self.scenario, self.copies)
        self.rows = RegionRows(self.sim, seed=5)
        self.rows.restart()
        self.lines = LineBook(self.sim, self.room)
        self.lanes = LaneBook(self.sim, self.load_credit)

    def decide_lines(self) -> tuple[np.ndarray, np.ndarray]:
        """Random candidates; what was seen of each line, and the choice."""
        x, mask, _ = self.lines.pack()
        action = np.where(mask, self.rng.random(mask.shape), -1).argmax(axis=1)
        x = x.copy()
        self.lines.unpack(action, np.zeros(len(action), np.float32))
        return x, action

    def decide_lanes(self) -> None:
        """Go with chance one third, values at random."""
        x, _ = self.lanes.pack()
        value = self.rng.normal(size=len(x)).astype(np.float32)
        self.lanes.unpack((self.rng.random(len(x)) < 1 / 3).astype(np.int64), np.zeros(len(x), np.float32), value)

    def finish(self, copy: int) -> bool:
        """The rest of the tick; at the horizon the copy waits for `restart`."""
        ended = self.sim.finish(copy)
        if not ended:
            self.sim.begin(copy)
        return ended

    def restart(self, copy: int) -> None:
        self.lines.harvest(copy)
        self.lanes.end_episode(copy)
        self.rows.start(copy)


# ----------------------------------------------------------------------------------------------------------- lines


class Decided(NamedTuple):
    """One sourcing decision."""

    order: tuple[int, int, int]  # copy, episode, order
    journey: int
    price: float  # of the units it took, USD


class SlowLines:
    """What the line book should close, from the kernel's journeys alone."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.open: dict[tuple[int, int, int], list[Decided]] = defaultdict(list)
        self.rewards: list[float] = []
        self.order_usd: list[float] = []  # of every order, once
        self.decided = self.void = 0

    def note(self, x: np.ndarray, action: np.ndarray) -> None:
        """Reads back which line each decision belongs to."""
        sim, n = self.books.sim, 0
        s = sim.state
        for copy in range(sim.copies):
            episode = int(self.books.rows.episodes[copy])
            for r in range(sim.regions):
                for j in range(int(s.slots[copy, r])):
                    if s.candidate[copy, r, j, 0] < 0:
                        continue
                    line = s.line[copy, r, (s.line_first[copy, r] + j) % s.line.shape[2]]
                    assert line["choice"] == action[n]
                    price = float(x[n, action[n], SOURCE_FEATURES.index("shadow_price")] * line["units"])
                    order = (copy, episode, int(line["order"]))
                    self.open[order].append(Decided(order, int(line["journey"]), price))
                    n += 1
        assert n == len(action)
        self.decided += n

    def close(self) -> None:
        """Closes orders all of whose packages are there."""
        for order, decisions in list(self.open.items()):
            journeys = self.books.sim.state.journey[order[0]]
            leaders = {int(journeys[d.journey]["leader"]) for d in decisions}
            if not all(journeys[leader]["done"] for leader in leaders):
                continue
            usd = sum(float(journeys[leader]["cost"]) for leader in leaders)
            self.order_usd.append(usd)
            for decision in decisions:
                if journeys[decision.journey]["void"]:
                    self.void += 1
                else:
                    self.rewards.append(-usd - decision.price)
            del self.open[order]


def run_lines(books: Books, ticks: int) -> tuple[SlowLines, Lines]:
    """Both books side by side, taking at odd times."""
    slow, taken = SlowLines(books), []
    for tick in range(ticks):
        slow.note(*books.decide_lines())
        books.decide_lanes()
        ended = [books.finish(copy) for copy in range(books.copies)]
        slow.close()
        if tick % 7 == 6:
            taken.append(books.lines.take())
        for copy in np.flatnonzero(ended):
            books.restart(int(copy))
    slow.close()
    return slow, join([*taken, books.lines.take()])


@pytest.mark.parametrize("name", WORLDS)
def test_a_closed_line_is_charged_with_its_order_and_the_units_it_took(name: str) -> None:
    slow, taken = run_lines(Books(world(WORLDS[name])), 50)  # into the second episode
    assert len(taken.reward) > 300
    np.testing.assert_allclose(np.sort(taken.reward), np.sort(slow.rewards), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", WORLDS)
def test_every_decision_is_taken_once_or_void_or_open(name: str) -> None:
    books = Books(world(WORLDS[name]))
    slow, taken = run_lines(books, 50)
    still_open = sum(map(len, slow.open.values()))
    assert still_open > 0
    assert slow.decided == len(taken.reward) + slow.void + still_open
    assert int(books.lines._open.sum()) == still_open
    assert len(books.lines.take().reward) == 0
    if name == "scarce stock":
        assert slow.void > 0  # another line was first: not what was chosen, so nothing to learn from


def test_the_orders_costs_add_up_to_the_cash_of_the_episode() -> None:
    books = Books(world(TWO_REGIONS), copies=1)
    slow, _ = run_lines(books, 35)
    slow.note(*books.decide_lines())
    assert books.finish(0)
    slow.close()
    assert not slow.open  # the horizon settles everything
    cash = books.sim.state.cash[0]
    assert sum(slow.order_usd) == pytest.approx(cash.sum() - cash[:, LOST].sum(), rel=1e-5)


def test_a_line_keeps_what_was_seen_and_chosen() -> None:
    books = Books(world(TWO_REGIONS), copies=1)
    seen = []
    for _ in range(35):
        x, action = books.decide_lines()
        seen += [(row.tobytes(), int(a)) for row, a in zip(x, action, strict=True)]
        books.finish(0)
    books.finish(0)
    taken = books.lines.take()
    assert (np.take_along_axis(taken.mask, taken.action[:, None], 1)).all()
    got = sorted((row.tobytes(), int(a)) for row, a in zip(taken.x, taken.action, strict=True))
    assert set(got) <= set(seen)
    assert len(got) > 0.9 * len(seen)


def test_the_book_grows_with_its_open_decisions() -> None:
    small_book, large_book = Books(world(TWO_REGIONS), room=8), Books(world(TWO_REGIONS))
    (_, few), (_, many) = run_lines(small_book, 50), run_lines(large_book, 50)
    assert small_book.lines.room > 8
    np.testing.assert_array_equal(np.sort(few.reward), np.sort(many.reward))


def test_a_book_that_forgets_starts_anew() -> None:
    books = Books(world(TWO_REGIONS))
    run_lines(books, 10)
    books.rows.restart()
    books.lines.forget()
    slow, taken = run_lines(books, 10)
    assert slow.decided == len(taken.reward) + slow.void + sum(map(len, slow.open.values()))


# ----------------------------------------------------------------------------------------------------------- lanes


def slow_advantages(every: Lanes, gamma: float, gae_lambda: float) -> dict[tuple[int, int], float]:
    """(chain, tick) → advantage of every decision with a successor, by the textbook sum."""
    chains: dict[int, list[tuple[int, float, float]]] = defaultdict(list)
    for chain, tick, cost, value in zip(every.chain, every.tick, every.cost, every.value, strict=True):
        chains[int(chain)].append((int(tick), float(cost), float(value)))
    out = {}
    for chain, decisions in chains.items():
        decisions.sort()
        for i in range(len(decisions) - 1):
            total, now = 0.0, decisions[i][0]
            for (tick, _, value), (after, cost, next_value) in zip(decisions[i:], decisions[i + 1 :], strict=False):
                delta = -cost + gamma ** (after - tick) * next_value - value
                total += (gamma * gae_lambda) ** (tick - now) * delta
            out[chain, now] = total
    return out


def run_lanes(books: Books, ticks: int) -> None:
    for _ in range(ticks):
        books.decide_lines()
        books.decide_lanes()
        for copy in range(books.copies):
            if books.finish(copy):
                books.restart(copy)


def test_advantages_are_those_of_the_textbook_over_gaps() -> None:
    books = Books(world(TWO_REGIONS))
    run_lanes(books, 30)
    every = join(books.lanes._kept)
    taken, advantage, returns = books.lanes.take(0.9, 0.8)
    expected = slow_advantages(every, 0.9, 0.8)
    found = dict(zip(zip(taken.chain.tolist(), taken.tick.tolist(), strict=True), advantage.tolist(), strict=True))
    assert found.keys() == expected.keys()
    assert len(found) > 100
    np.testing.assert_allclose([found[key] for key in expected], list(expected.values()), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(returns, advantage + taken.value, rtol=1e-6)
    ticks: dict[int, list[int]] = defaultdict(list)
    for chain, tick in zip(every.chain.tolist(), every.tick.tolist(), strict=True):
        ticks[chain].append(tick)
    assert max(np.diff(sorted(chain)).max() for chain in ticks.values() if len(chain) > 1) > 1  # there were gaps


def test_the_last_of_a_chain_waits_for_its_successor() -> None:
    books = Books(world(TWO_REGIONS))
    run_lanes(books, 12)
    first, *_ = books.lanes.take(0.99, 0.95)
    kept = join(books.lanes._kept)
    assert len(np.unique(kept.chain)) == len(kept.chain)  # one of every chain
    run_lanes(books, 12)
    second, *_ = books.lanes.take(0.99, 0.95)

    def keys(lanes: Lanes) -> set[tuple[int, int]]:
        return set(zip(lanes.chain.tolist(), lanes.tick.tolist(), strict=True))

    assert not keys(first) & keys(second)
    reached = keys(kept) & keys(second)
    assert len(reached) > 0.8 * len(kept.chain)  # their successors have come


def test_what_follows_an_end_is_another_chain() -> None:
    books = Books(world(TWO_REGIONS))
    run_lanes(books, books.scenario.horizon_ticks)  # the copies have just started anew
    lanes = len(books.sim.world.net.lanes)
    every = join(books.lanes._kept)
    taken, *_ = books.lanes.take(0.99, 0.95)
    chains = len(np.unique(every.chain))
    assert len(taken.chain) == len(every.chain) - chains  # the last of every chain is dropped
    assert len(join(books.lanes._kept).chain) == 0
    run_lanes(books, 10)
    later, *_ = books.lanes.take(0.99, 0.95)
    assert later.tick.max() < 10
    assert set((later.chain // lanes // books.copies).tolist()) == {1}
    assert not set(later.chain.tolist()) & set(every.chain.tolist())


def test_lanes_are_charged_with_their_trucks_and_their_lateness() -> None:
    for changes in (PROMPT, TIGHT):
        books = Books(world(changes), copies=1)
        run_lanes(books, 30)
        charged = join(books.lanes._kept).cost.sum() + books.sim.state.lane["cost"].sum()
        accrual = books.sim.state.accrual[0].sum(axis=0)
        trucks = accrual[TRUCK] + accrual[SPOT]
        assert trucks > 0
        if changes is PROMPT:
            assert accrual[LATE] == 0
            assert charged == pytest.approx(trucks)
        else:
            assert trucks < charged < trucks + accrual[LATE] + 1e-6


def test_the_load_credit_is_a_full_trucks_cost_per_package_sent() -> None:
    plain, credited = Books(world(TWO_REGIONS)), Books(world(TWO_REGIONS), load_credit=0.75)
    run_lanes(plain, 30)
    run_lanes(credited, 30)
    one, other = join(plain.lanes._kept), join(credited.lanes._kept)
    np.testing.assert_array_equal(one.chain, other.chain)
    net, state = plain.sim.world.net, plain.sim.state
    count = len(net.lanes)
    credit = np.bincount(one.chain, one.cost - other.cost, 2 * count).reshape(2, count)
    sent = state.lane["carried"] - state.lane["sent"]  # all that left, less what is not yet charged
    np.testing.assert_allclose(credit, 0.75 * sent * net.lanes["cost"] / plain.sim.world.rules.truck_packages)
    assert (credit > 0).any()
