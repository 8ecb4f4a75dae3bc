"""Returns of sourcing decisions: lines are charged what their order cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regional_dispatch.agents.credit.charges import Charges
from regional_dispatch.agents.credit.lines import Lines
from regional_dispatch.envs.kernel.decisions.features import SHADOW_PRICE_USD, SOURCE_FEATURES
from regional_dispatch.envs.kernel.metrics import N
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.network import build_network
from tests.conftest import trace_scenario
from tests.decision_runner import AMPLE, PRICE, SHORT, SLOW, SURCHARGE, Runner, cash, run_to_settlement
from tests.worlds import FEW_SLOTS, SCARCE, TIGHT, TWO_REGIONS, lane_price, small


@pytest.mark.parametrize("lines", [(1.0,), (0.3, 0.3, 0.4)], ids=["single lines", "up to three lines"])
@pytest.mark.parametrize("go", [0.0, 0.3, 1.0])
def test_the_orders_costs_add_up_to_the_cash(lines: tuple[float, ...], go: float) -> None:
    """Each order counted once, lines of one order charged alike."""
    runner = Runner(small(**{**AMPLE, "demand": {"lines_per_order": lines, "orders_per_day": 150}}))
    taken = run_to_settlement(runner, go=go)
    paid = cash(runner.sim)
    assert paid["lost"] == 0
    assert len(taken.reward) == len(runner.records) > 300
    assert sum(runner.dollars(taken).values()) == pytest.approx(sum(paid.values()), rel=1e-4)


def test_an_order_is_charged_what_it_costs_alone(tmp_path: Path) -> None:
    """Orders too far apart to share a truck: each one's dollars are those of a world that has no other."""
    orders = [
        ["0.5,a,{0},1,1,30"],
        ["30.5,b,{3},2,1,2", "30.5,b,{3},7,2,2", "30.5,b,{3},9,1,2"],  # surely late
        ["60.5,c,{5},4,1,60", "60.5,c,{5},4,1,60"],
        ["110.5,d,{2},8,1,60"],  # settled at the horizon
    ]

    stock = tmp_path / "stock.csv"  # the same in every world
    fcs = build_network(small()).sites["name"].tolist()[: build_network(small()).net.fcs]
    stock.write_text("sku,site,units\n" + "".join(f"{sku},{fc},5\n" for sku in (1, 2, 4, 7, 8, 9) for fc in fcs))

    def charged(rows: list[str]) -> tuple[list[float], float]:
        scenario = trace_scenario(tmp_path / "orders.csv", rows)
        demand = scenario.demand.model_dump(exclude_unset=True)
        runner = Runner(small(demand=demand, stock={"placement": str(stock)}))
        taken = run_to_settlement(runner, choose=lambda x, mask: mask.sum(axis=1) - 1, go=1.0)
        return list(runner.dollars(taken).values()), sum(cash(runner.sim).values())

    together, total = charged([row for rows in orders for row in rows])
    alone = [charged(rows)[1] for rows in orders]
    assert min(alone) > 1
    assert sorted(together) == pytest.approx(sorted(alone), rel=1e-5)
    assert total == pytest.approx(sum(alone))


def test_a_line_pays_the_price_of_the_units_it_took() -> None:
    runner = Runner(small(**{**AMPLE, "demand": {"units_per_line": (0, 0, 1), "lines_per_order": (1.0,)}}))
    taken = run_to_settlement(runner)
    seen = taken.x[np.arange(len(taken.action)), taken.action, PRICE] * SHADOW_PRICE_USD
    np.testing.assert_allclose(seen, [runner.records[int(serial)].price for serial in taken.log_prob], rtol=1e-6)
    assert seen.max() > 0.1


def test_a_line_pays_for_the_hours_of_work_queued_on_its_way() -> None:
    """At the FC of the candidate it chose, and at every sort center on its way."""
    plain, charged = (Runner(small(**SLOW), charges=Charges(congestion_usd_per_hour=usd)) for usd in (0.0, 0.5))
    hours: list[float] = []

    def choose(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
        action = charged.at_random(x, mask)
        hours.extend(hours_queued(charged.sim, p) for p in chosen_routes(charged.sim, action))
        return action

    plain.run(71)
    charged.run(71, choose=choose)
    rewards = [rewards_by_serial(runner.lines.take()) for runner in (plain, charged)]
    assert rewards[0].keys() == rewards[1].keys()
    for serial, reward in rewards[1].items():
        assert rewards[0][serial] - reward == pytest.approx(0.5 * hours[serial], rel=1e-3, abs=1e-3)
    assert max(hours) > 5


def test_the_price_of_lanes_charges_the_same_hours() -> None:
    """What a policy plans with after training is what its lines paid while it learned. At later sort centers too."""
    price = Charges(congestion_usd_per_hour=0.1).with_congestion(lane_price())
    runner, legs = Runner(small(**SLOW), price=price), set()

    def choose(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
        action = runner.at_random(x, mask)
        for i, p in enumerate(chosen_routes(runner.sim, action)):
            legs.add(int(runner.sim.world.net.routes["legs"][p]))
            planned = 5 * x[i, action[i], SURCHARGE]
            assert planned == pytest.approx(0.1 * hours_queued(runner.sim, p), rel=1e-3, abs=1e-3)
        return action

    runner.run(71, choose=choose)
    assert legs == {1, 2, 3}


def chosen_routes(sim: Simulator, action: np.ndarray) -> list[int]:
    """Routes of the candidates chosen for the lines of copy 0, in the order they are packed."""
    routes = [
        candidates
        for r in range(sim.regions)
        for candidates in sim.state.candidate[0, r, : sim.state.slots[0, r]]
        if candidates[0] >= 0
    ]
    return [int(candidates[k]) for candidates, k in zip(routes, action, strict=True)]


def hours_queued(sim: Simulator, p: int) -> float:
    """Of work at a route's FC and at its sort centers; 60 a site at most."""
    net, queue, route = sim.world.net, sim.state.queue[0], sim.world.net.routes[p]
    centers = [net.lanes["origin"][lane] for lane in route["lanes"][1 : route["legs"]]]
    work = [(route["fc"], queue["lines"]), *((center, queue["packages"]) for center in centers)]
    return sum(min(60.0, float(queued[site] / net.site_capacity[site])) for site, queued in work)


def rewards_by_serial(taken: Lines) -> dict[int, float]:
    return dict(zip(taken.log_prob.astype(int).tolist(), taken.reward.tolist(), strict=True))


def test_a_line_pays_the_share_of_the_units_price_that_is_asked_for() -> None:
    whole, half = (Runner(small(**AMPLE), charges=Charges(unit_charge=share)) for share in (1.0, 0.5))
    for runner in (whole, half):
        runner.run(71)
    rewards = [rewards_by_serial(runner.lines.take()) for runner in (whole, half)]
    assert len(rewards[0]) > 100
    for serial, reward in rewards[1].items():
        price = whole.records[serial].price
        assert reward - rewards[0][serial] == pytest.approx(price / 2, rel=1e-3, abs=1e-3)


def copied(lines: Lines) -> Lines:
    return Lines(*(array.copy() for array in lines))


@pytest.mark.parametrize("changes", [SCARCE, FEW_SLOTS, TIGHT], ids=["scarce stock", "lines wait", "few trucks"])
def test_no_decision_is_lost(changes: dict[str, Any]) -> None:
    """Each is closed once, or void since another FC served the line than was chosen, or the line was lost."""
    runner = Runner(small(**{**changes, **SHORT}))
    horizon, taken = runner.sim.world.rules.horizon_tick, []
    for ticks in (1, 2, 10, 30, horizon - 44):
        runner.run(ticks)
        taken.append(copied(runner.lines.take()))
        closed = sum(len(part.reward) for part in taken)
        assert closed + runner.lines._open.sum() <= len(runner.records)
    runner.source(runner.at_random)
    runner.dispatch(0.3)
    assert runner.sim.finish(0)
    taken.append(copied(runner.lines.take()))
    serials = np.concatenate([part.log_prob for part in taken])
    assert len(np.unique(serials)) == len(serials)
    assert not runner.lines._open.any()
    count = runner.sim.state.count[0].sum(axis=0)
    assert count[N.lines] == len(serials) + count[N.lines_replanned] + count[N.lines_lost]
    if changes is SCARCE:
        assert count[N.lines_replanned] > 0
        assert count[N.lines_lost] > 0


def test_the_notes_of_a_decision_come_back_as_they_were() -> None:
    runner = Runner(small(**{**TWO_REGIONS, **SHORT}), copies=2)
    seen: list[tuple[np.ndarray, np.ndarray, int]] = []

    def choose(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
        action = runner.at_random(x, mask)
        seen.extend((x[i].copy(), mask[i].copy(), int(action[i])) for i in range(len(x)))
        return action

    runner.run(60, choose=choose)
    taken = runner.lines.take()
    assert len(taken.reward) > 100
    assert set(taken.region.tolist()) == {0, 1}
    for i, serial in enumerate(taken.log_prob):
        x, mask, action = seen[int(serial)]
        np.testing.assert_array_equal(taken.x[i], x)
        np.testing.assert_array_equal(taken.mask[i], mask)
        assert taken.action[i] == action
        assert mask[action]


def test_a_recorder_with_little_room_grows_and_finds_the_same() -> None:
    taken = []
    for room in (1, 4096):
        runner = Runner(small(**{**TWO_REGIONS, **SHORT}), copies=2, room=room)
        runner.run(100)
        lines = runner.lines.take()
        order = np.argsort(lines.log_prob)
        taken.append((lines.log_prob[order], lines.reward[order]))
    for small_room, large_room in zip(*taken, strict=True):
        np.testing.assert_array_equal(small_room, large_room)


def test_a_decision_is_open_until_its_whole_order_has_arrived(tmp_path: Path) -> None:
    """One order, two packages over routes of different length: both lines close at once."""
    runner = Runner(trace_scenario(tmp_path / "orders.csv", ["0.5,a,{0},1,1,30", "0.5,a,{0},2,1,30"]))

    def choose(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
        transit = np.where(mask, x[:, :, SOURCE_FEATURES.index("transit")], np.nan)
        return np.array([np.nanargmin(transit[i]) if i == 0 else np.nanargmax(transit[i]) for i in range(len(x))])

    waits = []
    for _ in range(100):
        runner.run(1, choose=choose, go=1.0)
        closed = len(runner.lines.take().reward)
        assert closed in (0, 2)
        waits.append((closed, runner.sim.packages_under_way(0)))
    assert sum(closed for closed, _ in waits) == 2
    arrived = [under_way for closed, under_way in waits if closed]
    assert arrived == [0]
    assert 1 in [under_way for _, under_way in waits]  # the first package arrived earlier and closed nothing
