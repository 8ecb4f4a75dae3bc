"""What happens in each part of an episode: by region, lane and site, week by week where orders are replayed.

A trace is one sample of demand, so what varies is seen from week to week; an episode of generated orders is one sample
of many. Axes: R regions, L lanes, N sites.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from regional_dispatch.baselines.pricing import simulator_for
from regional_dispatch.baselines.transfers.rules import transfer_rule
from regional_dispatch.envs.kernel.metrics import KPIS, Totals, compute_kpis, difference
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import Scenario, TraceDemand
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.kpis import EPISODE_COST
from regional_dispatch.evaluation.rollouts import Playable, advance, evaluation_keys

# KPIs of a whole episode, which have no meaning for a part of one.
WHOLE_ONLY = ("lanes_used", EPISODE_COST)
PART_KPIS = tuple(kpi for kpi in KPIS if kpi not in WHOLE_ONLY)


class Played(NamedTuple):
    """An episode of one policy."""

    periods: list[Period]
    kpis: dict[str, float]  # of the whole episode


class Period(NamedTuple):
    """What was counted and paid between two ticks of an episode."""

    start_hour: float  # from the beginning of the episode
    end_hour: float
    regions: tuple[Totals, ...]  # (R,)
    lane_trucks: np.ndarray  # (L,) departures
    lane_packages: np.ndarray  # (L,) packages on them
    site_packages: np.ndarray  # (N,) packages made at an FC, or that came to a sort center
    is_week: bool = False  # a whole one, of 167 or 169 hours where clocks change

    @property
    def hours(self) -> float:
        return self.end_hour - self.start_hour

    @property
    def totals(self) -> Totals:
        """The whole network's."""
        return over_regions(self.regions)

    def kpis(self) -> dict[str, float]:
        """All KPIs of the whole network."""
        return compute_kpis(self.totals)


def over_regions(regions: Sequence[Totals]) -> Totals:
    """Regions taken together."""
    return regions[0]._replace(
        count=np.sum([part.count for part in regions], axis=0),
        usd=np.sum([part.usd for part in regions], axis=0),
        episode_usd=sum(part.episode_usd for part in regions),
        settled_usd=sum(part.settled_usd for part in regions),
    )


def joined(periods: Sequence[Period]) -> Period:
    """Periods that follow each other, as one."""
    first, last = periods[0], periods[-1]
    regions = tuple(_summed([period.regions[r] for period in periods]) for r in range(len(first.regions)))
    arrays = ("lane_trucks", "lane_packages", "site_packages")
    return Period(
        first.start_hour, last.end_hour, regions,
        *(np.sum([getattr(period, name) for period in periods], axis=0) for name in arrays),
    )  # fmt: skip


def _summed(parts: Sequence[Totals]) -> Totals:
    """What was counted and paid in periods that follow each other."""
    count, usd = (np.sum([getattr(part, name) for part in parts], axis=0) for name in ("count", "usd"))
    return parts[-1]._replace(count=count, usd=usd, days=sum(part.days for part in parts))


def is_trace(scenario: Scenario) -> bool:
    """Are orders replayed, so that there is one sample of them?"""
    return isinstance(scenario.demand, TraceDemand)


def check_sample(scenario: Scenario, episodes: int) -> None:
    """Episodes of a trace would be the same orders again and again, which is not a sample of them.

    Raises:
        InputError: orders are replayed, and more than one episode is asked for.
    """
    if is_trace(scenario) and episodes > 1:
        raise InputError(
            f"episodes = {episodes}: '{scenario.name}' replays a trace, which is one sample: every episode would be "
            "the same orders. Set episodes to 1, use compare or backtest, which have intervals over weeks, or draw "
            "more orders like them with fit-demand"
        )


def week_edges(scenario: Scenario) -> list[int]:
    """Ticks at which weeks begin, from the end of the warm-up, and the horizon; the last part may be shorter."""
    edges, hour = [], scenario.warmup_hours
    while (tick := round(hour / scenario.tick_hours)) < scenario.horizon_ticks:
        edges.append(tick)
        hour = scenario.weeks_later(hour, 1)
    return [*edges, scenario.horizon_ticks]


def whole_weeks(periods: Sequence[Period]) -> list[Period]:
    """Those of the parts that are as long as a week."""
    return [period for period in periods if period.is_week]


def play_periods(sim: Simulator, advance: Callable[[int], None], edges: Sequence[int]) -> list[Period]:
    """Plays row 0 through ticks, and takes what happens between each two of them.

    Args:
        sim: reset.
        advance: plays up to a tick.
        edges: ticks, ascending, the first at the end of the warm-up or later.
    """
    moments = []
    for tick in edges:
        advance(tick)
        moments.append(_moment(sim))
    return [_between(sim, then, now) for then, now in pairwise(moments)]


class _Moment(NamedTuple):
    hour: float
    regions: list[Totals]
    arrays: tuple[np.ndarray, ...]


def _moment(sim: Simulator) -> _Moment:
    s = sim.state
    arrays = (s.lane[0]["trucks"].copy(), s.lane[0]["carried"].copy(), s.queue[0]["joined"].astype(np.int64))
    regions = [sim.totals(0, [r]) for r in range(sim.regions)]
    return _Moment(sim.tick(0) * sim.scenario.tick_hours, regions, arrays)


def _between(sim: Simulator, then: _Moment, now: _Moment) -> Period:
    regions = tuple(difference(b, a) for a, b in zip(then.regions, now.regions, strict=True))
    trucks, carried, joined = (b - a for a, b in zip(then.arrays, now.arrays, strict=True))
    is_week = abs(sim.scenario.weeks_later(then.hour, 1) - now.hour) < 1e-6
    return Period(then.hour, now.hour, regions, trucks, carried, joined, is_week)


def play_policy(
    scenario: Scenario,
    policy: Playable,
    key: int,
    edges: Sequence[int],
    reevaluate: bool = False,
    transfers: str | None = None,
    threads: int = 1,
) -> Played:
    """One episode of a policy in parts.

    Args:
        scenario: the world.
        policy: decides for all regions.
        key: of the episode.
        edges: ticks; see `play_periods`.
        reevaluate: merge the unpicked packages of split orders once an hour.
        transfers: name of the rule that moves stock between regions.
        threads: on which the regions decide.
    """
    rule = None if transfers is None else transfer_rule(transfers)
    sim = simulator_for(scenario, policy.pricing, reevaluate=reevaluate, transfers=rule)
    sim.reset(0, key)
    periods = play_periods(sim, lambda tick: advance(sim, policy, tick, threads), edges)
    return Played(periods, sim.kpis(0))


def play_samples(
    scenario: Scenario, policy: Playable, episodes: int, seed: int, stream: str = "evaluate",
    progress: Callable[[], None] | None = None, threads: int = 1,
) -> list[Period]:  # fmt: skip
    """A period per sample: one an episode, or the weeks of a trace, which is played once.

    Args:
        scenario: the world.
        policy: decides for all regions.
        episodes: of generated orders; a trace is played once, whatever this says.
        seed: of the orders.
        stream: of the orders.
        progress: called after each episode.
        threads: on which the regions decide.
    """
    trace = is_trace(scenario)
    edges = week_edges(scenario) if trace else [scenario.warmup_ticks, scenario.horizon_ticks]
    found = []
    for key in evaluation_keys(1 if trace else episodes, seed, stream):
        found += play_policy(scenario, policy, key, edges, threads=threads).periods
        if progress is not None:
            progress()
    return found
