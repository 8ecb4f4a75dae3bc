"""Linear programs in HiGHS, passed as whole arrays."""

from __future__ import annotations

import highspy
import numpy as np

OPTIMAL = highspy.HighsModelStatus.kOptimal


def load_lp(
    usd: np.ndarray,
    most: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    length: np.ndarray,
    rows: np.ndarray,
    values: np.ndarray,
    seconds: float,
) -> highspy.Highs | None:
    """A solver of: the least usd·x with 0 ≤ x ≤ most and low ≤ rows ≤ high; None if HiGHS refuses the numbers.

    Args:
        usd: cost per variable.
        most: upper bound per variable.
        low: lower bound per row.
        high: upper bound per row.
        length: entries per variable.
        rows: row of each entry, variable by variable.
        values: value of each entry.
        seconds: time limit of a solve.
    """
    solver = highspy.Highs()
    # Presolve costs more than the few pivots it saves.
    for name, option in (("output_flag", False), ("threads", 1), ("presolve", "off"), ("time_limit", seconds)):
        solver.setOptionValue(name, option)
    # Whole arrays: HighsLp copies them element by element, which takes half as long as the solve.
    start = np.concatenate([[0], length.cumsum()])
    taken = solver.passModel(
        len(usd), len(high), len(values), int(highspy.MatrixFormat.kColwise), int(highspy.ObjSense.kMinimize), 0.0,
        usd, np.zeros(len(usd)), most, low, high,
        start.astype(np.int32), rows.astype(np.int32), values, np.zeros(len(usd), np.int32),
    )  # fmt: skip
    return None if taken == highspy.HighsStatus.kError else solver


def solved(solver: highspy.Highs) -> highspy.HighsModelStatus:
    """Solves; `OPTIMAL` if it has found the optimum. A second call starts from the basis of the first."""
    failed = solver.run() == highspy.HighsStatus.kError
    return highspy.HighsModelStatus.kSolveError if failed else solver.getModelStatus()
