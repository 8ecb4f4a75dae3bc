"""Hindsight bounds of the episodes that policies are compared on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import pandas as pd

from regional_dispatch.baselines.bounds.bound import HindsightBound
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.kpis import EPISODE_COST

BOUND_COLUMNS = ("bound_per_order_usd", "bound_kind")
FULL_TRUCKS = "full_trucks_per_order_usd"
TOLERANCE = 1e-6  # share of the bound: what floating-point sums may differ by

# A re-evaluated order may use units that arrived after its first decision, so its cost may be below the bound.
NO_BOUND_REEVALUATED = "the bound holds for decisions made once, not for decisions that are revised"
NO_BOUND_TRANSFERRED = "the bound holds for stock that is not moved between FCs"

Bound = Callable[[Scenario, int], HindsightBound]  # of an episode, by its key


class InvalidBoundError(RuntimeError):
    """A policy costs less than a lower bound: the bound or the simulator is wrong."""


def hindsight(seconds: float | None = None) -> Bound:
    """The project's bound: exact on small scenarios, a relaxation on large ones.

    Args:
        seconds: longest search per episode. Default: the bound's own.
    """
    from regional_dispatch.baselines.bounds.hindsight import hindsight_bound  # loads a solver

    return hindsight_bound if seconds is None else partial(hindsight_bound, time_limit_s=seconds)


def evaluate_bounds(
    scenario: Scenario, keys: Sequence[int], bound: Bound, progress: Callable[[str], None] | None = None
) -> pd.DataFrame:
    """The bounds of episodes.

    Args:
        scenario: the world.
        keys: of the episodes; see `evaluation.rollouts.evaluation_keys`.
        bound: computes one.
        progress: called with "bound" after each.

    Returns:
        One row per episode: episode (0…E − 1), bound_per_order_usd, bound_kind, bound_seconds.

    Raises:
        BoundError: a bound cannot be computed.
    """
    rows = []
    for episode, key in enumerate(keys):
        rows.append({"episode": episode, **bound_row(bound(scenario, key))})
        if progress is not None:
            progress("bound")
    return pd.DataFrame(rows)


def bound_row(bound: HindsightBound) -> dict[str, float | str]:
    """A bound as a row of a table; a relaxation's has full_trucks_per_order_usd too, the bound with equal shares."""
    row: dict[str, float | str] = {
        "bound_per_order_usd": bound.usd / bound.orders if bound.orders else float("nan"),
        "bound_kind": bound.kind,
        "bound_seconds": bound.seconds,
    }
    if "full_trucks_usd" in bound.details and bound.orders:
        row[FULL_TRUCKS] = float(bound.details["full_trucks_usd"]) / bound.orders
    return row


def join_bounds(frame: pd.DataFrame, bounds: pd.DataFrame) -> pd.DataFrame:
    """The rows of policies with the bound of their episode beside them; empty cells where an episode has none.

    Raises:
        InvalidBoundError: a policy is below the bound.
    """
    joined = frame.merge(bounds[["episode", *BOUND_COLUMNS]], on="episode", how="left")
    below = joined[joined[EPISODE_COST] < joined["bound_per_order_usd"] * (1 - TOLERANCE)]
    if not below.empty:
        worst = below.iloc[0]
        raise InvalidBoundError(
            f"policy '{worst['policy']}' costs {worst[EPISODE_COST]:.6f} USD per order in episode {worst['episode']}, "
            f"below the '{worst['bound_kind']}' bound of {worst['bound_per_order_usd']:.6f}: the bound or the "
            f"simulator is wrong; please report this with the scenario and the episode's seed {worst['seed']}"
        )
    return joined
