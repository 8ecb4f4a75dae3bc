"""Sampled streams: each makes one decision, drawn at random, and is charged with all that it leads to."""

from __future__ import annotations

import math

import numpy as np

from regional_dispatch.envs.kernel.decisions.scorers import Scorers
from regional_dispatch.envs.kernel.tick import READY
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.streams.compiled import charge_lanes, follow_lines, play_on
from regional_dispatch.envs.streams.tick import TickDecisions, blank
from regional_dispatch.envs.streams.whole import StreamStep
from regional_dispatch.envs.vector_env import RegionRows

_NO_LANES, _NO_SHARE, _NO_USD = np.zeros(0, np.int64), np.zeros(1), np.zeros(0)
_MOST_TICKS_BETWEEN = 6  # by chance, so that decisions fall on every hour of the day


class SampledStreams:
    """A step is one decision of every stream and the hours until its cost is known.

    In one tick of each copy the streams decide on decisions drawn at random. `background` makes all others, and every
    one of the next `follow_hours`. Then each stream's decision ends with its own charge, and the streams draw again.

    A line is charged with the cost of its whole order: handling, shares of trucks, lateness, and the shadow price of
    the units it took. A lane is charged with its trucks, less what their packages would have cost on full ones, and
    with the lateness of what it held, discounted. A line whose choice could not be served, or whose order is still
    under way, is charged with the standard cost of its choice.

    Args:
        sim: the network copies.
        rows: streams; copy after copy, as many of each but the last.
        background: makes all decisions that are not drawn. It may be changed at any time, such as to the learner's own.
        seed: of orders and draws.
        base: rule that action 0 stands for.
        follow_hours: how long a decision is followed.
        discount_per_hour: of what a lane is charged with later.
    """

    credit = "own"

    def __init__(
        self, sim: Simulator, rows: int, background: Scorers, seed: int = 0, base: Scorers | None = None,
        follow_hours: float = 48.0, discount_per_hour: float = 0.9,
    ) -> None:  # fmt: skip
        self.sim, self.rows = sim, rows
        self.background = background
        self.region_rows = RegionRows(sim, seed)
        self.tick = TickDecisions(sim, base)
        self.actions = self.tick.actions
        self._ticks = max(1, math.ceil(follow_hours / sim.scenario.tick_hours))
        self._discount = discount_per_hour**sim.scenario.tick_hours
        self._edges = np.linspace(0, rows, sim.copies + 1).astype(int)  # of the copies' streams
        self._drawn: list[np.ndarray] = [np.zeros(0, np.int64)] * sim.copies  # decisions of the copy's streams
        self._draws = np.random.default_rng(seed)
        sim.keep_journeys(self.tick.order.shape[1])
        sim.charge_trucks(marginal=True)

    def start(self, seed: int | None = None) -> None:
        """Starts every copy from its first episode, under a new seed if one is given."""
        self.region_rows.restart(seed)
        self._draws = np.random.default_rng(self.region_rows.seed)
        for copy in range(self.sim.copies):
            self._begin_episode(copy)

    def restart(self, row: int) -> None:
        """Does nothing: a stream's next episode is the decision it has drawn."""

    def observe(self) -> np.ndarray:
        """What every stream decides next: (rows, actions, COLUMN_COUNT); blank for a stream that found none left."""
        out = blank(self.rows, self.actions)
        for copy, drawn in enumerate(self._drawn):
            low = self._edges[copy]
            shown = out[low : low + len(drawn)]
            shown[:] = 0
            self.tick.show(np.full(len(drawn), copy), drawn, shown)
        return out

    def step(self, actions: np.ndarray, skip: np.ndarray | None = None) -> StreamStep:
        """Makes every stream's decision, follows it, and draws the next ones.

        Args:
            actions: (rows,) int64 in 0…actions − 1; an illegal one stands for 0.
            skip: not used: no stream waits for a reset.
        """
        usd, idle = np.zeros(self.rows), np.ones(self.rows, bool)
        for copy, drawn in enumerate(self._drawn):
            mine = slice(self._edges[copy], self._edges[copy] + len(drawn))
            usd[mine] = self._charges(copy, drawn, actions[mine])
            idle[mine] = False
            self._go_on(copy)
        return StreamStep(usd, np.ones(self.rows, bool), np.zeros(self.rows, bool), idle)

    def _charges(self, copy: int, drawn: np.ndarray, actions: np.ndarray) -> np.ndarray:
        """Makes the copy's drawn decisions and follows them; what each is charged with: (drawn,) USD."""
        sim, lines = self.sim, self.tick.lines[copy]
        copies = np.full(len(drawn), copy)
        own = self.tick.legal_action(copies, drawn, actions)
        of_line, of_lane = drawn < lines, drawn >= lines
        line, lane = drawn[of_line], drawn[of_lane] - lines
        choice = np.full(lines, -1)
        choice[line] = own[of_line]
        sim.decide(copy, self.background)
        self.tick.write(copy, choice, own[of_lane], lane)
        follow_lines(sim.world, sim.state, copy)
        usd = np.zeros(len(drawn))
        usd[of_lane] = self._follow(copy, self.tick.lane[copy, lane])
        usd[of_line] = self._order_usd(copy, line, own[of_line])
        return usd

    def _follow(self, copy: int, lanes: np.ndarray) -> np.ndarray:
        """Plays the copy until the decisions' costs are known; what its lanes are charged with: (lanes,) USD."""
        sim, usd, share = self.sim, np.zeros(len(lanes)), np.ones(1)
        sim.finish(copy)
        charge_lanes(sim.world, sim.state, copy, lanes, 1.0, usd)
        self._run(copy, sim.tick(copy) + self._ticks - 1, lanes, share, usd)
        return usd

    def _order_usd(self, copy: int, line: np.ndarray, choice: np.ndarray) -> np.ndarray:
        """Cost of the lines' orders and of the units they took: (n,)."""
        lines = self.tick.lines[copy]
        journeys = self.sim.state.journey[copy, :lines]
        _, order = np.unique(self.tick.order[copy, :lines], return_inverse=True)
        leads = journeys["leader"] == np.arange(lines)  # one line of every package holds its cost
        known = np.bincount(order, leads & (journeys["done"] == 0))[order] == 0
        usd = np.bincount(order, np.where(leads, journeys["cost"], 0.0))[order]
        as_chosen = known & (journeys["void"] == 0)
        copies = np.full(len(line), copy)
        standard = self.tick.standard_cost_usd(copies, line, choice)
        return np.where(as_chosen[line], usd[line], standard) + self.tick.price[copies, line, choice]

    def _run(
        self, copy: int, until: int, lanes: np.ndarray = _NO_LANES, share: np.ndarray = _NO_SHARE,
        usd: np.ndarray = _NO_USD,
    ) -> None:  # fmt: skip
        """Plays the copy up to a tick or the horizon; see `envs.streams.compiled.play_on`."""
        sim, until = self.sim, min(until, self.sim.world.rules.horizon_tick)
        if sim.auditor is not None:
            self._run_audited(copy, until, lanes, share, usd)
            return
        while True:
            state = sim.state._replace(lane_price=self.background.price)
            need = play_on(sim.world, state, copy, self.background, until, lanes, self._discount, share, usd)
            if need == READY:
                return
            sim.make_room(need)

    def _run_audited(self, copy: int, until: int, lanes: np.ndarray, share: np.ndarray, usd: np.ndarray) -> None:
        """The same, tick by tick through the simulator, which audits them."""
        while self.sim.tick(copy) < until and not self.sim.state.row["settled"][copy]:
            self.sim.advance(copy, self.background, self.sim.tick(copy) + 1)
            share[0] *= self._discount
            charge_lanes(self.sim.world, self.sim.state, copy, lanes, share[0], usd)

    def _go_on(self, copy: int) -> None:
        """Goes to the next tick to draw decisions from."""
        self._run(copy, self.sim.tick(copy) + int(self._draws.integers(_MOST_TICKS_BETWEEN)))
        if self.sim.state.row["settled"][copy]:
            self.region_rows.start(copy)
            self._begin_episode(copy)
        else:
            self.sim.begin(copy)
            self._draw(copy)

    def _begin_episode(self, copy: int) -> None:
        """Plays the start of an episode, in which the network is still empty."""
        self.sim.decide(copy, self.background)
        self.sim.finish(copy)
        most = min(self._ticks, self.sim.world.rules.horizon_tick - 1)
        self._run(copy, int(self._draws.integers(1, most + 1)))
        self.sim.begin(copy)
        self._draw(copy)

    def _draw(self, copy: int) -> None:
        count, seats = self.tick.read(copy), self._edges[copy + 1] - self._edges[copy]
        self._drawn[copy] = self._draws.permutation(count)[:seats]
