"""Cells and tables of the page."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.measure import Spread
from regional_dispatch.evaluation.text import markdown_lines, number


def cell(values: Spread, decimals: int, factor: float = 1.0) -> str:
    """`median (lower quartile – upper quartile)`, times a factor; the median alone of a single measurement."""
    median, q1, q3 = (number(values[key] * factor, decimals) for key in ("median", "q1", "q3"))
    return median if values["repeats"] == 1 else f"{median} ({q1}–{q3})"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """A Markdown table; all but the first `left` columns are aligned to the right."""
    return markdown_lines(header, rows, left)
