"""The rules of the world in plain Python: slow, readable, and the judge of the compiled kernel.

It shares the constant tables of a world (sites, lanes, routes, base stock, demand shares) with the kernel, and none of
its code. A tick is `begin`, then decisions, then `finish`. Packages sit in plain lists: every rule reads as it is told.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from regional_dispatch.envs.kernel.ledger import COMPONENTS
from regional_dispatch.envs.world.linehaul.lane_kinds import DIRECT
from regional_dispatch.envs.world.world import World

MASK = 2**64 - 1
GOLDEN = 0x9E3779B97F4A7C15


def mix(z: int) -> int:
    """splitmix64's finaliser on Python's whole numbers."""
    z = (z + GOLDEN) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def uniform(key: int, j: int) -> float:
    """The j-th uniform of a key: 53 bits of a hash."""
    return (mix((key + j * GOLDEN) & MASK) >> 11) / 2**53


@dataclass(eq=False)
class Line:
    """An order line that waits for a decision, or has just got one."""

    order: int
    ordered: int
    due: int
    station: int
    sku: int
    units: int


@dataclass(eq=False)
class Package:
    """Lines of one order on one route."""

    route: int
    ordered: int
    due: int
    joined: int
    booked: int  # the earliest arrival its accrued lateness stands for
    cost: float  # USD it has caused so far
    lines: int = 1
    leg: int = 0
    items: list[tuple[int, int]] = field(default_factory=list)  # SKU and units of its lines
    order: list[Package] = field(default_factory=list)  # all packages of its order
    outside: list[bool] = field(default_factory=list)  # which lines of its order come from elsewhere, or not at all

    @property
    def face(self) -> tuple[int, ...]:
        """What can be compared with a package of the kernel."""
        return (self.route, self.leg, self.lines, self.ordered, self.due, self.joined)


@dataclass
class Reference:
    """One network copy and its episode.

    Args:
        world: constant tables.
        key: of the random stream.
        week_tick: tick of the week at tick 0.
        reevaluate: merge unpicked packages of an order once an hour.
    """

    world: World
    key: int
    week_tick: int = 0
    reevaluate: bool = False
    tick: int = 0
    period: int = 0  # the last one of the events that has begun
    orders: int = 0
    lines: int = 0
    lost: int = 0
    made: int = 0
    done: int = 0
    arrived_units: int = 0
    shipped_units: int = 0
    on_order: dict[tuple[int, int], deque[tuple[int, int]]] = field(default_factory=lambda: defaultdict(deque))
    arriving: dict[int, list[list[Package]]] = field(default_factory=lambda: defaultdict(list))
    returning: dict[int, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    joins: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))  # ticks packages joined each lane
    lanes_used: set[int] = field(default_factory=set)
    sent: Counter[int] = field(default_factory=Counter)  # packages each lane has sent
    lane_cost: dict[int, float] = field(default_factory=lambda: defaultdict(float))  # USD of its trucks and waiting

    def __post_init__(self) -> None:
        net, regions = self.world.net, range(self.world.net.regions)
        self.rules = self.world.rules
        self.lanes = [dict(zip(net.lanes.dtype.names, lane.tolist(), strict=True)) for lane in net.lanes]
        self.routes = [dict(zip(net.routes.dtype.names, route.tolist(), strict=True)) for route in net.routes]
        for route, full in zip(self.routes, net.routes, strict=True):
            route.update({name: full[name].tolist() for name in ("lanes", "rest", "rest_cost")})
        self.routes_of = [[[p for p in row if p >= 0] for row in table] for table in net.by_cost.tolist()]
        self.levels = self.world.base_stock.tolist()
        self.setting = 0
        self.stock = [list(row) for row in self.base]
        self.home = net.fleet.tolist()
        self.progress = [0] * len(net.fleet)  # lines picked of a package with more than a tick's
        self.site_queue: list[deque[Package]] = [deque() for _ in net.fleet]
        self.lane_queue: list[deque[Package]] = [deque() for _ in self.lanes]
        self.waiting: list[list[Line]] = [[] for _ in regions]
        self.slots: list[list[Line]] = [[] for _ in regions]
        self.cash = [dict.fromkeys(COMPONENTS, 0.0) for _ in regions]
        self.accrual = [dict.fromkeys(COMPONENTS, 0.0) for _ in regions]
        self.opening = [dict.fromkeys(COMPONENTS, 0.0) for _ in regions]
        self.count: list[Counter[str]] = [Counter() for _ in regions]

    @property
    def by_cost(self) -> list[list[int]]:
        """Routes of each station in the setting in force, cheapest first."""
        return self.routes_of[self.setting]

    @property
    def base(self) -> list[list[int]]:
        """Base-stock levels of the setting in force."""
        return self.levels[self.setting]

    # ------------------------------------------------------------------------------------------------ the tick

    def begin(self) -> None:
        """Steps 1–3, and the full loads, which leave without being asked."""
        self.period = max(i for i, first in enumerate(self.world.events.first) if first <= self.tick)
        self.setting = max(g for g, first in enumerate(self.world.net.first_tick) if first <= self.tick)
        for line in self.arrivals():
            self.waiting[self.region_of_station(line.station)].append(line)
        self.slots = [self.admitted(lines) for lines in self.waiting]
        self.replenish()
        for site, trucks in self.returning.pop(self.tick, Counter()).items():
            self.home[site] += trucks
        for packages in self.arriving.pop(self.tick, []):
            self.unload(packages)
        for site, queue in enumerate(self.site_queue):
            self.work(site, queue)
        if self.reevaluate and self.tick % max(1, round(1 / self.rules.tick_hours)) == 0:
            self.mend()
        for lane, queue in enumerate(self.lane_queue):
            while len(queue) >= self.lanes[lane]["room"] and self.can_send(lane):
                self.send(lane)

    def finish(self, choices: Mapping[tuple[int, int], int], go: set[int]) -> None:
        """Steps 5–7.

        Args:
            choices: (region, slot) → route chosen; none where there is no candidate.
            go: lanes whose truck leaves now.
        """
        found = {(r, j): self.candidates(line) for r, lines in enumerate(self.slots) for j, line in enumerate(lines)}
        self.source(choices, found)
        for lane, queue in enumerate(self.lane_queue):
            if queue and lane in go and self.can_send(lane):
                self.send(lane)
        for lane, queue in enumerate(self.lane_queue):
            for package in queue:
                held = self.expect(package, self.tick + 1 + self.rest(package), self.lanes[lane]["region"])
                self.lane_cost[lane] += held
        for packages in self.arriving.pop(self.tick, []):  # on lanes that take no time
            self.unload(packages)
        self.tick += 1
        if self.tick == self.rules.warmup_tick:
            self.opening = self.with_work_under_way()

    # ------------------------------------------------------------------------------------------------ orders

    def arrivals(self) -> Iterator[Line]:
        """The lines of this tick's orders, in order of arrival."""
        demand = self.world.demand
        made = self.replayed() if len(demand.trace_first) else self.generated()
        for station, items in made:
            for sku, units, promise in items:
                yield Line(self.orders, self.tick, self.tick + promise, station, sku, units)
            self.orders += 1
            self.lines += len(items)
            self.count[self.region_of_station(station)]["episode_orders"] += 1
            if self.tick >= self.rules.warmup_tick:
                self.count[self.region_of_station(station)]["orders"] += 1

    @property
    def calendar(self) -> int:
        """The calendar tick."""
        return (self.week_tick + self.tick) % self.world.clock.shift.shape[1]

    def zone(self, site: int) -> int:
        """Time zone of a site."""
        return int(self.world.clock.zone[site])

    def station_from(self, u: float) -> int:
        """A station from a uniform: its zone first."""
        d = self.world.demand
        shares = d.zone_cdf[self.calendar].tolist()
        zone = next((z for z, share in enumerate(shares) if u < share), len(shares) - 1)
        if len(shares) > 1:
            low = shares[zone - 1] if zone else 0.0
            u = min((u - low) / (shares[zone] - low), 1 - 2.0**-53)
        return from_alias(d.station_alias[zone], d.station_keep[zone], u)

    def generated(self) -> Iterator[tuple[int, list[tuple[int, int, int]]]]:
        """A Poisson process: exponential gaps within the tick, every order from a key of its own."""
        d = self.world.demand
        rate = float(d.rate[self.calendar])
        for first, last, factor in d.surge.tolist():
            rate *= factor if first <= self.tick < last else 1.0
        if rate <= 0:
            return
        key, time, i = mix((self.key + mix(self.tick)) & MASK), 0.0, 0
        while True:
            order = mix((key + i) & MASK)
            time -= math.log(1 - uniform(order, 0)) / rate
            if time >= 1:
                return
            station = self.station_from(uniform(order, 1))
            lines = 1 + from_shares(d.lines_cdf, uniform(order, 2))
            zone = self.zone(self.world.net.fcs + self.world.net.scs + station)
            promise = int(d.promise_ticks[from_shares(d.promise_cdf, uniform(order, 3)), zone, self.calendar])
            yield (
                station,
                [
                    (
                        from_alias(d.sku_alias, d.sku_keep, uniform(order, 4 + 2 * n)),
                        1 + from_shares(d.units_cdf, uniform(order, 5 + 2 * n)),
                        promise,
                    )
                    for n in range(lines)
                ],
            )
            i += 1

    def replayed(self) -> Iterator[tuple[int, list[tuple[int, int, int]]]]:
        """The trace's orders of this tick."""
        d = self.world.demand
        if self.tick + 1 < len(d.trace_first):
            for i in range(d.trace_first[self.tick], d.trace_first[self.tick + 1]):
                station, first = d.trace_orders[i].tolist()
                yield station, [tuple(item) for item in d.trace_lines[first : d.trace_orders[i + 1, 1]].tolist()]

    def admitted(self, waiting: list[Line]) -> list[Line]:
        """Whole orders, oldest first, as far as the region's slots reach."""
        room = self.rules.order_slots
        if len(waiting) <= room:
            return list(waiting)
        return [line for line in waiting[:room] if line.order != waiting[room].order]

    # ------------------------------------------------------------------------------------------------ stock

    def replenish(self) -> None:
        """Every SKU is ordered up to base stock once a review period, on its own tick; orders arrive a lead later."""
        for sku, levels in enumerate(self.base):
            for fc, base in enumerate(levels):
                outstanding = self.on_order[sku, fc]
                if self.tick % self.rules.review_ticks == sku % self.rules.review_ticks and base > 0:
                    missing = max(base - self.stock[sku][fc] - sum(units for _, units in outstanding), 0)
                    outstanding.append((self.tick + self.rules.lead_ticks, missing))
                while outstanding and outstanding[0][0] == self.tick:
                    units = outstanding.popleft()[1]
                    self.stock[sku][fc] += units
                    self.arrived_units += units

    # ------------------------------------------------------------------------------------------------ sites and trucks

    def unload(self, packages: list[Package]) -> None:
        """A truck at its destination: packages are delivered at a station, queue for sorting at a sort center."""
        for package in packages:
            route = self.routes[package.route]
            site = self.lanes[route["lanes"][package.leg]]["dest"]
            package.leg += 1
            if package.leg < route["legs"]:
                package.joined = self.tick
                self.site_queue[site].append(package)
            else:
                late = self.late_usd(self.tick - package.due)
                self.cash[self.region_of(package)]["late"] += late
                self.close(package, self.tick)

    def work(self, site: int, queue: deque[Package]) -> None:
        """Picking (in lines) and sorting (in packages), first in first out, within the tick's capacity."""
        picking = site < self.world.net.fcs
        room = full = self.capacity_now(site)
        while queue:
            left = (queue[0].lines if picking else 1) - self.progress[site]
            if left > room:
                if left > full or self.progress[site] > 0:
                    self.progress[site] += room
                break
            package = queue.popleft()
            self.progress[site] = 0
            room -= left
            component, usd = (
                ("pick", self.rules.costs.pick_pack_usd) if picking else ("sort", self.rules.costs.sort_usd)
            )
            self.cash[self.region_of(package)][component] += usd
            self.expect(package, self.tick + self.rest(package), self.region_of(package))
            package.joined = self.tick
            lane = self.routes[package.route]["lanes"][package.leg]
            self.lane_queue[lane].append(package)
            self.joins[lane].append(self.tick)

    def can_send(self, lane: int) -> bool:
        """The lane is open, and a truck of the fleet is there or one may be hired."""
        timetable = self.world.clock.timetable[lane]
        if self.is_shut(lane) or (timetable and not self.world.clock.leaves[timetable, self.calendar]):
            return False
        return self.home[self.lanes[lane]["origin"]] > 0 or self.rules.spot_allowed

    def send(self, index: int) -> None:
        """A truck leaves with as many packages as it holds, and is back after twice the transit unless hired."""
        lane, queue = self.lanes[index], self.lane_queue[index]
        load = [queue.popleft() for _ in range(min(len(queue), lane["room"]))]
        hired = self.home[lane["origin"]] == 0
        premium = lane["cost"] * self.rules.spot_premium if hired else 0.0
        for book in (self.cash, self.accrual):
            book[lane["region"]]["truck"] += lane["cost"]
            book[lane["region"]]["spot"] += premium
        if not hired and lane["ticks"] > 0:
            self.home[lane["origin"]] -= 1
            self.returning[self.tick + 2 * lane["ticks"]][lane["origin"]] += 1
        self.sent[index] += len(load)
        self.lane_cost[index] += lane["cost"] + premium
        for package in load:
            package.cost += (lane["cost"] + premium) / len(load)
        self.arriving[self.tick + lane["ticks"]].append(load)
        if self.tick >= self.rules.warmup_tick:
            self.count_truck(index, len(load), hired)

    def count_truck(self, index: int, load: int, hired: bool) -> None:
        """KPI counters of a departure, in the region that dispatches the lane."""
        lane, count = self.lanes[index], self.count[self.lanes[index]["region"]]
        room, direct = lane["room"], lane["kind"] == DIRECT
        count.update(trucks=1, truck_packages=load, truck_room=room, truck_miles=lane["miles"], spot_trucks=int(hired))
        count.update(direct_packages=load * direct, direct_room=room * direct)
        count.update(lanes_used=int(index not in self.lanes_used))
        self.lanes_used.add(index)

    # ------------------------------------------------------------------------------------------------ sourcing

    def candidates(self, line: Line) -> list[int]:
        """Routes offered for a line: with units; uncut and from FCs without a long backlog unless there is none."""
        have = [p for p in self.by_cost[line.station] if self.has_units(line, p)]
        uncut = [p for p in have if not self.is_cut(p)]
        limit = self.rules.backlog_limit_hours
        usable = [p for p in uncut if self.backlog_hours(self.routes[p]["fc"]) <= limit] or uncut or have
        top = self.rules.candidates
        own = [p for p in usable if self.routes[p]["local"]]
        inside = own[: max(1, top - 2) if self.world.net.divided[self.setting] else top]
        outside = [p for p in usable if not self.routes[p]["local"]][: top - len(inside)]
        if len(inside) + len(outside) < 3:
            return inside + outside
        if inside and self.nearest_fc(own) not in self.fcs_of(inside):
            inside[-1] = self.cheapest_from(self.nearest_fc(own), own)
        found = inside + outside
        if self.nearest_fc(usable) not in self.fcs_of(found):
            found[-1] = self.cheapest_from(self.nearest_fc(usable), usable)
        return found

    def nearest_fc(self, routes: list[int]) -> int:
        return self.routes[min(routes, key=lambda p: self.routes[p]["air_miles"])]["fc"]

    def fcs_of(self, routes: list[int]) -> set[int]:
        return {self.routes[p]["fc"] for p in routes}

    def cheapest_from(self, fc: int, routes: list[int]) -> int:
        return next(p for p in routes if self.routes[p]["fc"] == fc)

    def has_units(self, line: Line, p: int) -> bool:
        return self.stock[line.sku][self.routes[p]["fc"]] >= line.units

    def backlog_hours(self, site: int) -> float:
        """Hours of work queued at a site: lines at an FC, packages at a sort center."""
        queue = self.site_queue[site]
        work = sum(p.lines for p in queue) if site < self.world.net.fcs else len(queue)
        capacity = self.capacity(site)
        return work / capacity * self.rules.tick_hours if capacity else math.inf

    # ------------------------------------------------------------------------------------------------ events

    def capacity(self, site: int) -> float:
        """Lines an FC picks, packages a sort center sorts, a tick on average."""
        return float(self.world.events.capacity[self.period, site])

    def capacity_now(self, site: int) -> int:
        """Whole ones in this tick, none while the site is closed."""
        opening = self.world.clock.opening[site]
        if opening and not self.world.clock.works[opening, self.calendar]:
            return 0
        done = [math.floor(tick * self.capacity(site) + 1e-6) for tick in (self.tick, self.tick + 1)]
        return done[1] - done[0]

    def is_shut(self, lane: int) -> bool:
        return bool(self.world.events.shut[self.period, lane])

    def is_cut(self, p: int) -> bool:
        """A lane of the route is closed, or a site that is to pick or sort on it is down."""
        lanes = [lane for lane in self.routes[p]["lanes"] if lane >= 0]
        return any(self.is_shut(lane) or self.capacity(self.lanes[lane]["origin"]) == 0 for lane in lanes)

    # ------------------------------------------------------------------------------------------------ choices

    def source(self, choices: Mapping[tuple[int, int], int], found: Mapping[tuple[int, int], list[int]]) -> None:
        """Serves the orders of all regions in order of arrival, line by line."""
        up = [(line.order, r, j, line) for r, lines in enumerate(self.slots) for j, line in enumerate(lines)]
        for order in sorted({item[0] for item in up}):
            lines = [item for item in up if item[0] == order]
            region, counted = lines[0][1], lines[0][3].ordered >= self.rules.warmup_tick
            count = self.count[region] if counted else Counter()
            packages: dict[int, Package] = {}
            served = [
                self.serve(line, choices.get((r, j)), found[r, j], region, packages, count) for _, r, j, line in lines
            ]
            inside = [bool(one) for one in served]
            siblings = list(packages.values())
            for package in siblings:
                package.order, package.outside = siblings, [not one for one in inside]
            count.update(orders_sourced=1, orders_in_region=int(all(served)), lines=len(lines), packages=len(packages))
        for region, lines_up in enumerate(self.slots):
            self.waiting[region] = self.waiting[region][len(lines_up) :]
        self.slots = [[] for _ in self.slots]

    def serve(
        self, line: Line, chosen: int | None, found: list[int], region: int, packages: dict[int, Package],
        count: Counter[str],
    ) -> bool:  # fmt: skip
        """Takes the units off the chosen shelf, else off the first other one that has them. True if in the region."""
        route = chosen
        if route is None or not self.has_units(line, route):
            others = sorted(self.by_cost[line.station], key=self.is_cut)  # stable: the open ones first
            route = next((p for p in [*found, *others] if self.has_units(line, p)), None)
            count["lines_replanned"] += route is not None
        if route is None:
            self.lost += 1
            count["lines_lost"] += 1
            self.cash[region]["lost"] += self.rules.costs.lost_line_usd
            self.accrual[region]["lost"] += self.rules.costs.lost_line_usd
            return False
        self.stock[line.sku][self.routes[route]["fc"]] -= line.units
        self.shipped_units += line.units
        inside = bool(self.routes[route]["in_region"])
        count["lines_spilled"] += not inside
        if route in packages:
            package = packages[route]
            package.lines += 1
            if line.due < package.due:
                arrival = self.tick + 1 + self.routes[route]["rest"][0]
                more = self.late_usd(arrival - line.due) - self.late_usd(arrival - package.due)
                self.accrual[region]["late"] += more
                package.due = line.due
        else:
            packages[route] = self.new_package(line, route, region, count)
        packages[route].items.append((line.sku, line.units))
        return inside

    def new_package(self, line: Line, p: int, region: int, count: Counter[str]) -> Package:
        """Lines of an order on the same route share one package; its handling is inevitable from now on."""
        route, rules = self.routes[p], self.rules
        sorts = rules.costs.sort_usd * (route["legs"] - 1)
        package = Package(p, line.ordered, line.due, self.tick, line.due, rules.costs.pick_pack_usd + sorts)
        self.accrual[region]["pick"] += rules.costs.pick_pack_usd
        self.accrual[region]["sort"] += sorts
        self.expect(package, self.tick + 1 + route["rest"][0], region)  # picked in the next tick at the earliest
        self.site_queue[route["fc"]].append(package)
        self.made += 1
        count.update(
            packages_direct=int(route["legs"] == 1), package_miles=route["miles"], package_sorts=route["legs"] - 1
        )
        return package

    # ------------------------------------------------------------------------------------------------ re-evaluation

    def mend(self) -> None:
        """Every package not yet picked joins another one of its order, if that saves dollars."""
        for site in range(self.world.net.fcs):
            for package in list(self.site_queue[site]):
                others = [q for q in self.after(package) if self.can_join(package, q)]
                gain = {id(q): self.saved(package, q) for q in others}
                kept = [
                    q for q in others
                    if gain[id(q)] > 0 and not (self.can_join(q, package) and self.saved(q, package) > gain[id(q)])
                ]  # fmt: skip
                if kept:
                    self.join(package, max(kept, key=lambda q: gain[id(q)]))

    def after(self, package: Package) -> list[Package]:
        """The other packages of its order, round from itself."""
        i = package.order.index(package)
        return package.order[i + 1 :] + package.order[:i]

    def unpicked(self, package: Package) -> bool:
        return package in self.site_queue[self.routes[package.route]["fc"]]

    def can_join(self, package: Package, other: Package) -> bool:
        """Both wait to be picked, the other's way is open, its shelf has all units, and none has been reordered."""
        fc, rules = self.routes[other.route]["fc"], self.rules
        if package.due != other.due:
            return False
        needed = Counter[int]()
        for sku, units in package.items:
            needed[sku] += units
        reviewed = [t for t in range(package.joined + 1, self.tick + 1) for sku in needed
                    if (t - sku) % rules.review_ticks == 0]  # fmt: skip
        there = all(self.stock[sku][fc] >= units for sku, units in needed.items())
        able = self.unpicked(package) and self.unpicked(other) and not self.is_cut(other.route)
        return able and there and not reviewed

    def saved(self, package: Package, other: Package) -> float:
        late = [self.late_usd(self.tick + 1 + self.routes[p.route]["rest"][0] - p.due) for p in (package, other)]
        return self.routes[package.route]["cost"] + late[0] - late[1]

    def join(self, package: Package, other: Package) -> None:
        """As if the lines had been sourced there at once."""
        old, new, region = self.routes[package.route], self.routes[other.route], self.region_of(package)
        self.site_queue[old["fc"]].remove(package)
        for sku, units in package.items:
            self.stock[sku][old["fc"]] += units
            self.stock[sku][new["fc"]] -= units
        book = self.accrual[region]
        book["pick"] -= self.rules.costs.pick_pack_usd
        book["sort"] -= self.rules.costs.sort_usd * (old["legs"] - 1)
        book["late"] -= self.late_usd(package.booked - package.due)
        other.items += package.items
        other.lines += package.lines
        self.made -= 1
        before = sum(package.outside)
        moved = package.lines * (old["in_region"] - new["in_region"])
        package.order.remove(package)
        for p in package.order:
            p.outside = [True] * (before + moved)
        if package.ordered >= self.rules.warmup_tick:
            self.count[region].update(
                packages=-1, packages_direct=-int(old["legs"] == 1), package_miles=-old["miles"],
                package_sorts=-(old["legs"] - 1), lines_mended=package.lines, lines_spilled=moved,
                orders_in_region=int(before + moved == 0) - int(before == 0),
            )  # fmt: skip

    # ------------------------------------------------------------------------------------------------ the books

    def late_usd(self, ticks: int) -> float:
        """A late package costs a fixed sum, and more for every tick."""
        return self.rules.costs.late_usd + self.rules.late_usd_per_tick * ticks if ticks > 0 else 0.0

    def expect(self, package: Package, arrival: int, region: int) -> float:
        """Books, and returns, the lateness that a later earliest arrival makes inevitable."""
        more = self.late_usd(arrival - package.due) - self.late_usd(package.booked - package.due)
        self.accrual[region]["late"] += more
        package.booked = arrival
        return more

    def close(self, package: Package, arrival: int) -> None:
        """A package is delivered, or settled at its earliest arrival."""
        self.done += 1
        if package.ordered >= self.rules.warmup_tick:
            hours = package.lines * (arrival - package.ordered) * self.rules.tick_hours
            on_time = package.lines if arrival <= package.due else 0
            self.count[self.region_of(package)].update(lines_due=package.lines, line_hours=hours, lines_on_time=on_time)
        package.order.remove(package)

    def under_way(self) -> Iterator[tuple[Package, int, int, int, int]]:
        """Every package with: picks and sorts to come, first leg to be paid, earliest tick it can leave on that leg."""
        for site, queue in enumerate(self.site_queue):
            for p in queue:
                yield p, int(site < self.world.net.fcs), self.routes[p.route]["legs"] - max(p.leg, 1), p.leg, self.tick
        for queue in self.lane_queue:
            for p in queue:
                yield p, 0, self.routes[p.route]["legs"] - 1 - p.leg, p.leg, self.tick
        for tick, trucks in self.arriving.items():
            for p in (p for truck in trucks for p in truck):
                yield p, 0, self.routes[p.route]["legs"] - 1 - p.leg, p.leg + 1, tick

    def to_go(self) -> Iterator[tuple[int, dict[str, float], Package | None, int]]:
        """Region, standard cost-to-go, package (none for a waiting line) and arrival of all work under way."""
        rules = self.rules
        for package, picks, sorts, leg, start in self.under_way():
            route = self.routes[package.route]
            arrival = start + route["rest"][leg]
            usd = {
                "pick": picks * rules.costs.pick_pack_usd,
                "sort": sorts * rules.costs.sort_usd,
                "truck": route["rest_cost"][leg],
            }
            yield self.region_of(package), {**usd, "late": self.late_usd(arrival - package.due)}, package, arrival
        for region, lines in enumerate(self.waiting):
            for line in lines:
                route = self.routes[self.by_cost[line.station][0]]
                arrival = self.tick + 1 + route["rest"][0]
                usd = {
                    "pick": rules.costs.pick_pack_usd,
                    "sort": rules.costs.sort_usd * (route["legs"] - 1),
                    "truck": route["rest_cost"][0],
                }
                yield region, {**usd, "late": self.late_usd(arrival - line.due)}, None, arrival

    def with_work_under_way(self) -> list[dict[str, float]]:
        """Cash plus what work under way will still be paid at standard cost, by region and component."""
        books = [dict(book) for book in self.cash]
        for region, usd, _, _ in self.to_go():
            for component, value in usd.items():
                books[region][component] += value
        return books

    def settle(self) -> None:
        """Closes the books: work under way is booked at standard cost-to-go, in both views."""
        self.cash, work = self.with_work_under_way(), list(self.to_go())
        for region, usd, package, arrival in work:
            self.accrual[region]["truck"] += usd["truck"]
            if package is None:
                for component in ("pick", "sort", "late"):
                    self.accrual[region][component] += usd[component]
            else:
                self.expect(package, arrival, region)
                self.close(package, arrival)
        for queue in [*self.site_queue, *self.lane_queue]:
            queue.clear()
        self.arriving.clear()
        self.waiting = [[] for _ in self.waiting]

    # ------------------------------------------------------------------------------------------------ small things

    def rest(self, package: Package) -> int:
        """Transit ticks from the package's leg to the station."""
        return self.routes[package.route]["rest"][package.leg]

    def region_of_station(self, station: int) -> int:
        net = self.world.net
        return int(net.region_of_site[net.fcs + net.scs + station])

    def region_of(self, package: Package) -> int:
        """The customer's region."""
        return self.region_of_station(self.routes[package.route]["station"])


def from_alias(alias: object, keep: object, u: float) -> int:
    """A draw from an alias table: a slot, and within it itself or its alias."""
    slot, part = divmod(u * len(alias), 1)  # type: ignore[arg-type]
    return int(slot) if part < keep[int(slot)] else int(alias[int(slot)])  # type: ignore[index]


def from_shares(cumulative: object, u: float) -> int:
    """The first class whose cumulative share exceeds u, else the last."""
    shares = list(cumulative)  # type: ignore[call-overload]
    return next((i for i, share in enumerate(shares) if u < share), len(shares) - 1)
