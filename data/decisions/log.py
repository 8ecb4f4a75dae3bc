"""A log of decisions: every line of an episode as it is decided on, written tick by tick in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from regional_dispatch.baselines.pricing import simulator_for
from regional_dispatch.data.decisions.decision import Decision, decision_of
from regional_dispatch.data.decisions.seen import look
from regional_dispatch.data.decisions.table import SCHEMA, Names, columns_before, finished
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.reading import open_parquet
from regional_dispatch.envs.world.replacing import replacing
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError, TraceDemand
from regional_dispatch.envs.world.trace import trace_of
from regional_dispatch.evaluation.errors import InputError

GROUP_ROWS = 20_000  # rows of a Parquet row group, at least: what is held in memory
_MADE_BY = b"regional_dispatch.decisions"


def decisions(
    sim: Simulator, policy: ScorerPolicy, until: int, orders: Sequence[int] | None = None
) -> Iterator[pa.RecordBatch]:
    """Plays row 0 and gives the decisions of each tick; ticks without any are left out.

    Args:
        sim: reset, at the first tick that is wanted.
        policy: decides for all regions.
        until: tick to stop at. At the horizon the episode is settled.
        orders: numbers of those that are wanted. Default: all.
    """
    names = Names(sim)
    sim.price_lanes(policy.scorers.price)
    while sim.tick(0) < until:
        sim.begin(0)
        sim.decide(0, policy.scorers)
        order = sim.state.line[0]["order"]
        seen = look(sim, policy) if orders is None or np.isin(orders, order).any() else None
        if seen is None:
            sim.finish(0)
            continue
        rows = np.arange(len(seen.line)) if orders is None else np.flatnonzero(np.isin(seen.line["order"], orders))
        columns = columns_before(sim, policy, names, seen, rows)
        sim.finish(0)
        if len(rows):
            yield finished(sim, names, seen, rows, columns)


def write_log(
    path: Path, scenario: Scenario, policy: ScorerPolicy, key: int, about: Mapping[str, str], until: int | None = None
) -> int:
    """Plays an episode and writes its decisions as Parquet, whole or not at all. Returns how many there are.

    Args:
        path: of the file; its folder is there.
        scenario: the world.
        policy: decides for all regions.
        key: of the episode.
        about: what else the file shall say of itself, such as the scenario's name and the seed.
        until: tick to stop at. Default: the horizon.
    """
    sim = simulator_for(scenario, policy.pricing)
    sim.reset(0, key)
    facts = {
        _MADE_BY: b"1", b"policy": policy.name.encode(), b"key": hex(key).encode(),
        **{name.encode(): text.encode() for name, text in about.items()},
    }  # fmt: skip
    written, held = 0, list[pa.RecordBatch]()
    with replacing(path) as part, pq.ParquetWriter(part, SCHEMA.with_metadata(facts), compression="zstd") as file:
        for batch in decisions(sim, policy, scenario.horizon_ticks if until is None else until):
            held.append(batch)
            if sum(len(one) for one in held) >= GROUP_ROWS:
                written += _flush(file, held)
        written += _flush(file, held)
    return written


def _flush(file: pq.ParquetWriter, held: list[pa.RecordBatch]) -> int:
    """Writes what is held as one row group."""
    table = pa.Table.from_batches(held, SCHEMA)
    file.write_table(table.replace_schema_metadata(file.schema.metadata))
    held.clear()
    return len(table)


def play_order(scenario: Scenario, policy: ScorerPolicy, key: int, order: str) -> list[Decision]:
    """Plays an episode until an order is decided on: the decisions on it; without any, the list is empty.

    Args:
        scenario: the world.
        policy: decides for all regions.
        key: of the episode.
        order: its name, or its number in the episode where orders have no names.
    """
    number = order_number(scenario, order)
    if number is None:
        return []
    sim = simulator_for(scenario, policy.pricing)
    sim.reset(0, key)
    return [
        one
        for batch in islice(decisions(sim, policy, scenario.horizon_ticks, [number]), 1)
        for one in decisions_of(batch)
    ]


def order_number(scenario: Scenario, order: str) -> int | None:
    """The number of an order in its episode; None where there is no such order."""
    if isinstance(scenario.demand, TraceDemand):
        found = np.flatnonzero(np.asarray(trace_of(scenario).names == order, dtype=bool))
        return int(found[0]) if len(found) else None
    return int(order) if order.isdecimal() else None


def read_about(path: Path) -> dict[str, str]:
    """What a log says of itself: policy, key, and what its writer added.

    Raises:
        InputError: no such file, or no log of decisions.
    """
    try:
        facts = open_parquet(path).schema_arrow.metadata or {}
    except ScenarioError as error:
        raise InputError(f"{error}; write one with evaluate.py results --decisions") from None
    if _MADE_BY not in facts:
        raise InputError(f"{path}: a Parquet file, but no log of decisions")
    return {name.decode(): text.decode() for name, text in facts.items() if name != _MADE_BY}


def read_order(path: Path, order: str) -> list[Decision]:
    """The decisions on an order, given by its name, or by its number in the episode; without any, the list is empty.

    Raises:
        InputError: no such file, or no log of decisions.
    """
    read_about(path)
    wanted = pc.field("order_name") == order
    if order.isdecimal():
        wanted |= (pc.field("order") == int(order)) & pc.field("order_name").is_null()
    return decisions_of(pq.read_table(path, filters=wanted))


def decisions_of(table: pa.Table | pa.RecordBatch) -> list[Decision]:
    """Rows as decisions."""
    rows: list[dict[str, Any]] = table.to_pylist()
    return [decision_of(row) for row in rows]
