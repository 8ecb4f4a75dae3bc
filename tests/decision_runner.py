"""Plays copies of a network with a recorder of lines and one of lanes, shared by the tests of credit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from regional_dispatch.agents.credit.charges import Charges
from regional_dispatch.agents.credit.lanes import LaneRecorder, Lanes
from regional_dispatch.agents.credit.lines import LineRecorder, Lines
from regional_dispatch.envs.kernel.decisions.features import SHADOW_PRICE_USD, SOURCE_FEATURES
from regional_dispatch.envs.kernel.decisions.score import Scorer
from regional_dispatch.envs.kernel.ledger import COMPONENTS
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import Scenario
from tests.worlds import TWO_REGIONS

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
    """Runs copies with both recorders as `RegionalPPO` does, and keeps its own notes.

    The log-probability of a decision is its serial number, so that it is known again when it comes back.
    """

    def __init__(
        self, scenario: Scenario, copies: int = 1, room: int = 64, charges: Charges = FREE, price: Scorer | None = None
    ) -> None:
        self.sim = Simulator(scenario, copies)
        if price is not None:
            self.sim.price_lanes(price)
            self.sim.sample_lanes(256)
        self.lines, self.lanes = LineRecorder(self.sim, room, charges), LaneRecorder(self.sim, charges)
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
        """Plays `ticks` more, by default with random choices; a new episode follows one that ends."""
        for _ in range(ticks):
            self.source(choose or self.at_random)
            self.dispatch(go)
            for copy in range(self.sim.copies):
                if self.sim.finish(copy):
                    self.lines.close_finished(copy)
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
    """One episode of copy 0 to its end; leaves the settled state as it is."""
    runner.run(runner.sim.world.rules.horizon_tick - 1, **how)
    runner.source(how.get("choose", runner.at_random))
    runner.dispatch(how.get("go", 0.3))
    assert runner.sim.finish(0)
    return runner.lines.take()
