"""What each kind of event does to a live network. All is checked before anything changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import numpy as np

from regional_dispatch.service import messages as m
from regional_dispatch.service.bridge import moves
from regional_dispatch.service.errors import CONFLICT, UNKNOWN, RefusedError
from regional_dispatch.service.live.network import ROW, LiveNetwork
from regional_dispatch.service.live.packages import PICKING, RIDING, SORTING, WAITING, Package, Truck

Facts = dict[str, Any]  # what is answered beside the event's name


@singledispatch
def apply(event: Any, live: LiveNetwork) -> Facts:
    """Applies an event.

    Returns:
        What is worth answering, such as the packages that a truck took.

    Raises:
        RefusedError: it cannot be; nothing has changed.
    """
    raise TypeError(type(event).__name__)


@apply.register
def _(event: m.TimePassed, live: LiveNetwork) -> Facts:
    return {}


# ------------------------------------------------------------------------------------------------------------- stock


@apply.register
def _(event: m.StockReceived, live: LiveNetwork) -> Facts:
    return _set_shelf(live, event.site, event.sku, event.units, "units", added=True)


@apply.register
def _(event: m.StockAdjusted, live: LiveNetwork) -> Facts:
    return _set_shelf(live, event.site, event.sku, event.units, "units", added=True)


def _set_shelf(live: LiveNetwork, site: str, sku: str, units: int, field: str, added: bool) -> Facts:
    fc, number = live.names.fc.number(site, "site"), live.names.sku.number(sku, "sku")
    stock = live.sim.state.stock
    left = int(stock[ROW, number, fc]) + units if added else units
    if left < 0:
        raise RefusedError(field, units, f"'{site}' has {left - units} units on hand", "send stock_counted", CONFLICT)
    if left > m.MOST_UNITS:
        raise RefusedError(field, units, f"'{site}' would hold {left} units", f"a shelf holds {m.MOST_UNITS} at most")
    stock[ROW, number, fc] = left
    return {"on_hand": left}


@apply.register
def _(event: m.StockCounted, live: LiveNetwork) -> Facts:
    places = []
    for i, count in enumerate(event.counts):
        fc = live.names.fc.number(count.site, f"counts.{i}.site")
        places.append((live.names.sku.number(count.sku, f"counts.{i}.sku"), fc, count.units))
    sku, fc, units = np.array(places).T
    changed = int((live.sim.state.stock[ROW, sku, fc] != units).sum())
    live.sim.state.stock[ROW, sku, fc] = units
    return {"shelves_changed": changed}


# ---------------------------------------------------------------------------------------------------------- packages


@apply.register
def _(event: m.PackagePicked, live: LiveNetwork) -> Facts:
    return _finish_work(live, event.package, PICKING)


@apply.register
def _(event: m.PackageSorted, live: LiveNetwork) -> Facts:
    return _finish_work(live, event.package, SORTING)


def _finish_work(live: LiveNetwork, name: str, place: str) -> Facts:
    package = _package(live, name, "package", place)
    moves.work_done(live.sim.world, live.sim.state, ROW, package.number)
    live.where.put(package._replace(place=WAITING))
    return {"waits_for": live.answers.lane(lane_of(live, package))}


@apply.register
def _(event: m.PackageLost, live: LiveNetwork) -> Facts:
    package = _package(live, event.package, "package", None)
    lose = {PICKING: moves.lose_at_site, SORTING: moves.lose_at_site, WAITING: moves.lose_on_lane,
            RIDING: moves.lose_on_truck}[package.place]  # fmt: skip
    lose(live.sim.world, live.sim.state, ROW, package.number)
    if package.truck is not None:
        truck = live.where.trucks[package.truck]
        left = tuple(name for name in truck.packages if name != package.name)
        live.where.trucks[truck.name] = truck._replace(packages=left)
    live.where.drop(package)
    return {}


@apply.register
def _(event: m.OrderCancelled, live: LiveNetwork) -> Facts:
    packages = [live.where.packages[name] for name in live.where.orders.get(event.order, [])]
    if not packages:
        mend = "it was never sent, lost, delivered or cancelled before"
        raise RefusedError("order", event.order, "no package of it is under way", mend, UNKNOWN)
    stopped = [package for package in packages if package.place == PICKING]
    _check_shelves(live, event.order, stopped)
    for package in stopped:
        fc = _fc_of(live, package)
        moves.cancel(live.sim.world, live.sim.state, ROW, package.number)
        for sku, units in package.lines:
            live.sim.state.stock[ROW, sku, fc] += units
        live.where.drop(package)
    gone_on = [package.name for package in packages if package.place != PICKING]
    return {"cancelled": [package.name for package in stopped], "too_late": gone_on}


def _fc_of(live: LiveNetwork, package: Package) -> int:
    return int(live.sim.world.net.routes[package.route]["fc"])


def _check_shelves(live: LiveNetwork, order: str, stopped: Sequence[Package]) -> None:
    """The shelves can hold what packages that are not made give back."""
    back = Counter[tuple[int, int]]()
    for package in stopped:
        for sku, units in package.lines:
            back[sku, _fc_of(live, package)] += units
    for (sku, fc), units in back.items():
        left = int(live.sim.state.stock[ROW, sku, fc]) + units
        if left > m.MOST_UNITS:
            problem = f"'{live.names.sites[fc]}' would hold {left} units of '{live.names.sku.names[sku]}'"
            raise RefusedError("order", order, problem, f"a shelf holds {m.MOST_UNITS} at most; send stock_counted",
                               CONFLICT)  # fmt: skip


def _package(live: LiveNetwork, name: str, field: str, place: str | None) -> Package:
    return live.where.package(name, field, place, lambda package: describe(live, package))


def lane_of(live: LiveNetwork, package: Package) -> int:
    """The lane that a package waits for or rides on next."""
    return int(live.sim.world.net.routes[package.route]["lanes"][package.leg])


def describe(live: LiveNetwork, package: Package) -> str:
    """Where a package is, in words that follow 'it'."""
    lane = live.answers.lane(lane_of(live, package))
    here = f"'{lane['origin']}'"
    return {
        PICKING: f"waits to be picked at {here}",
        SORTING: f"waits to be sorted at {here}",
        WAITING: f"waits at {here} for a truck to '{lane['destination']}'",
        RIDING: f"rides on truck '{package.truck}'",
    }[package.place]


# ------------------------------------------------------------------------------------------------------------ trucks


@apply.register
def _(event: m.TruckDeparted, live: LiveNetwork) -> Facts:
    lane = live.names.lane(event.origin, event.destination, event.mode, "")
    if event.truck in live.where.trucks:
        raise RefusedError("truck", event.truck, "is on its way already", "give every trip a name of its own", CONFLICT)
    names = _longest_waiting(live, lane) if event.packages is None else event.packages
    packages = _boarding(live, lane, names)
    origin = int(live.sim.world.net.lanes["origin"][lane])
    home = live.sim.state.trucks_home
    before = int(home[ROW, origin])
    truck = Truck(event.truck, lane, before == 0, tuple(names))
    if packages:
        numbers = np.array([package.number for package in packages], dtype=np.int64)
        moves.depart(live.sim.world, live.sim.state, ROW, lane, numbers)
    home[ROW, origin] = max(0, before - 1)
    for package in packages:
        live.where.put(package._replace(place=RIDING, truck=truck.name))
    live.where.trucks[truck.name] = truck
    return {"packages": list(truck.packages), "hired": truck.hired}


def _longest_waiting(live: LiveNetwork, lane: int) -> list[str]:
    """A truckload of those that wait for a lane, first in, first out."""
    state, names = live.sim.state, list[str]()
    p = int(state.lane["head"][ROW, lane])
    while p >= 0 and len(names) < live.sim.world.net.lanes["room"][lane]:
        names.append(live.where.by_number[p])
        p = int(state.package["next"][ROW, p])
    return names


def _boarding(live: LiveNetwork, lane: int, names: list[str]) -> list[Package]:
    packages = []
    for i, name in enumerate(names):
        package = _package(live, name, f"packages.{i}", WAITING)
        if lane_of(live, package) != lane:
            raise RefusedError(
                f"packages.{i}", name, f"it {describe(live, package)}",
                "a package keeps the route that was answered; send its events along it", CONFLICT,
            )  # fmt: skip
        packages.append(package)
    if len(set(names)) < len(names):
        raise RefusedError("packages", names, "a package is named twice", "name each once")
    return packages


@apply.register
def _(event: m.TruckArrived, live: LiveNetwork) -> Facts:
    truck = live.where.truck(event.truck, "truck")
    if truck.arrived:
        raise RefusedError("truck", event.truck, "has arrived already", "send truck_returned when it is home", CONFLICT)
    packages = [live.where.packages[name] for name in truck.packages]
    moves.unload(
        live.sim.world, live.sim.state, ROW, np.array([package.number for package in packages], dtype=np.int64)
    )  # fmt: skip
    delivered, sorting = list[str](), list[str]()
    for package in packages:
        if package.leg + 1 == int(live.sim.world.net.routes[package.route]["legs"]):
            delivered.append(package.name)
            live.where.drop(package)
        else:
            sorting.append(package.name)
            live.where.put(package._replace(leg=package.leg + 1, place=SORTING, truck=None))
    if truck.hired:
        del live.where.trucks[truck.name]
    else:
        live.where.trucks[truck.name] = truck._replace(packages=(), arrived=True)
    return {"delivered": delivered, "to_sort": sorting}


@apply.register
def _(event: m.TruckReturned, live: LiveNetwork) -> Facts:
    truck = live.where.truck(event.truck, "truck")
    if not truck.arrived:
        raise RefusedError("truck", event.truck, "has not arrived", "send truck_arrived first", CONFLICT)
    origin = int(live.sim.world.net.lanes["origin"][truck.lane])
    live.sim.state.trucks_home[ROW, origin] += 1
    del live.where.trucks[truck.name]
    return {"trucks": int(live.sim.state.trucks_home[ROW, origin])}


@apply.register
def _(event: m.TrucksCounted, live: LiveNetwork) -> Facts:
    site = live.names.site.number(event.site, "site")
    live.sim.state.trucks_home[ROW, site] = event.trucks
    return {"trucks": event.trucks}


# ---------------------------------------------------------------------------------------------------------- closures


@apply.register
def _(event: m.SiteCapacity, live: LiveNetwork) -> Facts:
    site = live.names.works.number(event.site, "site")
    live.sim.state.site_capacity[ROW, site] = event.per_hour * live.scenario.tick_hours
    _find_cut(live)
    return {}


@apply.register
def _(event: m.LaneClosed, live: LiveNetwork) -> Facts:
    return _shut(live, event, 1)


@apply.register
def _(event: m.LaneOpened, live: LiveNetwork) -> Facts:
    return _shut(live, event, 0)


def _shut(live: LiveNetwork, event: m.LaneClosed | m.LaneOpened, shut: int) -> Facts:
    lane = live.names.lane(event.origin, event.destination, event.mode, "")
    live.sim.state.shut[ROW, lane] = shut
    _find_cut(live)
    return {}


def _find_cut(live: LiveNetwork) -> None:
    """Which lanes lead nowhere: those that are closed, and those from a site that is down (`envs.world.events`)."""
    state, net = live.sim.state, live.sim.world.net
    works = np.arange(len(net.site_capacity)) < net.fcs + net.scs
    down = works & (state.site_capacity[ROW] == 0)
    state.cut[ROW] = (state.shut[ROW] == 1) | down[net.lanes["origin"]]
    state.row["some_cut"][ROW] = state.cut[ROW].max(initial=0)
