"""Stock moved by a linear program: linehaul against what spilled and lost lines are expected to cost.

Demand for a SKU in a region is Poisson until a unit taken now is replaced, or for some days where no FC of the region
is refilled with it. Of what a region has for that time, on hand, on order and on the road, some is expected to be left,
and some demand to go short: it is served from another region, at what that route costs more, or lost. Per SKU:

    min  Σ linehaul[f, r]·x[f, r] + Σ over[a, r]·y[a, r] + Σ lost[r]·u[r]
    s.t. Σ_{f of a} Σ_r x[f, r] = Σ_m w[a, m]                         sent by region a, m-th slice of its stock
         Σ_f x[f, r]            = Σ_m z[r, m]                         received by region r, m-th slice of its demand
         Σ_a y[a, r] + u[r] ≥ short[r] − Σ p[r, m]·z[r, m] + Σ q[r, m]·w[r, m]
         Σ_r turns[r]·y[a, r] + Σ (1 − q[a, m])·w[a, m] ≤ left[a]
         Σ_r x[f, r] ≤ on hand[f]

p and q are the chance that a unit of the slice is asked for: falling with every unit received, rising with every unit
sent, so an optimum takes the slices in order. A region that is not refilled is planned for longer than one cycle of
the regions that serve it meanwhile; `turns` is the share of its demand that falls into one cycle.

Whole trucks are paid for, so the cost of a unit depends on the load. The rates are set to what the last solution's
trucks really cost a unit and the LP is solved again (dynamic slope scaling, Kim & Pardalos 1999): thin loads become
expensive and go elsewhere or nowhere. The cheapest of the solutions counts, moving nothing among them. What arrives
late serves less: a unit pays the share of the saving that passes while it travels. Units are rounded.

Axes: n SKUs of which a move may pay, F FCs, R regions, M slices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import highspy
import numpy as np
from scipy.stats import poisson

from regional_dispatch.baselines.rules import BaselineError
from regional_dispatch.baselines.shadow_price import BLOCK, coming_cycle, expected_units, parts, ticks_to_replacement
from regional_dispatch.baselines.transfers.threshold import (
    NOTHING,
    Nightly,
    by_region,
    hubs,
    region_shares,
    regions_of_fcs,
    up_to,
)
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.transfers import Moves, TransferLanes, whole_trucks
from regional_dispatch.solvers.highs import OPTIMAL, load_lp, solved

SLICES = 8  # of a region's demand, and of its stock
ROUNDS = 3  # solutions with rates of whole trucks
SECONDS = 30.0  # limit of one solution
_NEVER_USD = 1e6  # per unit: so expensive that nothing moves
_SOME = 1e-3  # units below which a load counts as none


@dataclass(frozen=True)
class TransferLp(Nightly):
    """The rule; `baselines.transfers.rules` has its parameters' bounds and meanings."""

    days: float
    scale: float

    def __call__(self, sim: Simulator, row: int) -> Moves:
        """The units that leave now.

        Raises:
            BaselineError: HiGHS found no optimum.
        """
        lanes, hub = sim.transfer_lanes, hubs(sim.network)
        case = _case(sim, row, self.days, self.scale)
        full = lanes.truck_usd[:, hub] / lanes.truck_units
        keep = _may_pay(case, full, lanes)
        if not keep.any():
            return NOTHING
        skus = np.flatnonzero(keep.any(axis=(1, 2)))
        units = _solve(_some(case, skus), keep[skus], full, lanes, hub)
        n, fc, region = np.nonzero(units)
        return Moves(skus[n], fc, hub[region], units[n, fc, region])


class _Case(NamedTuple):
    """What the LP weighs, for each SKU."""

    on_hand: np.ndarray  # (n, F)
    have: np.ndarray  # (n, R) units there will be in time
    mean: np.ndarray  # (n, R) expected demand
    over_usd: np.ndarray  # (n, R, R) per unit: what it costs more to be served from the first; inf where it cannot
    lost_usd: np.ndarray  # (n, R) per unit: what it costs more to be lost
    turns: np.ndarray  # (n, R)
    delay: np.ndarray  # (n, F, R) share of the time that is over when a unit arrives
    region: np.ndarray  # (F,)
    receives: np.ndarray  # (R,) bool, it has an FC that serves all its stations


def _some(case: _Case, skus: np.ndarray) -> _Case:
    return case._replace(**{name: getattr(case, name)[skus] for name in case._fields[:-2]})  # all but those of no SKU


def _case(sim: Simulator, row: int, days: float, scale: float) -> _Case:
    cycle, hub, region = coming_cycle(sim, row), hubs(sim.network), regions_of_fcs(sim)
    ticks = ticks_to_replacement(sim, row)
    long = np.maximum(ticks, round(days * 24 / sim.scenario.tick_hours))
    refilled = by_region(sim.world.base_stock[sim.setting(row)] > 0, sim) > 0
    time = np.where(refilled, ticks[:, None], long[:, None])
    units = np.where(refilled, expected_units(sim, row, ticks)[:, None], expected_units(sim, row, long)[:, None])
    serve = _serving_usd(sim, cycle.cost)
    receives = (hub >= 0) & np.isfinite(serve[hub, np.arange(sim.regions)])
    home = np.where(receives, serve[hub, np.arange(sim.regions)], 0.0)
    over = np.full((len(ticks), sim.regions, sim.regions), np.inf)
    for a in np.unique(region):
        own = region == a
        there = np.where(cycle.supply[:, own, None] > 0, serve[own], np.inf)
        over[:, a] = np.maximum(there.min(axis=1) - home, 0.0)
    over[:, np.arange(sim.regions), np.arange(sim.regions)] = np.inf
    return _Case(
        on_hand=sim.state.stock[row].astype(float),
        have=by_region(cycle.supply, sim),
        mean=units * region_shares(sim),
        over_usd=scale * over,
        lost_usd=np.broadcast_to(scale * np.maximum(cycle.lost_usd - home, 0.0), time.shape),
        turns=ticks[:, None] / time,
        delay=np.minimum(sim.transfer_lanes.ticks[:, hub] / time[:, None, :], 1.0),
        region=region,
        receives=receives,
    )


def _serving_usd(sim: Simulator, cost: np.ndarray) -> np.ndarray:
    """Mean USD per unit of serving a region's stations from an FC, inf if it cannot serve all: (F, R)."""
    net, share = sim.world.net, sim.network.station_share
    of_station = (net.region_of_site[net.fcs + net.scs :][:, None] == np.arange(net.regions)) * share[:, None]
    reached = np.isfinite(cost)
    mean = np.where(reached, cost, 0.0).T @ of_station / np.maximum(of_station.sum(axis=0), 1e-12)
    return np.where((~reached).T.astype(float) @ of_station > 0, np.inf, mean)


def _short(mean: np.ndarray, have: np.ndarray) -> np.ndarray:
    """Expected units that Poisson demand asks for beyond what there is."""
    return np.maximum(mean * poisson.sf(have - 2, mean) - have * poisson.sf(have - 1, mean), 0.0)


def _usd_if_short(case: _Case) -> np.ndarray:
    """What a unit of demand costs that the region itself has not: (n, R)."""
    return np.minimum(case.over_usd.min(axis=1), case.lost_usd)


def _may_pay(case: _Case, full_usd: np.ndarray, lanes: TransferLanes) -> np.ndarray:
    """Moves that pay for their place in a full truck if they serve what is shortest: (n, F, R) bool."""
    asked = _short(case.mean, case.have) - _short(case.mean, case.have + 1)
    saved = (asked * _usd_if_short(case))[:, None, :] * (1 - case.delay)
    other = (case.region[:, None] != np.arange(case.mean.shape[1])) & case.receives
    return (saved > full_usd + lanes.handling_usd) & other & (case.on_hand > 0)[:, :, None]


class _Slices(NamedTuple):
    """A region's demand, or stock, unit by unit or several at once: (n, R, M)."""

    units: np.ndarray
    asked: np.ndarray  # chance that each is asked for


def _received(case: _Case) -> _Slices:
    """Units more than there are, until almost none is asked for."""
    most = np.maximum(case.mean - case.have, 0) + 2 * np.sqrt(case.mean) + 1
    size = np.maximum(np.ceil(most / SLICES), 1.0)
    ends = case.have[:, :, None] + size[:, :, None] * np.arange(SLICES + 1)
    short = _short(case.mean[:, :, None], ends)
    return _Slices(np.broadcast_to(size[:, :, None], short[:, :, 1:].shape), -np.diff(short, axis=2) / size[:, :, None])


def _sent(case: _Case) -> _Slices:
    """Units fewer than there are, down to those that are not on hand."""
    regions = np.arange(case.mean.shape[1])
    on_hand = case.on_hand @ (case.region[:, None] == regions)
    size = np.maximum(np.ceil(on_hand / SLICES), 1.0)
    gone = np.minimum(size[:, :, None] * np.arange(SLICES + 1), on_hand[:, :, None])
    short = _short(case.mean[:, :, None], case.have[:, :, None] - gone)
    units = np.diff(gone, axis=2)
    return _Slices(units, np.diff(short, axis=2) / np.maximum(units, 1.0))


class _Block(NamedTuple):
    """The LP of some SKUs: rates of linehaul are all that joins them to the others."""

    solver: highspy.Highs
    variables: int
    lane: np.ndarray  # (moves,) index into (F, R); moves are the first variables
    extra_usd: np.ndarray  # (moves,) cost per unit beside linehaul

    def solve(self, rate: np.ndarray) -> tuple[float, np.ndarray]:
        """USD expected and units moved at these rates (F, R) of linehaul."""
        moves = len(self.lane)
        self.solver.changeColsCost(moves, np.arange(moves, dtype=np.int32), self.extra_usd + rate.ravel()[self.lane])
        usd = _optimum(self.solver, self.variables)
        return usd, np.array(self.solver.getSolution().col_value[:moves])


def _solve(case: _Case, keep: np.ndarray, full_usd: np.ndarray, lanes: TransferLanes, hub: np.ndarray) -> np.ndarray:
    """Whole units of each move: (n, F, R)."""
    blocks = [_load(_some(case, skus), keep[skus], lanes.handling_usd) for skus in parts(np.arange(len(keep)), BLOCK)]
    lane = np.concatenate([block.lane for block in blocks])
    truck_usd, rate = lanes.truck_usd[:, hub], full_usd.copy()
    best = sum(block.solve(np.full(rate.shape, _NEVER_USD))[0] for block in blocks)
    moved = np.zeros(len(lane))
    for _ in range(ROUNDS):
        found = [block.solve(rate) for block in blocks]
        x = np.concatenate([units for _, units in found])
        load = np.bincount(lane, x, rate.size).reshape(rate.shape)
        whole = whole_trucks(np.rint(load).astype(np.int64), lanes) * truck_usd
        usd = sum(value for value, _ in found) + float(whole.sum() - (rate * load).sum())
        if usd < best:
            best, moved = usd, x
        rate = np.where(whole > 0, whole / np.maximum(load, _SOME), rate)
    units = np.zeros(keep.shape, np.int64)
    units[np.nonzero(keep)] = np.rint(moved)
    return up_to(units, case.on_hand.astype(np.int64))


def _optimum(solver: highspy.Highs, variables: int) -> float:
    found = solved(solver)
    if found != OPTIMAL:
        raise BaselineError(
            f"transfers 'lp': HiGHS ended an LP of {variables} variables as {found.name}: route costs and demand must "
            "be finite and not negative; look at the scenario"
        )
    return float(solver.getInfo().objective_function_value)


class _Columns(NamedTuple):
    """Variables of one kind."""

    usd: np.ndarray  # (v,)
    most: np.ndarray  # (v,) upper bound
    rows: np.ndarray  # (v, entries)
    values: np.ndarray  # (v, entries)


def _load(case: _Case, keep: np.ndarray, handling_usd: float) -> _Block:
    (n, fcs, regions), inf = keep.shape, highspy.kHighsInf
    send, receive, short_row, left_row = (
        np.arange(n * regions).reshape(n, regions) + kind * n * regions for kind in range(4)
    )
    stock_row = 4 * n * regions + np.arange(n * fcs).reshape(n, fcs)
    short = _short(case.mean, case.have)
    left = np.maximum(case.have - case.mean + short, 0.0)

    i, f, r = np.nonzero(keep)
    extra_usd = handling_usd + (case.delay * _usd_if_short(case)[:, None, :])[i, f, r]
    lane = f * regions + r
    moves = _columns(extra_usd, np.inf, [send[i, case.region[f]], receive[i, r], stock_row[i, f]], [1.0, 1.0, 1.0])
    gives: np.ndarray = np.zeros((n, regions), dtype=bool)
    gives[i, case.region[f]] = True
    takes = keep.max(axis=1)
    served: np.ndarray = (short > _SOME) | gives
    i, a, r = np.nonzero(np.isfinite(case.over_usd) & (left > _SOME)[:, :, None] & served[:, None, :])
    spills = _columns(case.over_usd[i, a, r], np.inf, [short_row[i, r], left_row[i, a]], [1.0, case.turns[i, r]])
    i, r = np.nonzero(np.isfinite(case.lost_usd))
    losses = _columns(case.lost_usd[i, r], np.inf, [short_row[i, r]], [1.0])
    slices = _received(case)
    i, r, k = np.nonzero(takes[:, :, None] & (slices.asked > _SOME))
    asked = slices.asked[i, r, k]
    received = _columns(np.zeros(len(i)), slices.units[i, r, k], [receive[i, r], short_row[i, r]], [-1.0, asked])
    slices = _sent(case)
    i, r, k = np.nonzero(gives[:, :, None] & (slices.units > 0))
    asked, place = slices.asked[i, r, k], [send[i, r], short_row[i, r], left_row[i, r]]
    sent = _columns(np.zeros(len(i)), slices.units[i, r, k], place, [-1.0, -asked, 1 - asked])

    nothing, free = np.zeros(2 * n * regions), np.full(n * regions, inf)
    low = np.concatenate([nothing, short.ravel(), -free, np.full(n * fcs, -inf)])
    high = np.concatenate([nothing, free, left.ravel(), case.on_hand.ravel()])
    kinds = (moves, spills, losses, received, sent)
    usd, most = (np.concatenate([kind[part] for kind in kinds]) for part in (0, 1))
    length = np.repeat([kind.rows.shape[1] for kind in kinds], [len(kind.usd) for kind in kinds])
    rows, values = (np.concatenate([kind[part].ravel() for kind in kinds]) for part in (2, 3))
    solver = load_lp(usd, most, low, high, length, rows, values, SECONDS)
    if solver is None:
        raise BaselineError("transfers 'lp': HiGHS refused the numbers: route costs and demand must be finite")
    return _Block(solver, len(usd), lane, extra_usd)


def _columns(
    usd: np.ndarray, most: float | np.ndarray, rows: list[np.ndarray], values: list[float | np.ndarray]
) -> _Columns:
    shape = (len(usd),)
    return _Columns(
        usd, np.broadcast_to(np.minimum(most, highspy.kHighsInf), shape).astype(float), np.stack(rows, axis=1),
        np.stack([np.broadcast_to(value, shape) for value in values], axis=1).astype(float),
    )  # fmt: skip
