"""The ledger: cost components, and when each is booked.

There are two views of the same dollars. Cash is booked when money is paid, and metrics report it. Accrual is booked at
the moment a cost becomes inevitable, and rewards use it:

| component | cash | accrual |
| --- | --- | --- |
| truck, spot | at departure | at departure |
| pick | when picked | when the line is sourced |
| sort | when sorted | when the line is sourced, for all sorts of the route |
| late | at delivery | when the earliest possible arrival passes the promise, then hour by hour |
| lost | when no FC has the unit | the same |
| transfer | when a truck with stock leaves for another FC | the same |

Packages under way at the horizon are settled at standard cost-to-go in both views, so over an episode the two agree to
the cent, component by component. Truck costs are booked to the region that dispatches the lane; pick, sort and lost to
the customer's region; lateness to the customer's region, except for lateness accrued while a lane holds, which is
booked to the lane's region; transfers to the region that receives the stock (`envs.transfers`).

To add a component: name it here, and book it in the phase that causes it (see docs/how-to/add-a-cost.md).
"""

from __future__ import annotations

from typing import Any

from regional_dispatch.envs.kernel.compiled import pasted
from regional_dispatch.envs.kernel.names import positions

COMPONENTS = ("truck", "spot", "pick", "sort", "late", "lost", "transfer")
USD = positions(COMPONENTS)


@pasted
def late_usd(rules: Any, late_ticks: int) -> float:
    """Cost of a package that arrives `late_ticks` after its promise."""
    if late_ticks <= 0:
        return 0.0
    return rules.late_usd + rules.late_usd_per_tick * late_ticks


@pasted
def late_increase_usd(rules: Any, before: int, after: int) -> float:
    """What is booked when the earliest arrival moves from `before` to `after` ticks past the promise."""
    return late_usd(rules, after) - late_usd(rules, before)


@pasted
def book_cash(s: Any, b: int, region: int, component: int, usd: float) -> None:
    """Books money that is paid."""
    s.cash[b, region, component] += usd


@pasted
def book_accrual(s: Any, b: int, region: int, component: int, usd: float) -> None:
    """Books a cost that has become inevitable."""
    s.accrual[b, region, component] += usd


@pasted
def book_both(s: Any, b: int, region: int, component: int, usd: float) -> None:
    """Books a cost that is paid at the moment it becomes inevitable."""
    book_cash(s, b, region, component, usd)
    book_accrual(s, b, region, component, usd)


@pasted
def book_handling(w: Any, s: Any, b: int, region: int, sorts: int, sign: int) -> None:
    """Accrues the picking and all sorts of a package's route when it is made (sign 1), or takes them back (−1)."""
    book_accrual(s, b, region, USD.pick, sign * w.rules.pick_pack_usd)
    book_accrual(s, b, region, USD.sort, sign * w.rules.sort_usd * sorts)
