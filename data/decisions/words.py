"""A decision in words: why a line is served by the FC that serves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from regional_dispatch.data.decisions.decision import Decision, Way
from regional_dispatch.data.decisions.seen import PARTS
from regional_dispatch.evaluation.text import NOTHING, number

_CENT = 0.005  # USD; smaller amounts are left out


def why(decision: Decision, policy: str) -> str:
    """Why the line is served by the chosen FC, in words derived from the numbers; `policy` is a name."""
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


def _ranking(decision: Decision, policy: str) -> str:
    """What ranks it first."""
    if decision.reason:
        return f"{policy} puts {decision.reason} first here."
    if decision.margin > 0:
        return f"{policy} scores it {number(decision.margin, 2)} above the next."
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
    by = f" by {way.modes}" if way.modes else ""
    return (
        f"{way.fc} ({way.region}): {_sorts(way.stops)}{by}, {number(way.miles, 0)} miles, there in "
        f"{number(way.hours, 0)} h{late}; {way.on_hand} on hand"
    )


def explain(decisions: Sequence[Decision], policy: str) -> str:
    """An order in plain words: of every line who serves it, the next best, and why.

    Args:
        decisions: on the lines of one order, at least one.
        policy: name of the policy that decided.
    """
    first = decisions[0]
    name = f"{first.order_name} (number {first.order})" if first.order_name else str(first.order)
    placed = (
        f"hour {number(first.placed, 1)}" if first.placed_time is None else f"{first.placed_time:%Y-%m-%d %H:%M} UTC"
    )
    head = (
        f"Order {name} to {first.station} ({first.region}), placed at {placed}, promised within "
        f"{number(first.promise_hours, 1)} hours. Decided by {policy}."
    )
    return "\n\n".join([head, *(_line(decision, policy) for decision in decisions), _NOTE])


def _line(decision: Decision, policy: str) -> str:
    units = f"{decision.units} {'unit' if decision.units == 1 else 'units'}"
    told = [f"Line {decision.line}: {units} of SKU {decision.sku_name or decision.sku}."]
    if decision.chosen is not None:
        told.append(f"  Chosen: {describe(decision.chosen)}.\n          {decision.chosen.path}")
    if decision.other is not None:
        told.append(f"  Next best: {describe(decision.other)}.\n          {decision.other.path}")
    told.append(f"  Why: {why(decision, policy)}")
    if decision.features:
        told.append("  What the score weighs most: " + "; ".join(_feature(one) for one in decision.features) + ".")
    others = [one for one in decision.candidates if decision.chosen is None or one["route"] != decision.chosen.route]
    if others:
        told.append("  All other candidates, by score:")
        told += [f"    {_candidate(one)}" for one in sorted(others, key=lambda one: -one["score"])]
    return "\n".join(told)


def _feature(one: Mapping[str, Any]) -> str:
    values = f"{number(one['chosen'], 3)} against {number(one['next'], 3)}"
    return f"{one['feature']} {values} ({number(one['worth'], 3, signed=True)})"


def _candidate(one: Mapping[str, Any]) -> str:
    late = "" if one["in_time"] else ", late"
    return (
        f"{one['path']}: {number(one['more_usd'], 2, signed=True)} USD, score {number(one['score'], 3)}, "
        f"{number(one['hours'], 0)} h{late}, {one['on_hand']} on hand"
    )


_NOTE = (
    "Dollars are those the policy sees: of the whole order if this line alone went the other way, at standard cost. A "
    "score ranks candidates and has no unit; in brackets is what it would lose with the next best's value."
)
