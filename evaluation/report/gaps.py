"""Gaps to the hindsight bound as text; a bound that is not exact is a lower bound, never an optimum."""

from __future__ import annotations

from typing import Any

from regional_dispatch.evaluation.gaps import OPTIMUM
from regional_dispatch.evaluation.text import interval, number, times

Gaps = dict[str, Any]  # see `evaluation.gaps.gap_summary`


def gap_title(gaps: Gaps) -> str:
    """What the bound is, what it is worth, and what it took."""
    count = len(gaps["episodes"])
    plural = "" if count == 1 else "s"
    usd = interval(gaps["usd_per_order"], 3, signed=False)
    return (
        f"Whole episodes, warm-up included, against the {_named(gaps)}: {usd} USD per order, mean of {count} "
        f"episode{plural}, {number(gaps['seconds'], 1)} s each"
    )


def _named(gaps: Gaps) -> str:
    """`hindsight optimum (exact)`, or `hindsight lower bound (3 exact, 1 time limit)`."""
    kinds = gaps["kinds"]
    parts = list(kinds) if len(kinds) == 1 else [f"{count} {kind}" for kind, count in kinds.items()]
    return f"hindsight {gaps['label']} ({', '.join(parts)})"


def gap_header(gaps: Gaps) -> list[str]:
    """Titles of the columns of `gap_rows`."""
    shares = ["gap closed, %"] if gaps["best_untuned"] else []
    return ["policy", "USD per order", f"above the {gaps['label']}", "in %", *shares]


def gap_rows(gaps: Gaps) -> list[list[str]]:
    """One row per policy."""
    return [
        [name, number(gap["cost_usd"]["mean"], 3), interval(gap["gap_usd"], 3, signed=False)]
        + [interval(gap["gap_percent"], 1, signed=False)]
        + ([closed_cell(gap)] if gaps["best_untuned"] else [])
        for name, gap in gaps["policies"].items()
    ]


def closed_cell(gap: Gaps) -> str:
    """The share of the gap closed, in percent."""
    return interval(times(gap["share_closed"], 100), 1, signed=False)


def gap_notes(gaps: Gaps) -> str:
    """What the share of the gap closed means, or why there is none."""
    if gaps["best_untuned"] is None:
        return "No untuned rule is compared, so no share of a gap can be given."
    limit = "" if gaps["label"] == OPTIMUM else "; of the way to the optimum itself it may be more"
    return (
        f"Gap closed: the share of the way from {gaps['best_untuned']}, the best untuned rule here, to the "
        f"{gaps['label']}{limit}."
    )
