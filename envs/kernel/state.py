"""State: everything that changes, for a batch of networks.

Axes: B networks of the batch, R regions, L lanes, S SKUs, F FCs, N sites, M order slots, K candidates. Ticks are
counted from the start of the episode. Linked lists hold the index of the next element, −1 at the end: queues and
trucks cost nothing while they are empty.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regional_dispatch.envs.kernel.credit import NOTES
from regional_dispatch.envs.kernel.decisions.features import DISPATCH_COUNT, SOURCE_COUNT
from regional_dispatch.envs.kernel.decisions.lane_price import (
    KEPT_PRICE,
    KEPT_ROUTE_PRICE,
    LANE_PRICE_COUNT,
    MOST_HIDDEN,
    NO_PRICE,
    prices_kept,
)
from regional_dispatch.envs.kernel.decisions.order_plan import MOST_LINES, PLANS
from regional_dispatch.envs.kernel.decisions.score import Scorer
from regional_dispatch.envs.kernel.ledger import COMPONENTS
from regional_dispatch.envs.kernel.metrics import COUNTERS
from regional_dispatch.envs.kernel.phases.lane_queue import NEVER
from regional_dispatch.envs.kernel.prefetch import AHEAD
from regional_dispatch.envs.world.demand import Demand
from regional_dispatch.envs.world.world import World

ROW = np.dtype(
    [
        ("key", "u8"),  # of the episode's random stream
        ("tick", "i8"),
        (
            "week_tick",
            "i8",
        ),  # calendar tick at tick 0 (`envs.world.clocks.clock`); without a calendar, tick of the week
        ("period", "i8"),  # of the events, which `site_capacity`, `shut` and `cut` are those of
        ("setting", "i8"),  # of the levers, in force
        ("some_cut", "i8"),  # 1 while any lane is cut
        ("waiting_for_decisions", "i8"),  # 1 between begin_tick and finish_tick
        ("settled", "i8"),  # 1 once the horizon's books are closed
        ("active", "i8"),  # lanes with packages waiting
        ("free", "i8"),  # first package of those given back, −1 if there is none
        ("fresh", "i8"),  # packages from here on have never been used
        ("free_item", "i8"),  # the same for items
        ("fresh_item", "i8"),
        ("items", "i8"),  # items in use
        ("reevaluate", "i8"),  # 1 if unpicked packages are merged once an hour
        ("priced", "i8"),  # 1 once `price` holds prices
        (
            "marginal_truck_charge",
            "i8",
        ),  # 1: a truck that leaves less than full is charged to the packages that made it leave
        ("learning", "i8"),  # 1 if a learner wants samples of what packages cost their lanes
        ("followed", "i8"),  # 1 once a learner follows packages of this episode
        ("samples", "i8"),  # taken so far
        ("shipments", "i8"),  # of stock on the road from FC to FC
        ("packages", "i8"),  # packages under way
        ("packages_made", "i8"),
        ("packages_done", "i8"),  # delivered or settled
        ("orders", "i8"),
        ("lines", "i8"),
        ("units_arrived", "i8"),  # replenished so far
        ("units_shipped", "i8"),
        ("lines_lost", "i8"),
    ],
    align=True,
)

_CACHE_LINE = 64  # bytes

# Half a line of the processor's cache: what moves a package, and nothing else.
PACKAGE = np.dtype(
    [
        ("next", "i4"),  # next in its queue or truck
        ("ahead", "i4"),  # some places further, as far as it is known: fetched while this one is worked on
        ("route", "i4"),
        ("ordered", "i4"),  # tick
        ("due", "i4"),  # last tick that keeps the promise
        ("joined", "i4"),  # tick it joined its queue
        ("cost", "f4"),  # USD it has caused so far
        ("lines", "i2"),
        ("leg", "i2"),  # leg of the route it queues for or rides on
    ],
    align=True,
)

# What else is kept of a package where someone asks for it.
TAG = np.dtype(
    [
        ("truck", "i4"),  # next truck arriving in the same tick, kept with a truck's first package
        ("journey", "i4"),  # a learner's number for its source decision, −1 for none; while `followed` is set
        ("ready", "i4"),  # tick at which it was, or will be, at the site it is or comes to; while `learning` is set
        ("noted", "i4"),  # 1 if samples are taken of it; while `learning` is set
        ("order", "i4"),  # this and the next three are kept for re-evaluation
        ("sibling", "i4"),  # next package of its order, in a ring
        ("items", "i4"),  # first of its lines while it waits to be picked, else −1
        ("outside", "i4"),  # lines of its order that are lost or come from another region
    ],
    align=True,
)

# A line of a package that waits to be picked.
ITEM = np.dtype([("next", "i4"), ("sku", "i4"), ("units", "i4")], align=True)

LANE_STATE = np.dtype(
    [
        ("head", "i4"),  # queue of packages, first in first out
        ("tail", "i4"),
        ("count", "i4"),
        ("safe", "i4"),  # last tick to leave at for the most urgent package that can still be on time, else NEVER
        ("late", "i4"),  # packages whose last safe tick has passed
        ("inbound", "i4"),  # packages upstream that will ride this lane next
        ("joined", "i4"),  # packages that have ever joined its queue
        ("inflow_tick", "i4"),  # tick of the last update of inflow
        ("inflow", "f8"),  # packages per tick, seasonally adjusted moving average
        ("cost", "f8"),  # USD accrued by its trucks and its waiting, since a learner last took it
        (
            "handover_usd",
            "f8",
        ),  # what the packages it sent are expected to cost the next lanes beyond the standard, likewise
        ("sent", "i8"),  # packages it sent, since a learner last took the number
        ("active", "i8"),  # 1 while it is in the list of lanes with packages
        ("trucks", "i8"),  # departures counted by KPIs
        ("carried", "i8"),  # packages counted by KPIs
    ],
    align=True,
)

LINE = np.dtype(
    [
        ("sku", "i4"),
        ("order", "i4"),
        ("ordered", "i4"),  # tick
        ("due", "i4"),  # last tick that keeps the promise
        ("station", "i4"),
        ("units", "i4"),
        ("journey", "i4"),  # a learner's number for the decision, −1 for none
        ("choice", "i4"),  # candidate chosen
        ("package", "i4"),  # package it travels in once sourced, −1 if lost
    ],
    align=True,
)

# Units of one SKU on the road from FC to FC.
SHIPMENT = np.dtype([("sku", "i4"), ("fc", "i4"), ("units", "i4"), ("tick", "i4")], align=True)  # where, and when

QUEUE = np.dtype(
    [
        ("head", "i4"),
        ("tail", "i4"),
        ("packages", "i4"),
        ("lines", "i4"),
        ("joined", "i4"),  # packages that have ever joined
        ("progress", "i4"),  # lines already picked of the first one, where it has more than a tick's
    ],
    align=True,
)

JOURNEY = np.dtype(
    [
        ("cost", "f8"),  # USD of its package, once done
        ("leader", "i4"),  # journey of the package's first line, which holds the package's cost
        ("done", "i4"),  # 1 once the package is delivered or settled, kept at the leader
        ("void", "i4"),  # 1 if another candidate than the chosen one served the line
    ],
    align=True,
)


class State(NamedTuple):
    """One batch of networks. Structured arrays hold one record per row, package, lane, waiting line and site."""

    row: np.ndarray  # (B,) ROW
    stock: np.ndarray  # (B, S, F) int16, units on hand
    pipeline: np.ndarray  # (B, orders outstanding, S, F) int16, units on order
    ordered: np.ndarray  # (B, orders outstanding, S) uint8, 1 if units of the SKU are on order
    moved: np.ndarray  # (B, S) uint8, 1 if units of the SKU have left a shelf since its last review
    road: np.ndarray  # (B, S, F) int16, units on the road from other FCs
    shipment: np.ndarray  # (B, shipments) SHIPMENT, the first `row.shipments` of them are on the road
    package: np.ndarray  # (B, packages) PACKAGE
    tag: np.ndarray  # (B, packages) TAG
    recent: np.ndarray  # (B, N + L + 1, AHEAD) int32, latest packages to join each queue, sites first, and given back
    item: np.ndarray  # (B, items) ITEM; one row of none unless there is re-evaluation
    lane: np.ndarray  # (B, L) LANE_STATE
    urgent: np.ndarray  # (B, L, longest promise + 1) int32, packages waiting by last safe tick modulo its length
    onward: np.ndarray  # (B, pairs) int32, packages waiting on the first lane of a pair that ride the second one next
    active: np.ndarray  # (B, L) int32, lanes with packages, ascending
    go: np.ndarray  # (B, L) int8, dispatch decision
    queue: np.ndarray  # (B, N) QUEUE, packages to pick at FCs and to sort at SCs
    site_capacity: np.ndarray  # (B, N) float64, now, per tick: FC lines, SC packages
    shut: np.ndarray  # (B, L) int8, 1 while no truck leaves
    cut: np.ndarray  # (B, L) int8, 1 while routes over it are cut (`envs.world.events`)
    trucks_home: np.ndarray  # (B, N) int32
    trucks_back: np.ndarray  # (B, 2·longest + 1, N) int32, trucks that are home again by tick modulo its length
    arriving: np.ndarray  # (B, longest + 1, 2) int32, first and last truck arriving by tick modulo its length
    line: np.ndarray  # (B, R, waiting lines) LINE, a ring per region
    line_first: np.ndarray  # (B, R) int64, ring position of the oldest waiting line
    line_count: np.ndarray  # (B, R) int64
    slots: np.ndarray  # (B, R) int64, lines up for decision this tick
    sourced: np.ndarray  # (B, R) int64, scratch: lines of the slots already served
    undo_lines: np.ndarray  # (B, R) int64, scratch: to take back a tick's orders that lacked room
    undo_orders: np.ndarray  # (B, R, 2) float64, scratch: likewise, counted after the warm-up and in all
    candidate: np.ndarray  # (B, R, M, K) int32, routes, −1 padded
    surcharge: np.ndarray  # (B, R, M, K) float32, USD that policies expect candidates to cost beyond the standard
    plan: np.ndarray  # (B, R, M, plans) int32, route of the line in each plan of its order, −1 for none
    weighed: np.ndarray  # (B, R, source features) uint8, 1 for those of candidates that are computed
    lane_weighed: np.ndarray  # (B, R, dispatch features) uint8, the same for lanes
    planned: np.ndarray  # (B, R, plans) uint8, the same for plans of orders
    busy: np.ndarray  # (B, R, F) uint8, 1 for FCs with too long a backlog at this tick
    cover: np.ndarray  # (B, R, routes of an order, 2) int32, scratch: route, and the set of lines it can carry
    cover_usd: np.ndarray  # (B, R, routes of an order) float64, scratch: cost of a package on it
    subset_usd: np.ndarray  # (B, R, 2^lines) float64, scratch: least cost of carrying a set of lines
    subset_route: np.ndarray  # (B, R, 2^lines) int64, scratch: index in `cover` of its first package
    subset_carried: np.ndarray  # (B, R, 2^lines) int64, scratch: lines of that package
    package_usd: np.ndarray  # (B, R, 2^lines) float64, scratch: cost of one package with these lines, priced
    package_route: np.ndarray  # (B, R, 2^lines) int64, scratch: its index in `cover`
    outside_usd: np.ndarray  # (B, R, K) float64, scratch: cost of candidates from other regions
    line_usd: np.ndarray  # (B, R, lines) float64, scratch: price of each line's units
    price: np.ndarray  # (B, S, F) float32, USD per unit; (B, 1, 1) where units have no price
    price_scratch: np.ndarray  # (B, R, 3, width) float32, scratch: a lane's features and the layers of its price
    lane_prices: np.ndarray  # (B, R, prices) KEPT_PRICE, what lanes are expected to cost a package, kept for a tick
    route_prices: np.ndarray  # (B, R, prices) KEPT_ROUTE_PRICE, the same for routes
    lane_prices_age: np.ndarray  # (B, R) int64, age of those that hold
    note: np.ndarray  # (B, packages, NOTES, features) float32, lanes as a package met them; (B, 1, …) unless learning
    sample: np.ndarray  # (B, samples, features) float32, notes of packages that have left
    sample_usd: np.ndarray  # (B, samples) float32, what they cost their lane beyond the standard
    cash: np.ndarray  # (B, R, components) float64, USD
    accrual: np.ndarray  # (B, R, components) float64, USD
    opening: np.ndarray  # (B, R, components) float64, cash and value of work under way when the warm-up ended
    settled: np.ndarray  # (B, R, components) float64, USD of work under way at the horizon, in cash and accrual
    count: np.ndarray  # type: ignore[assignment]  # (B, R, counters) float64, KPI counters after the warm-up
    journey: np.ndarray  # (B, journeys) JOURNEY
    lane_price: Scorer  # prices lanes in observations and plans; without weight sets, lanes have no price


def empty_state(world: World, rows: int) -> State:
    """A batch of empty networks with room for two days of packages; rows still need `clear_row`.

    Their lists are empty already, so that a row which has not begun can be walked through, kept and restored.
    """
    net, rules = world.net, world.rules
    sites, lanes, regions = len(net.fleet), len(net.lanes), net.regions
    _, skus, fcs = world.base_stock.shape
    longest = int(net.lanes["ticks"].max())
    daily = float(world.demand.rate.mean()) * 24 / rules.tick_hours
    packages = regions * rules.order_slots + int(2.5 * daily)
    waiting = max(4 * rules.order_slots, 256)
    state = State(
        row=np.zeros(rows, ROW),
        stock=np.zeros((rows, skus, fcs), np.int16),
        pipeline=np.zeros((rows, rules.lead_ticks // rules.review_ticks + 1, skus, fcs), np.int16),
        ordered=np.zeros((rows, rules.lead_ticks // rules.review_ticks + 1, skus), np.uint8),
        moved=np.zeros((rows, skus), np.uint8),
        road=np.zeros((rows, skus, fcs), np.int16),
        shipment=np.zeros((rows, 1), SHIPMENT),
        package=_pool(rows, packages),
        tag=np.zeros((rows, packages), TAG),
        recent=np.zeros((rows, sites + lanes + 1, AHEAD), np.int32),
        item=np.zeros((rows, 1), ITEM),
        lane=np.zeros((rows, lanes), LANE_STATE),
        urgent=np.zeros((rows, lanes, _longest_promise(world.demand) + 1), np.int32),
        onward=np.zeros((rows, len(net.pairs)), np.int32),
        active=np.zeros((rows, lanes), np.int32),
        go=np.zeros((rows, lanes), np.int8),
        queue=np.zeros((rows, sites), QUEUE),
        site_capacity=np.zeros((rows, sites)),
        shut=np.zeros((rows, lanes), np.int8),
        cut=np.zeros((rows, lanes), np.int8),
        trucks_home=np.zeros((rows, sites), np.int32),
        trucks_back=np.zeros((rows, 2 * longest + 1, sites), np.int32),
        arriving=np.zeros((rows, longest + 1, 2), np.int32),
        line=np.zeros((rows, regions, waiting), LINE),
        line_first=np.zeros((rows, regions), np.int64),
        line_count=np.zeros((rows, regions), np.int64),
        slots=np.zeros((rows, regions), np.int64),
        sourced=np.zeros((rows, regions), np.int64),
        undo_lines=np.zeros((rows, regions), np.int64),
        undo_orders=np.zeros((rows, regions, 2)),
        candidate=np.zeros((rows, regions, rules.order_slots, rules.candidates), np.int32),
        surcharge=np.zeros((rows, regions, rules.order_slots, rules.candidates), np.float32),
        plan=np.zeros((rows, regions, rules.order_slots, PLANS), np.int32),
        weighed=np.zeros((rows, regions, SOURCE_COUNT), np.uint8),
        lane_weighed=np.zeros((rows, regions, DISPATCH_COUNT), np.uint8),
        planned=np.zeros((rows, regions, PLANS), np.uint8),
        busy=np.zeros((rows, regions, fcs), np.uint8),
        cover=np.zeros((rows, regions, MOST_LINES * rules.candidates, 2), np.int32),
        cover_usd=np.zeros((rows, regions, MOST_LINES * rules.candidates)),
        subset_usd=np.zeros((rows, regions, 2**MOST_LINES)),
        subset_route=np.zeros((rows, regions, 2**MOST_LINES), np.int64),
        subset_carried=np.zeros((rows, regions, 2**MOST_LINES), np.int64),
        package_usd=np.zeros((rows, regions, 2**MOST_LINES)),
        package_route=np.zeros((rows, regions, 2**MOST_LINES), np.int64),
        outside_usd=np.zeros((rows, regions, rules.candidates)),
        line_usd=np.zeros((rows, regions, MOST_LINES)),
        price=np.zeros((rows, 1, 1), np.float32),
        price_scratch=np.zeros((rows, regions, 3, MOST_HIDDEN), np.float32),
        lane_prices=np.zeros((rows, regions, prices_kept(net.slot_lane.shape[1])), KEPT_PRICE),
        route_prices=np.zeros((rows, regions, prices_kept(len(net.routes) // regions)), KEPT_ROUTE_PRICE),
        lane_prices_age=np.zeros((rows, regions), np.int64),
        note=np.zeros((rows, 1, NOTES, LANE_PRICE_COUNT), np.float32),
        sample=np.zeros((rows, 1, LANE_PRICE_COUNT), np.float32),
        sample_usd=np.zeros((rows, 1), np.float32),
        cash=np.zeros((rows, regions, len(COMPONENTS))),
        accrual=np.zeros((rows, regions, len(COMPONENTS))),
        opening=np.zeros((rows, regions, len(COMPONENTS))),
        settled=np.zeros((rows, regions, len(COMPONENTS))),
        count=np.zeros((rows, regions, len(COUNTERS))),
        journey=np.zeros((rows, 1), JOURNEY),
        lane_price=NO_PRICE,
    )
    for row in range(rows):
        _empty_lists(state, row)
    return state


def _empty_lists(state: State, row: int) -> None:
    """No package queues, rides, or has been given back."""
    state.row["free"][row] = state.row["free_item"][row] = -1
    state.arriving[row] = -1
    for table in (state.lane, state.queue):
        table["head"][row] = table["tail"][row] = -1
    state.lane["safe"][row] = NEVER


def _longest_promise(demand: Demand) -> int:
    """Of any order. Unit: ticks."""
    return int(max(demand.promise_ticks.max(), demand.trace_lines[:, 2].max(initial=0)))


# What is only written to be read again within a call of the kernel.
SCRATCH = frozenset({
    "sourced", "undo_lines", "undo_orders", "weighed", "lane_weighed", "planned", "busy", "cover", "cover_usd",
    "subset_usd", "subset_route", "subset_carried", "package_usd", "package_route", "outside_usd", "line_usd",
    "price_scratch", "lane_prices", "route_prices", "lane_prices_age",
})  # fmt: skip
# What is written before it is read. It need not be cleared, and stays out of memory until it is used.
_WRITTEN_FIRST = SCRATCH | {
    "package", "tag", "item", "line", "candidate", "surcharge", "plan", "note", "sample", "sample_usd",
}  # fmt: skip


def clear_row(world: World, state: State, row: int, key: int, week_tick: int) -> None:
    """Starts a new episode in one row: full shelves, idle trucks, no packages."""
    for name, array in state._asdict().items():
        # Reading untouched memory costs none, writing zeros into it does.
        if isinstance(array, np.ndarray) and name not in _WRITTEN_FIRST and array[row : row + 1].view(np.uint8).any():
            array[row] = 0
    record = state.row[row]
    record["key"], record["week_tick"] = key, week_tick
    state.stock[row] = world.on_hand
    state.trucks_home[row] = world.net.fleet
    record["some_cut"] = world.events.some_cut[0]
    state.site_capacity[row], state.shut[row], state.cut[row] = (
        table[0] for table in (world.events.capacity, world.events.shut, world.events.cut)
    )
    _empty_lists(state, row)


def grow_packages(state: State, needed: int) -> State:
    """The same batch with room for at least `needed` more packages in every row."""
    rows, size = state.package.shape
    package = _pool(rows, size + max(size // 2, needed))
    package[:, :size] = state.package
    state = state._replace(tag=_grown(state.tag, needed))
    if state.note.shape[1] == 1:
        return state._replace(package=package)
    note = np.zeros((len(package), package.shape[1], *state.note.shape[2:]), np.float32)
    note[:, : state.note.shape[1]] = state.note
    return state._replace(package=package, note=note)


def grow_items(state: State, needed: int) -> State:
    """The same batch with room for at least `needed` more items in every row."""
    return state._replace(item=_grown(state.item, needed))


def grow_shipments(state: State, needed: int) -> State:
    """The same batch with room for `needed` more shipments on the road in every row, and then some."""
    rows, size = state.shipment.shape
    shipment = np.zeros((rows, 2 * size + needed), SHIPMENT)
    shipment[:, :size] = state.shipment
    return state._replace(shipment=shipment)


def _pool(rows: int, size: int) -> np.ndarray:
    """Packages, (rows, size), none of which lies across two lines of the processor's cache."""
    memory = np.zeros(rows * size * PACKAGE.itemsize + _CACHE_LINE, np.uint8)
    first = -memory.ctypes.data % _CACHE_LINE
    return memory[first : first + rows * size * PACKAGE.itemsize].view(PACKAGE).reshape(rows, size)


def _grown(old: np.ndarray, needed: int) -> np.ndarray:
    """A copy of a pool with half as much room again, or room for `needed` more."""
    rows, size = old.shape
    pool = np.zeros((rows, size + max(size // 2, needed)), old.dtype)
    pool[:, :size] = old
    return pool


def grow_lines(state: State) -> State:
    """The same batch with twice the room for waiting lines."""
    rows, regions, size = state.line.shape
    line = np.zeros((rows, regions, 2 * size), LINE)
    for b in range(rows):
        for r in range(regions):
            line[b, r, :size] = np.roll(state.line[b, r], -int(state.line_first[b, r]))
            state.line_first[b, r] = 0
    return state._replace(line=line)
