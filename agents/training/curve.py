"""The learning curve of a run as a table: one row per evaluation."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.world.replacing import replacing

COLUMNS = ("timesteps", "seconds", "decisions", *KPIS)
_COUNTS = ("timesteps", "decisions")


class Curve:
    """Evaluations so far, in memory and in a CSV file.

    Columns: timesteps; seconds of training so far, without evaluations; decisions taken so far; every KPI of
    `envs.kernel.metrics`, as a mean over the tuning episodes.

    Args:
        path: of the file; rewritten with every row, in one step, so that it is never half-written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, float]] = []

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, timesteps: int, seconds: float, decisions: int, kpis: Mapping[str, float]) -> None:
        """Adds a row and writes the file."""
        self.rows.append({"timesteps": timesteps, "seconds": round(seconds, 3), "decisions": decisions, **kpis})
        self.write()

    def write(self) -> None:
        """Writes the file, in one step."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self.path) as path, path.open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, COLUMNS)
            table.writeheader()
            table.writerows(self.rows)

    def snapshot(self) -> np.ndarray:
        """The rows as (evaluations, columns) float64."""
        return np.array([[row[name] for name in COLUMNS] for row in self.rows], float).reshape(-1, len(COLUMNS))

    def restore(self, table: np.ndarray) -> None:
        """Continues from a snapshot.

        Raises:
            ValueError: it has other columns.
        """
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in table.tolist()]
        self.rows = [{name: int(x) if name in _COUNTS else x for name, x in row.items()} for row in rows]
