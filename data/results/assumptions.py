"""What moves the dollars of a result, said beside it: how long, which orders, trucks, stock, rates and settlement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from regional_dispatch import __version__
from regional_dispatch.data.results.episode import Episode
from regional_dispatch.envs.kernel.metrics import N
from regional_dispatch.envs.world.scenario import GeneratedDemand, Scenario
from regional_dispatch.envs.world.trace import trace_of
from regional_dispatch.evaluation.provenance import versions
from regional_dispatch.evaluation.text import number


class Fact(NamedTuple):
    """A line of the read me."""

    about: str
    value: str
    note: str


def facts(
    scenario: Scenario,
    played: Mapping[str, Sequence[Episode]],
    said: Sequence[str],
    command: str,
    seed: int,
    stream: str,
) -> list[Fact]:
    """The read me of a workbook.

    Args:
        scenario: the world.
        played: policy → its episodes.
        said: what to look at before relying on the numbers (`evaluation.doubts`).
        command: that was run.
        seed: of the orders.
        stream: of the orders.
    """
    episodes = [episode for own in played.values() for episode in own]
    days = episodes[0].whole.days
    return [
        Fact("made by", command, f"regional-dispatch {__version__}; {_listed(versions())}"),
        Fact("scenario", scenario.name, scenario.source_file or "shipped or made in code"),
        Fact("policies", ", ".join(played), "differences are against the first"),
        Fact("counted", f"{number(days, 2)} days", f"after {scenario.warmup_hours:g} hours of warm-up"),
        *_orders(scenario, episodes, len(next(iter(played.values()))), seed, stream),
        *_trucks(scenario),
        Fact("stock", f"layout '{scenario.stock.layout}'", _stock(scenario)),
        Fact("rates", _rates(scenario), "docs: reference/scenario.html#costs"),
        Fact("settlement", f"{100 * settled_share(episodes):.1f} % of all dollars", _SETTLED.format(
            fill=100 * scenario.trucks.standard_fill)),
        *(Fact("look at this", "", doubt) for doubt in said),
    ]  # fmt: skip


def settled_share(episodes: Sequence[Episode]) -> float:
    """Value of the work under way at the end, as a share of all dollars."""
    usd = sum(float(episode.whole.usd.sum()) for episode in episodes)
    return sum(episode.whole.settled_usd for episode in episodes) / usd if usd else 0.0


def _orders(scenario: Scenario, episodes: Sequence[Episode], each: int, seed: int, stream: str) -> list[Fact]:
    placed = np.mean([episode.whole.count[N.orders] for episode in episodes])
    whole = np.mean([episode.whole.count[N.episode_orders] for episode in episodes])
    counted = f"{number(float(placed), 0)} orders an episode, {number(float(whole), 0)} with the warm-up"
    if isinstance(scenario.demand, GeneratedDemand):
        return [Fact("orders", counted, f"generated; {each} episodes, seed {seed}, stream {stream}")]
    note = "a trace is one sample: no interval is given here, `compare` gives them over its weeks"
    left_out = [
        Fact("orders left out", f"{rows:,} rows", why) for why, rows in trace_of(scenario).left_out.items() if rows
    ]
    return [Fact("orders", counted, f"replayed from {scenario.demand.path}; {note}"), *left_out]


def _trucks(scenario: Scenario) -> list[Fact]:
    trucks, money = scenario.trucks, scenario.money
    scale = trucks.capacity_packages / trucks.real_capacity_packages
    note = (
        f"a truck costs {100 * scale:.3g} % of one that holds {trucks.real_capacity_packages:g} packages, "
        f"{trucks.usd_per_mile:g} {money} a mile and {trucks.dock_usd:g} {money} a departure, where lanes name no cost"
    )
    hired = f"{100 * trucks.spot_premium:g} % premium" if trucks.spot_allowed else "none may be hired"
    return [
        Fact("truck size", f"{trucks.capacity_packages} packages", note),
        Fact("hired trucks", hired, f"fleet headroom {trucks.fleet_headroom:g}"),
    ]


def _stock(scenario: Scenario) -> str:
    stock = scenario.stock
    return (
        f"{stock.skus} SKUs; reviewed every {stock.review_hours:g} hours, lead time {stock.lead_time_hours:g} hours, "
        f"safety factor {stock.safety_factor:g}"
    )


def _rates(scenario: Scenario) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in scenario.costs.model_dump().items())


def _listed(packages: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in packages.items())


_SETTLED = (
    "work under way at the end is settled at standard cost, with trucks {fill:g} % full; what was under way when the "
    "warm-up ended is taken out"
)
