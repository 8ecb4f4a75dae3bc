"""The price of a unit: duals of a transportation LP over the coming replenishment cycle.

Per SKU, stations' expected demand is served from the FCs' stock at standard route cost, or lost:

    min  Σ cost[d, f] · x[d, f] + lost · u[d]     x, u ≥ 0
    s.t. Σ_f x[d, f] + u[d] = demand[d]           every station
         Σ_d x[d, f] ≤ supply[f]                  every FC: its dual is the price of one more unit
         Σ over SKUs of picks ≤ capacity[f]       every FC: the only rows that join SKUs

The rule takes the least cost + price of the whole order (Acimovic & Graves 2015). A cycle ends when a unit taken now is
replaced: at the next review, plus the lead time. All that is on order arrives before that, so supply is on hand plus
on order. Costs are those the rule compares, no lateness: a price of lateness the rule does not see would move lines to
where they come late.

Events (`envs.world.events`) count as they are now, since their end is not known in advance: routes that are cut serve
no station, and a site that is down picks nothing.

Most SKUs have enough wherever their stations would like to buy; their prices are zero without an LP. The others are
solved in blocks. Each station's cheapest FC is substituted out, so HiGHS's dual simplex starts from a dual feasible
slack basis and only repairs what is overdrawn: several times faster than from the rows as written above
(`benchmarks/pricing.py`).

Axes: S SKUs, F FCs, D stations, n SKUs of a block, k routes kept per station.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import highspy
import numpy as np

from regional_dispatch.baselines.rules import BaselineError
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import sku_shares
from regional_dispatch.envs.world.order_size import mean_lines_per_order
from regional_dispatch.solvers.highs import OPTIMAL, load_lp, solved

BLOCK = 32  # SKUs an LP; one LP of all takes twice the time
CHUNK = 256  # SKUs looked at at once; bounds memory
SLACK = 1e-9  # units or lines that count as nothing


class PricingError(BaselineError):
    """Prices that cannot be computed; the text says what to change."""


class Cycle(NamedTuple):
    """Supply and expected demand until a unit taken now is replaced."""

    supply: np.ndarray  # (S, F) units on hand and on order
    carried: np.ndarray  # (S, F) bool, the FC stocks the SKU
    demand: np.ndarray  # (S, D) expected units
    cost: np.ndarray  # (D, F) USD per unit, inf without a route
    lost_usd: float  # per unit
    picks: np.ndarray  # (S,) lines a tick that one unit of the cycle means
    capacity: np.ndarray  # (F,) lines a tick


class Prices(NamedTuple):
    """Duals of a cycle, and the plan they belong to."""

    unit_usd: np.ndarray  # (S, F) USD per unit: the supply rows
    pick_usd: np.ndarray  # (F,) USD per line a tick: the capacity rows
    load: np.ndarray  # (F,) lines a tick in the plan
    usd: float  # value of the dual: the plan's expected cost, or with `solve_by_steps` a lower bound of it

    def total(self, cycle: Cycle) -> np.ndarray:
        """USD that taking one unit costs others, (S, F): the unit itself and the picking it needs."""
        return np.where(cycle.carried, self.unit_usd + cycle.picks[:, None] * self.pick_usd, 0.0)


class LinearProgramPricer:
    """Prices of one network copy; the simulator calls it on a schedule.

    Args:
        every_hours: simulated time between two solves.
        scale: share of the dual that is charged; 1 is the published method. Expected demand ignores randomness: a
            station for which another FC is about as good leaves at once and until the next solve, and more lines leave
            than the shortage asks for. On `scarce_stock`, against least cost alone (8 tuning episodes, USD per order):
            0.25 saves 0.106 ± 0.008, 0.5 saves 0.140 ± 0.011 (0.170 if solved every 12 h), 1 loses 0.021 ± 0.014.
        demand_factor: expected demand is multiplied by it.
        near: routes per station tried first; SKUs that would use more are solved again with all, so the prices are
            exact. (At scale 1, prices of the six nearest alone cost 0.45 USD per order more.)
        joint_columns: the largest LP (variables) solved as one when picking capacity binds; beyond it, capacity prices
            come from `rounds` subgradient steps, carried over from solve to solve.
        rounds: subgradient steps per solve.
        time_limit_seconds: per LP.

    Raises:
        PricingError: a parameter out of bounds.
    """

    def __init__(
        self,
        every_hours: float = 24.0,
        scale: float = 1.0,
        demand_factor: float = 1.0,
        near: int = 6,
        joint_columns: int = 200_000,
        rounds: int = 4,
        time_limit_seconds: float = 60.0,
    ) -> None:
        positive = {"every_hours": every_hours, "near": near, "time_limit_seconds": time_limit_seconds}
        not_negative = {"scale": scale, "demand_factor": demand_factor, "rounds": rounds}
        for name, value in positive.items():
            if value <= 0:
                raise PricingError(f"shadow price: {name} = {value:g}: must be above 0")
        for name, value in not_negative.items():
            if value < 0:
                raise PricingError(f"shadow price: {name} = {value:g}: must be at least 0")
        self.every_hours, self.scale, self.demand_factor = every_hours, scale, demand_factor
        self.near, self.joint_columns, self.rounds = near, joint_columns, rounds
        self.time_limit_seconds = time_limit_seconds
        self._carried: dict[int, tuple[int, int, np.ndarray]] = {}  # row → episode key, tick, capacity prices

    def __call__(self, sim: Simulator, row: int) -> np.ndarray:
        """Prices now: (S, F) float32, USD per unit, ≥ 0.

        Raises:
            PricingError: HiGHS found no optimum.
        """
        cycle = coming_cycle(sim, row, self.demand_factor)
        prices = self._solve(cycle, row, int(sim.state.row["key"][row]), sim.tick(row))
        return (self.scale * prices.total(cycle)).astype(np.float32)

    def snapshot(self) -> dict[str, np.ndarray]:
        """Capacity prices carried from solve to solve: row, key and tick (n,), pick_usd (n, F)."""
        rows = [(row, *carried) for row, carried in self._carried.items()]
        row, key, tick, pick_usd = zip(*rows, strict=True) if rows else ((), (), (), ())
        return {
            "row": np.array(row, np.int64), "key": np.array(key, np.uint64), "tick": np.array(tick, np.int64),
            "pick_usd": np.array(pick_usd, float),
        }  # fmt: skip

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restores what `snapshot` returned."""
        rows = zip(*(arrays[name] for name in ("row", "key", "tick", "pick_usd")), strict=True)
        self._carried = {int(row): (int(key), int(tick), pick_usd) for row, key, tick, pick_usd in rows}

    def _solve(self, cycle: Cycle, row: int, key: int, tick: int) -> Prices:
        prices = solve_by_sku(cycle, None, self.near, self.time_limit_seconds)
        if (prices.load <= cycle.capacity + SLACK).all():
            return prices
        if int(cycle.carried.sum()) * cycle.demand.shape[1] <= self.joint_columns:
            return solve_jointly(cycle, self.time_limit_seconds)
        # An earlier tick of the same episode, so that a second run of an episode starts from the same prices.
        last_key, last_tick, start = self._carried.get(row, (key, tick, None))
        if start is None or last_key != key or last_tick >= tick:
            start = np.zeros(len(cycle.capacity))
        prices = solve_by_steps(cycle, start, self.rounds, self.near, self.time_limit_seconds)
        self._carried[row] = key, tick, prices.pick_usd
        return prices


# ------------------------------------------------------------------------------------------------ the coming cycle


def coming_cycle(sim: Simulator, row: int, demand_factor: float = 1.0) -> Cycle:
    """Supply, expected demand, costs and capacity of one network copy, until a unit taken now is replaced."""
    s, rules, net = sim.state, sim.world.rules, sim.world.net
    period = sim.world.events.period_at(int(s.row["tick"][row]))
    ticks = ticks_to_replacement(sim, row)
    base_stock = sim.world.base_stock[sim.setting(row)]
    carried = base_stock > 0
    supply = s.stock[row] + s.pipeline[row].sum(axis=0, dtype=np.int64) + s.road[row]
    if not s.row["waiting_for_decisions"][row]:  # the tick has not begun: its review still fills up to base stock
        reviewed = (ticks == rules.review_ticks + rules.lead_ticks)[:, None] & carried
        supply = np.where(reviewed, np.maximum(base_stock, supply), supply)
    units_per_line = _mean_units_per_line(sim)
    units = expected_units(sim, row, ticks) * demand_factor
    return Cycle(
        supply=supply.astype(float),
        carried=carried | (supply > 0),
        demand=np.outer(units, sim.network.station_share),
        cost=_pair_cost(sim, sim.setting(row), period) / units_per_line,
        lost_usd=rules.costs.lost_line_usd / units_per_line,
        picks=1 / (units_per_line * ticks),
        capacity=sim.world.events.capacity[period, : net.fcs].astype(float),
    )


def ticks_to_replacement(sim: Simulator, row: int) -> np.ndarray:
    """Ticks until a unit of each SKU that is taken now is back, at its next review plus the lead time: (S,)."""
    rules = sim.world.rules
    into_review = (sim.tick(row) - np.arange(sim.state.stock.shape[1])) % rules.review_ticks
    return rules.review_ticks - into_review + rules.lead_ticks


def expected_units(sim: Simulator, row: int, ticks: np.ndarray) -> np.ndarray:
    """Expected units of each SKU, wherever they are ordered, in the next `ticks` (S,) ticks: (S,)."""
    lines = _orders_ahead(sim, row, ticks) * sku_shares(sim.scenario) * mean_lines_per_order(sim.scenario)
    return lines * _mean_units_per_line(sim)


def _orders_ahead(sim: Simulator, row: int, ticks: np.ndarray) -> np.ndarray:
    """Expected orders, surges included, in the next `ticks` (S,) ticks."""
    demand, record = sim.world.demand, sim.state.row[row]
    ahead = int(record["tick"]) + np.arange(int(ticks.max()))
    rate = demand.rate[(int(record["week_tick"]) + ahead) % len(demand.rate)]
    for first, last, factor in demand.surge:
        rate = np.where((ahead >= first) & (ahead < last), rate * factor, rate)
    return rate.cumsum()[ticks - 1]


def _mean_units_per_line(sim: Simulator) -> float:
    shares = np.diff(sim.world.demand.units_cdf, prepend=0.0)
    return float(shares @ np.arange(1, len(shares) + 1))


def _pair_cost(sim: Simulator, setting: int, period: int) -> np.ndarray:
    """Standard cost of the cheapest open route from FC to station in a setting: (D, F) USD per package."""
    net = sim.world.net
    cost = np.full((net.stations, net.fcs), np.inf)
    by_cost = net.by_cost[setting]
    routes = net.routes[by_cost[by_cost >= 0]]
    routes = routes[~sim.world.events.route_cut(period, routes["lanes"])]
    np.minimum.at(cost, (routes["station"], routes["fc"]), routes["cost"])
    return cost


# ---------------------------------------------------------------------------------------------------------- solving


def solve_by_sku(
    cycle: Cycle, pick_usd: np.ndarray | None = None, near: int = 6, time_limit_seconds: float = 60.0
) -> Prices:
    """Prices with picking charged at `pick_usd` (F,) USD per line a tick (default: free), and not limited."""
    fee = np.zeros(len(cycle.capacity)) if pick_usd is None else pick_usd
    price, load, short = np.zeros(cycle.supply.shape), np.zeros(cycle.supply.shape), []
    for skus in parts(np.arange(len(cycle.supply)), CHUNK):
        load[skus] = _draft(cycle, skus, fee, 1).load
        short.append(skus[(load[skus] > cycle.supply[skus] + SLACK).any(axis=1)])
    todo = np.concatenate(short)
    for width in (near, len(cycle.capacity)):
        further = []
        for skus in parts(todo, BLOCK):
            draft = _draft(cycle, skus, fee, width)
            price[skus], load[skus], _ = _optimum(cycle, draft, time_limit_seconds)
            further.append(skus[_would_go_further(cycle, draft, price[skus], fee)])
        todo = np.concatenate([todo[:0], *further])
    return Prices(price, fee, cycle.picks @ load, _dual_value(cycle, price, fee))


def solve_jointly(cycle: Cycle, time_limit_seconds: float = 60.0) -> Prices:
    """Prices of all SKUs in one LP with the capacity rows: exact, and slow where SKUs are many."""
    free = np.zeros(len(cycle.capacity))
    draft = _draft(cycle, np.arange(len(cycle.supply)), free, len(free))
    price, load, pick_usd = _optimum(cycle, draft, time_limit_seconds, joint=True)
    return Prices(price, pick_usd, cycle.picks @ load, _dual_value(cycle, price, pick_usd))


def solve_by_steps(
    cycle: Cycle, start: np.ndarray, rounds: int, near: int = 6, time_limit_seconds: float = 60.0
) -> Prices:
    """Prices with capacity relaxed (Lagrange): the price of an FC over its capacity rises, that of one below falls.

    A load twice the capacity costs a dollar a line in the first step, less in later ones. Any start (F,) is valid; the
    capacity prices of the last solve are a good one.
    """
    usd_per_line = 1.0 / cycle.picks.mean()
    pick_usd = start
    for turn in range(rounds):
        load = solve_by_sku(cycle, pick_usd, near, time_limit_seconds).load
        over = np.clip(load / np.maximum(cycle.capacity, SLACK) - 1, -1, 1)
        pick_usd = np.maximum(0.0, pick_usd + usd_per_line * over / np.sqrt(turn + 1))
    return solve_by_sku(cycle, pick_usd, near, time_limit_seconds)


def parts(skus: np.ndarray, size: int) -> list[np.ndarray]:
    return [skus[first : first + size] for first in range(0, len(skus), size)]


class _Draft(NamedTuple):
    """Some SKUs with every station at its cheapest FC (home), and where else it may go."""

    skus: np.ndarray  # (n,)
    near: np.ndarray  # (n, D, k) FCs, cheapest first
    usd: np.ndarray  # (n, D, k) USD per unit, inf where there is none
    served: np.ndarray  # (n, D) bool, home costs less than losing the line
    load: np.ndarray  # (n, F) units taken from each FC


def _costs(cycle: Cycle, skus: np.ndarray, extra: np.ndarray) -> np.ndarray:
    """USD per unit with `extra` (n, F) on top, inf where the FC has not the SKU: (n, D, F)."""
    extra = np.where(cycle.carried[skus], extra, np.inf)
    return cycle.cost + extra[:, None, :]


def _draft(cycle: Cycle, skus: np.ndarray, pick_usd: np.ndarray, width: int) -> _Draft:
    fcs, demand = len(cycle.capacity), cycle.demand[skus]
    usd = _costs(cycle, skus, np.outer(cycle.picks[skus], pick_usd))
    near = np.broadcast_to(np.arange(fcs), usd.shape)
    if width < fcs:
        near = usd.argpartition(width - 1, axis=2)[:, :, :width]
    usd = np.take_along_axis(usd, near, 2)
    order = usd.argsort(axis=2, kind="stable")
    near, usd = np.take_along_axis(near, order, 2), np.take_along_axis(usd, order, 2)
    served = (usd[:, :, 0] < cycle.lost_usd) & (demand > 0)
    cell = np.arange(len(skus))[:, None] * fcs + near[:, :, 0]
    load = np.bincount(cell[served], demand[served], len(skus) * fcs).reshape(len(skus), fcs)
    return _Draft(skus, near, usd, served, load)


def _would_go_further(cycle: Cycle, draft: _Draft, price: np.ndarray, pick_usd: np.ndarray) -> np.ndarray:
    """SKUs of which some station would rather use an FC that was left out at these prices (n, F): (n,) bool."""
    if draft.near.shape[2] == len(cycle.capacity):
        return np.zeros(len(draft.skus), dtype=bool)
    rows = np.arange(len(draft.skus))[:, None, None]
    tried = np.minimum((draft.usd + price[rows, draft.near]).min(axis=2), cycle.lost_usd)
    return (_station_usd(cycle, draft.skus, price, pick_usd) < tried - SLACK).any(axis=1)


def _station_usd(cycle: Cycle, skus: np.ndarray, price: np.ndarray, pick_usd: np.ndarray) -> np.ndarray:
    """What one more unit of demand costs at a station: the dual of its row, (n, D)."""
    every = _costs(cycle, skus, price + np.outer(cycle.picks[skus], pick_usd))
    return np.minimum(every.min(axis=2), cycle.lost_usd)


def _dual_value(cycle: Cycle, price: np.ndarray, pick_usd: np.ndarray) -> float:
    """The dual's objective; at an optimum, the expected cost of the cycle (strong duality)."""
    stations = sum(
        float((cycle.demand[skus] * _station_usd(cycle, skus, price[skus], pick_usd)).sum())
        for skus in parts(np.arange(len(price)), CHUNK)
    )
    return stations - float((price * cycle.supply).sum()) - float(pick_usd @ cycle.capacity)


def _optimum(
    cycle: Cycle, draft: _Draft, time_limit_seconds: float, joint: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Prices (n, F), units taken (n, F) and, if joint, capacity prices (F,) of a draft's SKUs.

    A variable moves units of a station from its home FC to another (row +1 there, −1 at home, within its demand), or
    leaves them unserved (−1 at home, within its demand).
    """
    (n, stations, _), fcs = draft.near.shape, len(cycle.capacity)
    home = np.arange(n)[:, None] * fcs + draft.near[:, :, 0]
    station = n * fcs + np.arange(n * stations).reshape(n, stations)
    upper = [(cycle.supply[draft.skus] - draft.load).ravel(), cycle.demand[draft.skus].ravel()]
    i, d, k = np.nonzero(draft.served[:, :, None] & (draft.usd[:, :, 1:] < cycle.lost_usd))
    moved = [home[i, d], station[i, d], i * fcs + draft.near[i, d, k + 1]]
    moved_by = [np.full(len(i), sign) for sign in (-1.0, 1.0, 1.0)]
    moved_usd = draft.usd[i, d, k + 1] - draft.usd[i, d, 0]
    ui, ud = np.nonzero(draft.served)
    unserved = [home[ui, ud], station[ui, ud]]
    unserved_by = [np.full(len(ui), sign) for sign in (-1.0, 1.0)]
    if joint:
        picks, first = cycle.picks[draft.skus], n * (fcs + stations)
        moved += [first + moved[0] % fcs, first + moved[2] % fcs]
        moved_by += [-picks[i], picks[i]]
        unserved += [first + unserved[0] % fcs]
        unserved_by += [-picks[ui]]
        upper.append(cycle.capacity - picks @ draft.load)
    usd = np.concatenate([moved_usd, cycle.lost_usd - draft.usd[ui, ud, 0]])
    length = np.repeat([len(moved), len(unserved)], [len(i), len(ui)])
    rows, by = (
        np.concatenate([np.stack(x, axis=1).ravel() for x in pair])
        for pair in ((moved, unserved), (moved_by, unserved_by))
    )
    dual, activity = _run_highs(usd, length, rows, by, np.concatenate(upper), time_limit_seconds)
    price = np.maximum(-dual, 0.0)
    load = draft.load + activity[: n * fcs].reshape(n, fcs)
    return price[: n * fcs].reshape(n, fcs), load, price[n * (fcs + stations) :]


def _run_highs(
    usd: np.ndarray, length: np.ndarray, rows: np.ndarray, values: np.ndarray, upper: np.ndarray, seconds: float
) -> tuple[np.ndarray, np.ndarray]:
    """Duals and activities of the rows at the least usd·x with x ≥ 0 and rows ≤ upper.

    Args:
        usd: cost per variable.
        length: entries per variable.
        rows: row of each entry, variable by variable.
        values: value of each entry.
        upper: bound per row.
        seconds: time limit.
    """
    if len(usd) == 0:
        return np.zeros(len(upper)), np.zeros(len(upper))
    unlimited = np.full(len(usd), highspy.kHighsInf)
    solver = load_lp(usd, unlimited, np.full(len(upper), -highspy.kHighsInf), upper, length, rows, values, seconds)
    found = highspy.HighsModelStatus.kModelError if solver is None else solved(solver)
    if solver is None or found != OPTIMAL:
        raise PricingError(_explain(found, len(usd), seconds))
    solution = solver.getSolution()
    return np.array(solution.row_dual), np.array(solution.row_value)


def _explain(found: highspy.HighsModelStatus, columns: int, time_limit_seconds: float) -> str:
    if found == highspy.HighsModelStatus.kTimeLimit:
        remedy = f"raise time_limit_seconds (now {time_limit_seconds:g}), or lower joint_columns or near"
    else:
        remedy = "supply, demand, capacity and route costs must be finite and not negative; look at the scenario"
    return f"shadow price: HiGHS ended an LP of {columns} variables as {found.name}: {remedy}"
