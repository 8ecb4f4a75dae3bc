"""What a cut is expected to change, and whether it does, for every KPI and policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from regional_dispatch.evaluation.statistics import Interval
from regional_dispatch.evaluation.text import interval, number
from regional_dispatch.studies.report.charts import label, name_and_unit
from regional_dispatch.studies.report.findings import Table

# The finished regions less the nation: what was published of the cut of 2023.
EXPECTED = {
    "in_region_share": "higher",
    "cost_per_order_usd": "lower",
    "miles_per_package": "lower",
    "touches_per_package": "lower",
    "click_to_delivery_hours": "lower",
    "truck_fill": "higher",
    "lanes_used": "lower",
    "direct_share": "higher",
}
HOLDS, OPPOSITE, OPEN = "holds", "the opposite", "open"
Changes = Mapping[tuple[str, str], Interval]  # policy and KPI → finished regions less nation


def verdict(kpi: str, change: Interval) -> str:
    """Whether the whole interval lies on the expected side, on the other, or on both."""
    if not change.sign:
        return OPEN
    return HOLDS if (change.sign > 0) == (EXPECTED[kpi] == "higher") else OPPOSITE


def expected_table(policies: Sequence[str], changes: Changes) -> Table:
    """A row per KPI that is expected to change, a column per policy."""

    def cell(kpi: str, policy: str) -> str:
        change = changes[policy, kpi]
        return f"{verdict(kpi, change)}: {interval(change._asdict(), 2)}"

    rows = tuple(
        (f"{label(kpi)}: {goal}", *(cell(kpi, policy) for policy in policies)) for kpi, goal in EXPECTED.items()
    )
    data = pd.DataFrame(
        [
            {"policy": policy, "kpi": kpi, "expected": goal, "found": verdict(kpi, change), **change._asdict()}
            for kpi, goal in EXPECTED.items()
            for policy in policies
            for change in [changes[policy, kpi]]
        ]
    )
    return Table("expected", "What holds", ("expected", *policies), rows, data)


def held(policies: Sequence[str], changes: Changes) -> tuple[str, ...]:
    """The KPIs whose expected change holds under every policy."""
    return tuple(kpi for kpi in EXPECTED if all(verdict(kpi, changes[policy, kpi]) == HOLDS for policy in policies))


def failures(policies: Sequence[str], changes: Changes) -> str:
    """A sentence that names every policy and KPI for which the expected change does not hold."""
    parts = []
    for policy in policies:
        missing = [
            f"{name} ({found}, {number(changes[policy, kpi].mean, 2, signed=True)} {unit})"
            for kpi in EXPECTED
            if (found := verdict(kpi, changes[policy, kpi])) != HOLDS
            for name, unit in [name_and_unit(kpi)]
        ]
        if missing:
            parts.append(f"with {policy}, {', '.join(missing)}")
    if not parts:
        return "Every expected change holds with its whole interval, under every policy."
    return f"What does not hold: {'; '.join(parts)}. Open: the interval holds zero."
