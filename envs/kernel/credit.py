"""Credit: what each decision is charged with, for learners. Every write of it is in this file.

- A *journey* is a learner's number for a source decision. Its cost is that of the package the line travels in. It is
  known when the package is delivered or settled, and kept by the package's first line, its leader.
- A *lane* is charged with its trucks and with lateness that accrues while it holds, since a learner last took the
  account; beside it stand the packages it sent, and what they are expected to cost the lanes they ride next.
- *Samples* hold what packages really cost their lanes beyond the standard: the lane's features as the package met it,
  and the dollars, for the network that prices lanes (`envs.kernel.decisions.lane_price`).

Credit changes what is learned, never what is measured: dollars are booked in `envs.kernel.ledger`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from regional_dispatch.envs.kernel.compiled import inlined, pasted
from regional_dispatch.envs.kernel.decisions.lane_price import (
    LANE_PRICE_COUNT,
    lane_price_features,
    lane_surcharge,
    ready_and_safe,
)
from regional_dispatch.envs.kernel.ledger import late_increase_usd
from regional_dispatch.envs.kernel.phases.lane_queue import NEVER, safe_tick
from regional_dispatch.envs.world.costs import handling_usd

_handling_usd = pasted(handling_usd)
NOTES = 5  # a package's notes: its three lanes as seen when it was sourced, then lanes 2 and 3 when handed over
NOTE_EVERY = 4  # a learner follows one package in so many
_FIRST = np.int64(0)  # lanes ridden before the next one, seen from the end of this one


# ---------------------------------------------------------------------------------------------------- source decisions


@pasted
def start_journey(s: Any, b: int, line: Any, journey: int) -> None:
    """A learner has decided on a line and follows it under this number."""
    if s.row[b].followed == 0:
        s.row[b].followed = 1
        for p in range(s.row[b].fresh):
            s.tag[b, p].journey = -1
    line.journey = journey
    record = s.journey[b, journey]
    record.cost, record.leader, record.done, record.void = 0.0, journey, 0, 0


@pasted
def replan_journey(s: Any, b: int, line: Any) -> None:
    """Another candidate than the chosen one serves the line: its cost says nothing about the choice."""
    if line.journey >= 0:
        s.journey[b, line.journey].void = 1


@pasted
def lose_journey(s: Any, b: int, line: Any) -> None:
    """The line is lost."""
    if line.journey >= 0:
        s.journey[b, line.journey].done = 1


@pasted
def join_journey(s: Any, b: int, line: Any, p: int) -> None:
    """The line travels in package p of an earlier line, which keeps the cost."""
    if line.journey >= 0 and s.tag[b, p].journey >= 0:
        s.journey[b, line.journey].leader = s.tag[b, p].journey


@pasted
def open_package(w: Any, s: Any, b: int, p: int, line: Any, sorts: int) -> None:
    """A new package starts with its handling; trucks and lateness are added as they come."""
    if s.row[b].followed == 1:
        s.tag[b, p].journey = line.journey
    s.package[b, p].cost = _handling_usd(w.rules.costs, sorts)


@pasted
def close_journey(s: Any, b: int, p: int, usd: float) -> None:
    """Package p is delivered or settled; `usd` are its last dollars."""
    if s.row[b].followed == 1 and s.tag[b, p].journey >= 0:
        journey = s.journey[b, s.tag[b, p].journey]
        journey.cost = s.package[b, p].cost + usd
        journey.done = 1


# -------------------------------------------------------------------------------------------------- dispatch decisions


@pasted
def charge_lane(queue: Any, usd: float) -> None:
    """Charges a lane with dollars that its trucks or its waiting cost."""
    queue.cost += usd


@pasted
def charge_departure(queue: Any, load: int, usd: float) -> None:
    """Charges a lane with a truck that leaves with `load` packages and costs `usd`."""
    charge_lane(queue, usd)
    queue.sent += load


@inlined
def charge_package(w: Any, s: Any, b: int, p: int, lane: int, share: float, last_charged: int) -> None:
    """Charges a package that leaves on this lane with its share of the truck, as `truck_shares` says."""
    package = s.package[b, p]
    charged = share if safe_tick(w, package) <= last_charged else 0.0
    package.cost += charged
    _sample_departure(w, s, b, p, charged)
    _hand_over(w, s, b, p, lane)


@inlined
def truck_shares(w: Any, s: Any, b: int, lane: int, load: int, usd: float) -> tuple[float, int]:
    """How a truck's cost is charged: USD each, to those of its packages whose last safe tick is not after the second.

    Each package's share is the cost divided by the load. With the marginal charge, a truck that leaves less than full
    is charged only to the packages that could wait least, which made it leave: together they pay one share, and the
    others pay nothing. If packages come at rate λ and the first that cannot wait sends the truck after W, one more
    package adds cost / (λW + 1)² to the cost of an hour: one share, cost / (λW + 1), times the chance that it is that
    package.
    """
    if s.row[b].marginal_truck_charge == 0 or load == w.net.lanes[lane].room:
        return usd / load, NEVER
    first, count, p = NEVER, 0, s.lane[b, lane].head
    for _ in range(load):
        safe = safe_tick(w, s.package[b, p])
        if safe < first:
            first, count = safe, 0
        count += safe == first
        p = s.package[b, p].next
    return usd / load / count, first


@pasted
def take_lane_account(w: Any, queue: Any, record: Any) -> tuple[float, float, float]:
    """A lane's account since a learner last took it, which starts again at zero.

    Returns:
        USD it was charged with; USD that the packages it sent would have cost on full trucks; USD that those are
        expected to cost the next lanes beyond the standard.
    """
    taken = queue.cost, queue.sent * record.cost / record.room, queue.handover_usd
    queue.cost, queue.sent, queue.handover_usd = 0.0, 0, 0.0
    return taken


# ------------------------------------------------------------------------------------------- samples of what lanes cost


@inlined
def note_package(w: Any, s: Any, b: int, p: int) -> None:
    """Notes, if a learner follows the new package, how the lanes of its route look."""
    row, package, tag = s.row[b], s.package[b, p], s.tag[b, p]
    if row.learning == 0:
        return
    tag.ready, tag.noted = row.tick + 1, 0
    if row.packages_made % NOTE_EVERY:
        return
    tag.noted = 1
    route = w.net.routes[package.route]
    for leg in range(route.legs):
        ready, safe = ready_and_safe(w, s, b, package.route, leg, package.due)
        lane_price_features(w, s, b, route.lanes[leg], ready, safe, leg, s.note[b, p, leg])


@inlined
def _hand_over(w: Any, s: Any, b: int, p: int, lane: int) -> None:
    """Adds to a lane's account what a package it sends is expected to cost the next lane."""
    row, package, tag = s.row[b], s.package[b, p], s.tag[b, p]
    if row.learning == 0:
        return
    route, leg = w.net.routes[package.route], package.leg + 1
    tag.ready = row.tick + w.net.lanes[lane].ticks
    if leg >= route.legs:
        return
    following, safe = route.lanes[leg], package.due - route.rest[leg]
    usd = lane_surcharge(w, s, b, w.net.lanes[lane].region, following, tag.ready, safe, _FIRST)
    s.lane[b, lane].handover_usd += usd
    if tag.noted == 1:
        lane_price_features(w, s, b, following, tag.ready, safe, _FIRST, s.note[b, p, 2 + leg])


@inlined
def _sample_departure(w: Any, s: Any, b: int, p: int, share: float) -> None:
    """Samples what a package that leaves now, at `share` USD of its truck, has cost its lane beyond the standard."""
    row, package, tag = s.row[b], s.package[b, p], s.tag[b, p]
    if row.learning == 0 or tag.noted == 0:
        return
    route, leg = w.net.routes[package.route], package.leg
    rest = route.rest[leg]
    late = late_increase_usd(w.rules, tag.ready + rest - package.due, row.tick + rest - package.due)
    lane = w.net.lanes[route.lanes[leg]]
    usd = share - lane.cost / lane.room + late
    _keep_sample(s, b, p, leg, usd)
    if leg > 0:
        _keep_sample(s, b, p, 2 + leg, usd)


@pasted
def _keep_sample(s: Any, b: int, p: int, note: int, usd: float) -> None:
    """Keeps a note with the dollars it led to; when the room is full, the oldest go."""
    row = s.row[b]
    i = row.samples % s.sample_usd.shape[1]
    for feature in range(LANE_PRICE_COUNT):  # an assignment of whole rows would need reference counting
        s.sample[b, i, feature] = s.note[b, p, note, feature]
    s.sample_usd[b, i] = usd
    row.samples += 1
