"""Numbers, intervals and table rows as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MINUS = "−"
NOTHING = "–"  # a cell without a value


def number(value: float | None, decimals: int, signed: bool = False) -> str:
    """A number with thousands separators; zero has no sign. A dash for None or NaN."""
    if value is None or value != value:
        return NOTHING
    text = f"{value:+,.{decimals}f}" if signed else f"{value:,.{decimals}f}"
    if not any(digit in text for digit in "123456789"):
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


def interval(values: Mapping[str, float | None] | None, decimals: int, signed: bool = True) -> str:
    """`mean [low, high]` of an interval as `evaluation.statistics.Interval` names it; a dash where there is none.

    Where there is a mean alone, as of one sample, the ends are None: `mean [–]`.
    """
    if values is None:
        return NOTHING
    mean, low, high = (number(values[key], decimals, signed) for key in ("mean", "ci_low", "ci_high"))
    if NOTHING in (low, high):
        return mean if mean == NOTHING else f"{mean} [{NOTHING}]"
    return f"{mean} [{low}, {high}]"


def plus_minus(values: Mapping[str, float | None], decimals: int) -> str:
    """`mean ± half the width` of an interval; `mean ± –` where there is none."""
    low, high = values["ci_low"], values["ci_high"]
    half = None if low is None or high is None else (high - low) / 2
    return f"{number(values['mean'], decimals)} ± {number(half, decimals)}"


def times(values: Mapping[str, float | None] | None, factor: float) -> dict[str, Any] | None:
    """An interval multiplied by a factor, such as 100 for percent."""
    if values is None:
        return None
    return {key: None if value is None else factor * value for key, value in values.items()}


def markdown_lines(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """A Markdown table; all but the first `left` columns are aligned to the right."""
    rule = ["---" if i < left else "---:" for i in range(len(header))]
    return [f"| {' | '.join(cells)} |" for cells in (header, rule, *rows)]


def inside(title: str) -> str:
    """A title for use inside a sentence: its first letter is lower case."""
    return title[:1].lower() + title[1:]
