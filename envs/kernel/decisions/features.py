"""What a candidate, a lane and a region look like to a policy.

Each table below names the features of one kind, with the unit that the value 1 stands for, and the function under it
computes them: `x[S.cost]` is the value of "cost". Observations, compiled scorers and learners all use these functions.
Fixed scales bring every feature to about −1…3; they are never learned, and every value is clipped to ±LIMIT.

To add a feature: name it in its table and assign it in the function below (docs/how-to/add-a-feature.md).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from regional_dispatch.envs.kernel.clock import calendar_tick, earliest_arrival, leave_by, local_hours
from regional_dispatch.envs.kernel.compiled import inlined, pasted
from regional_dispatch.envs.kernel.decisions.order_plan import FEWEST_PACKAGES, LEAST_COST, surcharge
from regional_dispatch.envs.kernel.decisions.outlook import backlog_hours, expected_inflow
from regional_dispatch.envs.kernel.names import KIND_FEATURES, Feature, labels, positions
from regional_dispatch.envs.kernel.phases.arrivals import line_at
from regional_dispatch.envs.kernel.phases.lane_queue import late_usd_if_held
from regional_dispatch.envs.world.linehaul.lane_kinds import LANE_KINDS

LIMIT = 10.0
REGION_INDEX_SCALE = 64
SHADOW_PRICE_USD = 5.0


@pasted
def _clip(x: float) -> float:
    return min(max(x, -LIMIT), LIMIT)


@pasted
def _up_to(x: float, top: float) -> float:
    return min(x, top)


# ------------------------------------------------------------------------------------------------- candidates of a line

SOURCE = {
    "cost": Feature("10 USD", "standard route cost"),
    "in_region": Feature("yes", "FC and station share a region of the partition in force"),
    "direct": Feature("yes", "one truck from FC to station"),
    "air_miles": Feature("1,000 miles", "great circle from FC to station"),
    "transit": Feature("day", "time on the road"),
    "slack": Feature("day", "from the earliest arrival to the promise, −3…3"),
    "late": Feature("yes", "the earliest arrival is past the promise"),
    "on_hand": Feature("share", "units u on hand at the FC, as u / (u + 10)"),
    "cover": Feature("10 days", "units on hand, in days of the FC's own demand, 0…3"),
    "last_unit": Feature("yes", "the line takes the last unit on hand"),
    "order_share": Feature("share", "of the order's lines, those this FC has units for"),
    "order_rest": Feature("share", "other lines n of the order, as n / (n + 1)"),
    "order_plan": Feature("yes", "the line's route in the least-cost way to carry its whole order"),
    "lane_fill": Feature("truckload", "packages waiting on the first lane"),
    "lane_age": Feature("day", "the oldest package on the first lane has waited"),
    "lane_inflow": Feature("truckload", "packages expected on the first lane in the next 3 hours"),
    "lane_inbound": Feature("truckload", "packages upstream that will ride the first lane next"),
    "lane_cost_now": Feature("5 USD", "per package, if the first lane's truck left with this one"),
    "fc_backlog": Feature("12 hours", "picking queued at the FC"),
    "sc_backlog": Feature("12 hours", "sorting queued at the first sort center; 0 on a direct route"),
    "fewest_packages": Feature("yes", "the line's route in the way to carry its order with the fewest packages"),
    "spill_cover": Feature("10 days", "cover of an FC of another region, 0…3; 3 for an FC of the region"),
    "surcharge": Feature(
        "5 USD", "the route's lanes are expected to cost beyond the standard (envs/kernel/decisions/lane_price.py)"
    ),
    "shadow_price": Feature("5 USD", "taking the line's units is expected to cost elsewhere"),
}
S = positions(SOURCE)
SOURCE_FEATURES, SOURCE_LABELS = tuple(SOURCE), labels(SOURCE)
SOURCE_COUNT = len(SOURCE)


@inlined
def source_features(w: Any, s: Any, b: int, r: int, j: int, low: int, high: int, found: int, x: np.ndarray) -> None:
    """Fills x (at least `found`, SOURCE_COUNT) for the candidates of the line in slot j of region r.

    Only the features that `ask_line_features` asked for are computed; the rest of x stays as it is. The line's order
    fills slots low…high−1, and `envs.kernel.decisions.candidates.prepare_order` must have found its candidates.
    """
    for k in range(found):
        _candidate_features(w, s, b, r, j, k, low, high, x[k])


@pasted
def ask_line_features(s: Any, b: int, r: int, asked: np.ndarray) -> None:
    """Says which features of candidates are computed for region r: asked (SOURCE_COUNT,), 1 for those that are."""
    for i in range(SOURCE_COUNT):
        s.weighed[b, r, i] = asked[i]
    s.weighed[b, r, S.cover] |= asked[S.spill_cover]
    s.planned[b, r, LEAST_COST], s.planned[b, r, FEWEST_PACKAGES] = asked[S.order_plan], asked[S.fewest_packages]


@pasted
def ask_all_features(s: Any, b: int, r: int) -> None:
    """Has every feature of candidates and lanes computed for region r."""
    s.weighed[b, r, :] = s.lane_weighed[b, r, :] = 1
    s.planned[b, r, :] = 1


@inlined
def _candidate_features(w: Any, s: Any, b: int, r: int, j: int, k: int, low: int, high: int, x: np.ndarray) -> None:
    net, rules, need = w.net, w.rules, s.weighed[b, r]
    line, path = line_at(s, b, r, j), s.candidate[b, r, j, k]
    route = net.routes[path]
    tick = s.row[b].tick
    fc, sku = route.fc, line.sku
    first = route.lanes[0]
    lane, queue = net.lanes[first], s.lane[b, first]
    slack = line.due - earliest_arrival(w, s, b, path)
    on_hand = int(s.stock[b, sku, fc])
    load = 1.0 / lane.room
    day = rules.tick_hours / 24
    if need[S.cost]:
        x[S.cost] = _clip(route.cost / 10)
    if need[S.in_region]:
        x[S.in_region] = route.local
    if need[S.direct]:
        x[S.direct] = route.legs == 1
    if need[S.air_miles]:
        x[S.air_miles] = _clip(route.air_miles / 1000)
    if need[S.transit]:
        x[S.transit] = _clip(route.rest[0] * day)
    if need[S.slack]:
        x[S.slack] = min(max(slack * day, -3.0), 3.0)
    if need[S.late]:
        x[S.late] = slack < 0
    if need[S.on_hand]:
        x[S.on_hand] = on_hand / (on_hand + 10)
    if need[S.cover]:
        per_day = w.base_stock[s.row[b].setting, sku, fc] / rules.base_days
        x[S.cover] = _up_to(on_hand / (10 * per_day + 1e-9), 3.0)
    if need[S.last_unit]:
        x[S.last_unit] = on_hand <= line.units
    if need[S.order_share]:
        x[S.order_share] = order_share(s, b, r, low, high, fc)
    if need[S.order_rest]:
        x[S.order_rest] = (high - low - 1) / (high - low)
    if need[S.order_plan]:
        x[S.order_plan] = s.plan[b, r, j, LEAST_COST] == path
    if need[S.lane_fill]:
        x[S.lane_fill] = _up_to(queue.count * load, 3.0)
    if need[S.lane_age]:
        x[S.lane_age] = 0.0 if queue.count == 0 else _up_to((tick - s.package[b, queue.head].joined) * day, 5.0)
    if need[S.lane_inflow]:
        x[S.lane_inflow] = _up_to(expected_inflow(w, s, b, first, 1) * load, 5.0)
    if need[S.lane_inbound]:
        x[S.lane_inbound] = _up_to(queue.inbound * load, 5.0)
    if need[S.lane_cost_now]:
        x[S.lane_cost_now] = _clip(lane.cost / (5 * (queue.count + 1)))
    if need[S.fc_backlog]:
        x[S.fc_backlog] = _up_to(backlog_hours(w, s, b, fc) / 12, 5.0)
    if need[S.sc_backlog]:
        x[S.sc_backlog] = 0.0 if route.legs == 1 else _up_to(backlog_hours(w, s, b, lane.dest) / 12, 5.0)
    if need[S.fewest_packages]:
        x[S.fewest_packages] = s.plan[b, r, j, FEWEST_PACKAGES] == path
    if need[S.spill_cover]:
        x[S.spill_cover] = 3.0 if route.local == 1 else x[S.cover]
    if need[S.surcharge]:
        x[S.surcharge] = _clip(surcharge(s, b, r, j, k) / 5)
    if need[S.shadow_price]:
        x[S.shadow_price] = _clip(shadow_price(w, s, b, sku, fc, on_hand) * line.units / SHADOW_PRICE_USD)


@pasted
def shadow_price(w: Any, s: Any, b: int, sku: int, fc: int, on_hand: int) -> float:
    """USD that taking one unit is expected to cost elsewhere.

    Where a pricer prices the row (`envs.simulator.Pricer`), its price. Else a newsvendor's guess: the chance that the
    FC's own demand until the next delivery takes every unit, times the cost of a stock-out. The chance is the normal
    approximation of P(Poisson(μ) ≥ on hand), as a logistic curve.
    """
    if s.row[b].priced == 1:
        return float(s.price[b, sku, fc])
    rules = w.rules
    lead = rules.lead_ticks
    until_delivery = rules.review_ticks - (s.row[b].tick - lead - sku) % rules.review_ticks
    per_day = w.base_stock[s.row[b].setting, sku, fc] / rules.base_days
    mean = per_day * until_delivery * rules.tick_hours / 24
    z = 1.702 * (mean - on_hand + 0.5) / math.sqrt(mean + 0.1)
    return rules.costs.stockout_usd / (1 + math.exp(-z))


@pasted
def order_share(s: Any, b: int, r: int, low: int, high: int, fc: int) -> float:
    """Share of the lines in slots low…high−1 that an FC has units for."""
    if high - low == 1:
        return 1.0
    served = 0
    for i in range(low, high):
        line = line_at(s, b, r, i)
        served += s.stock[b, line.sku, fc] >= line.units
    return served / (high - low)


# ------------------------------------------------------------------------------------------------------------- lanes

DISPATCH = {
    "fill": Feature("truckload", "packages waiting"),
    "full": Feature("yes", "at least a truckload waits: no truck was there"),
    "age": Feature("day", "the oldest package has waited"),
    "slack": Feature("day", "until the most urgent package is late, −1…3; negative if one already is"),
    "late_if_held": Feature("yes", "holding makes a package late, or later"),
    "late_usd_if_held": Feature("5 USD", "lateness that holding one more tick books"),
    "cost_per_package": Feature("5 USD", "per package, if the truck left now"),
    "inflow_1h": Feature("truckload", "packages expected in the next hour"),
    "inflow_3h": Feature("truckload", "packages expected in the next 3 hours"),
    "inflow_6h": Feature("truckload", "packages expected in the next 6 hours"),
    "inbound": Feature("truckload", "packages upstream that will ride this lane next"),
    "hour_sin": Feature("sine", "of the hour of the day"),
    "hour_cos": Feature("cosine", "of the hour of the day"),
    "trucks": Feature("10 trucks", "of the fleet at the site, 0…1"),
    **KIND_FEATURES,
    "miles": Feature("1,000 miles", "by road"),
    "transit": Feature("day", "time on the road"),
    "scheduled": Feature("yes", "the hour is one of the scenario's scheduled hours"),
    "next_fill": Feature(
        "truckload", "packages waiting on the lanes that this lane's packages ride next; 0 on a last leg"
    ),
    "dest_backlog": Feature("12 hours", "sorting queued at the destination; 0 at a station"),
    "truck_left": Feature("yes", "a truck of the fleet is left for this lane if the site's fuller lanes go first"),
}
D = positions(DISPATCH)
_FIRST_KIND = list(DISPATCH).index(next(iter(KIND_FEATURES)))
DISPATCH_FEATURES, DISPATCH_LABELS = tuple(DISPATCH), labels(DISPATCH)
DISPATCH_COUNT = len(DISPATCH)


@pasted
def ask_lane_features(s: Any, b: int, r: int, asked: np.ndarray) -> None:
    """Says which features of lanes are computed for region r: asked (DISPATCH_COUNT,), 1 for those that are."""
    for i in range(DISPATCH_COUNT):
        s.lane_weighed[b, r, i] = asked[i]


@inlined
def dispatch_features(w: Any, s: Any, b: int, i: int, hour: tuple[float, float], x: np.ndarray) -> None:
    """Fills x (DISPATCH_COUNT,) for the i-th lane with packages waiting; `hour` is `hour_of_day(w, s, b)`.

    Only the features asked for in the lane's region (`ask_lane_features`) are computed; the rest of x stays as it is.
    """
    net, rules = w.net, w.rules
    lane_index = s.active[b, i]
    lane, queue = net.lanes[lane_index], s.lane[b, lane_index]
    need = s.lane_weighed[b, lane.region]
    tick = s.row[b].tick
    load = 1.0 / lane.room
    day = rules.tick_hours / 24
    safe = leave_by(w, s, b, lane_index, queue.safe)
    if need[D.fill]:
        x[D.fill] = _up_to(queue.count * load, 3.0)
    if need[D.full]:
        x[D.full] = queue.count >= lane.room
    if need[D.age]:
        x[D.age] = _up_to((tick - s.package[b, queue.head].joined) * day, 5.0)
    if need[D.slack]:
        x[D.slack] = -day if queue.late > 0 else min((safe - tick) * day, 3.0)
    if need[D.late_if_held]:
        x[D.late_if_held] = queue.late > 0 or safe <= tick
    if need[D.late_usd_if_held]:
        x[D.late_usd_if_held] = _clip(late_usd_if_held(w, s, b, lane_index) / 5)
    if need[D.cost_per_package]:
        x[D.cost_per_package] = _clip(lane.cost / (5 * queue.count))
    if need[D.inflow_1h]:
        x[D.inflow_1h] = _up_to(expected_inflow(w, s, b, lane_index, 0) * load, 5.0)
    if need[D.inflow_3h]:
        x[D.inflow_3h] = _up_to(expected_inflow(w, s, b, lane_index, 1) * load, 5.0)
    if need[D.inflow_6h]:
        x[D.inflow_6h] = _up_to(expected_inflow(w, s, b, lane_index, 2) * load, 5.0)
    if need[D.inbound]:
        x[D.inbound] = _up_to(queue.inbound * load, 5.0)
    x[D.hour_sin], x[D.hour_cos] = hour if len(w.clock.shift) == 1 else hour_at(w, s, b, lane.origin)
    if need[D.trucks]:
        x[D.trucks] = _up_to(s.trucks_home[b, lane.origin] / 10, 1.0)
    for kind in range(len(LANE_KINDS)):
        x[_FIRST_KIND + kind] = lane.kind == kind
    if need[D.miles]:
        x[D.miles] = _clip(lane.miles / 1000)
    if need[D.transit]:
        x[D.transit] = _clip(lane.ticks * day)
    if need[D.scheduled]:
        x[D.scheduled] = rules.scheduled[int(local_hours(w, s, b, lane.origin, tick)) % 24]
    if need[D.next_fill]:
        x[D.next_fill] = _up_to(next_fill(w, s, b, lane_index), 3.0)
    if need[D.dest_backlog]:
        is_station = lane.dest >= net.fcs + net.scs
        x[D.dest_backlog] = 0.0 if is_station else _up_to(backlog_hours(w, s, b, lane.dest) / 12, 5.0)
    if need[D.truck_left]:
        x[D.truck_left] = truck_left(w, s, b, i)


@inlined
def next_fill(w: Any, s: Any, b: int, lane: int) -> float:
    """Truckloads waiting on the lane that the packages of this one ride next, mean over those up to a truckload."""
    waiting, p = 0, s.lane[b, lane].head
    load = min(s.lane[b, lane].count, w.net.lanes[lane].room)
    if load == s.lane[b, lane].count:  # no package has to be looked at
        for pair in range(w.net.first_pair[lane], w.net.first_pair[lane + 1]):
            waiting += s.onward[b, pair] * s.lane[b, w.net.pairs[pair].following].count
        return waiting / (load * w.rules.truck_packages)
    for _ in range(load):
        package = s.package[b, p]
        route = w.net.routes[package.route]
        if package.leg + 1 < route.legs:
            waiting += s.lane[b, route.lanes[package.leg + 1]].count
        p = package.next
    return waiting / (load * w.rules.truck_packages)


@inlined
def truck_left(w: Any, s: Any, b: int, i: int) -> bool:
    """Would the i-th lane with packages get a truck of its site if those with more packages went first?"""
    lane, closures = s.active[b, i], s.row[b].some_cut == 1
    site, count, ahead = w.net.lanes[lane].origin, s.lane[b, lane].count, 0
    for step in (-1, 1):  # lanes are sorted by origin: those of a site stand together
        j = i + step
        while 0 <= j < s.row[b].active and w.net.lanes[s.active[b, j]].origin == site:
            other = s.lane[b, s.active[b, j]].count
            if not (closures and s.shut[b, s.active[b, j]] == 1):
                ahead += other > count or (other == count and step < 0)
            j += step
    return ahead < s.trucks_home[b, site]


@pasted
def hour_of_day(w: Any, s: Any, b: int) -> tuple[float, float]:
    """Sine and cosine of the hour of the day on the scenario's own clock."""
    return hour_at(w, s, b, 0)


@pasted
def hour_at(w: Any, s: Any, b: int, site: int) -> tuple[float, float]:
    """Sine and cosine of the hour of the day at a site."""
    angle = 2 * math.pi * local_hours(w, s, b, site, s.row[b].tick) / 24
    return math.sin(angle), math.cos(angle)


# ----------------------------------------------------------------------------------------------------------- regions

REGION = {
    "hour_sin": Feature("sine", "of the hour of the day"),
    "hour_cos": Feature("cosine", "of the hour of the day"),
    "week_sin": Feature("sine", "of the hour of the week"),
    "week_cos": Feature("cosine", "of the hour of the week"),
    "waiting": Feature("all slots", "lines up for decision"),
    "queued": Feature("all slots", "waiting lines beyond the slots"),
    "active_lanes": Feature("all lanes", "the region's lanes with packages"),
    "share_of_network": Feature("all stations", "the region's stations"),
    "index": Feature("64 regions", "number of the region: which weights decide, where a policy has a set per region"),
}
R = positions(REGION)
REGION_FEATURES = tuple(REGION)
REGION_COUNT = len(REGION)


@inlined
def region_features(w: Any, s: Any, b: int, r: int, x: np.ndarray) -> None:
    """Fills x (REGION_COUNT,) for a region."""
    net, rules = w.net, w.rules
    shift = w.clock.shift[w.clock.region_zone[r], calendar_tick(w, s, b, s.row[b].tick)]
    hours = (s.row[b].week_tick + s.row[b].tick) * rules.tick_hours + shift
    day, week = 2 * math.pi * hours / 24, 2 * math.pi * hours / 168
    lanes, active = 0, 0
    for slot in range(net.slot_lane.shape[1]):
        lane = net.slot_lane[r, slot]
        if lane >= 0:
            lanes += 1
            active += s.lane[b, lane].count > 0
    x[R.hour_sin], x[R.hour_cos] = math.sin(day), math.cos(day)
    x[R.week_sin], x[R.week_cos] = math.sin(week), math.cos(week)
    x[R.waiting] = s.slots[b, r] / rules.order_slots
    x[R.queued] = _up_to((s.line_count[b, r] - s.slots[b, r]) / rules.order_slots, LIMIT)
    x[R.active_lanes] = active / max(1, lanes)
    stations = 0
    for site in range(net.fcs + net.scs, len(net.region_of_site)):
        stations += net.region_of_site[site] == r
    x[R.share_of_network] = stations / net.stations
    x[R.index] = r / REGION_INDEX_SCALE
