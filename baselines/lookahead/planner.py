"""A policy that tries its decisions first, on futures that are drawn at random.

The rollout algorithm (Bertsekas, Tsitsiklis & Wu 1997, "Rollout Algorithms for Combinatorial Optimization", Journal of
Heuristics 3:245): in every tick each decision of a base policy is changed, one after the other; the base policy then
plays on in many futures, the same ones for every choice, and what is clearly cheaper is kept. Futures are draws of the
world's own orders, so it knows no more than any policy may.

Three things make it fast: regions that have nothing to do with each other are changed together, each judged by its own
dollars; a change is tried on eight futures first, and only if it is cheaper there on more; and only the most promising
changes of each region are tried. What is left is tried alone on futures that have no part in the choice, and judged by
the dollars of all regions.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np

from regional_dispatch.baselines.lookahead.changes import KINDS, Change, alternatives, most_promising
from regional_dispatch.baselines.lookahead.futures import Futures
from regional_dispatch.baselines.lookahead.options import SUFFIX, Options
from regional_dispatch.baselines.rules import BaselineError
from regional_dispatch.baselines.tick_player import TickPlayer
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.simulator import Simulator

_TOGETHER = 32  # futures, which bounds the memory
_KEYS = 2**62  # keys below it belong to no stream of `envs.world.demand.STREAMS`
_FEWEST, _GROWTH = 8, 4  # futures on which a change is tried first, and how many times more on the next level


class Lookahead(TickPlayer):
    """Plays a policy that looks ahead.

    Args:
        policy: the base policy, whose decision stands where nothing is clearly cheaper; one without LP prices.
        options: how far and how often it looks.
        known_hours: of true orders that every future begins with, for studies of what knowing them is worth; inf, all.
        name: for tables. Default: the base's with `+lookahead`.

    Raises:
        BaselineError: the policy has its units priced by an LP.
    """

    def __init__(
        self, policy: ScorerPolicy, options: Options | None = None, known_hours: float = 0.0, name: str = ""
    ) -> None:
        if policy.pricing is not None:
            raise BaselineError(
                f"policy '{policy.name}' has units priced by an LP, which is too slow to look ahead with; name another"
            )
        self.options = options or Options()
        weights = b"".join(np.ascontiguousarray(array).tobytes() for scorer in policy.scorers for array in scorer)
        about = hashlib.sha256(weights + repr((self.options, known_hours)).encode()).hexdigest()
        super().__init__(name or policy.name + SUFFIX, about, policy.seen, policy.learned_on)
        self.policy, self.known_hours = policy, known_hours
        self.count = 1 if math.isinf(known_hours) else self.options.futures
        self.changed: dict[str, float] = {}
        self._rng = np.random.default_rng()
        self._futures: Futures | None = None

    def start(self, sim: Simulator) -> None:
        """Counts changes from here on, and draws futures that belong to the episode."""
        self._rng = np.random.default_rng(int(sim.state.row["key"][0]))
        self.changed = {f"{kind}_{what}": 0.0 for kind in KINDS for what in ("changes", "saved_usd")}

    def episode(self, sim: Simulator, key: int) -> dict[str, float]:
        """Plays an episode; beside its KPIs, how many decisions of each kind were changed, as `source_changes`, …, and
        what that was expected to save in the futures, as `source_saved_usd`, …"""
        return {**super().episode(sim, key), **self.changed}

    def decide(self, sim: Simulator) -> None:
        """Lets the base policy decide, and changes what is clearly cheaper otherwise."""
        sim.decide(0, self.policy.scorers)
        found = alternatives(sim)
        if found:
            draws = self._rng.integers(_KEYS, size=self.count, dtype=np.uint64)
            improve = self._improve_thoroughly if self.options.thorough else self._improve
            improve(sim, found, draws)

    def _improve_thoroughly(self, sim: Simulator, found: list[Change], draws: np.ndarray) -> None:
        """One change after the other, each on all futures."""
        best = self.futures(sim).dollars(sim, [], draws)
        for change in found:
            usd = self.futures(sim).dollars(sim, [change], draws)
            if self._is_cheaper((usd - best).sum(axis=1)):
                self._take(sim, change, best - usd)
                best = usd

    def _improve(self, sim: Simulator, found: list[Change], draws: np.ndarray) -> None:
        """The most promising changes: on few futures, those that share no region together; then alone on many."""
        futures, levels = self.futures(sim), _levels(self.count)
        few, many = draws[: levels[-1]], draws[levels[-1] if self.count > 2 else 0 :]
        tried, best = futures.dollars(sim, [], few), None
        pending = most_promising(found, self.options.lanes, self.options.lines)
        while pending:
            group, pending = _apart(pending)
            for change in self._hopeful(sim, group, few, tried, levels):
                best = futures.dollars(sim, [], many) if best is None else best
                usd = futures.dollars(sim, [change], many)
                if self._is_cheaper((usd - best).sum(axis=1)):
                    self._take(sim, change, best - usd)
                    tried, best = futures.dollars(sim, [], few), usd

    def _hopeful(
        self, sim: Simulator, group: list[Change], draws: np.ndarray, best: np.ndarray, levels: Sequence[int]
    ) -> list[Change]:
        """The changes that are cheaper for their regions, in the mean, on each level."""
        usd = np.zeros((0, sim.regions))
        for level in levels:
            usd = np.concatenate([usd, self.futures(sim).dollars(sim, group, draws[len(usd) : level])])
            group = [change for change in group if _difference(usd, best[:level], change).mean() < 0]
            if not group:
                return []
        return group

    def futures(self, sim: Simulator) -> Futures:
        """Copies of the network to try decisions in."""
        if self._futures is None or self._futures.scenario is not sim.scenario:
            self._futures = Futures(
                sim.scenario, min(self.count, _TOGETHER), self.policy.scorers, self.options.hours, self.known_hours
            )
        return self._futures

    def _is_cheaper(self, difference: np.ndarray) -> bool:
        error = difference.std() / math.sqrt(len(difference))
        return bool(difference.mean() < -1e-9 - self.options.margin * error)

    def _take(self, sim: Simulator, change: Change, saved: np.ndarray) -> None:
        """Changes the decision, which saves so many dollars in each future and region."""
        change.apply(sim)
        self.changed[f"{change.kind}_changes"] += 1
        self.changed[f"{change.kind}_saved_usd"] += float(saved.sum(axis=1).mean())

    def __getstate__(self) -> dict[str, object]:
        """Pickled without the copies of the network."""
        return {**self.__dict__, "_futures": None}


def _levels(count: int) -> list[int]:
    """Numbers of futures on which a change is tried before the others decide: 8, 32, …, a third of all at most."""
    levels, level = [max(1, min(_FEWEST, count // 3))], _FEWEST * _GROWTH
    while level <= count // 3:
        levels.append(level)
        level *= _GROWTH
    return levels


def _apart(pending: Sequence[Change]) -> tuple[list[Change], list[Change]]:
    """Changes that share no region, the first of each; and the others, in the same order."""
    group, rest, taken = list[Change](), list[Change](), set[int]()
    for change in pending:
        if taken & change.regions:
            rest.append(change)
        else:
            group.append(change)
            taken |= change.regions
    return group, rest


def _difference(usd: np.ndarray, best: np.ndarray, change: Change) -> np.ndarray:
    """What the regions of a change pay more with it, in each future: (futures,) USD."""
    regions = list(change.regions)
    difference: np.ndarray = (usd[:, regions] - best[:, regions]).sum(axis=1)
    return difference
