"""Mixed-integer programs that HiGHS cannot solve."""

from __future__ import annotations

from regional_dispatch.solvers.milp import Milp


def test_an_infeasible_program_says_so() -> None:
    milp = Milp()
    milp.row([(milp.column(), 1.0)], lower=2.0)
    answer = milp.solve(10, 1e-6)
    assert answer.status == "Infeasible" and answer.values is None and not answer.closed
