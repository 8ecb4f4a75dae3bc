"""Policies that are not two scorers: they play their episodes themselves, tick by tick."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from regional_dispatch.envs.policy import Pricing, ScorerPolicy
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import Scenario

SECONDS, DECISIONS = PACE = ("cpu_seconds", "decisions_made")  # of an episode, beside its KPIs


class PlayerError(ValueError):
    """A policy that cannot play; the message names it and how to correct it."""


class TickPlayer(ABC):
    """What plays whole episodes by itself, all regions at once.

    Args:
        name: for tables.
        digest: of everything that decides how it plays.
        seen: (stream, seed) of the episodes it was trained or tuned on; it is not to be evaluated on those.
        learned_on: facts of the world it was trained or tuned on, as `envs.policy.ScorerPolicy` has them.
    """

    pricing: Pricing | None = None  # units have no prices

    def __init__(
        self,
        name: str,
        digest: str,
        seen: frozenset[tuple[str, int]] = frozenset(),
        learned_on: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.digest = digest
        self.seen = seen
        self.learned_on = learned_on or {}

    def start(self, sim: Simulator) -> None:  # noqa: B027  # most have nothing to prepare
        """Prepares for the episode that row 0 begins."""

    @abstractmethod
    def decide(self, sim: Simulator) -> None:
        """Writes the decisions of row 0's tick, which `sim.begin` has begun."""

    def run(self, sim: Simulator, until: int | None = None) -> None:
        """Plays row 0 on, up to a tick or the horizon, where the books are closed."""
        for _ in self._ticks(sim, until):
            pass

    def episode(self, sim: Simulator, key: int) -> dict[str, float]:
        """Plays an episode in row 0.

        Returns:
            Its KPIs; `cpu_seconds`, for all of it, simulation included; and `decisions_made`, the number of order
            lines and the lanes with packages waiting that were decided about.
        """
        sim.reset(0, key)
        since = time.process_time()
        decisions = sum(self._ticks(sim))
        return {**sim.kpis(0), SECONDS: time.process_time() - since, DECISIONS: float(decisions)}

    def rollout(self, scenario: Scenario, keys: Sequence[int]) -> list[dict[str, float]]:
        """One episode per key; see `episode`."""
        sim = Simulator(scenario)
        return [self.episode(sim, key) for key in keys]

    def _ticks(self, sim: Simulator, until: int | None = None) -> Iterator[int]:
        """Plays tick after tick; yields how many decisions each had."""
        until = sim.world.rules.horizon_tick if until is None else until
        ended = False
        while not ended and sim.tick(0) < until:
            if sim.tick(0) == 0:
                self.start(sim)
            sim.begin(0)
            yield int(sim.state.slots[0].sum() + sim.state.row["active"][0])
            self.decide(sim)
            ended = sim.finish(0)


class ScorerPlayer(TickPlayer):
    """A policy of two scorers, played tick by tick: for how long its decisions take."""

    def __init__(self, policy: ScorerPolicy) -> None:
        super().__init__(policy.name, "", policy.seen, policy.learned_on)
        self.policy = policy
        self.pricing = policy.pricing

    def decide(self, sim: Simulator) -> None:
        """Lets the compiled scorers decide."""
        sim.decide(0, self.policy.scorers)
