"""The transfer rules: what they send where all cases can be weighed by hand, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import poisson

from regional_dispatch.baselines import BaselineError, baseline
from regional_dispatch.baselines.shadow_price import coming_cycle, ticks_to_replacement
from regional_dispatch.baselines.transfers.rules import TRANSFER_RULES, transfer_rule
from regional_dispatch.baselines.transfers.threshold import by_region, hubs
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.transfers import Moves
from regional_dispatch.envs.world.demand import sku_units_per_day
from regional_dispatch.evaluation.rollouts import evaluation_keys, rollout
from tests.worlds import SCARCE, TWO_REGIONS, simulator, small

SCORERS = baseline("least_cost").scorers
THIN = {**TWO_REGIONS, "stock": {"breadth": (0.5, 0.25, 0.25)}, "horizon_hours": 240}


def one_sku(**transfers: float) -> Simulator:
    """One SKU that one of two FCs carries, each with a region and a station of its own."""
    scenario = small(
        partition={"kind": "balanced", "regions": 2},
        network={"fulfillment_centers": 2, "sort_centers": 2, "stations": 2},
        demand={"orders_per_day": 1, "lines_per_order": (1.0,), "units_per_line": (1.0,)},
        stock={"skus": 1, "breadth_shares": (1, 0, 0), "breadth": (0.5, 0.5, 0.5), "review_hours": 24,
               "lead_time_hours": 48, "safety_factor": 2},
        transfers=transfers,
    )  # fmt: skip
    return simulator(scenario, 5)


def expected_usd(sim: Simulator, days: float, move: int) -> float:
    """What it costs to move so many units to the region without any: all cases of Poisson demand weighed by hand."""
    cycle, net, count = coming_cycle(sim, 0), sim.world.net, np.arange(200)
    full, hub = int(cycle.supply[0].argmax()), hubs(sim.network)
    region = net.region_of_site
    giver, taker = int(region[full]), 1 - int(region[full])
    station = region[net.fcs + net.scs :] == taker
    share = sim.network.station_share[station]
    cost = (cycle.cost[station] * share[:, None]).sum(axis=0) / share.sum()  # of each FC to the taker's stations
    spill, lost = cost[full] - cost[hub[taker]], cycle.lost_usd - cost[hub[taker]]
    daily = sku_units_per_day(sim.scenario)[0]
    cycle_hours = int(ticks_to_replacement(sim, 0)[0])
    home = poisson.pmf(count, cycle.demand[0][~station].sum())
    away = poisson.pmf(count, share.sum() * daily * days)
    have = int(by_region(cycle.supply, sim)[0, giver])
    left = home @ np.maximum(have - move - count, 0) / (cycle_hours / (24 * days))
    short = away @ np.maximum(count - move, 0)
    spilled = min(short, left)
    own = cycle.lost_usd - (cycle.cost[~station] * sim.network.station_share[~station][:, None]).sum(axis=0)[full] / (
        sim.network.station_share[~station].sum()
    )
    late = min(1.0, sim.transfer_lanes.ticks[full, hub[taker]] / (24 * days))
    linehaul = sim.transfer_lanes.truck_usd[full, hub[taker]] * -(-move // sim.transfer_lanes.truck_units)
    return float(
        spill * spilled + lost * (short - spilled) + own * (home @ np.maximum(count - (have - move), 0))
        + move * (sim.transfer_lanes.handling_usd + late * min(spill, lost)) + linehaul
    )  # fmt: skip


@pytest.mark.parametrize("handling", [0.0, 0.15, 0.6])
def test_the_lp_moves_what_is_best_where_all_cases_can_be_weighed(handling: float) -> None:
    sim = one_sku(usd_per_mile=0, dock_usd=0, handling_usd=handling)
    days = 4.0
    usd = [expected_usd(sim, days, move) for move in range(int(sim.state.stock[0].max()) + 1)]
    lp = int(transfer_rule("lp", {"days": days, "scale": 1})(sim, 0).units.sum())
    threshold = int(transfer_rule("threshold", {"min_fill": 0})(sim, 0).units.sum())
    assert usd[lp] == pytest.approx(min(usd), abs=1e-6)
    assert usd[lp] <= min(usd[0], usd[threshold]) + 1e-6


def test_the_lp_moves_less_the_more_it_costs_and_nothing_at_a_high_price() -> None:
    sent = [
        int(transfer_rule("lp")(one_sku(dock_usd=usd, usd_per_mile=0), 0).units.sum()) for usd in (0, 1000, 100_000)
    ]
    assert sent[0] >= sent[1] >= sent[2] == 0 < sent[0]


def test_an_lp_that_pays_for_whole_trucks_fills_them_before_it_sends_another() -> None:
    """With free space on a truck that goes anyway, several SKUs share it; a half-empty second one stays."""
    scenario = small(**THIN, transfers={"units_per_truck": 8000})
    sim = Simulator(scenario, transfers=transfer_rule("lp", {"scale": 2, "every_days": 3}))
    kpis = rollout(sim, SCORERS, evaluation_keys(2, 0, "tune"))
    assert all(row["transfer_fill"] > 0.4 for row in kpis if row["transfer_units"])
    assert any(row["transfer_units"] for row in kpis)


def test_the_threshold_rule_moves_from_much_cover_to_little_in_filled_trucks() -> None:
    sim = simulator(small(**THIN), 5)
    rule = transfer_rule("threshold", {"low_days": 1, "target_days": 3, "high_days": 4, "min_fill": 0.5})
    sent, region = rule(sim, 0), sim.world.net.region_of_site
    assert len(sent.sku)
    share = np.bincount(region[sim.world.net.fcs + sim.world.net.scs :], sim.network.station_share)
    daily = np.outer(sku_units_per_day(sim.scenario), share)
    before = by_region(sim.state.stock[0].astype(int), sim)
    after = before.copy()
    np.subtract.at(after, (sent.sku, region[sent.origin]), sent.units)
    np.add.at(after, (sent.sku, region[sent.dest]), sent.units)
    takers, givers = (sent.sku, region[sent.dest]), (sent.sku, region[sent.origin])
    assert (before[takers] < daily[takers]).all() and (after[takers] < 3 * daily[takers] + 1).all()
    assert (after[givers] >= 4 * daily[givers]).all()
    assert (np.isin(sent.dest, hubs(sim.network))).all() and (region[sent.origin] != region[sent.dest]).all()
    lanes, of_lane = np.unique(np.stack([sent.origin, sent.dest]), axis=1, return_inverse=True)
    loads = np.bincount(of_lane.ravel(), sent.units, lanes.shape[1])
    rest = loads % sim.transfer_lanes.truck_units
    assert ((rest == 0) | (rest >= 0.5 * sim.transfer_lanes.truck_units)).all()


@pytest.mark.parametrize("rule", list(TRANSFER_RULES))
def test_a_rule_never_asks_for_what_is_not_there_and_is_asked_on_its_nights(rule: str) -> None:
    """The simulator refuses more than is on hand, so an episode that ends is proof."""
    asked: list[int] = []
    inner = transfer_rule(rule, {"every_days": 2})

    class Watched:
        every_hours, hour = inner.every_hours, inner.hour

        def __call__(self, sim: Simulator, row: int) -> Moves:
            asked.append(sim.tick(row))
            return inner(sim, row)

    sim = Simulator(small(**SCARCE, start_hour=30), transfers=Watched())
    rollout(sim, SCORERS, [5])
    assert asked == list(range(20, 120, 48))  # two in the morning, every other day from Monday on


def test_a_bad_rule_is_refused() -> None:
    with pytest.raises(BaselineError, match="transfers 'magic': no such rule; there are: threshold, lp"):
        transfer_rule("magic")
    with pytest.raises(BaselineError, match="transfers 'lp' has no parameter 'low_days'; it has: every_days"):
        transfer_rule("lp", {"low_days": 1})
    with pytest.raises(BaselineError, match=r"transfers 'threshold': min_fill = 2: must lie in 0…1"):
        transfer_rule("threshold", {"min_fill": 2})
