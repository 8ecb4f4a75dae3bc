"""What to know about numbers before they are believed: every assumption that moves dollars, said beside the result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from regional_dispatch.envs.world.findings import Finding, noticed
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import Scenario, TraceDemand
from regional_dispatch.envs.world.stock import place_stock
from regional_dispatch.envs.world.trace import TRUCK_SIZE, trace_of
from regional_dispatch.evaluation.known_world import foreign_worlds
from regional_dispatch.evaluation.periods import is_trace
from regional_dispatch.evaluation.rollouts import Playable

LOW_FILL = 0.10
LARGE_SETTLEMENT = 0.02


def doubts(scenario: Scenario, policies: Mapping[str, Playable], frame: pd.DataFrame) -> list[str]:
    """Sentences about a comparison, the most important first.

    Args:
        scenario: the world.
        policies: name → policy.
        frame: one row per policy and episode with the KPIs.
    """
    mean = frame.groupby("policy", sort=False)[["truck_fill", "settled_share", "lost_line_share"]].mean()
    found = [*foreign_worlds(policies, scenario, frame), *_low_fill(scenario, mean["truck_fill"]), *_sample(scenario)]
    found += [
        *settlement(scenario, frame),
        *_sizing(scenario, mean["lost_line_share"]),
        *_empty_fcs(scenario),
        *_promises(scenario),
    ]
    if scenario.money != "USD":
        found.append(
            f"all amounts are in {scenario.money}, whatever names that end in _usd say; costs are not converted"
        )
    return found + [str(finding) for finding in _of_its_files(scenario)]


def one_trace(scenario: Scenario) -> list[str]:
    """What a result on a trace is a sample of, where it has no intervals over weeks."""
    if not is_trace(scenario):
        return []
    return [
        "the orders are one trace, played once: one sample of demand; compare and backtest have intervals over weeks"
    ]


def settlement(scenario: Scenario, frame: pd.DataFrame) -> list[str]:
    """A warning where much of the cost is work under way at the horizon, whose dollars are assumed.

    Args:
        scenario: the world.
        frame: one row per policy and episode with the KPIs.
    """
    settled = frame.groupby("policy", sort=False)["settled_share"].mean().max()
    if not settled > LARGE_SETTLEMENT:
        return []
    return [
        f"up to {settled:.1%} of the dollars are work under way at the horizon, settled at standard cost "
        f"(trucks {scenario.trucks.standard_fill:.0%} full); a longer horizon_hours makes it less"
    ]


def _of_its_files(scenario: Scenario) -> list[Finding]:
    """The warnings about the files of a scenario; others of this process belong to other results."""
    own = {Path(text).name for text in _texts(scenario.model_dump(mode="json"))}
    if scenario.source_file is not None:
        own.add(Path(scenario.source_file).name)
    return [finding for finding in noticed() if Path(finding.file).name in own]


def _texts(value: Any) -> Iterator[str]:
    """All text in nested lists and mappings."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _sample(scenario: Scenario) -> list[str]:
    """Model trucks that are smaller than real ones stand for a sample of all orders."""
    trucks, sample = scenario.trucks, scenario.trucks.real_capacity_packages / scenario.trucks.capacity_packages
    said = {(finding.file, finding.column) for finding in noticed()}  # where trucks were sized to the volume
    where = str(scenario.source_file or scenario.name)
    if not isinstance(scenario.demand, TraceDemand) or sample <= 1 or (where, TRUCK_SIZE) in said:
        return []
    return [
        f"trucks of {trucks.capacity_packages:,} packages cost {1 / sample:.2%} of a real one of "
        f"{trucks.real_capacity_packages:,.0f}: right if the file is a sample of about one order in {sample:,.0f}; if "
        f"it holds all orders, set {TRUCK_SIZE}: {trucks.real_capacity_packages:.0f}"
    ]


def _low_fill(scenario: Scenario, fill: pd.Series) -> list[str]:
    low = fill[(fill > 0) & (fill < LOW_FILL)]
    if low.empty:
        return []
    trucks = scenario.trucks
    name, share = str(low.index[0]), float(low.iloc[0])
    return [
        f"trucks of {trucks.capacity_packages:,} packages leave {share:.1%} full under '{name}': the trucks are too "
        "large for these orders, or the orders are a sample; see trucks.capacity_packages, which costs a truck of c "
        f"packages c / {trucks.real_capacity_packages:,.0f} of a real one"
    ]


def _promises(scenario: Scenario) -> list[str]:
    if not isinstance(scenario.demand, TraceDemand):
        return []
    missing = float(np.isnan(trace_of(scenario).promise_hours).mean())
    if not missing:
        return []
    hours = scenario.demand.promise_hours
    return [f"{missing:.0%} of the lines have no promise in the file; theirs is {hours:g} hours (demand.promise_hours)"]


def _sizing(scenario: Scenario, lost: pd.Series) -> list[str]:
    if not isinstance(scenario.demand, TraceDemand) or scenario.stock.placement is not None:
        return []
    days = scenario.demand.size_from_days
    source = "all of the trace, so they know what will be ordered" if days is None else f"its first {days:g} days"
    return [
        f"shelves are sized from {source}, with breadth and safety as in `stock`; up to {float(lost.max()):.1%} of the "
        "lines are lost with them. Give stock.placement or stock.snapshot for your own"
    ]


def _empty_fcs(scenario: Scenario) -> list[str]:
    """Slow movers that are in fewer FCs than there are regions leave the smallest regions without any."""
    if not isinstance(scenario.demand, TraceDemand) or scenario.stock.placement is not None:
        return []
    network = build_network(scenario)
    units = place_stock(scenario, network).sum(axis=0, dtype=np.int64)
    empty = [name for name, own in zip(network.sites["name"], units, strict=False) if own == 0]
    if not empty:
        return []
    return [
        f"{len(empty)} of {len(units)} FCs hold nothing under stock.layout '{scenario.stock.layout}', the first is "
        f"'{empty[0]}': stock.breadth places few SKUs in so few FCs; raise it, or give stock.placement"
    ]
