"""What pages of shocks show: days of the nation and of its regions side by side, and recovery in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from regional_dispatch.evaluation.statistics import Interval
from regional_dispatch.evaluation.text import NOTHING, number
from regional_dispatch.studies.framework.cut import NATIONAL, REGIONAL
from regional_dispatch.studies.framework.timeline import UNDER_WAY
from regional_dispatch.studies.report.charts import Line, label, scale

SHOWN = (
    "on_time_share",
    "click_to_delivery_hours",
    "lost_line_share",
    "cost_per_order_usd",
    "in_region_share",
    "spot_share",
)


def day_panels(
    days: Sequence[int],
    values: Callable[[str, str], np.ndarray],
    interval: Callable[[np.ndarray], Interval],
    more: bool = False,
) -> dict[str, list[Line]]:
    """Panels for `charts.lines_grid`: every day of the nation and of the regions.

    Args:
        days: x axis.
        values: partition and KPI → (E, days).
        interval: of the mean of (E,).
        more: values are differences.
    """

    def lines(kpi: str, times: float) -> list[Line]:
        return [
            Line(name, days, [interval(times * day) for day in values(name, kpi).T]) for name in (NATIONAL, REGIONAL)
        ]

    titles = {kpi: label(kpi) for kpi in SHOWN} | {UNDER_WAY: "Packages under way at midnight"}
    if more:
        titles = {kpi: f"Change: {title.replace('%', 'points')}" for kpi, title in titles.items()}
    return {title: lines(kpi, scale(kpi) if kpi in SHOWN else 1.0) for kpi, title in titles.items()}


def recovery_cell(days: float | None) -> str:
    """`recovery_days` in a table."""
    return NOTHING if days is None else number(days, 0)


def recovery_words(days: float | None) -> str:
    """`recovery_days` in a sentence, after 'recovers'."""
    if days is None:
        return "not in the time played"
    return "at once" if days == 0 else f"within {number(days, 0)} {'day' if days == 1 else 'days'}"
