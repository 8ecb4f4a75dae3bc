"""Every compiled function is called once before the first request, so that none of them waits for the compiler."""

from __future__ import annotations

from regional_dispatch.service import messages as m
from regional_dispatch.service.live.events import apply, lane_of
from regional_dispatch.service.live.network import ROW, LiveNetwork
from regional_dispatch.service.live.packages import PICKING, RIDING, SORTING, WAITING, Package

_MARK = "warm-up "  # before every name; all is undone before the first request
# Where each order's package is lost; the last one is delivered.
_LOST_AT = (PICKING, WAITING, RIDING, None)


def warm_up(live: LiveNetwork) -> None:
    """Plays a few orders through all that can happen to them, then puts everything back."""
    arrays, facts = live.arrays(), live.where.facts()
    try:
        _play(live)
    finally:
        live.restore(arrays, facts)


def _play(live: LiveNetwork) -> None:
    now, state = live.calendar.time(live.tick), live.sim.state
    state.stock[ROW, 0] = 2 * len(_LOST_AT)
    line, station = m.Line(sku=live.names.sku.names[0]), live.names.station.names[0]
    orders = [m.Order(order=f"{_MARK}{place}", station=station, promise_hours=24, lines=[line]) for place in _LOST_AT]
    answers = live.source(orders, [now] * len(orders))
    again = orders[0].model_copy(update={"order": f"{_MARK}again"})
    live.source_again(again, now, answers[0])
    apply(m.OrderCancelled(event=_MARK, kind="order_cancelled", order=again.order), live)
    while live.where.packages:
        for package in list(live.where.packages.values()):
            if package.order == f"{_MARK}{package.place}":
                apply(m.PackageLost(event=_MARK, kind="package_lost", package=package.name), live)
            else:
                advance(live, package)
        live.decide_lanes()
    live.pass_time(live.calendar.time(live.tick + 1))


def advance(live: LiveNetwork, package: Package) -> None:
    """A package does the next thing on its route, on a truck of its own name."""
    if package.place == PICKING:
        apply(m.PackagePicked(event=_MARK, kind="package_picked", package=package.name), live)
    elif package.place == SORTING:
        apply(m.PackageSorted(event=_MARK, kind="package_sorted", package=package.name), live)
    elif package.place == WAITING:
        lane = live.answers.lane(lane_of(live, package))
        departed = m.TruckDeparted(
            event=_MARK, kind="truck_departed", truck=package.name, packages=[package.name], **lane
        )  # fmt: skip
        apply(departed, live)
    else:
        apply(m.TruckArrived(event=_MARK, kind="truck_arrived", truck=package.name), live)
        if package.name in live.where.trucks:
            apply(m.TruckReturned(event=_MARK, kind="truck_returned", truck=package.name), live)
