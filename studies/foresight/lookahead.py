"""A policy that tries its decisions first, on futures that are drawn at random or partly known.

The rollout algorithm (Bertsekas, Tsitsiklis & Wu 1997): in every tick each decision of a base policy is changed, one
after the other; the base policy then plays the rest of the episode in many futures, the same ones for every choice,
and what is clearly cheaper is kept. With no orders known, futures are draws of the world's own orders, so it knows no
more than any policy may. With the true orders of some hours ahead, it shows what knowing them is worth; with all of
them, it is a search near the optimum in hindsight. It is thousands of times slower than its base: for small worlds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from regional_dispatch.envs.kernel.phases.dispatch import can_send
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.cells import Rows, digest
from regional_dispatch.evaluation.errors import InputError

_KEYS = 2**62  # keys below it belong to no stream of `envs.world.demand.STREAMS`

SOURCE, SEND, HOLD = KINDS = (
    "source",
    "send",
    "hold",
)  # changed decisions: SEND of held trucks, HOLD of sent ones


class _Change(NamedTuple):
    """One changed decision."""

    kind: str  # of KINDS
    place: tuple[int, ...]  # of the line, or of the lane, in the state
    candidate: int = -1  # of the line

    def apply(self, sim: Simulator) -> None:
        """Changes the decision in row 0."""
        if self.kind == SOURCE:
            sim.state.line["choice"][self.place] = self.candidate
        else:
            sim.state.go[self.place] = self.kind == SEND


class Lookahead:
    """Plays a policy that looks ahead; a player of `evaluation.cells`.

    Args:
        policy: the base policy, whose decision stands where nothing is clearly cheaper; one without LP prices.
        hours: how far ahead true orders are known at every decision. Unit: simulated hours; inf, all of them.
        futures: draws of the orders after those.
        margin: a choice must be cheaper by so many standard errors of the mean difference.

    Raises:
        InputError: the policy has its units priced by an LP.
    """

    def __init__(self, policy: ScorerPolicy, hours: float = 0.0, futures: int = 32, margin: float = 1.5) -> None:
        if policy.pricing is not None:
            raise InputError(
                f"policy '{policy.name}' has units priced by an LP, which is too slow to look ahead with; name another"
            )
        self.policy, self.hours, self.margin = policy, hours, margin
        self.futures = 1 if math.isinf(hours) else futures
        about = (hours, self.futures, margin)
        self.digest = digest(Path(__file__).read_bytes(), policy.scorers, about)

    def rollout(self, scenario: Scenario, keys: Sequence[int]) -> Rows:
        """The KPIs of one episode per key, and what was changed in it: `Play.changes`."""
        plays = [Play(self, scenario, key) for key in keys]
        return [{**play.kpis(), **play.changes} for play in plays]


class Play:
    """One episode: `real` is the episode, `trial` a try of the present tick, `futures` what may follow it.

    `changes` counts changed decisions as `source_changes`, …; and sums what they were expected to save in the futures
    as `source_saved_usd`, …
    """

    def __init__(self, player: Lookahead, scenario: Scenario, key: int) -> None:
        self.player, self.key = player, key
        self.known = player.hours / scenario.tick_hours  # ticks
        self.scorers = player.policy.scorers
        self.draws = np.random.default_rng(key)
        self.real, self.trial, self.futures = (Simulator(scenario, copies) for copies in (1, 1, player.futures))
        self.horizon = scenario.horizon_ticks
        self.changes = {f"{kind}_{what}": 0.0 for kind in KINDS for what in ("changes", "saved_usd")}

    def kpis(self) -> dict[str, float]:
        """Plays it."""
        self.real.reset(0, self.key)
        while self.real.tick(0) < self.horizon:
            self.real.begin(0)
            self.real.decide(0, self.scorers)
            self._improve()
            self.real.finish(0)
        return self.real.kpis(0)

    def _improve(self) -> None:
        """Changes each of this tick's decisions where that is clearly cheaper."""
        changes = list(_changes(self.real))
        if not changes:
            return
        draws = self.draws.integers(_KEYS, size=self.player.futures, dtype=np.uint64)
        best = self.dollars(None, draws)
        for change in changes:
            dollars = self.dollars(change, draws)
            if self._is_cheaper(dollars - best):
                change.apply(self.real)
                self.changes[f"{change.kind}_changes"] += 1
                self.changes[f"{change.kind}_saved_usd"] += float((best - dollars).mean())
                best = dollars

    def _is_cheaper(self, difference: np.ndarray) -> bool:
        error = difference.std() / math.sqrt(len(difference))
        return bool(difference.mean() < -1e-9 - self.player.margin * error)

    def dollars(self, change: _Change | None, draws: np.ndarray) -> np.ndarray:
        """Cost of the episode in each future with this change: (futures,) USD."""
        _fork(self.real, self.trial)
        if change is not None:
            change.apply(self.trial)
        if self.trial.finish(0):
            return np.full(len(draws), self.trial.state.cash.sum())
        _fork(self.trial, self.futures)
        known = self.real.tick(0) + 1 + self.known
        if known > self.futures.tick(0):
            self.futures.run(self.scorers, int(min(known, self.horizon)))
        self.futures.state.row["key"] = draws
        self.futures.run(self.scorers)
        return np.asarray(self.futures.state.cash.sum(axis=(1, 2)))


def _changes(sim: Simulator) -> Iterator[_Change]:
    """Every alternative to every single decision of row 0's tick."""
    net, state = sim.world.net, sim.state
    ring = state.line.shape[2]
    for region in range(net.regions):
        for slot in range(state.slots[0, region]):
            place = (0, region, int(state.line_first[0, region] + slot) % ring)
            taken = state.line["choice"][place]
            candidates = int((state.candidate[0, region, slot] >= 0).sum())
            yield from (_Change(SOURCE, place, k) for k in range(candidates) if k != taken)
    for lane in state.active[0, : state.row["active"][0]].tolist():
        if can_send(sim.world, state, 0, lane):
            yield _Change(HOLD if state.go[0, lane] else SEND, (0, lane))


def _fork(source: Simulator, into: Simulator) -> None:
    """Copies the one row of `source` into every row of `into`."""
    into.restore({name: np.repeat(array, into.copies, axis=0) for name, array in source.snapshot().items()})
