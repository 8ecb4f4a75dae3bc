"""What the environments say beside observations and rewards: dollars by component, and KPIs of regions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from regional_dispatch.envs.kernel.ledger import COMPONENTS
from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.simulator import Simulator


def region_kpis(sim: Simulator, copy: int, region: int | None) -> dict[str, float | None]:
    """All KPIs of a region since the warm-up, None where there is nothing to measure yet; region None: of all."""
    found = sim.kpis(copy, None if region is None else [region])
    return {name: None if math.isnan(value) else value for name, value in found.items()}


def usd_by_component(usd: np.ndarray) -> dict[str, Any]:
    """Dollars by component: (components,) as numbers, (rows, components) as one column for all rows each."""
    return dict(zip(COMPONENTS, usd.tolist() if usd.ndim == 1 else usd.T, strict=True))


def kpi_columns(
    sim: Simulator, copies: np.ndarray, regions: np.ndarray | None, which: np.ndarray
) -> dict[str, np.ndarray]:
    """KPIs of rows, a column each; NaN where there is nothing to measure yet, and in the rows left out.

    Args:
        sim: the network copies.
        copies: of each row, (rows,) int.
        regions: of each row, (rows,) int; None, a row is a whole copy.
        which: rows to measure, (rows,) bool.
    """
    columns = {name: np.full(len(which), np.nan) for name in KPIS}
    for row in np.flatnonzero(which).tolist():
        of = None if regions is None else [int(regions[row])]
        for name, value in sim.kpis(int(copies[row]), of).items():
            columns[name][row] = value
    return columns
