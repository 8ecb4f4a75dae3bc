"""One episode, counted: what lanes, sites and SKU classes did after the warm-up, and the books tick by tick.

Dollars are those of the ledger's cash. What was under way at the end is settled at standard cost, less what was under
way when the warm-up ended; that is kept apart (`Books.work_under_way`), so that every table sums to the KPIs.

Axes: T ticks after the warm-up, L lanes, N sites, F FCs, V SKU classes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from regional_dispatch.baselines.pricing import simulator_for
from regional_dispatch.data.events import Departures, Happened, watch
from regional_dispatch.envs.kernel import tick as kernel
from regional_dispatch.envs.kernel.ledger import COMPONENTS, USD, late_usd
from regional_dispatch.envs.kernel.metrics import Totals, difference
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.envs.world.stock import velocity_classes


class LaneCounts(NamedTuple):
    """Departures per lane: (L,) each."""

    trucks: np.ndarray
    hired: np.ndarray  # of those, on hired trucks
    packages: np.ndarray


class SiteCounts(NamedTuple):
    """Work per site: (N,) each."""

    packages: np.ndarray  # picked, sorted or delivered there
    lines: np.ndarray  # in them
    capacity: np.ndarray  # lines an FC, packages a sort center could have handled
    backlog: np.ndarray  # packages that waited to be handled, summed over ticks
    due: np.ndarray  # lines delivered of orders placed after the warm-up
    on_time: np.ndarray  # of those, within the promise
    line_hours: np.ndarray  # hours from order to delivery, summed over those lines
    served: np.ndarray  # lines an FC was given, or a station ordered, of orders placed after the warm-up
    lost: np.ndarray  # of a station's lines, those no FC had units for
    spilled: np.ndarray  # of a site's lines, those from an FC of another region than the station's
    units: np.ndarray  # on hand, summed over ticks
    out: np.ndarray  # SKUs an FC carries and has none of, summed over ticks
    carried: np.ndarray  # SKUs an FC carries, summed over ticks
    usd: np.ndarray  # (N, components)


class ClassCounts(NamedTuple):
    """Lines and stock per SKU class: (V,) each."""

    skus: np.ndarray
    lines: np.ndarray  # decided on, of orders placed after the warm-up
    units: np.ndarray  # ordered in them
    lost: np.ndarray
    spilled: np.ndarray
    due: np.ndarray
    on_time: np.ndarray
    line_hours: np.ndarray
    on_hand: np.ndarray  # units, summed over ticks
    out: np.ndarray  # places (SKU at an FC) without a unit, summed over ticks
    carried: np.ndarray  # places, summed over ticks
    usd: np.ndarray  # (V, components), a package's dollars shared by its lines alike


class Episode(NamedTuple):
    """What one episode did after the warm-up."""

    ticks: list[Totals]  # (T,) what each tick added
    regions: list[Totals]  # (R,)
    whole: Totals
    under_way: Totals  # the part of `whole` that the settlement added, less what the end of the warm-up took out
    lanes: LaneCounts
    sites: SiteCounts
    classes: ClassCounts


def play_episode(scenario: Scenario, policy: ScorerPolicy, key: int) -> Episode:
    """Plays an episode to the horizon and counts it.

    Args:
        scenario: the world.
        policy: decides for all regions.
        key: of the episode (`envs.world.demand.episode_key`).
    """
    sim = simulator_for(scenario, policy.pricing)
    sim.reset(0, key)
    counting = Counting(sim)
    ticks, before = list[Totals](), _totals(sim)
    taken_out = np.zeros(len(COMPONENTS))
    for happened in watch(sim, policy.scorers, scenario.horizon_ticks):
        counting.add(happened)
        if sim.tick(0) == scenario.warmup_ticks:
            taken_out = _under_way_usd(sim)
        if sim.tick(0) == scenario.horizon_ticks:
            unsettled, settled = _totals(sim), _under_way_usd(sim)
            kernel.settle(sim.world, sim.state, 0)
        if sim.tick(0) > scenario.warmup_ticks:
            now = _totals(sim)
            ticks.append(difference(now, before))
            before = now
    whole = _totals(sim)
    under_way = difference(whole, unsettled)._replace(usd=settled - taken_out)
    regions = [_totals(sim, r) for r in range(sim.regions)]
    return Episode(ticks, regions, whole, under_way, counting.lanes, counting.sites, counting.classes)


def _totals(sim: Simulator, region: int | None = None) -> Totals:
    return sim.totals(0, None if region is None else [region])


def _under_way_usd(sim: Simulator) -> np.ndarray:
    """What work under way will still be paid at standard cost, by component: (components,)."""
    usd = np.zeros_like(sim.state.cash[0])
    kernel.value_work_under_way(sim.world, sim.state, 0, usd)
    return np.asarray(usd.sum(axis=0))


def _zeros(kind: Any, rows: int) -> dict[str, np.ndarray]:
    """Counts of a kind, all zero: a column of rows each, dollars by component."""
    return {name: np.zeros((rows, len(COMPONENTS)) if name == "usd" else rows) for name in kind._fields}


class Counting:
    """Adds up what happens in an episode; what happens in the warm-up is left out.

    Args:
        sim: the episode's simulator, reset.
    """

    def __init__(self, sim: Simulator) -> None:
        net = sim.world.net
        lanes, sites, velocity = len(net.lanes), len(net.fleet), velocity_classes(sim.scenario)
        self.sim, self.velocity, kinds = sim, velocity, int(velocity.max()) + 1
        self.lanes = LaneCounts(**_zeros(LaneCounts, lanes))
        self.sites = SiteCounts(**_zeros(SiteCounts, sites))
        self.classes = ClassCounts(**_zeros(ClassCounts, kinds))
        self.classes.skus[:] = np.bincount(velocity, minlength=kinds)
        self.lines_of = np.zeros((sim.state.package.shape[1], kinds), np.int32)  # of each package, by class

    def add(self, happened: Happened) -> None:
        """Counts a tick, which is over."""
        self._make_room()
        if happened.tick >= self.sim.world.rules.warmup_tick:
            self._deliveries(happened)
            self._handling(happened)
            self._trucks(happened.full)
            self._trucks(happened.rest)
            self._stock_and_backlog()
        self._lines(happened)

    def _deliveries(self, happened: Happened) -> None:
        net, rules, record = self.sim.world.net, self.sim.world.rules, happened.deliveries
        site = net.fcs + net.scs + net.routes["station"][record["route"]]
        over, turn = np.unique(happened.tick - record["due"], return_inverse=True)
        usd = np.array([late_usd(rules, int(ticks)) for ticks in over])[turn] if len(over) else np.zeros(0)
        self._pay(USD.late, site, happened.delivered, usd)
        np.add.at(self.sites.packages, site, 1)
        np.add.at(self.sites.lines, site, record["lines"])
        counted = record["ordered"] >= rules.warmup_tick
        lines, hours = record["lines"][counted], (happened.tick - record["ordered"][counted]) * rules.tick_hours
        on_time = happened.tick <= record["due"][counted]
        kinds = self.lines_of[happened.delivered[counted]]
        for of_site, of_class, each in (
            (self.sites.due, self.classes.due, np.ones(len(lines))),
            (self.sites.on_time, self.classes.on_time, on_time),
            (self.sites.line_hours, self.classes.line_hours, hours),
        ):
            np.add.at(of_site, site[counted], lines * each)
            of_class += (kinds * each[:, None]).sum(axis=0)

    def _handling(self, happened: Happened) -> None:
        net, costs, site = self.sim.world.net, self.sim.world.rules.costs, happened.handled_at
        is_pick = site < net.fcs
        for component, own, usd in ((USD.pick, is_pick, costs.pick_pack_usd), (USD.sort, ~is_pick, costs.sort_usd)):
            self._pay(component, site[own], happened.handled[own], np.full(int(own.sum()), usd))
        np.add.at(self.sites.packages, site, 1)
        np.add.at(self.sites.lines, site, self.lines_of[happened.handled].sum(axis=1))

    def _trucks(self, left: Departures) -> None:
        net, rules = self.sim.world.net, self.sim.world.rules
        for counts, number in zip(self.lanes, (left.trucks, left.hired, left.packages), strict=True):
            counts[left.lane] += number
        cost, origin = net.lanes["cost"][left.lane], net.lanes["origin"][left.lane]
        trucks, spot = left.trucks * cost, left.hired * cost * rules.spot_premium
        np.add.at(self.sites.usd[:, USD.truck], origin, trucks)
        np.add.at(self.sites.usd[:, USD.spot], origin, spot)
        share = self._by_class(left.boarded, left.boarded_usd)
        if share.sum() > 0:
            share /= share.sum()  # shares are kept in 32 bits, dollars are not
            self.classes.usd[:, USD.truck] += share * trucks.sum()
            self.classes.usd[:, USD.spot] += share * spot.sum()

    def _pay(self, component: int, site: np.ndarray, packages: np.ndarray, usd: np.ndarray) -> None:
        """Dollars of packages, to sites and to the classes of the lines in them."""
        np.add.at(self.sites.usd[:, component], site, usd)
        self.classes.usd[:, component] += self._by_class(packages, usd)

    def _by_class(self, packages: np.ndarray, usd: np.ndarray) -> np.ndarray:
        """Dollars of packages by class, each package's shared by its lines alike: (V,)."""
        lines = self.lines_of[packages]
        return np.asarray((lines * (usd / np.maximum(1, lines.sum(axis=1)))[:, None]).sum(axis=0))

    def _lines(self, happened: Happened) -> None:
        """Lines decided on; the packages they travel in are counted whenever they were made."""
        lines, kind = happened.lines, self.velocity[happened.lines["sku"]]
        inside = lines["package"] >= 0
        made = lines["package"][inside]
        self.lines_of[made] = 0
        np.add.at(self.lines_of, (made, kind[inside]), 1)
        counted = lines["ordered"] >= self.sim.world.rules.warmup_tick
        if happened.tick >= self.sim.world.rules.warmup_tick:
            self._lost(lines[~inside], kind[~inside])
        self._count_lines(lines[counted], kind[counted], happened.routes[counted])

    def _lost(self, lines: np.ndarray, kind: np.ndarray) -> None:
        """Dollars of lines without units, whenever they were ordered."""
        usd = self.sim.world.rules.costs.lost_line_usd
        np.add.at(self.sites.usd[:, USD.lost], self._station(lines), usd)
        np.add.at(self.classes.usd[:, USD.lost], kind, usd)

    def _count_lines(self, lines: np.ndarray, kind: np.ndarray, routes: np.ndarray) -> None:
        net, station, served = self.sim.world.net, self._station(lines), routes >= 0
        fc = net.routes["fc"][routes]
        spilled = served & (net.routes["in_region"][routes] == 0)
        np.add.at(self.sites.served, station, 1)
        np.add.at(self.sites.served, fc[served], 1)
        np.add.at(self.sites.lost, station[~served], 1)
        np.add.at(self.sites.spilled, station[spilled], 1)
        np.add.at(self.sites.spilled, fc[spilled], 1)
        for counts, own in (
            (self.classes.lines, slice(None)), (self.classes.lost, ~served), (self.classes.spilled, spilled),
        ):  # fmt: skip
            np.add.at(counts, kind[own], 1)
        np.add.at(self.classes.units, kind, lines["units"])

    def _station(self, lines: np.ndarray) -> np.ndarray:
        net = self.sim.world.net
        return np.asarray(net.fcs + net.scs + lines["station"])

    def _stock_and_backlog(self) -> None:
        """What stands on shelves and waits at sites as the tick ends."""
        sim, s, fcs = self.sim, self.sim.state, self.sim.world.net.fcs
        base = sim.world.base_stock[sim.setting(0)] > 0
        stock = s.stock[0]
        out = base & (stock == 0)
        for site, of_class, table in (
            (self.sites.units, self.classes.on_hand, stock), (self.sites.out, self.classes.out, out),
            (self.sites.carried, self.classes.carried, base),
        ):  # fmt: skip
            site[:fcs] += table.sum(axis=0, dtype=np.int64)
            of_class += np.bincount(self.velocity, table.sum(axis=1, dtype=np.int64), len(of_class))
        self.sites.capacity[:] += s.site_capacity[0]
        self.sites.backlog[:] += s.queue[0]["packages"]

    def _make_room(self) -> None:
        more = self.sim.state.package.shape[1] - len(self.lines_of)
        if more:
            self.lines_of = np.concatenate([self.lines_of, np.zeros((more, self.lines_of.shape[1]), np.int32)])
