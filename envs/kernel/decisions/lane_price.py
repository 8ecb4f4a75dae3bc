"""The price of a lane: what one more package is expected to cost it beyond its share of a full truck.

The standard cost of a route supposes full trucks that leave in time. Trucks do not leave full, and packages wait: what
a lane really costs depends on what waits there, what is on its way there, and how long the package can wait. A learner
takes samples of that (`envs.kernel.credit`); a scorer fit to them prices every lane of every candidate route, and the
orders' plans count it (`envs.kernel.decisions.order_plan`). It also prices what a lane passes on to the next one, so
that a lane which uses up the slack that the next one needs can be charged for it.

`ready` is the tick at which a package can be at a lane's origin, `safe` the last tick to leave it and be on time.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from regional_dispatch.envs.kernel.clock import local_hours
from regional_dispatch.envs.kernel.compiled import inlined, pasted
from regional_dispatch.envs.kernel.decisions.outlook import backlog_hours, expected_inflow
from regional_dispatch.envs.kernel.decisions.score import no_scorer, score
from regional_dispatch.envs.kernel.names import KIND_FEATURES, Feature, labels, positions
from regional_dispatch.envs.world.linehaul.lane_kinds import LANE_KINDS

# What a lane is expected to cost a package, kept while it holds (`_kept_surcharge`).
KEPT_PRICE = np.dtype(
    [
        ("age", "i8"),  # `lane_prices_age` it was computed at
        ("usd", "f8"),
        ("lane", "i4"),
        ("ready", "i4"),
        ("safe", "i4"),
        ("ahead", "i4"),
    ],
    align=True,
)
# The same for all lanes of a route (`route_surcharge`).
KEPT_ROUTE_PRICE = np.dtype([("age", "i8"), ("usd", "f8"), ("path", "i4"), ("due", "i4")], align=True)
MOST_HIDDEN = 64  # width of a lane price's layers
_DAY_HOURS, _DEADLINE_HOURS = 24.0, 4.0
_TOP_USD = 50.0  # no single lane is priced beyond this

LANE_PRICE = {
    "full_load": Feature("USD", "per package on a full truck"),
    "alone": Feature("USD", "per package more than on a full truck, if the truck left with those waiting and this one"),
    "in_six_hours": Feature("USD", "the same with those on their way here and the inflow of six hours"),
    "at_deadline": Feature("USD", "the same with the inflow until this package must leave, a day at most"),
    "most_urgent": Feature(
        "USD", "the truck's cost per package on a full one, if no package that waits must leave as early"
    ),
    "fill": Feature("truckload", "packages waiting"),
    "inbound": Feature("truckload", "packages on their way here"),
    "slack": Feature("day", "from when the package can be here until it must leave, −1…3"),
    "deadline": Feature("1", "exp(−slack / 4 hours)"),
    "overdue": Feature("yes", "slack is negative"),
    "backlog": Feature("12 hours", "work queued at the lane's origin"),
    "backlog_late": Feature("yes", "that work takes longer than the package has"),
    "rides_along": Feature("yes", "a package waits that must leave, and not before this one can be here"),
    "next_departure": Feature(
        "day", "from when this package can be here until the most urgent one must leave, −1…3; 3 if none waits"
    ),
    "late_waiting": Feature("yes", "some packages that wait are late"),
    "hire": Feature("USD", "premium per package on a full truck, if no truck of the fleet is at the origin"),
    **KIND_FEATURES,
    "ahead": Feature("2 lanes", "that the package rides before this one"),
    "hour_sin": Feature("sine", "of the hour of the day when the package can be here"),
    "hour_cos": Feature("cosine", "of the hour of the day when the package can be here"),
}
P = positions(LANE_PRICE)
_FIRST_KIND = list(LANE_PRICE).index(next(iter(KIND_FEATURES)))
LANE_PRICE_FEATURES, LANE_PRICE_LABELS = tuple(LANE_PRICE), labels(LANE_PRICE)
LANE_PRICE_COUNT = len(LANE_PRICE)
NO_PRICE = no_scorer(LANE_PRICE_COUNT)


def prices_kept(things: int) -> int:
    """How many prices are kept for a region with so many lanes or routes: a power of two, for some promises on each."""
    return 1 << (8 * things - 1).bit_length()


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
    room, hours = float(record.room), rules.tick_hours
    full = record.cost / room
    waiting, coming = queue.count + 1.0, queue.count + queue.inbound + 1.0
    wait_hours = (safe - ready) * hours
    per_hour = expected_inflow(w, s, b, lane, 2) / 6
    until = min(max(wait_hours, 0.0), _DAY_HOURS)
    backlog = backlog_hours(w, s, b, record.origin)
    x[P.full_load] = full
    x[P.alone] = record.cost / min(room, waiting) - full
    x[P.in_six_hours] = record.cost / min(room, coming + 6 * per_hour) - full
    x[P.at_deadline] = record.cost / min(room, coming + until * per_hour) - full
    x[P.most_urgent] = full if queue.count == 0 or safe <= queue.safe else 0.0
    x[P.fill] = min(queue.count / room, 3.0)
    x[P.inbound] = min(queue.inbound / room, 3.0)
    x[P.slack] = min(max(wait_hours / _DAY_HOURS, -1.0), 3.0)
    x[P.deadline] = math.exp(-max(wait_hours, 0.0) / _DEADLINE_HOURS)
    x[P.overdue] = wait_hours < 0
    x[P.backlog] = min(backlog / 12, 5.0)
    x[P.backlog_late] = backlog > max(wait_hours, 0.0) + hours
    x[P.rides_along] = queue.count > 0 and queue.safe >= ready
    x[P.next_departure] = min(max((queue.safe - ready) * hours / _DAY_HOURS, -1.0), 3.0)
    x[P.late_waiting] = queue.late > 0
    x[P.hire] = full * rules.spot_premium if s.trucks_home[b, record.origin] == 0 else 0.0
    for kind in range(len(LANE_KINDS)):
        x[_FIRST_KIND + kind] = record.kind == kind
    x[P.ahead] = ahead / 2
    angle = 2 * math.pi * local_hours(w, s, b, record.origin, ready) / _DAY_HOURS
    x[P.hour_sin], x[P.hour_cos] = math.sin(angle), math.cos(angle)


@pasted
def lane_surcharge(w: Any, s: Any, b: int, r: int, lane: int, ready: int, safe: int, ahead: int) -> float:
    """USD beyond the standard that a package is expected to cost a lane; 0 where lanes have no price.

    `r` says whose scratch space is used: regions may be decided side by side.
    """
    if len(s.lane_price.bias) == 0:
        return 0.0
    x = s.price_scratch[b, r, 0, :LANE_PRICE_COUNT]
    lane_price_features(w, s, b, lane, ready, safe, ahead, x)
    return min(max(float(score(s.lane_price, 0, x, s.price_scratch[b, r, 1:])), -_TOP_USD), _TOP_USD)


@pasted
def forget_lane_prices(s: Any, b: int, r: int) -> None:
    """Prices kept for region r no longer hold: another tick, or another policy's prices."""
    s.lane_prices_age[b, r] += 1


@inlined
def _kept_surcharge(w: Any, s: Any, b: int, r: int, lane: int, ready: int, safe: int, ahead: int) -> float:
    """The same as `lane_surcharge`, computed once for all lines of region r that ask for it in a tick."""
    kept = s.lane_prices[b, r]
    at = (lane * 40503 + safe * 2654435 + ready * 97 + ahead * 13) & (len(kept) - 1)
    record, age = kept[at], s.lane_prices_age[b, r]
    if not (
        record.age == age and record.lane == lane and record.ready == ready and record.safe == safe
        and record.ahead == ahead
    ):  # fmt: skip
        record.usd = lane_surcharge(w, s, b, r, lane, ready, safe, ahead)
        record.age, record.lane, record.ready, record.safe, record.ahead = age, lane, ready, safe, ahead
    return record.usd


@pasted
def ready_and_safe(w: Any, s: Any, b: int, path: int, leg: int, due: int) -> tuple[int, int]:
    """Ticks at which a package sourced now can be at the origin of a route's leg, and must leave it at the latest."""
    route = w.net.routes[path]
    return s.row[b].tick + 1 + route.rest[0] - route.rest[leg], due - route.rest[leg]


@inlined
def route_surcharge(w: Any, s: Any, b: int, r: int, path: int, due: int) -> float:
    """USD beyond the standard that a package sourced now is expected to cost all lanes of a route."""
    if len(s.lane_price.bias) == 0:
        return 0.0
    kept, age = s.route_prices[b, r], s.lane_prices_age[b, r]
    record = kept[(path * 40503 + due * 97) & (len(kept) - 1)]
    if not (record.age == age and record.path == path and record.due == due):
        route, total = w.net.routes[path], 0.0
        for leg in range(route.legs):
            ready, safe = ready_and_safe(w, s, b, path, leg, due)
            total += _kept_surcharge(w, s, b, r, route.lanes[leg], ready, safe, leg)
        record.age, record.usd, record.path, record.due = age, total, path, due
    return record.usd
