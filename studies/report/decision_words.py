"""Decisions on a few orders as tables of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from regional_dispatch.data.decisions.decision import Decision, Way
from regional_dispatch.data.decisions.words import describe, why
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.evaluation.text import NOTHING, number
from regional_dispatch.studies.report.decision_log import KINDS
from regional_dispatch.studies.report.findings import Table


def log_tables(
    kinds: Mapping[str, int], logs: Mapping[str, Sequence[Decision]], policy: ScorerPolicy
) -> tuple[Table, ...]:
    """One table per order, with its lines under each partition.

    Args:
        kinds: kind → order, as `sample_orders` draws them.
        logs: partition → decisions on those orders.
        policy: that decided.
    """
    tables = []
    for kind, order in kinds.items():
        own = [(name, decision) for name, log in logs.items() for decision in log if decision.order == order]
        header = ("under", "line", "served from", "next best", "next less chosen, USD", "why")
        rows = tuple(_row(name, decision, policy) for name, decision in own)
        first = own[0][1]
        title = (
            f"{KINDS[kind]}: order {order}, to {first.station} ({first.region}), promise of "
            f"{number(first.promise_hours, 0)} hours"
        )
        data = pd.DataFrame([_record(name, decision, policy) for name, decision in own])
        tables.append(Table(f"order_{kind}", title, header, rows, data, prose=True))
    return tuple(tables)


def _row(name: str, decision: Decision, policy: ScorerPolicy) -> tuple[str, ...]:
    other = decision.other
    return (
        name, f"{decision.line}: {decision.units} × item {decision.sku}", describe(decision.chosen), describe(other),
        NOTHING if other is None else number(decision.difference_usd, 2, signed=True), why(decision, policy.name),
    )  # fmt: skip


def _record(name: str, decision: Decision, policy: ScorerPolicy) -> dict[str, Any]:
    """A decision as a row of numbers."""
    own = {
        field: getattr(decision, field)
        for field in ("order", "line", "sku", "units", "station", "region", "placed", "promise_hours")
    }
    sides = [(side, way) for side, way in (("chosen", decision.chosen), ("next", decision.other)) if way is not None]
    ways = {f"{side}_{field}": getattr(way, field) for side, way in sides for field in Way._fields if field != "usd"}
    usd = {f"{side}_{part}_usd": value for side, way in sides for part, value in way.usd.items()}
    return {
        "under": name, **own, **ways, **usd, "difference_usd": decision.difference_usd, "margin": decision.margin,
        "served_from": decision.served, "replanned": decision.replanned, "why": why(decision, policy.name),
    }  # fmt: skip
