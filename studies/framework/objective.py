"""What "best" means in a study: KPIs weighted in dollars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, Field

from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.studies.framework.lab import Played
from regional_dispatch.studies.report.charts import label


def _known(weights: dict[str, float]) -> dict[str, float]:
    unknown = sorted(set(weights) - set(KPIS))
    if unknown:
        raise ValueError(f"no such KPI: {', '.join(unknown)}; known: {', '.join(KPIS)}")
    return weights


Weights = Annotated[
    dict[str, float],
    AfterValidator(_known),
    Field(min_length=1, description="What the best minimises: KPI → USD per order and unit of the KPI."),
]
# An hour from click to delivery counts as a cent; configs/studies/region_count.yaml says why.
DEFAULT_WEIGHTS = {"cost_per_order_usd": 1.0, "click_to_delivery_hours": 0.01}


def objective(played: Played, world: str, policy: str, weights: Mapping[str, float]) -> np.ndarray:
    """The weighted KPIs of each episode: (E,), USD per order."""
    return np.sum([weight * played.values(world, policy, kpi) for kpi, weight in weights.items()], axis=0)


def objective_text(weights: Mapping[str, float]) -> str:
    """The objective in a sentence."""
    parts = [label(kpi) if weight == 1 else f"{weight:g} × {label(kpi)}" for kpi, weight in weights.items()]
    return f"The objective is {' + '.join(parts)}; it is in USD per order."
