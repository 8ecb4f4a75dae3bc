"""Every policy beside what was really chosen, week by week."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pandas as pd

from regional_dispatch.baselines.pricing import simulator_for
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.network import Network, build_network
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.envs.world.tables.orders import Orders
from regional_dispatch.envs.world.trace import trace_of
from regional_dispatch.evaluation.backtest.really import Reality, reality
from regional_dispatch.evaluation.backtest.recorded import Forced, Lent, Loans, Replay
from regional_dispatch.evaluation.backtest.shelves import has_no_shelves, with_recorded_shelves
from regional_dispatch.evaluation.doubts import doubts
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.periods import Period, is_trace, joined, play_periods, play_policy, week_edges
from regional_dispatch.evaluation.rollouts import evaluation_keys

MANY_LENT = 0.01  # units lent per line on record; more means that simulated shelves are not those of reality


class Beside(NamedTuple):
    """A policy and the record, part by part of the trace; the last part may be shorter than a week."""

    policy: list[Period]
    recorded: list[Period]
    forced: Forced
    alone: list[Period] | None = None  # the policy without the units lent, where they are many


class BackTest(NamedTuple):
    """The result of a back-test."""

    scenario: Scenario
    network: Network
    orders: Orders
    beside: Mapping[str, Beside]  # by policy
    really: Reality
    shelves: str  # where stock stands, as a sentence
    doubts: list[str]  # see `evaluation.doubts`


def backtest(
    scenario: Scenario,
    policies: Mapping[str, ScorerPolicy],
    progress: Callable[[str], None] | None = None,
    recorded_shelves: bool = True,
    folder: Path | None = None,
) -> BackTest:
    """Replays a trace under every policy, and with the sources on record under the same policy's trucks.

    Args:
        scenario: with a trace whose file has a column `source`; its warm-up and horizon say what is counted.
        policies: name → policy.
        progress: called with a policy's name after each of its two replays.
        recorded_shelves: where the scenario has no table of stock, shelves are those of the record: see
            `evaluation.backtest.shelves`.
        folder: keeps placement.csv, the table of these shelves. Default: it is not kept.

    Raises:
        InputError: orders are generated, or the file does not say where lines really came from.
        ScenarioError: the file cannot be used.
    """
    name = scenario.source_file or scenario.name
    if not is_trace(scenario):
        raise InputError(f"{name}: demand.kind = 'generated': nothing was really done; give a scenario with a trace")
    network = build_network(scenario)
    orders = trace_of(scenario, network.sites)
    if not (np.asarray(orders.source) >= 0).any():
        raise InputError(
            f"{name}: demand.path: no line says where it really came from; give the file a column `source` with names "
            "of FCs, or use compare"
        )
    if not (recorded_shelves and has_no_shelves(scenario)):
        where = "as its layout places it" if has_no_shelves(scenario) else "in its table of stock"
        said = f"Stock stands where the scenario says, {where}."
        return _played(scenario, network, orders, policies, progress, said)
    said = (
        "The scenario has no table of stock, so each FC carries what it really shipped, at levels sized from it "
        "(placement.csv). This knows the record; it is the same on both sides."
    )
    with TemporaryDirectory() as own:
        shelved = with_recorded_shelves(scenario, network, orders, folder or Path(own))
        return _played(shelved, network, orders, policies, progress, said)


def _played(
    scenario: Scenario, network: Network, orders: Orders, policies: Mapping[str, ScorerPolicy],
    progress: Callable[[str], None] | None, shelves: str,
) -> BackTest:  # fmt: skip
    edges, key = week_edges(scenario), evaluation_keys(1, 0)[0]
    tell = progress if progress is not None else lambda _: None
    beside, kept = {}, dict[object, tuple[list[Period], Replay]]()
    for policy_name, policy in policies.items():
        same = _same_record(policy, orders)
        if same not in kept:
            kept[same] = _replayed(scenario, policy, key, edges, orders)
        recorded, replay = kept[same]
        tell(policy_name)
        own = play_periods(*_lent(scenario, policy, key, replay.loans), edges)
        tell(policy_name)
        alone = play_policy(scenario, policy, key, edges).periods if many_lent(replay.forced) else None
        beside[policy_name] = Beside(own, recorded, replay.forced, alone)
    really = reality(orders, scenario.warmup_hours, scenario.horizon_hours)
    frame = pd.DataFrame({"policy": name, **joined(own.policy).kpis()} for name, own in beside.items())
    return BackTest(scenario, network, orders, beside, really, shelves, doubts(scenario, policies, frame))


def many_lent(forced: Forced) -> bool:
    """Were so many units lent that the result depends on them?"""
    return forced.lent_units > MANY_LENT * max(forced.recorded, 1)


def _same_record(policy: ScorerPolicy, orders: Orders) -> object:
    """What a replay of the record depends on: a policy's trucks and, where a line has no record, its sources too."""
    scorers = policy.scorers
    parts = [scorers.dispatch] if (np.asarray(orders.source) >= 0).all() else list(scorers)
    return policy.pricing, tuple(array.tobytes() for part in parts for array in part)


def _replayed(
    scenario: Scenario, policy: ScorerPolicy, key: int, edges: list[int], orders: Orders
) -> tuple[list[Period], Replay]:
    sim = simulator_for(scenario, policy.pricing)
    sim.reset(0, key)
    replay = Replay(sim, policy, orders)
    periods = play_periods(sim, replay.advance, edges)
    del replay.sim  # its arrays are as large as the network
    return periods, replay


def _lent(scenario: Scenario, policy: ScorerPolicy, key: int, loans: Loans) -> tuple[Simulator, Callable[[int], None]]:
    """A simulator of the policy, and what plays it up to a tick."""
    sim = simulator_for(scenario, policy.pricing)
    sim.reset(0, key)
    return sim, Lent(sim, policy, loans).advance
