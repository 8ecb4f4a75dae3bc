"""Tunes a baseline's parameters: CMA-ES on the mean cost per order of tuning episodes, played in the compiled kernel.

CMA-ES (Hansen 2016, "The CMA Evolution Strategy: A Tutorial") draws a generation of settings around a mean, ranks them,
and moves mean and shape towards the better ones. All settings of a generation play the same orders, and each generation
plays new ones, so that the parameters do not fit a few episodes. At the end the start, the final mean and the best
setting so far play the same further episodes, the check; the cheapest of them is kept.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Literal, NamedTuple
from uuid import uuid4

import numpy as np

from regional_dispatch.baselines.pricing import price
from regional_dispatch.baselines.rules import BaselineError, Parameter, baseline, parameters
from regional_dispatch.baselines.tuned import Made, Tuned, read_tuned, short_name
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.relocation import world_digest
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.execution.executor import HERE, Executor
from regional_dispatch.evaluation.kpis import COST
from regional_dispatch.evaluation.provenance import provenance
from regional_dispatch.evaluation.rollouts import rollout

STREAM: Literal["tune"] = "tune"


class Plan(NamedTuple):
    """Budget, seed and episodes of a tuning."""

    seed: int = 0  # of the orders and of CMA-ES
    episodes: int = 1  # of each evaluation
    check_episodes: int = 8  # of the choice at the end
    minutes: float | None = 20.0  # time to search; None if `evaluations` is given
    evaluations: int | None = None  # settings to try, instead of a time


class Start(NamedTuple):
    """Where a search begins."""

    parameters: dict[str, float]  # all of the baseline's
    seeds: tuple[int, ...] = ()  # of the tuning orders they were found on


class Standing(NamedTuple):
    """The progress of a tuning."""

    evaluations: int
    best_usd: float  # the lowest mean cost per order of a setting so far
    minutes: float
    share: float  # of the budget, 0…1


class Found(NamedTuple):
    """The result of a tuning."""

    parameters: dict[str, float]
    before_usd: float  # cost per order of the start on the check's episodes
    after_usd: float  # of `parameters`
    evaluations: int
    minutes: float
    interrupted: bool  # by Ctrl-C; the best setting until then was checked and kept


def tune(
    scenario: Scenario,
    name: str,
    start: Start,
    plan: Plan,
    progress: Callable[[Standing], None] = lambda _: None,
    executor: Executor = HERE,
) -> Found:
    """Tunes a baseline.

    The same seed and number of evaluations give the same result, whatever the executor. Ctrl-C ends the search
    and starts the check; a second one ends the tuning.

    Args:
        scenario: the world.
        name: of a baseline that has parameters.
        start: the parameters to start from.
        plan: budget, seed and episodes.
        progress: called after each generation.
        executor: plays the episodes.

    Raises:
        BaselineError: unknown baseline, or one without parameters.
        KeyboardInterrupt: Ctrl-C before the first generation was played, or during the check.
    """
    search = Search(tunable(name), start.parameters, plan.seed)
    with closing(_Players(scenario, name, list(start.parameters), executor)) as players:
        begun, interrupted = time.monotonic(), False
        try:
            _generations(search, players, plan, begun, progress)
        except KeyboardInterrupt:
            interrupted = True
        minutes = (time.monotonic() - begun) / 60
        if not search.evaluations:
            raise KeyboardInterrupt("before the first generation was played; nothing is written")
        candidates = search.candidates()
        costs = players.costs(candidates, _keys(plan.seed, 0, plan.check_episodes))
    best = int(np.argmin(costs))
    settings = dict(zip(start.parameters, candidates[best].tolist(), strict=True))
    return Found(settings, float(costs[0]), float(costs[best]), search.evaluations, minutes, interrupted)


def _generations(
    search: Search, players: _Players, plan: Plan, begun: float, progress: Callable[[Standing], None]
) -> None:
    """Generation after generation until the budget is spent, each on episodes of its own, after the check's."""
    for first in count(plan.check_episodes, plan.episodes):
        keys = _keys(plan.seed, first, plan.episodes)
        search.step(lambda settings, keys=keys: players.costs(settings, keys))  # type: ignore[misc]
        done = _standing(search, plan, time.monotonic() - begun)
        progress(done)
        if done.share >= 1 or search.stopped():
            return


def tunable(name: str) -> dict[str, Parameter]:
    """The parameters of a baseline that has any.

    Raises:
        BaselineError: unknown baseline, or one without parameters.
    """
    known = parameters(name)
    if not known:
        raise BaselineError(f"baseline '{name}' has no parameters, so nothing to tune; use it without tuning")
    return known


def starting_point(name: str, file: Path | None = None) -> Start:
    """A tuned file's parameters, or the baseline's untuned ones.

    Raises:
        BaselineError: unknown baseline, or a file of another one, or one that cannot be used.
    """
    known = parameters(name)
    if file is None:
        return Start({key: parameter.default for key, parameter in known.items()})
    tuned = read_tuned(file)
    if tuned.baseline != short_name(name):
        raise BaselineError(
            f"{file}: baseline = '{tuned.baseline}': must be '{short_name(name)}', which is tuned; give another --start"
        )
    return Start({key: tuned.parameters[key] for key in known}, (tuned.made.seed, *tuned.made.earlier_seeds))


def tuned_file(scenario: Scenario, name: str, start: Start, plan: Plan, found: Found, command: str) -> Tuned:
    """A tuning as it is written to a file."""
    earlier = tuple(sorted({*start.seeds} - {plan.seed}))
    made = Made(
        world=world_digest(scenario), stream=STREAM, seed=plan.seed, earlier_seeds=earlier, episodes=plan.episodes,
        check_episodes=plan.check_episodes, budget_minutes=plan.minutes, minutes=round(found.minutes, 3),
        evaluations=found.evaluations, interrupted=found.interrupted, cost_per_order_usd_before=found.before_usd,
        cost_per_order_usd_after=found.after_usd, **provenance(command),
    )  # fmt: skip
    return Tuned(baseline=short_name(name), scenario=scenario.name, parameters=found.parameters, made=made)


def _keys(seed: int, first: int, count: int) -> list[int]:
    return [episode_key(STREAM, seed, first + i) for i in range(count)]


def _standing(search: Search, plan: Plan, seconds: float) -> Standing:
    by_time = seconds / 60 / plan.minutes if plan.minutes else 0.0
    by_count = search.evaluations / plan.evaluations if plan.evaluations else 0.0
    return Standing(search.evaluations, search.best_usd, seconds / 60, min(1.0, max(by_time, by_count)))


class Search:
    """CMA-ES around a start. Its steps and bounds are the parameters' own."""

    def __init__(self, known: Mapping[str, Parameter], start: Mapping[str, float], seed: int) -> None:
        import cma  # pulls in matplotlib where there is one

        rng = np.random.default_rng(seed)
        self.low, self.high = (np.array([getattr(known[key], end) for key in start]) for end in ("low", "high"))
        bounds = [[value if math.isfinite(value) else None for value in end.tolist()] for end in (self.low, self.high)]
        options = {
            "CMA_stds": [known[key].step for key in start], "bounds": bounds, "verbose": -10, "verb_log": 0,
            "seed": np.nan, "randn": lambda *shape: rng.standard_normal(shape),
        }  # fmt: skip
        self._start = np.array(list(start.values()))
        self._es = cma.CMAEvolutionStrategy(self._start, 1.0, options)
        self._best = self._start
        self.best_usd = math.inf
        self.evaluations = 0

    def step(self, costs: Callable[[list[np.ndarray]], np.ndarray]) -> None:
        """Draws a generation of settings and learns from their costs."""
        drawn = self._es.ask()
        found = costs([self._inside(x) for x in drawn])
        self._es.tell(drawn, found.tolist())
        self.evaluations += len(drawn)
        if found.min() < self.best_usd:
            self.best_usd, self._best = float(found.min()), self._inside(drawn[int(found.argmin())])

    def stopped(self) -> bool:
        """Has CMA-ES converged?"""
        return bool(self._es.stop())

    def candidates(self) -> list[np.ndarray]:
        """The settings that the check compares: the start, the mean and the best so far."""
        return [self._start, self._inside(self._es.result.xfavorite), self._best]

    def _inside(self, x: np.ndarray) -> np.ndarray:
        """Clips rounding errors, so that a setting never exceeds its bounds."""
        return np.clip(x, self.low, self.high)


class _Game(NamedTuple):
    """An episode to play with one setting."""

    title: str
    scenario: Scenario
    tuning: str  # that it belongs to
    baseline: str
    parameters: dict[str, float]
    episode: int  # its key


# Simulators that are not in use, by tuning: building one takes longer than an episode. Other processes have their own.
_idle: dict[str, list[Simulator]] = {}


def _play(game: _Game) -> float:
    """Cost per order. Unit: USD."""
    policy, idle = baseline(game.baseline, game.parameters), _idle.setdefault(game.tuning, [])
    try:
        sim = idle.pop()
    except IndexError:
        sim = Simulator(game.scenario)
    price(sim, policy.pricing)
    cost = rollout(sim, policy.scorers, [game.episode])[0][COST]
    idle.append(sim)
    return cost


class _Players:
    """Has an executor play episodes of one tuning."""

    def __init__(self, scenario: Scenario, name: str, keys: Sequence[str], executor: Executor) -> None:
        self._scenario, self._name, self._keys, self._executor = scenario, name, keys, executor
        self._tuning = uuid4().hex
        _idle[self._tuning] = [Simulator(scenario)]  # finds errors in its tables before anything is played

    def costs(self, settings: Sequence[np.ndarray], episodes: Sequence[int]) -> np.ndarray:
        """Mean cost per order of each setting over episodes given by their keys: (settings,) USD."""
        games = [self._game(values, key) for values in settings for key in episodes]
        with closing(self._executor.run(_play, games)) as results:
            played = {id(game): cost for game, cost in results}
        return np.array([played[id(game)] for game in games]).reshape(len(settings), len(episodes)).mean(axis=1)

    def _game(self, values: np.ndarray, key: int) -> _Game:
        parameters = dict(zip(self._keys, values.tolist(), strict=True))
        return _Game(f"an episode of {self._name}", self._scenario, self._tuning, self._name, parameters, key)

    def close(self) -> None:
        del _idle[self._tuning]
