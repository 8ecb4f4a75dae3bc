"""Which streams an environment's arguments ask for, and the check of the actions that go into them."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from gymnasium.error import InvalidAction

from regional_dispatch.envs.faces.action_space import as_array
from regional_dispatch.envs.faces.scorers import check_scorers
from regional_dispatch.envs.kernel.decisions.scorers import DEFAULT_BACKGROUND, Scorers
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.streams.sampled import SampledStreams
from regional_dispatch.envs.streams.tick import TickDecisions
from regional_dispatch.envs.streams.whole import WholeStreams
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.scenario import Scenario

WHOLE, OWN = CREDITS = ("whole", "own")
_PROBE_HOURS = 24.0
_NO_BACKGROUND = "background: with credit='whole' streams make every decision; leave it out, or use 'own'"


def streams_of(
    scenario: Scenario, rows: int, credit: str, background: Scorers | None, base: Scorers | None, follow_hours: float,
    audit: bool | str | Path | None = None,
) -> WholeStreams | SampledStreams:  # fmt: skip
    """The streams of `RegionalDecision-v0`; its class has the arguments.

    Raises:
        ScenarioError: an argument cannot be used.
    """
    if credit not in CREDITS:
        raise ScenarioError(f"credit = {credit!r}: must be one of {', '.join(CREDITS)}")
    for name, scorers in (("background", background), ("base", base)):
        if scorers is not None:
            check_scorers(name, scorers)
    if not (math.isfinite(follow_hours) and follow_hours > 0):
        raise ScenarioError(f"follow_hours = {follow_hours}: must be above 0. Unit: hours")
    if credit == WHOLE:
        if background is not None:
            raise ScenarioError(_NO_BACKGROUND)
        return WholeStreams(Simulator(scenario, rows, audit=audit), base=base)
    if scenario.horizon_ticks < 2:
        raise ScenarioError("credit='own' plays on before its first decision: horizon_hours must be two ticks or more")
    others = background or DEFAULT_BACKGROUND
    # One stream needs one copy, however many decisions a tick has: no network is played to count them.
    copies = 1 if rows == 1 else -(-rows // min(rows, decisions_per_tick(scenario, others)))
    return SampledStreams(Simulator(scenario, copies, audit=audit), rows, others, base=base, follow_hours=follow_hours)


class HasBackground:
    """An environment over streams, whose background may be set at any time."""

    streams: WholeStreams | SampledStreams

    @property
    def background(self) -> Scorers | None:
        """With `credit="own"`, the scorers that make all decisions but those drawn."""
        return None if isinstance(self.streams, WholeStreams) else self.streams.background

    @background.setter
    def background(self, scorers: Scorers) -> None:
        check_scorers("background", scorers)
        if isinstance(self.streams, WholeStreams):
            raise ScenarioError(_NO_BACKGROUND)
        self.streams.background = scorers


def decisions_per_tick(scenario: Scenario, policy: Scorers) -> int:
    """Median decisions of a tick in the first day after the warm-up, 1 at least."""
    sim = Simulator(scenario)
    decisions = TickDecisions(sim)
    sim.reset(0, episode_key("train", 0, 0))
    last = sim.world.rules.horizon_tick - 1
    first = min(sim.world.rules.warmup_tick, last)
    sim.run(policy, until=first)
    counts = []
    for _ in range(first, min(first + math.ceil(_PROBE_HOURS / scenario.tick_hours), last) + 1):
        sim.begin(0)
        counts.append(decisions.read(0))
        sim.decide(0, policy)
        if sim.finish(0):
            break
    return max(1, int(median(counts)))


def checked_actions(actions: Any, rows: int, options: int) -> np.ndarray:
    """Actions as streams take them: (rows,) int64.

    Raises:
        gymnasium.error.InvalidAction: another shape, not integers, or out of range.
    """
    actions = as_array(actions)
    if actions.shape != (rows,):
        raise InvalidAction(f"actions of shape {actions.shape}: must be ({rows},), one per stream")
    if actions.dtype.kind not in "iub":
        raise InvalidAction(f"actions of dtype {actions.dtype}: must be integers")
    wrong = np.flatnonzero((actions < 0) | (actions >= options))
    if len(wrong):
        raise InvalidAction(f"action[{wrong[0]}] = {actions[wrong[0]]}: must lie in 0…{options - 1}")
    return actions.astype(np.int64)
