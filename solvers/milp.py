"""A thin layer over HiGHS: a mixed-integer program built column by column and row by row, solved in one call."""

from __future__ import annotations

from typing import NamedTuple

import highspy
import numpy as np

ABSOLUTE_GAP = 1e-6  # of the objective's unit


class Answer(NamedTuple):
    """What HiGHS found; C columns."""

    status: str  # of the model, in HiGHS's words, such as "Optimal" or "Time limit reached"
    objective: float  # of `values`, inf if there are none
    bound: float  # no solution is cheaper; −inf if there was no time to find one
    values: np.ndarray | None  # (C,) float64

    @property
    def closed(self) -> bool:
        """Nothing is left between objective and bound."""
        return self.status == "Optimal"


class Milp:
    """Minimise the cost of columns ≥ 0 under rows Σ factor × column between bounds."""

    def __init__(self) -> None:
        self.cost: list[float] = []
        self._upper: list[float] = []
        self._whole: list[bool] = []
        self._row_lower: list[float] = []
        self._row_upper: list[float] = []
        self._start = [0]
        self._index: list[int] = []
        self._factor: list[float] = []

    @property
    def rows(self) -> int:
        return len(self._row_lower)

    def column(self, cost: float = 0.0, upper: float = 1.0, whole: bool = False) -> int:
        """Adds a column with values from 0 to `upper`, whole numbers if asked; returns its index."""
        self.cost.append(float(cost))
        self._upper.append(float(upper))
        self._whole.append(whole)
        return len(self.cost) - 1

    def row(self, terms: list[tuple[int, float]], lower: float = -np.inf, upper: float = np.inf) -> None:
        """Adds lower ≤ Σ factor × column ≤ upper; `terms` are (column, factor), no column twice."""
        self._index.extend(column for column, _ in terms)
        self._factor.extend(factor for _, factor in terms)
        self._start.append(len(self._index))
        self._row_lower.append(lower)
        self._row_upper.append(upper)

    def solve(self, time_limit_s: float, relative_gap: float) -> Answer:
        """Solves on one thread.

        Args:
            time_limit_s: seconds.
            relative_gap: between objective and bound, that counts as closed.
        """
        if not self.cost:
            return Answer("Optimal", 0.0, 0.0, np.zeros(0))
        highs = highspy.Highs()
        options = {
            "output_flag": False, "threads": 1, "time_limit": max(time_limit_s, 0.0),
            "mip_rel_gap": relative_gap, "mip_abs_gap": ABSOLUTE_GAP,
        }  # fmt: skip
        for name, value in options.items():
            highs.setOptionValue(name, value)
        highs.passModel(self._program())
        highs.run()
        info = highs.getInfo()
        found = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
        return Answer(
            highs.modelStatusToString(highs.getModelStatus()),
            float(info.objective_function_value) if found else np.inf,
            float(info.mip_dual_bound),
            np.array(highs.getSolution().col_value) if found else None,
        )

    def _program(self) -> highspy.HighsLp:
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = len(self.cost), self.rows
        lp.col_cost_, lp.col_lower_, lp.col_upper_ = np.array(self.cost), np.zeros(lp.num_col_), np.array(self._upper)
        lp.row_lower_, lp.row_upper_ = np.array(self._row_lower), np.array(self._row_upper)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = np.array(self._start)
        lp.a_matrix_.index_, lp.a_matrix_.value_ = np.array(self._index), np.array(self._factor)
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        lp.integrality_ = [kinds[whole] for whole in self._whole]
        return lp
