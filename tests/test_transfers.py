"""Stock from FC to FC: what the world does with it, what the rules send, and what the study says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy.stats import poisson

from regional_dispatch.baselines import BaselineError, baseline
from regional_dispatch.baselines.shadow_price import coming_cycle, ticks_to_replacement
from regional_dispatch.baselines.transfers.rules import TRANSFER_RULES, transfer_rule
from regional_dispatch.baselines.transfers.threshold import by_region, hubs
from regional_dispatch.envs.kernel.ledger import COMPONENTS, USD
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.transfers import Moves
from regional_dispatch.envs.world.demand import sku_units_per_day
from regional_dispatch.envs.world.geography import great_circle_miles
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError
from regional_dispatch.evaluation.rollouts import evaluation_keys, rollout
from regional_dispatch.studies.framework.kinds import load_study
from regional_dispatch.studies.framework.lab import Lab
from regional_dispatch.studies.report.findings import Findings
from regional_dispatch.studies.transfers.moving import FLOW, STOCK, Moving
from regional_dispatch.studies.transfers.study import NATION, NONE, TransferStudy
from tests.commands import write_study
from tests.worlds import SCARCE, TWO_REGIONS, simulator, small, snapshot

SCORERS = baseline("least_cost").scorers
NOBODY_ORDERS = {"orders_per_day": 200, "surges": [{"start_hour": 0, "end_hour": 9999, "factor": 1e-9}]}
QUIET = {**TWO_REGIONS, "demand": NOBODY_ORDERS, "stock": {"review_hours": 24, "lead_time_hours": 5}}
THIN = {**TWO_REGIONS, "stock": {"breadth": (0.5, 0.25, 0.25)}, "horizon_hours": 240}


def moves(*rows: tuple[int, int, int, int]) -> Moves:
    """SKU, origin, destination, units."""
    return Moves(*np.array(rows, np.int64).reshape(-1, 4).T)


def stocked(sim: Simulator) -> tuple[int, int, int]:
    """A SKU, an FC that has some of it, and an FC of the other region."""
    region = sim.world.net.region_of_site
    sku, fc = np.argwhere(sim.state.stock[0] >= 4)[0].tolist()
    return sku, fc, next(f for f in range(sim.world.net.fcs) if region[f] != region[fc])


class Shuffle:
    """Moves random units of random shelves to anywhere, several times a day."""

    every_hours, hour = 7.0, 3.0

    def __call__(self, sim: Simulator, row: int) -> Moves:
        rng, stock = np.random.default_rng([sim.tick(row), int(sim.state.row["key"][row])]), sim.state.stock[row]
        sku, origin = np.nonzero((stock > 0) & (rng.random(stock.shape) < 0.2))
        fcs = stock.shape[1]
        dest = (origin + 1 + rng.integers(0, max(1, fcs - 1), len(sku))) % fcs
        units = rng.integers(1, stock[sku, origin] + 1)
        keep = dest != origin
        return Moves(sku[keep], origin[keep], dest[keep], units[keep])


# ---------------------------------------------------------------------------------------------------------- the world


def test_units_leave_at_once_travel_and_join_the_other_shelf() -> None:
    sim = simulator(small(**QUIET), 5)
    sku, origin, dest = stocked(sim)
    sites = sim.network.sites
    lat, lon = sites["latitude"].to_numpy(float), sites["longitude"].to_numpy(float)
    miles = 1.2 * great_circle_miles(lat[[origin]], lon[[origin]], lat[[dest]], lon[[dest]])[0, 0]
    hours = int(np.ceil(miles / 80))  # the small world's trucks
    before = sim.state.stock[0].astype(int)
    sim.move(0, moves((sku, origin, dest, 3)))
    assert sim.state.stock[0, sku, origin] == before[sku, origin] - 3
    assert sim.state.road[0, sku, dest] == 3 and sim.state.road[0].sum() == 3
    sim.run(SCORERS, hours)
    assert sim.state.stock[0, sku, dest] == before[sku, dest]
    sim.begin(0)
    assert sim.state.stock[0, sku, dest] == before[sku, dest] + 3
    assert not sim.state.road.any() and sim.state.row["shipments"][0] == 0


def test_whole_trucks_and_handling_are_paid_once_by_the_region_that_receives() -> None:
    scenario = small(**QUIET, warmup_hours=0, transfers={"units_per_truck": 4000, "handling_usd": 0.25})
    sim = simulator(scenario, 5)
    s, region = sim.state, sim.world.net.region_of_site
    sku, origin, dest = stocked(sim)
    s.stock[0, sku, origin] = 20
    sim.move(0, moves((sku, origin, dest, 4), (sku, origin, dest, 5)))  # a model truck holds 6 of a real one's 4,000
    truck = (2.26 * sim.transfer_lanes.miles[origin, dest] + 100) * 3 / 2000
    for book in (s.cash, s.accrual):
        assert book[0, region[dest], USD.transfer] == pytest.approx(2 * truck + 9 * 0.25)
        assert book.sum() == pytest.approx(book[0, region[dest], USD.transfer])
    sim.run(SCORERS)
    kpis = sim.kpis(0)
    assert kpis["transfer_units"] == pytest.approx(9 / 5) and kpis["transfer_trucks"] == pytest.approx(2 / 5)
    assert kpis["transfer_fill"] == pytest.approx(9 / 12)
    assert sum(sim.cash(0).values()) == pytest.approx(sum(sim.accrual(0).values())) == pytest.approx(2 * truck + 2.25)


def test_dollars_and_co2_of_transfers_are_in_the_totals() -> None:
    found = {}
    for rule in (None, Shuffle()):
        sim = Simulator(small(**THIN), transfers=rule)
        found[rule is None] = rollout(sim, SCORERS, [5])[0]
    with_them, without = found[False], found[True]
    parts = [f"{name}_per_order_usd" for name in COMPONENTS]
    assert with_them["cost_per_order_usd"] == pytest.approx(sum(with_them[part] for part in parts))
    assert with_them["transfer_per_order_usd"] > 0 == without["transfer_per_order_usd"]
    assert with_them["co2_kg_per_package"] > 1.5 * without["co2_kg_per_package"]


def test_what_is_on_the_road_is_not_ordered_again_and_too_much_orders_nothing() -> None:
    sim = simulator(small(**QUIET), 5)
    sim.run(SCORERS, 1)
    base = sim.world.base_stock
    sku, origin, _ = stocked(sim)
    dest = next(f for f in range(sim.world.net.fcs) if base[sku, f] > 0 and f != origin)
    assert sku % 24 != 1  # its review is not due now
    sim.state.stock[0, sku, dest] = 0
    sim.state.stock[0, sku, origin] += base[sku, dest] + 7
    sim.move(0, moves((sku, origin, dest, int(base[sku, dest]) - 1)))
    assert coming_cycle(sim, 0).supply[sku, dest] == base[sku, dest] - 1
    sim.run(SCORERS, 48)
    assert sim.state.pipeline[0].min() == 0  # the origin has more than base stock
    ordered = int(sim.state.row["units_arrived"][0]) + sim.state.pipeline[0].sum(dtype=int)
    assert ordered == 1 and sim.state.stock[0, sku, dest] + sim.state.road[0, sku, dest] == base[sku, dest]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((0, 0, 1, 0), "units = 0: must lie in 1…"),
        ((99, 0, 1, 1), "sku = 99: must lie in 0…39"),
        ((0, 0, 4, 1), "dest = 4: must lie in 0…3"),
        ((0, 1, 1, 1), "origin and dest are both FC 1"),
    ],
)
def test_moves_that_cannot_be_are_refused(row: tuple[int, int, int, int], message: str) -> None:
    sim = simulator(small(**QUIET), 5)
    before = snapshot(sim, 0)
    with pytest.raises(ValueError, match=message):
        sim.move(0, moves(row))
    assert snapshot(sim, 0) == before


def test_no_more_leaves_than_is_on_hand() -> None:
    sim = simulator(small(**QUIET), 5)
    sku, origin, dest = stocked(sim)
    there, before = int(sim.state.stock[0, sku, origin]), snapshot(sim, 0)
    with pytest.raises(ValueError, match=f"{there + 1} units are to leave, {there} are on hand; move fewer"):
        sim.move(0, moves((sku, origin, dest, there - 1), (sku, origin, dest, 2)))
    assert snapshot(sim, 0) == before


@st.composite
def worlds(draw: st.DrawFn) -> Scenario:
    """Small worlds with odd ticks, reviews and partitions."""
    return small(
        tick_hours=draw(st.sampled_from([0.5, 1, 3])),
        horizon_hours=72,
        warmup_hours=draw(st.sampled_from([0, 24])),
        start_hour=draw(st.integers(0, 167)),
        partition=draw(st.sampled_from([{"kind": "national"}, TWO_REGIONS["partition"]])),
        stock={
            "skus": draw(st.integers(1, 30)),
            "review_hours": draw(st.floats(0.5, 50)),
            "lead_time_hours": draw(st.floats(0, 50)),
            "safety_factor": draw(st.floats(-2, 2)),
        },
    )


@hypothesis_settings(max_examples=25)
@given(scenario=worlds(), key=st.integers(0, 1000))
def test_units_and_dollars_are_kept_whatever_moves(scenario: Scenario, key: int) -> None:
    sim = Simulator(scenario, transfers=Shuffle())
    sim.reset(0, key)
    s, base, moved = sim.state, sim.world.base_stock.sum(dtype=int), 0
    for until in range(1, scenario.horizon_ticks + 1):
        sim.run(SCORERS, until)
        s = sim.state
        record, road = s.row[0], s.shipment[0][: s.row["shipments"][0]]
        assert s.stock.min() >= 0 and s.pipeline.min() >= 0 and s.road.min() >= 0
        held = s.stock[0].sum(dtype=int) + s.road[0].sum(dtype=int)
        assert held == base + record["units_arrived"] - record["units_shipped"]
        assert road["units"].sum() == s.road[0].sum(dtype=int) and (road["tick"] >= until - 1).all()
        moved += len(road)
    assert moved > 0 or base == 0 or s.stock.sum() == 0
    for i, component in enumerate(COMPONENTS):
        assert s.cash[0, :, i].sum() == pytest.approx(s.accrual[0, :, i].sum(), abs=0.005), component
        if i != USD.late:
            np.testing.assert_allclose(s.cash[0, :, i], s.accrual[0, :, i], atol=0.005)


@pytest.mark.parametrize("rule", [Shuffle(), transfer_rule("threshold", {"min_fill": 0.1}), transfer_rule("lp")])
def test_rows_of_a_batch_do_not_meet(rule: Any) -> None:
    scenario, keys = small(**THIN), (3, 4, 5)
    batch = Simulator(scenario, 3, transfers=rule)
    for row, key in enumerate(keys):
        batch.reset(row, key, week_tick=5 * row)
    batch.run(SCORERS, 100)
    for row, key in enumerate(keys):
        alone = Simulator(scenario, transfers=rule)
        alone.reset(0, key, week_tick=5 * row)
        alone.run(SCORERS, 100)
        assert snapshot(alone, 0) == snapshot(batch, row) and snapshot(alone, 0)["shipment"] is not None
    assert batch.state.cash[:, :, USD.transfer].sum(axis=1).min() > 0


def test_a_snapshot_in_mid_transfer_goes_on_as_if_nothing_were() -> None:
    scenario = small(**THIN)
    one, other = (Simulator(scenario, transfers=Shuffle()) for _ in range(2))
    one.reset(0, 5)
    one.run(SCORERS, 40)
    assert one.state.road.any()
    other.restore({name: array.copy() for name, array in one.snapshot().items()})
    for sim in (one, other):
        sim.run(SCORERS)
    assert snapshot(one, 0) == snapshot(other, 0)
    one.reset(0, 5)
    assert not one.state.road.any() and one.state.row["shipments"][0] == 0


def test_step_by_step_and_in_one_go_are_the_same() -> None:
    whole, steps = (Simulator(small(**THIN), transfers=Shuffle()) for _ in range(2))
    whole.reset(0, 5)
    whole.run(SCORERS)
    steps.reset(0, 5)
    done = False
    while not done:
        steps.begin(0)
        steps.decide(0, SCORERS)
        done = steps.finish(0)
    assert snapshot(whole, 0) == snapshot(steps, 0)


# ---------------------------------------------------------------------------------------------------------- the rules


def lonely(**transfers: float) -> Simulator:
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
    sim = lonely(usd_per_mile=0, dock_usd=0, handling_usd=handling)
    days = 4.0
    usd = [expected_usd(sim, days, move) for move in range(int(sim.state.stock[0].max()) + 1)]
    lp = int(transfer_rule("lp", {"days": days, "scale": 1})(sim, 0).units.sum())
    threshold = int(transfer_rule("threshold", {"min_fill": 0})(sim, 0).units.sum())
    assert usd[lp] == pytest.approx(min(usd), abs=1e-6)
    assert usd[lp] <= min(usd[0], usd[threshold]) + 1e-6


def test_the_lp_moves_less_the_dearer_it_is_and_nothing_in_the_end() -> None:
    sent = [int(transfer_rule("lp")(lonely(dock_usd=usd, usd_per_mile=0), 0).units.sum()) for usd in (0, 1000, 100_000)]
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


def test_a_rule_that_is_none_is_refused() -> None:
    with pytest.raises(BaselineError, match="transfers 'magic': no such rule; there are: threshold, lp"):
        transfer_rule("magic")
    with pytest.raises(BaselineError, match="transfers 'lp' has no parameter 'low_days'; it has: every_days"):
        transfer_rule("lp", {"low_days": 1})
    with pytest.raises(BaselineError, match=r"transfers 'threshold': min_fill = 2: must lie in 0…1"):
        transfer_rule("threshold", {"min_fill": 2})


# ---------------------------------------------------------------------------------------------------------- the study


def test_a_player_notes_what_it_moves_and_changes_nothing_else() -> None:
    policy, scenario = baseline("least_cost"), small(**THIN)
    noted = Moving(policy, "threshold", {"min_fill": 0.1}).rollout(scenario, [5])[0]
    plain = rollout(Simulator(scenario, transfers=transfer_rule("threshold", {"min_fill": 0.1})), policy.scorers, [5])[
        0
    ]
    assert {name: noted[name] for name in plain} == plain
    assert np.sum(noted[FLOW]) == pytest.approx(plain["transfer_units"]) and not np.diag(noted[FLOW]).any()
    assert Moving(policy).rollout(scenario, [5])[0][STOCK] > 0
    digests = {Moving(policy, *about).digest for about in ((), ("lp",), ("lp", {"days": 3}), ("threshold",))}
    assert len(digests) == 4


def write(folder: Path, **changes: Any) -> Path:
    data = {
        "question": "Does it pay?", "episodes": 2, "policies": ["least_cost", "regional_nearest"],
        "regions": {"kind": "balanced", "regions": 2}, "warmup_days": 1, "days": 3, "linehaul": [0.25, 1, 200],
        "worlds": [
            {"name": "thin", "set": {"stock.breadth": [0.5, 0.5, 0.25]}, "rules": {"threshold": {"min_fill": 0.1}}},
            {"name": "everything everywhere", "set": {"stock.breadth": [1, 1, 1]}},
        ],
    }  # fmt: skip
    return write_study(folder, "transfers", data, changes)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[TransferStudy, Findings]:
    folder = tmp_path_factory.mktemp("transfers")
    study = load_study(write(folder))
    assert isinstance(study, TransferStudy)
    return study, study.answer(Lab(folder / "out", study.episodes, study.seed))


def test_the_study_books_what_it_says_and_pays_where_shelves_are_thin(found: tuple[TransferStudy, Findings]) -> None:
    study, findings = found
    data = {part.name: part.data for part in findings.parts}
    costs, parts = data["costs"], data["parts"]
    assert costs is not None and parts is not None
    assert {"map_national", "map_regional", "flows_map", "distributions"} < set(data)
    assert len(costs) == 2 * 2 * (2 + len(TRANSFER_RULES))
    own = costs.set_index(["world", "policy", "transfers"])
    for rule in TRANSFER_RULES:
        changes = parts[(parts["world"] == "thin") & (parts["transfers"] == rule)]["mean"]
        assert changes.sum() == pytest.approx(own.loc["thin", "least_cost", rule]["change_mean"])
    for policy in study.policies:
        for rule in TRANSFER_RULES:
            thin, full = (own.loc[world, policy, rule] for world in ("thin", "everything everywhere"))
            assert thin["change_mean"] < min(0, full["change_mean"]) and thin["units_mean"] > full["units_mean"] >= 0
            assert thin["worth"] > 0
        assert own.loc["thin", policy, NONE]["change_mean"] == 0 != own.loc["thin", policy, NATION]["change_mean"]


def test_linehaul_may_cost_too_much_and_the_flows_add_up(found: tuple[TransferStudy, Findings]) -> None:
    data = {part.name: part.data for part in found[1].parts}
    sweep, flows, costs = data["linehaul"], data["flows"], data["costs"]
    assert sweep is not None and flows is not None and costs is not None
    lp = sweep[sweep["series"] == "lp"].pivot(index="linehaul", columns="panel", values="mean")
    saved, moved = -lp["Cost per order, less none, USD"], lp["Units moved a day"]
    assert saved[200] == moved[200] == 0 < saved[1] and moved[1] > 0
    assert flows["net"].sum() == pytest.approx(0) and flows["sent"].sum() == pytest.approx(flows["received"].sum())
    thin = costs[(costs["world"] == "thin") & (costs["policy"] == "least_cost")].set_index("transfers")
    best = thin.loc[list(TRANSFER_RULES), "cost_mean"].idxmin()
    assert flows["sent"].sum() == pytest.approx(thin.loc[best, "units_mean"])
    assert best in found[1].answer


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"worlds": []}, "worlds"),
        ({"worlds": [{"name": "a"}, {"name": "a"}]}, "names of their own"),
        ({"worlds": [{"name": "a", "rules": {"magic": {}}}]}, "rules.*no such rule"),
        ({"worlds": [{"name": "a", "rules": {"lp": {"days": 99}}}]}, "days = 99"),
        ({"linehaul": [2, 1]}, "linehaul.*ascending"),
    ],
)
def test_a_study_that_is_none_is_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=message):
        load_study(write(tmp_path, **changes))
