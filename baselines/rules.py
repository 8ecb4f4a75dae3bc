"""The textbook rules.

A baseline is a pair `source+dispatch`, such as `regional_nearest+hybrid`; a bare source name means `+last_safe_hour`, a
bare dispatch name `regional_nearest+`.
"""

from __future__ import annotations

from envs.features import DISPATCH_FEATURES, SOURCE_FEATURES
from envs.policy import ScorerPolicy
from envs.scorers import LAST_SAFE_HOUR, NEAREST_IN_REGION, Scorer, Scorers, linear

HYBRID_FILL = 0.7  # θ, truckloads
HYBRID_SLACK_HOURS = 6.0  # τ


def hybrid(fill: float, slack_hours: float) -> Scorer:
    """Go at `fill` truckloads, or when the most urgent package has at most `slack_hours` left.

    score = ½ + [fill ≥ θ] − [slack > τ]: above zero unless the truck is below θ and nothing is urgent. Slack comes in
    whole ticks, so "> τ" is "≥ τ + a little".
    """
    return linear(DISPATCH_FEATURES, bias=0.5, steps={"fill": (1.0, fill), "slack": (-1.0, slack_hours / 24 + 1e-4)})


SOURCE_RULES: dict[str, Scorer] = {
    # The nearest FC with stock and capacity, wherever it is.
    "national_nearest": linear(SOURCE_FEATURES, weights={"air_miles": -1.0}),
    # The nearest in the customer's region; the nearest elsewhere only when the region has none.
    "regional_nearest": NEAREST_IN_REGION,
}

DISPATCH_RULES: dict[str, Scorer] = {
    # Every truck leaves at once.
    "immediate": linear(DISPATCH_FEATURES, bias=1.0),
    # Only full trucks leave, and those leave by themselves.
    "full_truck": linear(DISPATCH_FEATURES, bias=-1.0),
    # At the scenario's fixed hours of the day.
    "scheduled": linear(DISPATCH_FEATURES, bias=-0.5, weights={"scheduled": 1.0}),
    # When full, or when holding would make a package late, or later.
    "last_safe_hour": LAST_SAFE_HOUR,
    # At a fill, or at a slack.
    "hybrid": hybrid(HYBRID_FILL, HYBRID_SLACK_HOURS),
}


class BaselineError(ValueError):
    """No baseline of that name; the text lists those there are."""


def baseline(name: str) -> ScorerPolicy:
    """A baseline by name.

    Args:
        name: `source+dispatch`, or either alone.

    Raises:
        BaselineError: unknown name.
    """
    source, plus, dispatch = name.partition("+")
    if not plus:
        bare_dispatch = source in DISPATCH_RULES
        source, dispatch = ("regional_nearest", source) if bare_dispatch else (source, "last_safe_hour")
    if source not in SOURCE_RULES or dispatch not in DISPATCH_RULES:
        raise BaselineError(
            f"policy '{name}' is no baseline; write source+dispatch with source one of {', '.join(SOURCE_RULES)} "
            f"and dispatch one of {', '.join(DISPATCH_RULES)}"
        )
    return ScorerPolicy(Scorers(SOURCE_RULES[source], DISPATCH_RULES[dispatch]), name=name)


def baseline_names() -> list[str]:
    """All pairs."""
    return [f"{source}+{dispatch}" for source in SOURCE_RULES for dispatch in DISPATCH_RULES]
