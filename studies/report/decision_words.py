"""The log of decisions in words, as tables of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.evaluation.text import NOTHING, number
from regional_dispatch.studies.report.decision_log import KINDS, PARTS, Decision, Way
from regional_dispatch.studies.report.findings import Table

_CENT = 0.005  # USD; smaller amounts are left out


def why(decision: Decision, policy: ScorerPolicy) -> str:
    """Why the line is served by the chosen FC, in words derived from the numbers."""
    if decision.chosen is None:
        return "No FC has the units; the line is lost."
    if decision.replanned:
        then = f"{decision.served} serves it" if decision.served else "no FC has the units, and the line is lost"
        return f"Replanned: a line before it took the units; {then}."
    if decision.other is None:
        return "No other FC has the units."
    return " ".join(part for part in (_money(decision), _facts(decision), _ranking(decision, policy)) if part)


def _money(decision: Decision) -> str:
    usd = decision.difference_usd
    parts = sorted(decision.parts().items(), key=lambda item: -abs(item[1]))
    named = [f"{PARTS[part]} {number(-value, 2, signed=True)}" for part, value in parts if abs(value) >= _CENT]
    if not named:
        return "Costs the same as the next."
    verdict = f"{number(abs(usd), 2)} USD {'cheaper' if usd > 0 else 'more expensive'} than the next"
    return f"{verdict}: {', '.join(named)}."


def _facts(decision: Decision) -> str:
    a, b = decision.chosen, decision.other
    assert a is not None and b is not None
    facts = [
        (a.packages < b.packages, f"{_packages(a.packages)} instead of {_words(b.packages)}"),
        (a.packages > b.packages, f"{_packages(a.packages)} where {_words(b.packages)} would do"),
        (a.local and not b.local, "in its region, the next is not"),
        (b.local and not a.local, "from another region, while the next is in its own"),
        (a.stops < b.stops, f"{_sorts(a.stops)} instead of {_sorts(b.stops)}"),
        (a.air_miles < b.air_miles - 1, f"{number(b.air_miles - a.air_miles, 0)} miles nearer"),
        (a.hours < b.hours, f"{number(b.hours - a.hours, 0)} h sooner"),
        (a.in_time and not b.in_time, "in time, the next is late"),
        (b.in_time and not a.in_time, "late, where the next would be in time"),
    ]
    said = [text for true, text in facts if true]
    return f"{', '.join(said).capitalize()}." if said else ""


def _ranking(decision: Decision, policy: ScorerPolicy) -> str:
    """What ranks it first."""
    if decision.reason:
        return f"{policy.name} puts {decision.reason} first here."
    if policy.scorers.source.b1.shape[1]:
        return f"{policy.name} scores it {number(decision.margin, 2)} above the next."
    return "Both have the same score; the first one found is taken."


def _packages(count: int) -> str:
    return "one package" if count == 1 else f"{_words(count)} packages"


def _sorts(count: int) -> str:
    return ("direct", "one sort", "two sorts")[count]


def _words(count: int) -> str:
    names = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    return names[count] if count < len(names) else str(count)


def describe(way: Way | None) -> str:
    """A route in words."""
    if way is None:
        return NOTHING
    late = "" if way.in_time else ", late"
    by = f" by {' and '.join(way.modes)}" if way.modes else ""
    return (
        f"{way.fc} ({way.region}): {_sorts(way.stops)}{by}, {number(way.miles, 0)} miles, there in "
        f"{number(way.hours, 0)} h{late}; {way.on_hand} on hand"
    )


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
        NOTHING if other is None else number(decision.difference_usd, 2, signed=True), why(decision, policy),
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
        "served_from": decision.served, "replanned": decision.replanned, "why": why(decision, policy),
    }  # fmt: skip
