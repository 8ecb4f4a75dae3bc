"""The rules: named linear scorers with named parameters.

A baseline is a pair `source+dispatch`, such as `shadow_price+hybrid`; a bare source name means `+last_safe_hour`, a
bare dispatch name `regional_nearest+`; `backpressure` and `linear`, which are both, mean both. Scores of sources are
in tens of USD, so that −1 × the cost feature is one dollar per dollar.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from regional_dispatch.envs.kernel.decisions.features import DISPATCH_FEATURES, SOURCE_FEATURES
from regional_dispatch.envs.kernel.decisions.score import Scorer
from regional_dispatch.envs.kernel.decisions.scorers import LAST_SAFE_HOUR, NEAREST_IN_REGION, Scorers, linear
from regional_dispatch.envs.policy import Pricing, ScorerPolicy
from regional_dispatch.envs.world.linehaul.lane_kinds import LANE_KINDS

FIRST = 1000.0  # weight of a feature that decides before all others
LATE = -0.5  # 5 USD for a line that cannot be on time, the scenarios' default
_ALMOST = 1e-4  # slack comes in whole ticks: "above τ" is "at least τ + a little"


class BaselineError(ValueError):
    """A baseline or parameter that does not exist, or a file that cannot be used; the text lists those that exist."""


class Parameter(NamedTuple):
    """One number of a rule that can be tuned."""

    default: float
    low: float
    high: float
    text: str  # description, with the unit
    step: float  # standard deviation of the first settings that tuning tries, in the parameter's unit


class Rule(NamedTuple):
    """A scorer by its parameters."""

    text: str
    build: Callable[[Mapping[str, float]], Scorer]
    parameters: Mapping[str, Parameter] = {}
    pricing: Callable[[Mapping[str, float]], Pricing] | None = None  # set if the LP prices the units


def between(default: float, low: float, high: float, text: str) -> Parameter:
    return Parameter(default, low, high, text, (high - low) / 4)


def _fixed(scorer: Scorer) -> Callable[[Mapping[str, float]], Scorer]:
    return lambda _: scorer


def _source(bias: float = 0.0, steps: Mapping[str, tuple[float, float]] | None = None, **weights: float) -> Scorer:
    return linear(SOURCE_FEATURES, bias, weights, steps)


def _spillover_limit(p: Mapping[str, float]) -> Scorer:
    """In-region first; outside, FCs with enough cover first; then least cost. Cover is in tens of days."""
    return _source(steps={"spill_cover": (FIRST / 2, p["cover_days"] / 10)}, in_region=FIRST, cost=-1.0, late=LATE)


def _backpressure_source(p: Mapping[str, float]) -> Scorer:
    """The unit of backlog features is 12 hours, that of USD features 10 USD."""
    usd = -1.2 * p["usd_per_backlog_hour"]
    return _source(cost=-1.0, late=LATE, fc_backlog=usd, sc_backlog=usd)


def _dispatch(bias: float, steps: Mapping[str, tuple[float, float]] | None = None, **weights: float) -> Scorer:
    return linear(DISPATCH_FEATURES, bias, weights, steps)


def _hybrid(p: Mapping[str, float]) -> Scorer:
    """½ + [fill ≥ θ] − [slack > τ]: above zero unless the truck is below θ and nothing is urgent."""
    return _dispatch(0.5, {"fill": (1.0, p["fill"]), "slack": (-1.0, p["slack_hours"] / 24 + _ALMOST)})


def _control_limit(p: Mapping[str, float]) -> Scorer:
    """fill − θ(kind) + 10·[slack ≤ τ]."""
    limits = {f"is_{kind}": -p[kind] for kind in LANE_KINDS}
    return _dispatch(10.0, {"slack": (-10.0, p["slack_hours"] / 24 + _ALMOST)}, fill=1.0, **limits)


def _backpressure_dispatch(p: Mapping[str, float]) -> Scorer:
    """Pressure = fill − next lanes' fill − sorting queued there; go above θ if a truck is left, or when late."""
    return _dispatch(
        -p["pressure"] - 10.0, fill=1.0, next_fill=-p["next_weight"], dest_backlog=-12 * p["per_backlog_hour"],
        truck_left=10.0, late_if_held=100.0,
    )  # fmt: skip


def _linear_rule(features: tuple[str, ...], start: Mapping[str, float], step: float, text: str) -> Rule:
    """Any weights over all features; tuned, it is `tuned_linear`."""
    names = ("bias", *(name for name in features if name != "surcharge"))  # which only policies that price lanes use
    parameters = {
        name: Parameter(start.get(name, 0.0), -math.inf, math.inf, f"weight of {name}", step) for name in names
    }
    return Rule(text, lambda p: linear(features, p["bias"], {name: p[name] for name in names[1:]}), parameters)


_FILL = between(0.7, 0.0, 1.2, "go at this fill. Unit: truckloads")
_SLACK = between(6.0, -1.0, 24.0, "go when the most urgent package has at most so long. Unit: hours")

SOURCE_RULES: dict[str, Rule] = {
    "national_nearest": Rule(
        "The nearest FC with stock and capacity, wherever it is.", _fixed(_source(air_miles=-1.0))
    ),
    "regional_nearest": Rule(
        "The nearest in the customer's region; the nearest elsewhere only when the region has none.",
        _fixed(NEAREST_IN_REGION),
    ),
    "least_cost": Rule(
        "The least standard cost of the whole order, each package paid once: the myopic optimum.",
        _fixed(_source(order_plan=FIRST, cost=-1.0)),
    ),
    "consolidate": Rule(
        "The fewest packages for the order, ties by standard cost.", _fixed(_source(fewest_packages=FIRST, cost=-1.0))
    ),
    "regional_consolidate": Rule(
        "The customer's region first; there, and elsewhere, the fewest packages for the order, ties by standard cost.",
        _fixed(_source(in_region=10 * FIRST, fewest_packages=FIRST, cost=-1.0)),
    ),
    "spillover_limit": Rule(
        "In-region first; spills from FCs whose cover stays above a threshold, while there are any (DeValve et al.).",
        _spillover_limit,
        {"cover_days": between(1.0, 0.0, 15.0, "cover an FC keeps to itself. Unit: days of its own demand")},
    ),
    "backpressure": Rule(
        "The line's least cost, plus a price on the work queued at the FC and its sort center.",
        _backpressure_source,
        {"usd_per_backlog_hour": between(0.2, 0.0, 2.0, "price of queued work. Unit: USD per hour of backlog")},
    ),
    "shadow_price": Rule(
        "The least cost of the whole order, with the LP's price of every unit on top (Acimovic & Graves 2015).",
        _fixed(_source(order_plan=FIRST, cost=-1.0)),
        {"scale": between(1.0, 0.0, 2.0, "share of the LP's price that is charged")},
        pricing=lambda p: Pricing(24.0, p["scale"]),
    ),
    "linear": _linear_rule(SOURCE_FEATURES, {"cost": -1.0, "late": LATE, "order_plan": 0.3}, 0.1, "Any linear scorer."),
}

DISPATCH_RULES: dict[str, Rule] = {
    "immediate": Rule("Every truck leaves at once.", _fixed(_dispatch(1.0))),
    "full_truck": Rule("Only full trucks leave, and those leave by themselves.", _fixed(_dispatch(-1.0))),
    "scheduled": Rule("At the scenario's fixed hours of the day.", _fixed(_dispatch(-0.5, scheduled=1.0))),
    "last_safe_hour": Rule("When full, or when holding would make a package late, or later.", _fixed(LAST_SAFE_HOUR)),
    "time": Rule(
        "When the oldest package has waited so long.",
        lambda p: _dispatch(-0.5, {"age": (1.0, p["hours"] / 24)}),
        {"hours": between(12.0, 1.0, 48.0, "longest wait. Unit: hours")},
    ),
    "quantity": Rule("At a fill.", lambda p: _dispatch(-0.5, {"fill": (1.0, p["fill"])}), {"fill": _FILL}),
    "hybrid": Rule("At a fill, or at a slack.", _hybrid, {"fill": _FILL, "slack_hours": _SLACK}),
    "control_limit": Rule(
        "At a fill that depends on the kind of lane, or at a slack.",
        _control_limit,
        {**dict.fromkeys(LANE_KINDS, _FILL), "slack_hours": _SLACK},
    ),
    "backpressure": Rule(
        "Max pressure: where more waits than at the other end, while trucks last (after Levin 2024).",
        _backpressure_dispatch,
        {
            "pressure": between(0.7, 0.0, 1.2, "go at this pressure. Unit: truckloads"),
            "next_weight": between(0.3, 0.0, 1.0, "weight of the truckloads that wait downstream. Unit: share"),
            "per_backlog_hour": between(0.05, 0.0, 0.5, "price of sorting queued there. Unit: truckloads per hour"),
        },
    ),
    "linear": _linear_rule(DISPATCH_FEATURES, {"bias": -1.0, "late_if_held": 4.0}, 1.0, "Any linear scorer."),
}

_ALONE = {name: f"{name}+{name}" for name in SOURCE_RULES if name in DISPATCH_RULES}


def full_name(name: str) -> str:
    """`source+dispatch` for a baseline's name.

    Raises:
        BaselineError: unknown name.
    """
    source, plus, dispatch = _ALONE.get(name, name).partition("+")
    if not plus:
        bare_dispatch = source in DISPATCH_RULES
        source, dispatch = ("regional_nearest", source) if bare_dispatch else (source, "last_safe_hour")
    if source not in SOURCE_RULES or dispatch not in DISPATCH_RULES:
        raise BaselineError(
            f"policy '{name}' is not a baseline; write source+dispatch with source one of {', '.join(SOURCE_RULES)} "
            f"and dispatch one of {', '.join(DISPATCH_RULES)}"
        )
    return f"{source}+{dispatch}"


def parts(name: str) -> dict[str, Rule]:
    """The two rules of a baseline: `source` and `dispatch`."""
    source, _, dispatch = full_name(name).partition("+")
    return {"source": SOURCE_RULES[source], "dispatch": DISPATCH_RULES[dispatch]}


def parameters(name: str) -> dict[str, Parameter]:
    """The tunable parameters of a baseline: `source.cover_days` → Parameter."""
    return {f"{part}.{key}": value for part, rule in parts(name).items() for key, value in rule.parameters.items()}


def baseline(name: str, settings: Mapping[str, float] | None = None) -> ScorerPolicy:
    """A baseline by name.

    Args:
        name: `source+dispatch`, or either alone.
        settings: values of its parameters (`source.cover_days`: 5.0); those left out have their defaults.

    Raises:
        BaselineError: unknown name or parameter, or a value out of bounds.
    """
    values = complete(f"baseline '{name}'", parameters(name), settings or {})
    scorers = {part: rule.build(_of(part, values)) for part, rule in parts(name).items()}
    source = parts(name)["source"]
    pricing = source.pricing(_of("source", values)) if source.pricing else None
    return ScorerPolicy(Scorers(**scorers), name=name, pricing=pricing)


def complete(owner: str, known: Mapping[str, Parameter], given: Mapping[str, float]) -> dict[str, float]:
    """The values given, and the defaults of the other parameters.

    Raises:
        BaselineError: `owner` has no such parameter, or a value is out of bounds.
    """
    for key, value in given.items():
        if key not in known:
            raise BaselineError(f"{owner} has no parameter '{key}'; it has: {', '.join(known) or 'none'}")
        if not known[key].low <= value <= known[key].high:
            raise BaselineError(f"{owner}: {key} = {value}: must lie in {known[key].low:g}…{known[key].high:g}")
    return {key: parameter.default for key, parameter in known.items()} | dict(given)


def _of(part: str, values: Mapping[str, float]) -> dict[str, float]:
    """The values of one part, without its prefix."""
    return {key.removeprefix(f"{part}."): value for key, value in values.items() if key.startswith(f"{part}.")}


def baseline_names() -> list[str]:
    """All pairs of rules. `linear` is left out: it is made to be tuned."""
    return [
        f"{source}+{dispatch}"
        for source in SOURCE_RULES
        for dispatch in DISPATCH_RULES
        if "linear" not in (source, dispatch)
    ]
