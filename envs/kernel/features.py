"""What a candidate and a lane look like to a policy; the one list of names.

Observations, compiled scorers and learners all read these functions. Constants below bring every feature to about −1…3;
they are fixed, never learned, and every value is clipped to ±LIMIT.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from regional_dispatch.envs.kernel.compiled import inlined, pasted
from regional_dispatch.envs.kernel.order_plan import FEWEST_PACKAGES, LEAST_COST
from regional_dispatch.envs.kernel.outlook import backlog_hours, expected_inflow

LIMIT = 10.0

SOURCE_FEATURES = (
    "cost",  # standard route cost, 10 USD
    "in_region",  # FC and station share a region of those in force
    "direct",  # one truck from FC to station
    "air_miles",  # great circle FC → station, 1,000 miles
    "transit",  # days on the road
    "slack",  # days between earliest arrival and promise, −3…3
    "late",  # the earliest arrival is past the promise
    "on_hand",  # units u at the FC, u / (u + 10)
    "cover",  # 10 days of the FC's own demand, 0…3
    "last_unit",  # takes the last of the shelf
    "order_share",  # share of the order's lines this FC could serve
    "order_rest",  # other lines of the order, n / (n + 1)
    "order_plan",  # the line's route in the least-cost way to carry its whole order
    "lane_fill",  # first lane: packages waiting, truckloads
    "lane_age",  # first lane: days its oldest package has waited
    "lane_inflow",  # first lane: truckloads expected in the next 3 h
    "lane_inbound",  # first lane: truckloads already on their way to it
    "lane_cost_now",  # first lane: 5 USD per package if the truck left with this one
    "fc_backlog",  # 12 h of picking queued
    "sc_backlog",  # 12 h of sorting queued at the first sort center
    "fewest_packages",  # the line's route in the way with the fewest packages
    "spill_cover",  # cover of an FC of another region, 0…3; 3 for one of the region
    "surcharge",  # 5 USD that the route's lanes are expected to cost beyond the standard (`envs.kernel.lane_price`)
    "shadow_price",  # 5 USD that taking the line's units is expected to cost elsewhere
)

DISPATCH_FEATURES = (
    "fill",  # packages waiting, truckloads
    "full",  # at least a truckload waits (no truck was there)
    "age",  # days the oldest package has waited
    "slack",  # days until the most urgent package is late, −1…3; negative if one already is
    "late_if_held",  # holding makes a package late, or later
    "late_usd_if_held",  # 5 USD of lateness that holding one tick books
    "cost_per_package",  # 5 USD per package if the truck left now
    "inflow_1h",  # truckloads expected in the next hour
    "inflow_3h",
    "inflow_6h",
    "inbound",  # truckloads already on their way to this lane
    "hour_sin",
    "hour_cos",
    "trucks",  # 10 trucks at the site, 0…1
    "is_direct",
    "is_fc_to_sc",
    "is_sc_to_sc",
    "is_sc_to_station",
    "miles",  # 1,000 miles
    "transit",  # days on the road
    "scheduled",  # the hour is one of the scenario's scheduled hours
    "next_fill",  # packages waiting on the lanes these ride next, truckloads; 0 on a last leg
    "dest_backlog",  # 12 h of sorting queued at the destination
    "truck_left",  # a truck of the fleet is left for this lane if the site's fullest lanes go first
)

REGION_FEATURES = (
    "hour_sin",
    "hour_cos",
    "week_sin",
    "week_cos",
    "waiting",  # lines up for decision, share of the slots
    "queued",  # waiting lines beyond the slots, share of the slots
    "active_lanes",  # lanes with packages, share of the region's lanes
    "share_of_network",  # of the network's stations
    "index",  # region number / 64: which set of weights decides, where a policy has one per region
)
REGION_INDEX_SCALE = 64
SHADOW_PRICE_USD = 5.0

SOURCE_COUNT, DISPATCH_COUNT, REGION_COUNT = len(SOURCE_FEATURES), len(DISPATCH_FEATURES), len(REGION_FEATURES)


@pasted
def _clip(x: float) -> float:
    return min(max(x, -LIMIT), LIMIT)


@pasted
def _up_to(x: float, top: float) -> float:
    return min(x, top)


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
    per_day = w.base_stock[sku, fc] / rules.base_days
    mean = per_day * until_delivery * rules.tick_hours / 24
    z = 1.702 * (mean - on_hand + 0.5) / math.sqrt(mean + 0.1)
    return rules.stockout_usd / (1 + math.exp(-z))


@pasted
def order_span(s: Any, b: int, r: int, j: int) -> tuple[int, int]:
    """First slot, and the slot after the last, of the order that slot j's line belongs to."""
    ring = s.line[b, r]
    size, first, slots = len(ring), s.line_first[b, r], s.slots[b, r]
    order = ring[(first + j) % size].order
    low, high = j, j + 1
    while low > 0 and ring[(first + low - 1) % size].order == order:
        low -= 1
    while high < slots and ring[(first + high) % size].order == order:
        high += 1
    return low, high


@pasted
def order_share(s: Any, b: int, r: int, low: int, high: int, fc: int) -> float:
    """Share of the lines in slots low…high−1 that an FC has units for."""
    if high - low == 1:
        return 1.0
    ring, served = s.line[b, r], 0
    for i in range(low, high):
        line = ring[(s.line_first[b, r] + i) % len(ring)]
        served += s.stock[b, line.sku, fc] >= line.units
    return served / (high - low)


@inlined
def source_features(w: Any, s: Any, b: int, r: int, j: int, found: int, x: np.ndarray) -> None:
    """Fills x (at least `found`, SOURCE_COUNT) for the candidates of the line in slot j of region r.

    `kernel.prepare_lines` must have found them.
    """
    low, high = order_span(s, b, r, j)
    for k in range(found):
        _candidate_features(w, s, b, r, j, k, low, high, x[k])


@inlined
def _candidate_features(w: Any, s: Any, b: int, r: int, j: int, k: int, low: int, high: int, x: np.ndarray) -> None:
    net, rules = w.net, w.rules
    ring = s.line[b, r]
    line = ring[(s.line_first[b, r] + j) % len(ring)]
    route = net.routes[s.candidate[b, r, j, k]]
    tick = s.row[b].tick
    fc, sku = route.fc, line.sku
    first = route.lanes[0]
    lane, queue = net.lanes[first], s.lane[b, first]
    slack = line.due - (tick + 1 + route.rest[0])
    on_hand = int(s.stock[b, sku, fc])
    per_day = w.base_stock[sku, fc] / rules.base_days
    load = 1.0 / rules.truck_packages
    day = rules.tick_hours / 24
    x[0] = _clip(route.cost / 10)
    x[1] = route.local
    x[2] = route.legs == 1
    x[3] = _clip(route.air_miles / 1000)
    x[4] = _clip(route.rest[0] * day)
    x[5] = min(max(slack * day, -3.0), 3.0)
    x[6] = slack < 0
    x[7] = on_hand / (on_hand + 10)
    x[8] = _up_to(on_hand / (10 * per_day + 1e-9), 3.0)
    x[9] = on_hand <= line.units
    x[10] = order_share(s, b, r, low, high, fc)
    x[11] = (high - low - 1) / (high - low)
    x[12] = s.plan[b, r, j, LEAST_COST] == s.candidate[b, r, j, k]
    x[13] = _up_to(queue.count * load, 3.0)
    x[14] = 0.0 if queue.count == 0 else _up_to((tick - s.package[b, queue.head].joined) * day, 5.0)
    x[15] = _up_to(expected_inflow(w, s, b, first, 1) * load, 5.0)
    x[16] = _up_to(queue.inbound * load, 5.0)
    x[17] = _clip(lane.cost / (5 * (queue.count + 1)))
    x[18] = _up_to(backlog_hours(w, s, b, fc) / 12, 5.0)
    x[19] = 0.0 if route.legs == 1 else _up_to(backlog_hours(w, s, b, lane.dest) / 12, 5.0)
    x[20] = s.plan[b, r, j, FEWEST_PACKAGES] == s.candidate[b, r, j, k]
    x[21] = 3.0 if route.local == 1 else x[8]
    x[22] = _clip(s.surcharge[b, r, j, k] / 5)
    x[23] = _clip(shadow_price(w, s, b, sku, fc, on_hand) * line.units / SHADOW_PRICE_USD)


@pasted
def late_usd_if_held(w: Any, s: Any, b: int, lane: int) -> float:
    """USD of lateness booked if the lane's packages wait one more tick."""
    rules, queue = w.rules, s.lane[b, lane]
    usd = rules.late_usd_per_tick * queue.late
    if queue.safe == s.row[b].tick:
        usd += (rules.late_usd + rules.late_usd_per_tick) * queue.safe_count
    return usd


@inlined
def next_fill(w: Any, s: Any, b: int, lane: int) -> float:
    """Truckloads waiting on the lane that the packages of this one ride next, mean over those up to a truckload."""
    waiting, rules, p = 0, w.rules, s.lane[b, lane].head
    load = min(s.lane[b, lane].count, rules.truck_packages)
    for _ in range(load):
        package = s.package[b, p]
        route = w.net.routes[package.route]
        if package.leg + 1 < route.legs:
            waiting += s.lane[b, route.lanes[package.leg + 1]].count
        p = package.next
    return waiting / (load * rules.truck_packages)


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


@inlined
def dispatch_features(w: Any, s: Any, b: int, i: int, hour: tuple[float, float], x: np.ndarray) -> None:
    """Fills x (DISPATCH_COUNT,) for the i-th lane with packages waiting; `hour` is `hour_of_day(w, s, b)`."""
    net, rules = w.net, w.rules
    lane_index = s.active[b, i]
    lane, queue = net.lanes[lane_index], s.lane[b, lane_index]
    tick = s.row[b].tick
    load = 1.0 / rules.truck_packages
    day = rules.tick_hours / 24
    late_usd = late_usd_if_held(w, s, b, lane_index)
    x[0] = _up_to(queue.count * load, 3.0)
    x[1] = queue.count >= rules.truck_packages
    x[2] = _up_to((tick - s.package[b, queue.head].joined) * day, 5.0)
    x[3] = -day if queue.late > 0 else min((queue.safe - tick) * day, 3.0)
    x[4] = queue.late > 0 or queue.safe == tick
    x[5] = _clip(late_usd / 5)
    x[6] = _clip(lane.cost / (5 * queue.count))
    x[7] = _up_to(expected_inflow(w, s, b, lane_index, 0) * load, 5.0)
    x[8] = _up_to(expected_inflow(w, s, b, lane_index, 1) * load, 5.0)
    x[9] = _up_to(expected_inflow(w, s, b, lane_index, 2) * load, 5.0)
    x[10] = _up_to(queue.inbound * load, 5.0)
    x[11], x[12] = hour
    x[13] = _up_to(s.trucks_home[b, lane.origin] / 10, 1.0)
    for kind in range(4):
        x[14 + kind] = lane.kind == kind
    x[18] = _clip(lane.miles / 1000)
    x[19] = _clip(lane.ticks * day)
    x[20] = rules.scheduled[int((s.row[b].week_tick + tick) * rules.tick_hours) % 24]
    x[21] = _up_to(next_fill(w, s, b, lane_index), 3.0)
    x[22] = 0.0 if lane.dest >= net.fcs + net.scs else _up_to(backlog_hours(w, s, b, lane.dest) / 12, 5.0)
    x[23] = truck_left(w, s, b, i)


@pasted
def hour_of_day(w: Any, s: Any, b: int) -> tuple[float, float]:
    """Sine and cosine of the hour of the day."""
    angle = 2 * math.pi * (s.row[b].week_tick + s.row[b].tick) * w.rules.tick_hours / 24
    return math.sin(angle), math.cos(angle)


@inlined
def region_features(w: Any, s: Any, b: int, r: int, x: np.ndarray) -> None:
    """Fills x (REGION_COUNT,) for a region."""
    net, rules = w.net, w.rules
    week = 2 * math.pi * (s.row[b].week_tick + s.row[b].tick) * rules.tick_hours / 168
    lanes, active = 0, 0
    for slot in range(net.slot_lane.shape[1]):
        lane = net.slot_lane[r, slot]
        if lane >= 0:
            lanes += 1
            active += s.lane[b, lane].count > 0
    x[0], x[1] = hour_of_day(w, s, b)
    x[2], x[3] = math.sin(week), math.cos(week)
    x[4] = s.slots[b, r] / rules.order_slots
    x[5] = _up_to((s.line_count[b, r] - s.slots[b, r]) / rules.order_slots, LIMIT)
    x[6] = active / max(1, lanes)
    stations = 0
    for site in range(net.fcs + net.scs, len(net.region_of_site)):
        stations += net.region_of_site[site] == r
    x[7] = stations / net.stations
    x[8] = r / REGION_INDEX_SCALE
