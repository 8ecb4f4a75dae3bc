"""Stock on the road between FCs: lateral transshipment, in the field's term.

A transfer rule decides, between two ticks, how many units of which SKU go from one FC to another. They leave the shelf
at once, travel by road, and are on the shelf of their destination at the start of the tick they arrive in. While they
travel they count towards the inventory position of the receiver, so that it does not order them a second time; the next
review of the sender replaces what it sent.

Whole model trucks go from FC to FC, so a transfer is cheap if it fills them. Their cost and the handling of the units
are booked when they leave, in cash and accrual alike, to the region that receives them. Units on the road at the
horizon have been paid for and need no settlement.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regional_dispatch.envs.kernel.ledger import USD
from regional_dispatch.envs.kernel.metrics import N
from regional_dispatch.envs.kernel.state import State, grow_shipments
from regional_dispatch.envs.world.geography import great_circle_miles
from regional_dispatch.envs.world.linehaul.lanes import MIN_LANE_MILES
from regional_dispatch.envs.world.network import Network
from regional_dispatch.envs.world.scenario import CityNetwork, Scenario
from regional_dispatch.envs.world.world import World

_MOST = np.iinfo(np.int16).max  # units a shelf can hold


class Moves(NamedTuple):
    """Units to move, one row per SKU and pair of FCs; each at least one unit."""

    sku: np.ndarray  # (n,) int
    origin: np.ndarray  # (n,) int, FC
    dest: np.ndarray  # (n,) int, FC
    units: np.ndarray  # (n,) int


class TransferLanes(NamedTuple):
    """What a move from FC to FC takes: (F, F) from row to column."""

    miles: np.ndarray  # by road
    ticks: np.ndarray  # int
    truck_usd: np.ndarray  # per model truck
    truck_units: int  # a model truck holds, at least one
    handling_usd: float  # per unit


def transfer_lanes(scenario: Scenario, network: Network) -> TransferLanes:
    """Roads between all FCs, great circle × circuity at the network's speed, and their trucks."""
    # Tables of sites and lanes have no roads between FCs; the defaults of generated networks are those of the US.
    roads = scenario.network if isinstance(scenario.network, CityNetwork) else CityNetwork()
    sites = network.sites.iloc[: network.net.fcs]
    lat, lon = sites["latitude"].to_numpy(float), sites["longitude"].to_numpy(float)
    miles = np.maximum(great_circle_miles(lat, lon, lat, lon) * roads.circuity, MIN_LANE_MILES)
    transfers, trucks = scenario.transfers, scenario.trucks
    share = trucks.capacity_packages / trucks.real_capacity_packages
    return TransferLanes(
        miles,
        np.maximum(1, np.ceil(miles / roads.speed_mph / scenario.tick_hours - 1e-9)).astype(np.int64),
        (transfers.usd_per_mile * miles + transfers.dock_usd) * share,
        max(1, int(transfers.units_per_truck * share + 1e-9)),
        transfers.handling_usd,
    )


def whole_trucks(units: np.ndarray, lanes: TransferLanes) -> np.ndarray:
    """Model trucks that units need on each lane."""
    return -(-units // lanes.truck_units)


def send(world: World, state: State, row: int, lanes: TransferLanes, moves: Moves) -> State:
    """Takes units off their shelves, puts them on the road, and books their trucks.

    Returns:
        The state, in larger arrays if more is on the road than there was room for.

    Raises:
        ValueError: columns of different lengths, or other than whole numbers; a move that is not possible: no unit, an
            unknown SKU or FC, twice the same FC, more than is on hand, or more than a shelf can hold.
    """
    sku, origin, dest, units = _columns(moves)
    if not len(sku):
        return state
    _check(state, row, Moves(sku, origin, dest, units))
    np.subtract.at(state.stock[row], (sku, origin), units.astype(np.int16))
    np.add.at(state.road[row], (sku, dest), units.astype(np.int16))
    state.moved[row, sku] = 1
    record = state.row[row]
    first = int(record["shipments"])
    if first + len(sku) > state.shipment.shape[1]:
        state = grow_shipments(state, len(sku))
    shipment = state.shipment[row, first : first + len(sku)]
    arrival = int(record["tick"]) + lanes.ticks[origin, dest]
    shipment["sku"], shipment["fc"], shipment["units"], shipment["tick"] = sku, dest, units, arrival
    record["shipments"] += len(sku)
    _book(world, state, row, lanes, np.stack([origin, dest]), units)
    return state


def _columns(moves: Moves) -> Moves:
    """The moves as (n,) int64 each."""
    columns = {name: np.asarray(part) for name, part in Moves(*moves)._asdict().items()}
    for name, column in columns.items():
        if column.ndim != 1 or (column.size and column.dtype.kind not in "iu"):
            raise ValueError(f"transfers: {name} is {column.dtype} {column.shape}: must be whole numbers, (moves,)")
    if len({len(column) for column in columns.values()}) > 1:
        raise ValueError(f"transfers: columns of {', '.join(str(len(one)) for one in columns.values())} values; "
                         "give one of each per move")  # fmt: skip
    return Moves(**{name: column.astype(np.int64) for name, column in columns.items()})


def _check(state: State, row: int, moves: Moves) -> None:
    skus, fcs = state.stock.shape[1:]
    for name, values, low, high in (
        ("sku", moves.sku, 0, skus - 1),
        ("origin", moves.origin, 0, fcs - 1),
        ("dest", moves.dest, 0, fcs - 1),
        ("units", moves.units, 1, _MOST),
    ):
        wrong = np.flatnonzero((values < low) | (values > high))
        if len(wrong):
            raise ValueError(f"transfers: row {wrong[0]}: {name} = {values[wrong[0]]}: must lie in {low}…{high}")
    same = np.flatnonzero(moves.origin == moves.dest)
    if len(same):
        raise ValueError(f"transfers: row {same[0]}: origin and dest are both FC {moves.dest[same[0]]}; name two")
    left, coming = state.stock[row].astype(np.int64), np.zeros((skus, fcs), np.int64)
    np.subtract.at(left, (moves.sku, moves.origin), moves.units)
    np.add.at(coming, (moves.sku, moves.dest), moves.units)
    if left.min() < 0:
        sku, fc = np.unravel_index(left.argmin(), left.shape)
        there = int(state.stock[row, sku, fc])
        raise ValueError(
            f"transfers: SKU {sku}, FC {fc}: {there - left[sku, fc]} units are to leave, "
            f"{there} are on hand; move fewer"
        )
    coming += state.stock[row].astype(np.int64) + state.pipeline[row].sum(axis=0, dtype=np.int64) + state.road[row]
    if coming.max() > _MOST:
        sku, fc = np.unravel_index(coming.argmax(), coming.shape)
        raise ValueError(f"transfers: SKU {sku}, FC {fc}: would get {coming[sku, fc]} units, above {_MOST}; move fewer")


def _book(world: World, state: State, row: int, lanes: TransferLanes, pair: np.ndarray, units: np.ndarray) -> None:
    """Dollars and counters of the trucks on each lane; pair (2, n) are origin and destination of the units (n,)."""
    lane, of_lane = np.unique(pair, axis=1, return_inverse=True)
    load = np.bincount(of_lane.ravel(), units, lane.shape[1]).astype(np.int64)
    trucks, (origin, dest) = whole_trucks(load, lanes), lane
    region = world.net.region_of_site[dest]
    usd = trucks * lanes.truck_usd[origin, dest] + lanes.handling_usd * load
    for book in (state.cash, state.accrual):
        np.add.at(book[row, :, USD.transfer], region, usd)
    if state.row["tick"][row] < world.rules.warmup_tick:
        return
    for counter, values in (
        (N.transfer_units, load),
        (N.transfer_trucks, trucks),
        (N.transfer_room, trucks * lanes.truck_units),
        (N.transfer_miles, trucks * lanes.miles[origin, dest]),
    ):
        np.add.at(state.count[row, :, counter], region, values)


def arrive(state: State, row: int) -> None:
    """Puts what arrives in this tick on its shelf."""
    record = state.row[row]
    road = state.shipment[row, : record["shipments"]]
    here = road["tick"] <= record["tick"]
    if not here.any():
        return
    shelf, units = (road["sku"][here], road["fc"][here]), road["units"][here].astype(np.int16)
    np.add.at(state.stock[row], shelf, units)
    np.subtract.at(state.road[row], shelf, units)
    rest = road[~here]  # a copy
    road[: len(rest)] = rest
    record["shipments"] = len(rest)


def next_arrival(state: State, row: int, never: int) -> int:
    """The tick in which something arrives next; `never` if nothing is on the road."""
    road = state.shipment[row, : state.row["shipments"][row]]
    return int(road["tick"].min()) if len(road) else never
