"""The time-expanded program of an episode whose orders are all known: sourcing, routes, trucks, departure times.

Columns: which route serves a line (or that it is lost); which route carries a package of an order; for each leg of a
package and each tick, whether it leaves or still waits; for each lane and tick, how many trucks leave. Rows: every line
is served once or lost; shelves; packages are neither lost nor doubled; a package leaves only with a truck, and a truck
holds its capacity. All dollars are those of the kernel: handling, trucks, lateness at delivery, lost lines, and, for
what is under way at the horizon, standard cost-to-go from where it is then.

**What is exact.** Arrival ticks, base-stock replenishment, the rule that a line is lost only when no FC has its units,
one package per order, route and tick, truck capacity, transit, prices, settlement.

**What is relaxed.** Rules that only restrict policies in the kernel, so that the optimum here is a lower bound there:
picking, sorting and fleets never bind (no package waits for them, no spot premium is paid); a full load may wait;
any of the waiting packages may board, not the first ones, and not all; a package may be divided over trucks. On the
lanes named in `strict` the kernel's queue is modelled: full loads leave, a partial load takes all that waits, and
packages that joined earlier leave earlier. All that stays relaxed there is the order among packages that trucks bring
to a sort center in the same tick. These rows are valid if spot trucks are allowed, as then no truck is ever missing,
and if picking and sorting never bind, as then packages are picked in the order of their orders.

**Two reductions that lose no optimum of the program.**
1. A truck can be moved ahead to the tick its last package joins the queue: everything arrives earlier or at the same
   tick, and may wait there. So trucks leave in ticks in which a package can join, and lanes are worked through from
   upstream down. On a strict lane too: no package joined in between, so the same packages are there. But what arrives
   earlier may fill a truck too early on a strict lane downstream, so lanes that feed one keep all ticks.
2. A package that leaves so late that its lateness alone costs more than a truck of its own on every leg, at once,
   would use those trucks instead. So those ticks are left out. On a strict lane its own truck takes along what waits
   there, which arrives earlier and leaves a shorter queue: this loses nothing either, unless a strict lane follows;
   then no tick is left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

import numpy as np

from regional_dispatch.baselines.bounds.known_orders import Orders
from regional_dispatch.envs.kernel.ledger import late_usd
from regional_dispatch.envs.world.costs import handling_usd
from regional_dispatch.envs.world.world import World
from regional_dispatch.solvers.milp import Milp


class Plan(NamedTuple):
    """The decisions of the optimum; N lines in order of arrival, T ticks, L lanes."""

    route: np.ndarray  # (N,) int64, route that serves the line, −1 if it is lost
    departures: np.ndarray  # (T, L) bool, a partial load is sent; full loads leave by themselves


class _Stay(NamedTuple):
    """A package that may stay behind in a tick."""

    column: int
    leaves: int  # column of its leaving in this tick instead
    joining: list[int]  # columns of its joining in this very tick
    picked: bool  # it joins from picking in this very tick, after the picked ones named before it


@dataclass(eq=False)
class _Ride:
    """What may wait for, and ride on, one lane: a leg of a package, whichever of its routes led here.

    Of an order of one line only one route is used, so its routes share what they have in common from a sort center on.
    """

    lane: int
    ticks: int  # transit
    late: int  # what its arrival misses the promise by if it leaves at tick 0 and never waits again
    here_usd: float  # standard truck dollars still to pay if it stays here at the horizon
    after_usd: float  # the same if it is on its way to the next stop, 0 on the last leg
    last: bool  # leg
    ready: int  # first tick it can be here
    limit: float = 0.0  # USD of lateness that is more than trucks of its own would cost
    starts: list[tuple[int, int]] = field(default_factory=list)  # (tick, column) of packages picked here
    feeders: list[_Ride] = field(default_factory=list)  # rides it comes from
    leaves: dict[int, int] = field(default_factory=dict)  # tick → column


class TimeExpanded:
    """The program of one episode.

    Args:
        world: of the scenario.
        orders: all of them.
        strict: lanes that keep the kernel's queue.
    """

    def __init__(self, world: World, orders: Orders, strict: frozenset[int] = frozenset()) -> None:
        self.world, self.orders, self.strict = world, orders, strict
        self.milp = Milp()
        self.serve: list[dict[int, int]] = [{} for _ in orders.sku]  # per line: route → column
        self.trucks: dict[tuple[int, int], int] = {}  # lane, tick → column
        self._aboard: dict[tuple[int, int], list[int]] = {}  # lane, tick → columns of packages that leave
        self._behind: dict[tuple[int, int], list[_Stay]] = {}  # lane, tick → packages that stay
        self._rides: dict[int, list[_Ride]] = defaultdict(list)  # by lane
        for order in range(len(orders.tick)):
            self._offer_routes(order)
        lanes = sorted(self._rides, key=lambda lane: (world.net.lanes["kind"][lane], lane))  # upstream first
        self._feeding = self._upstream_of_strict()
        self._ticks = self._useful_ticks(lanes)
        for lane in lanes:
            self._move_packages(lane)
            self._send_trucks(lane)
        self._keep_shelves()

    # ----------------------------------------------------------------------------------------------------- sourcing

    def _offer_routes(self, order: int) -> None:
        """Columns for the routes of an order: which line takes which, and which carry a package."""
        orders, net = self.orders, self.world.net
        lines = range(orders.first[order], orders.first[order + 1])
        shared: dict[tuple[int, ...], _Ride] = {}
        for p in self._routes(order):
            fc = net.routes["fc"][p]
            able = [n for n in lines if self.world.base_stock[0, orders.sku[n], fc] >= orders.units[n]]
            if able:
                package = self._package(order, p, able)
                self._add_rides(order, p, package, shared if len(lines) == 1 else {})

    def _routes(self, order: int) -> list[int]:
        routes = self.world.net.by_cost[0, self.orders.station[order]]
        return [int(p) for p in routes if p >= 0]

    def _package(self, order: int, p: int, able: list[int]) -> int:
        """The column of an order's package on route p, needed by each of its lines that takes the route."""
        rules, route = self.world.rules, self.world.net.routes[p]
        usd = handling_usd(rules.costs, route["legs"] - 1)
        if self.orders.tick[order] + 1 >= rules.horizon_tick:  # never picked: settled in the queue
            usd += route["rest_cost"][0] + self._late(order, rules.horizon_tick + int(route["rest"][0]))
        package = self.milp.column(usd, whole=True)
        for n in able:
            self.serve[n][p] = package if len(able) == 1 else self.milp.column(whole=True)
            if len(able) > 1:
                self.milp.row([(package, 1.0), (self.serve[n][p], -1.0)], lower=0.0)
        return package

    def _late(self, order: int, arrival: int) -> float:
        return late_usd(self.world.rules, arrival - int(self.orders.due[order]))

    def _add_rides(self, order: int, p: int, package: int, shared: dict[tuple[int, ...], _Ride]) -> None:
        """The legs of a package that can be reached before the horizon; `shared` are the order's, by lanes to go."""
        rules, net, route = self.world.rules, self.world.net, self.world.net.routes[p]
        tick, limit = int(self.orders.tick[order]) + 1, self._alone_usd(order, p)
        lanes = tuple(route["lanes"][: route["legs"]].tolist())
        before: _Ride | None = None
        for leg, lane in enumerate(lanes):
            if tick >= rules.horizon_tick:
                return
            ride = shared.get(lanes[leg:])
            if ride is None:
                ride = shared[lanes[leg:]] = _Ride(
                    lane, int(net.lanes["ticks"][lane]), int(route["rest"][leg] - self.orders.due[order]),
                    float(route["rest_cost"][leg]), float(route["rest_cost"][leg + 1]), leg + 1 == len(lanes), tick,
                )  # fmt: skip
                self._rides[lane].append(ride)
            ride.ready, ride.limit = min(ride.ready, tick), max(ride.limit, limit)
            if before is None:
                ride.starts.append((tick, package))
            elif before not in ride.feeders:
                ride.feeders.append(before)
            before, tick = ride, tick + ride.ticks

    def _alone_usd(self, order: int, p: int) -> float:
        """Trucks and lateness of a package that takes a truck of its own on every leg, at once."""
        rules, net, route = self.world.rules, self.world.net, self.world.net.routes[p]
        tick = int(self.orders.tick[order]) + 1
        usd = self._late(order, tick + int(route["rest"][0]))
        for leg in range(route["legs"]):
            if tick >= rules.horizon_tick:
                return usd + float(route["rest_cost"][leg])
            usd += float(net.lanes["cost"][route["lanes"][leg]])
            tick += int(net.lanes["ticks"][route["lanes"][leg]])
        return usd

    # ------------------------------------------------------------------------------------------------------ packages

    def _useful_ticks(self, lanes: list[int]) -> dict[int, list[int]]:
        """Ticks in which trucks may leave, by lane: when a package can join, or any that feed a strict lane."""
        horizon = self.world.rules.horizon_tick
        useful: dict[int, list[int]] = {}
        for lane in lanes:
            joins = {tick for ride in self._rides[lane] for tick in self._joins(ride, useful)}
            useful[lane] = list(range(min(joins), horizon)) if lane in self._feeding else sorted(joins)
        return useful

    def _upstream_of_strict(self) -> set[int]:
        """Lanes from which packages go on to a strict lane, at once or over another one."""
        found: set[int] = set()
        for _ in range(2):  # a route has three legs at most
            for lane in set(self.strict) | found:
                found |= {feeder.lane for ride in self._rides[lane] for feeder in ride.feeders}
        return found

    def _joins(self, ride: _Ride, useful: dict[int, list[int]]) -> Iterator[int]:
        """Ticks in which a package can join the ride's queue."""
        yield from (tick for tick, _ in ride.starts)
        for feeder in ride.feeders:
            for tick in self._chances(feeder, useful[feeder.lane]):
                if tick + feeder.ticks < self.world.rules.horizon_tick:
                    yield tick + feeder.ticks

    def _chances(self, ride: _Ride, useful: list[int]) -> list[int]:
        """The lane's ticks in which the ride may leave."""
        return [t for t in useful if t >= ride.ready and not self._hopeless(ride, t)]

    def _hopeless(self, ride: _Ride, tick: int) -> bool:
        """A package that leaves at `tick`, or is settled then, is later than trucks of its own are worth."""
        if self._feeding & self.strict:
            return False
        return late_usd(self.world.rules, tick + ride.late) > ride.limit

    def _move_packages(self, lane: int) -> None:
        """Columns and rows of what waits for a lane: it leaves, or stays until the lane's next tick."""
        for ride in self._rides[lane]:
            joining = defaultdict(list, {tick: [column] for tick, column in ride.starts})
            for feeder in ride.feeders:
                for tick, column in feeder.leaves.items():
                    joining[tick + feeder.ticks].append(column)
            chances = self._chances(ride, self._ticks[lane])
            waiting: list[int] = []
            for tick in chances:
                leaves = ride.leaves[tick] = self.milp.column(self._leaving_usd(ride, tick), whole=lane in self.strict)
                stays = self._stays(ride, tick == chances[-1])
                came = [(column, -1.0) for column in [*joining[tick], *waiting]]
                self.milp.row([(leaves, 1.0), (stays, 1.0), *came], 0.0, 0.0)
                self._aboard.setdefault((lane, tick), []).append(leaves)
                self._behind.setdefault((lane, tick), []).append(
                    _Stay(stays, leaves, joining[tick], tick in dict(ride.starts))
                )
                waiting = [stays]

    def _leaving_usd(self, ride: _Ride, tick: int) -> float:
        """Dollars that are certain once a package has left: lateness on its last leg, or settlement on the road."""
        rules = self.world.rules
        if not ride.last and tick + ride.ticks < rules.horizon_tick:
            return 0.0
        return ride.after_usd + late_usd(rules, tick + ride.late)

    def _stays(self, ride: _Ride, for_good: bool) -> int:
        """The column of a package that stays behind; `for_good` is settled where it is at the horizon."""
        if not for_good:
            return self.milp.column()
        horizon = self.world.rules.horizon_tick
        usd = ride.here_usd + late_usd(self.world.rules, horizon + ride.late)
        return self.milp.column(usd, upper=float(not self._hopeless(ride, horizon)))

    def _send_trucks(self, lane: int) -> None:
        """A package leaves only with a truck, and a truck holds its capacity."""
        room, cost = self._room(lane), self.world.net.lanes["cost"][lane]
        for tick in self._ticks[lane]:
            aboard = self._aboard.get((lane, tick), [])
            most = -(-len(aboard) // room)
            trucks = self.trucks[lane, tick] = self.milp.column(cost, most, whole=True)
            for package in aboard:
                self.milp.row([(trucks, 1.0), (package, -1.0)], lower=0.0)
            if len(aboard) > room:
                self.milp.row([(trucks, float(room)), *((package, -1.0) for package in aboard)], lower=0.0)
            if lane in self.strict and aboard:
                self._keep_queue(lane, tick, trucks, most)

    def _keep_queue(self, lane: int, tick: int, trucks: int, most: int) -> None:
        """Full trucks, and perhaps a partial one that takes all; if any leaves, only those who join now may stay."""
        milp, room = self.milp, float(self._room(lane))
        aboard = [(package, 1.0) for package in self._aboard[lane, tick]]
        behind = self._behind[lane, tick]
        full, partial, some = milp.column(upper=most, whole=True), milp.column(whole=True), milp.column(whole=True)
        milp.row([(trucks, 1.0), (full, -1.0), (partial, -1.0)], 0.0, 0.0)
        milp.row([(some, float(most)), (trucks, -1.0)], lower=0.0)
        milp.row([*aboard, (full, -room)], lower=0.0)
        milp.row([*aboard, (full, -room), (partial, 1.0 - room)], upper=0.0)
        milp.row([*((stay.column, 1.0) for stay in behind), (partial, room - 1.0)], upper=room - 1.0)
        for stay in behind:
            milp.row([(stay.column, 1.0), (some, 1.0), *((column, -1.0) for column in stay.joining)], upper=1.0)
        for first, later in combinations([stay for stay in behind if stay.picked], 2):
            milp.row([(first.column, 1.0), (later.leaves, 1.0)], upper=1.0)

    def _room(self, lane: int) -> int:
        """Packages that a truck of the lane holds."""
        return int(self.world.net.lanes["room"][lane])

    # ------------------------------------------------------------------------------------------------------- shelves

    def _keep_shelves(self) -> None:
        """Every line is served from a shelf that has its units, or lost if none has."""
        orders = self.orders
        tick = np.repeat(orders.tick, np.diff(orders.first))
        order = np.repeat(np.arange(len(orders.tick)), np.diff(orders.first))
        earlier: dict[int, list[int]] = defaultdict(list)  # lines by SKU
        for n, sku in enumerate(orders.sku.tolist()):
            away = [i for i in earlier[sku] if self._back(sku, int(tick[i])) > tick[n]]
            served = [(column, 1.0) for column in self.serve[n].values()]
            lost = self._keep_line(n, self._routes(int(order[n])), away)
            self.milp.row(served + lost, 1.0, 1.0)
            earlier[sku].append(n)

    def _back(self, sku: int, tick: int) -> int:
        """The tick in which units shipped at `tick` are on the shelf again: next review, and lead time."""
        rules = self.world.rules
        return tick + 1 + (sku - tick - 1) % rules.review_ticks + rules.lead_ticks

    def _keep_line(self, n: int, routes: list[int], away: list[int]) -> list[tuple[int, float]]:
        """Shelf rows of a line; `away` are earlier lines whose units are not back. Returns its lost column, if any."""
        sku, units = int(self.orders.sku[n]), int(self.orders.units[n])
        bare: list[tuple[list[tuple[int, float]], int]] = []  # per FC: units taken, and how many leave too few
        can_lose = True
        for fc in sorted({int(self.world.net.routes["fc"][p]) for p in routes}):
            base = int(self.world.base_stock[0, sku, fc])
            taken = [term for i in away for term in self._units_from(fc, i)]
            most = sum(int(self.orders.units[i]) for i in away if self._units_from(fc, i))
            own = self._units_from(fc, n)
            if own and most + units > base:
                self.milp.row(taken + own, upper=float(base))
            can_lose = can_lose and most > base - units
            bare.append((taken, base - units + 1))
        if not can_lose:
            return []
        lost = self.milp.column(self.world.rules.costs.lost_line_usd, whole=True)
        for taken, few in bare:
            if few > 0:
                self.milp.row([*taken, (lost, -float(few))], lower=0.0)
        return [(lost, 1.0)]

    def _units_from(self, fc: int, n: int) -> list[tuple[int, float]]:
        """Units that line n takes from an FC: (column, units) of its routes from there."""
        units = float(self.orders.units[n])
        return [(column, units) for p, column in self.serve[n].items() if self.world.net.routes["fc"][p] == fc]

    # ------------------------------------------------------------------------------------------------------ solution

    def plan(self, values: np.ndarray) -> Plan:
        """The decisions of a solution: values (C,)."""
        chosen = [[p for p, column in routes.items() if values[column] > 0.5] for routes in self.serve]
        go = np.zeros((self.world.rules.horizon_tick, len(self.world.net.lanes)), dtype=np.bool_)
        for (lane, tick), trucks in self.trucks.items():
            room = round(values[trucks]) * self._room(lane)
            go[tick, lane] = values[self._aboard.get((lane, tick), [])].sum() < room - 0.5
        return Plan(np.array([routes[0] if routes else -1 for routes in chosen], dtype=np.int64), go)

    def broken_queues(self, values: np.ndarray) -> frozenset[int]:
        """Lanes on which a solution does not keep the kernel's queue: values (C,)."""
        return frozenset(lane for lane, tick in self._behind if self._broken(lane, tick, values))

    def _broken(self, lane: int, tick: int, values: np.ndarray) -> bool:
        """A full load waits, a partial one leaves some behind, or one stays who was there before one that leaves."""
        room, trucks = self._room(lane), round(values[self.trucks[lane, tick]])
        behind = [stay for stay in self._behind[lane, tick] if values[stay.column] > 0.5]
        if len(behind) >= room or not trucks or not behind:
            return len(behind) >= room
        partial = values[self._aboard[lane, tick]].sum() < trucks * room - 0.5
        old = any(values[stay.joining].sum() < 0.5 for stay in behind)
        picked = [stay for stay in self._behind[lane, tick] if stay.picked]
        jumped = any(values[a.column] + values[b.leaves] > 1.5 for a, b in combinations(picked, 2))
        return bool(partial or old or jumped)
