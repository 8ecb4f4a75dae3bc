"""What a state that comes from a file must fulfil before compiled code reads it.

The kernel checks no index. A snapshot is data from outside: one wrong number in it would have the kernel read and write
beyond its arrays, or follow a list in a circle. So every number that is used as an index is checked to lie in its
range, every list to end, and every count that stands for the length of a list to be that length.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from regional_dispatch.envs.audit.walk import FAULTS, NO_FAULT, PLACES, Tally, walk_row
from regional_dispatch.envs.kernel.state import State
from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.world import World

_FLAGS = (
    "some_cut", "waiting_for_decisions", "settled", "reevaluate", "priced", "marginal_truck_charge", "learning",
    "followed",
)  # fmt: skip
_MOST = 2**40  # of a count or a tick


def check_state(world: World, state: State, some_elsewhere: bool = False) -> None:
    """Raises ScenarioError unless compiled code can read every row of a state.

    Args:
        world: that the state belongs to.
        state: whose arrays have the shapes and types of the world's.
        some_elsewhere: packages may be under way in no list of the state, as those of a live network that are on the
            road.
    """
    for row in range(len(state.row)):
        for problem in _problems(world, state, row, some_elsewhere):
            raise ScenarioError(
                f"state, copy {row}: {problem}. The file is damaged, or it is of another network; use another one"
            )


def _problems(world: World, state: State, row: int, some_elsewhere: bool) -> Iterator[str]:
    yield from _sizes(state)
    yield from _scalars(world, state, row)
    yield from _lines(world, state, row)
    yield from _stock(world, state, row)
    yield from _tables(world, state, row)
    tally = walk_row(world, state, row)  # safe from here on: it checks what it follows itself
    yield from _lists(state, row, tally, some_elsewhere)
    yield from _siblings(state, row, tally)


def _outside(name: str, values: Any, low: float, high: float) -> Iterator[str]:
    """A sentence about the first value that is not in low…high; NaN is in no range."""
    values = np.atleast_1d(values)
    wrong = ~((values >= low) & (values <= high))
    if wrong.any():
        at = np.argwhere(wrong)[0].tolist()
        yield f"{name} {at} = {values[tuple(at)]}: must lie in {low:g}…{high:g}"


def _sizes(state: State) -> Iterator[str]:
    size = state.package.shape[1]
    if state.tag.shape[1] != size or state.note.shape[1] not in (1, size):
        yield f"{size} packages, {state.tag.shape[1]} tags and {state.note.shape[1]} notes do not belong together"
    for name in ("package", "item", "journey", "shipment", "sample"):
        if not getattr(state, name).shape[1]:
            yield f"{name} has no room"
    if not state.line.shape[2]:
        yield "line has no room"


def _scalars(world: World, state: State, row: int) -> Iterator[str]:
    """Numbers of the row: clocks, list heads, counts and switches."""
    record, net = state.row[row], world.net
    packages, items = state.package.shape[1], state.item.shape[1]
    for name, low, high in (
        ("tick", 0, _MOST), ("week_tick", 0, _MOST), ("samples", 0, _MOST),
        ("period", 0, len(world.events.first) - 1), ("setting", 0, len(net.first_tick) - 1),
        ("active", 0, len(net.lanes)), ("fresh", 0, packages), ("free", -1, packages - 1),
        ("fresh_item", 0, items), ("free_item", -1, items - 1), ("packages", 0, packages), ("items", 0, items),
        ("shipments", 0, state.shipment.shape[1]), *((flag, 0, 1) for flag in _FLAGS),
    ):  # fmt: skip
        yield from _outside(f"row.{name}", record[name], low, high)
    for name in ("packages_made", "packages_done", "orders", "lines", "units_arrived", "units_shipped", "lines_lost"):
        yield from _outside(f"row.{name}", record[name], 0, _MOST)
    if record["learning"] and state.note.shape[1] != packages:
        yield "row.learning is 1, and there are no notes"


def _lines(world: World, state: State, row: int) -> Iterator[str]:
    """The rings of waiting lines, and what was found for them."""
    rules, line = world.rules, state.line[row]
    size, count = line.shape[1], state.line_count[row]
    yield from _outside("line_first", state.line_first[row], 0, size - 1)
    yield from _outside("line_count", count, 0, size)
    yield from _outside("slots", state.slots[row], 0, rules.order_slots)
    if (state.slots[row] > count).any():
        yield "slots: more lines are up for decision than wait"
    yield from _outside("line.choice", line["choice"], 0, rules.candidates - 1)
    yield from _outside("candidate", state.candidate[row], -1, len(world.net.routes) - 1)
    if list(_outside("line_first", state.line_first[row], 0, size - 1)) or list(_outside("", count, 0, size)):
        return
    used = (np.arange(size) - state.line_first[row][:, None]) % size < count[:, None]
    waiting = line[used]
    for name, low, high in (
        ("sku", 0, len(state.stock[row]) - 1), ("station", 0, world.net.stations - 1), ("units", 0, 2**15 - 1),
        ("journey", -1, state.journey.shape[1] - 1),
    ):  # fmt: skip
        yield from _outside(f"line.{name}", waiting[name], low, high)


def _stock(world: World, state: State, row: int) -> Iterator[str]:
    """Units, and where those on the road and of unpicked packages belong."""
    skus, fcs = state.stock.shape[1:]
    for name in ("stock", "pipeline", "road"):
        yield from _outside(name, getattr(state, name)[row], 0, 2**15 - 1)
    road = state.shipment[row, : max(0, int(state.row["shipments"][row]))]
    yield from _outside("shipment.sku", road["sku"], 0, skus - 1)
    yield from _outside("shipment.fc", road["fc"], 0, fcs - 1)
    items = state.item[row, : max(0, int(state.row["fresh_item"][row]))]
    yield from _outside("item.sku", items["sku"], 0, skus - 1)


def _tables(world: World, state: State, row: int) -> Iterator[str]:
    """Arrays by site and lane, hints, journeys, and dollars."""
    record, lanes, packages = state.row[row], len(world.net.lanes), state.package.shape[1]
    yield from _outside("active", state.active[row, : max(0, int(record["active"]))], 0, lanes - 1)
    yield from _outside("recent", state.recent[row], 0, packages - 1)
    yield from _outside("lane.inflow_tick", state.lane["inflow_tick"][row], 0, int(record["tick"]))
    yield from _outside("lane.active", state.lane["active"][row], 0, 1)
    yield from _outside("queue.progress", state.queue["progress"][row], 0, 2**31 - 1)
    yield from _outside("site_capacity", state.site_capacity[row], 0, 1e12)
    yield from _outside("trucks_home", state.trucks_home[row], 0, 2**31 - 1)
    yield from _outside("trucks_back", state.trucks_back[row], 0, 2**31 - 1)
    journeys = state.journey.shape[1]
    yield from _outside("journey.leader", state.journey["leader"][row], 0, journeys - 1)
    if record["followed"] == 1:
        followed = state.tag["journey"][row, : max(0, int(record["fresh"]))]
        yield from _outside("tag.journey", followed, -1, journeys - 1)
    for name in ("cash", "accrual", "opening", "settled", "count", "price"):
        if not np.isfinite(getattr(state, name)[row]).all():
            yield f"{name} holds numbers that are not finite"


def _lists(state: State, row: int, tally: Tally, some_elsewhere: bool) -> Iterator[str]:
    """Lists end; what is kept of them is what they are."""
    record, (queued, riding, given_back, free_items) = state.row[row], tally.totals.tolist()
    fault, place, number, member = tally.fault.tolist()
    if fault != NO_FAULT:
        yield f"{PLACES[place]} {number}: the list {FAULTS[fault]}: {member}"
        return
    elsewhere = int(record["packages"]) - queued - riding
    whole = elsewhere >= 0 if some_elsewhere else elsewhere == 0
    if not whole or record["packages"] + given_back != record["fresh"]:
        yield (f"row.packages = {record['packages']}, row.fresh = {record['fresh']}: {queued + riding} packages are "
               f"under way and {given_back} given back")  # fmt: skip
    if record["reevaluate"] and record["items"] != record["fresh_item"] - free_items:
        yield f"row.items = {record['items']}: {record['fresh_item'] - free_items} are used and not given back"
    if not np.array_equal(state.lane["count"][row], tally.waiting):
        yield "lane.count: is not the length of a lane's queue"
    listed, waiting = state.active[row, : int(record["active"])], np.flatnonzero(tally.waiting)
    flagged = np.flatnonzero(state.lane["active"][row])
    if not (np.array_equal(np.sort(listed), waiting) and np.array_equal(flagged, waiting)):
        yield "active: are not the lanes with packages, each once"


def _siblings(state: State, row: int, tally: Tally) -> Iterator[str]:
    """Packages of an order form a ring, all of them under way."""
    record = state.row[row]
    if record["reevaluate"] == 0 or tally.fault[0] != NO_FAULT:
        return
    tag = state.tag[row, : int(record["fresh"])]
    linked = np.flatnonzero(tag["order"] >= 0)
    sibling = tag["sibling"][linked]
    if not np.array_equal(np.sort(sibling), linked) or (tag["order"][sibling] != tag["order"][linked]).any():
        yield "tag.sibling: the packages of an order form no ring"
