"""Numbers and counts as the map writes them."""

from __future__ import annotations


def percent(share: float) -> str:
    """A share as a percentage: `97.5 %`."""
    return f"{100 * share:.1f} %"


def counted(count: int, name: str) -> str:
    """A count and what is counted: `1 truck`, `1,200 trucks`."""
    return f"{count:,} {name}" if count == 1 else f"{count:,} {name}s"


def plain_number(value: float) -> str:
    """A number with one decimal where it has any: `30`, `30.5`."""
    return f"{value:,.1f}".removesuffix(".0")
