"""What one more package is expected to cost a lane beyond its share of a full truck: learned, and charged by plans.

The standard cost of a route supposes full trucks that leave in time. Trucks do not leave full, and packages wait: what
a lane really costs depends on what stands there, what is on its way there, and how long the package can wait. A learner
notes what lanes looked like to a sample of packages, and sees at their departure what they cost; a scorer fit to that
prices every lane of every candidate route, and the orders' plans count it (`envs.kernel.order_plan`). It also prices what a
lane hands to the next one, so that a lane that spends the slack which the next one needs can be charged for it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from regional_dispatch.envs.kernel.compiled import inlined, pasted
from regional_dispatch.envs.kernel.ledger import late_increase_usd
from regional_dispatch.envs.kernel.outlook import backlog_hours, expected_inflow
from regional_dispatch.envs.kernel.score import no_scorer, score

LANE_PRICE_FEATURES = (
    "full_load",  # USD per package on a full truck
    "alone",  # USD per package more than that if the truck left with those waiting and this one
    "in_six_hours",  # the same with those on their way here and the inflow of six hours
    "at_deadline",  # the same with the inflow until this package must leave, a day at most
    "most_urgent",  # the truck's USD per package on a full one, if nothing that waits must leave as early
    "fill",  # packages waiting, truckloads
    "inbound",  # truckloads on their way here
    "slack",  # days until the package must leave, −1…3, from when it can be here
    "deadline",  # exp(−that / 4 h)
    "overdue",  # that is negative
    "backlog",  # 12 h of work queued at the lane's origin
    "backlog_late",  # that work takes longer than the package has
    "rides_along",  # something waits that must leave, and not before this package can be here
    "next_departure",  # days from when it can be here until the most urgent of those must leave, −1…3; 3 for none
    "late_waiting",  # some that wait are late
    "hire",  # premium in USD per package on a full truck, if no truck of the fleet is at the origin
    "is_direct",
    "is_fc_to_sc",
    "is_sc_to_sc",
    "is_sc_to_station",
    "ahead",  # lanes the package rides before this one, halves
    "hour_sin",  # of the day, when it can be here
    "hour_cos",
)
LANE_PRICE_COUNT = len(LANE_PRICE_FEATURES)
NO_PRICE = no_scorer(LANE_PRICE_COUNT)
MOST_HIDDEN = 64  # width of a lane price's layers
NOTES = 5  # a package's notes: its three lanes as seen when it was sourced, then lanes 2 and 3 when handed over
NOTE_EVERY = 4  # a learner follows one package in so many
_DAY_HOURS, _DEADLINE_HOURS = 24.0, 4.0
_TOP_USD = 50.0  # no single lane is priced beyond this


@inlined
def lane_price_features(w: Any, s: Any, b: int, lane: int, ready: int, safe: int, ahead: int, x: np.ndarray) -> None:
    """Fills x (LANE_PRICE_COUNT,) for a package.

    Args:
        w, s, b: world, state and row.
        lane: it will ride.
        ready: tick at which it can be at the lane's origin.
        safe: last tick to leave at and be on time.
        ahead: lanes it rides before.
        x: filled.
    """
    rules, queue, record = w.rules, s.lane[b, lane], w.net.lanes[lane]
    room, hours = float(rules.truck_packages), rules.tick_hours
    full = record.cost / room
    waiting, coming = queue.count + 1.0, queue.count + queue.inbound + 1.0
    wait_hours = (safe - ready) * hours
    per_hour = expected_inflow(w, s, b, lane, 2) / 6
    until = min(max(wait_hours, 0.0), _DAY_HOURS)
    backlog = backlog_hours(w, s, b, record.origin)
    x[0] = full
    x[1] = record.cost / min(room, waiting) - full
    x[2] = record.cost / min(room, coming + 6 * per_hour) - full
    x[3] = record.cost / min(room, coming + until * per_hour) - full
    x[4] = full if queue.count == 0 or safe <= queue.safe else 0.0
    x[5] = min(queue.count / room, 3.0)
    x[6] = min(queue.inbound / room, 3.0)
    x[7] = min(max(wait_hours / _DAY_HOURS, -1.0), 3.0)
    x[8] = math.exp(-max(wait_hours, 0.0) / _DEADLINE_HOURS)
    x[9] = wait_hours < 0
    x[10] = min(backlog / 12, 5.0)
    x[11] = backlog > max(wait_hours, 0.0) + hours
    x[12] = queue.count > 0 and queue.safe >= ready
    x[13] = min(max((queue.safe - ready) * hours / _DAY_HOURS, -1.0), 3.0)
    x[14] = queue.late > 0
    x[15] = full * rules.spot_premium if s.trucks_home[b, record.origin] == 0 else 0.0
    for kind in range(4):
        x[16 + kind] = record.kind == kind
    x[20] = ahead / 2
    angle = 2 * math.pi * (s.row[b].week_tick + ready) * hours / _DAY_HOURS
    x[21], x[22] = math.sin(angle), math.cos(angle)


@pasted
def lane_surcharge(w: Any, s: Any, b: int, lane: int, ready: int, safe: int, ahead: int) -> float:
    """USD beyond the standard that a package is expected to cost a lane; 0 where no scorer prices lanes."""
    if len(s.lane_price.bias) == 0:
        return 0.0
    x = s.price_scratch[b, 0, :LANE_PRICE_COUNT]
    lane_price_features(w, s, b, lane, ready, safe, ahead, x)
    return min(max(float(score(s.lane_price, 0, x, s.price_scratch[b, 1:])), -_TOP_USD), _TOP_USD)


@pasted
def _on_leg(w: Any, s: Any, b: int, p: int, leg: int, due: int) -> tuple[int, int]:
    """Ticks at which a package sourced now can be at the origin of route p's leg, and must leave it at the latest."""
    route = w.net.routes[p]
    return s.row[b].tick + 1 + route.rest[0] - route.rest[leg], due - route.rest[leg]


@pasted
def route_surcharge(w: Any, s: Any, b: int, p: int, due: int) -> float:
    """The sum of it over the lanes of route p, for a package sourced now."""
    total = 0.0
    if len(s.lane_price.bias) > 0:
        route = w.net.routes[p]
        for leg in range(route.legs):
            ready, safe = _on_leg(w, s, b, p, leg, due)
            total += lane_surcharge(w, s, b, route.lanes[leg], ready, safe, leg)
    return total


@inlined
def price_package(w: Any, s: Any, b: int, p: int) -> None:
    """Notes, where a learner wants it, how the lanes of a new package look."""
    row, package = s.row[b], s.package[b, p]
    package.ready, package.noted = row.tick + 1, 0
    if row.learning == 0 or row.packages_made % NOTE_EVERY:
        return
    package.noted = 1
    route = w.net.routes[package.route]
    for leg in range(route.legs):
        ready, safe = _on_leg(w, s, b, package.route, leg, package.due)
        lane_price_features(w, s, b, route.lanes[leg], ready, safe, leg, s.note[b, p, leg])


@inlined
def price_handover(w: Any, s: Any, b: int, p: int, lane: int) -> None:
    """Charges a lane that sends a package with what it is expected to cost the next one."""
    row, package = s.row[b], s.package[b, p]
    route, leg = w.net.routes[package.route], package.leg + 1
    package.ready = row.tick + w.net.lanes[lane].ticks
    if row.learning == 0 or leg >= route.legs:
        return
    following, safe = route.lanes[leg], package.due - route.rest[leg]
    s.lane[b, lane].handed += lane_surcharge(w, s, b, following, package.ready, safe, 0)
    if package.noted == 1:
        lane_price_features(w, s, b, following, package.ready, safe, 0, s.note[b, p, 2 + leg])


@inlined
def price_departure(w: Any, s: Any, b: int, p: int, share: float) -> None:
    """Samples what a package that leaves now, at `share` USD of its truck, has cost its lane beyond the standard."""
    row, package = s.row[b], s.package[b, p]
    if row.learning == 0 or package.noted == 0:
        return
    route, leg = w.net.routes[package.route], package.leg
    rest = route.rest[leg]
    late = late_increase_usd(w.rules, package.ready + rest - package.due, row.tick + rest - package.due)
    usd = share - w.net.lanes[route.lanes[leg]].cost / w.rules.truck_packages + late
    _sample(s, b, p, leg, usd)
    if leg > 0:
        _sample(s, b, p, 2 + leg, usd)


@pasted
def _sample(s: Any, b: int, p: int, note: int, usd: float) -> None:
    """Keeps a note with what became of it; when the room is full, the oldest go."""
    row = s.row[b]
    i = row.samples % s.sample_usd.shape[1]
    for feature in range(LANE_PRICE_COUNT):  # an assignment of whole rows would need reference counting
        s.sample[b, i, feature] = s.note[b, p, note, feature]
    s.sample_usd[b, i] = usd
    row.samples += 1
