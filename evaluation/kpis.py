"""The KPIs that tables show, chosen by name from `envs.kernel.metrics.KPIS`."""

from __future__ import annotations

from typing import NamedTuple

from regional_dispatch.envs.kernel.ledger import COMPONENTS
from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.evaluation.text import number

COST = "cost_per_order_usd"  # what policies are ranked by, and tuning minimises
EPISODE_COST = "episode_cost_per_order_usd"  # the same of the whole episode, warm-up included: what a bound bounds
ON_TIME = "on_time_share"
# Differences of these have no interval: of eight episodes of `small` it held in 88 % of cases, whatever the method.
MEAN_ONLY = ("settled_share",)

# Rows of a comparison's table.
COMPARISON_KPIS = (
    COST, *(f"{name}_per_order_usd" for name in COMPONENTS),
    "in_region_share", ON_TIME, "click_to_delivery_hours", "truck_fill", "miles_per_package",
    "touches_per_package", "lanes_used", "packages_per_order", "spill_share", "settled_share", "transfer_units",
)  # fmt: skip


class Column(NamedTuple):
    """A KPI as a column of a benchmark's or an experiment's table."""

    title: str
    decimals: int  # of its mean; of percent, for a share


BENCHMARK_KPIS = {
    COST: Column("cost", 3), "truck_per_order_usd": Column("trucks", 3), "pick_per_order_usd": Column("picking", 3),
    "late_per_order_usd": Column("late", 3), ON_TIME: Column("on time", 1), "in_region_share": Column("in region", 1),
    "truck_fill": Column("fill", 1), "click_to_delivery_hours": Column("hours", 1),
    "packages_per_order": Column("packages", 2), "miles_per_package": Column("miles", 0),
    "spill_share": Column("spill", 1),
}  # fmt: skip


def kpi_cell(kpi: str, mean: float | None, decimals: int) -> str:
    """A KPI's mean as text; shares in percent; a dash for None."""
    return number(100 * mean if mean is not None and KPIS[kpi].unit == "share" else mean, decimals)


def column_titles() -> list[str]:
    """Titles of the columns of `kpi_cells`."""
    return [column.title for column in BENCHMARK_KPIS.values()]


def kpi_cells(kpis: dict[str, dict[str, float | None]]) -> list[str]:
    """The means of a policy's KPIs as cells: KPI → interval, as `evaluation.compare.summarise` gives them."""
    return [kpi_cell(kpi, kpis[kpi]["mean"], column.decimals) for kpi, column in BENCHMARK_KPIS.items()]
