"""What a plan is expected to cost, as JSON and as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.text import number

if TYPE_CHECKING:
    from regional_dispatch.planning.plan import Plan


def plan_facts(scenario: Scenario, plan: Plan) -> dict[str, Any]:
    """The numbers of a plan, and the assumptions they rest on."""
    lanes, stock, trucks = plan.lanes, plan.stock, scenario.trucks
    used = lanes.packages_per_day > 0
    return {
        "scenario": scenario.name,
        "regions": list(plan.network.region_names),
        "seconds": round(plan.seconds, 1),
        "lanes": {
            "possible": len(lanes.running),
            "running": int(lanes.running.sum()),
            "with_packages": int(used.sum()),
            "trucks_per_day": float(lanes.trucks_per_day.sum()),
            "packages_per_day": float(lanes.packages_per_day.sum()),
            "fill": float(
                lanes.packages_per_day.sum() / max(lanes.trucks_per_day.sum() * trucks.capacity_packages, 1e-9)
            ),
            "usd_per_day": float(lanes.usd_per_day),
            "bound_usd_per_day": float(lanes.bound_usd_per_day),
            "late_promises": [promise._asdict() for promise in lanes.late_promises],
        },
        "stock": {
            "units": int(plan.base.sum(dtype=int)),
            "places": int((plan.base > 0).sum()),
            "expected_usd_per_order": None if stock is None else float(stock.expected_usd_per_order),
            "bound_usd_per_order": None if stock is None else float(stock.bound_usd_per_order),
        },
        "assumptions": {
            "truck_packages": trucks.capacity_packages,
            "real_truck_packages": trucks.real_capacity_packages,
            "orders_per_day": scenario.demand.orders_per_day,
            "stock": "every shelf full; the cheapest FC that carries a line serves it",
            "trucks": "a truck leaves when it is full, or when a package on it would be late otherwise",
        },
    }


def plan_lines(facts: dict[str, Any]) -> list[str]:
    """A plan in a few lines for the terminal."""
    lanes, stock, assumed = facts["lanes"], facts["stock"], facts["assumptions"]
    gap = (
        100 * (lanes["usd_per_day"] / lanes["bound_usd_per_day"] - 1)
        if lanes["bound_usd_per_day"] > 0
        else float("inf")
    )
    late = lanes["late_promises"]
    lines = [
        f"lanes: {lanes['running']} of {lanes['possible']} run; {number(lanes['trucks_per_day'], 0)} trucks a day, "
        f"{number(100 * lanes['fill'], 0)} % full",
        f"trucks and sorting: {number(lanes['usd_per_day'], 0)} USD a day expected; no plan costs less than "
        f"{number(lanes['bound_usd_per_day'], 0)} (gap {number(gap, 1)} %)",
        f"stock: {number(stock['units'], 0)} units in {number(stock['places'], 0)} places",
    ]
    if stock["expected_usd_per_order"] is not None:
        lines.append(
            f"  {number(stock['expected_usd_per_order'], 3)} USD an order expected; no layout costs less than "
            f"{number(stock['bound_usd_per_order'], 3)}"
        )
    if late:
        first = late[0]
        lines.append(
            f"warning: no lanes of the network keep {len(late)} {'promise' if len(late) == 1 else 'promises'}, such as "
            f"{first['promise_hours']:g} hours to '{first['station']}', where the fastest way takes "
            f"{first['fastest_hours']:g}; add a lane or raise the promise (all are in plan.json)"
        )
    return [
        *lines,
        f"assumed: trucks of {assumed['truck_packages']} packages at the cost of {assumed['truck_packages']} of "
        f"{number(assumed['real_truck_packages'], 0)}; {number(assumed['orders_per_day'], 0)} orders a day; "
        f"{assumed['stock']}; {assumed['trucks']}",
        f"planned in {number(facts['seconds'], 0)} s",
    ]
