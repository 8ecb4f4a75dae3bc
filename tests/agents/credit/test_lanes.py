"""Returns of dispatch decisions: lanes are charged what they caused."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest

from regional_dispatch.agents.credit.charges import Charges
from regional_dispatch.envs.kernel.ledger import USD
from regional_dispatch.envs.simulator import Simulator
from tests.decision_runner import SHORT, Runner
from tests.worlds import TWO_REGIONS, Reader, lane_price, small


def slow_advantages(
    chain: list[tuple[int, float, float, float]], gamma: float, gae_lambda: float
) -> dict[float, tuple[float, float]]:
    """Serial → advantage and return, term by term from the definition, for a chain of (tick, cost, value, serial)."""
    found = {}
    for i in range(len(chain) - 1):
        advantage = 0.0
        for n in range(i, len(chain) - 1):
            (tick, _, value, _), (after, cost, value_after, _) = chain[n], chain[n + 1]
            delta = -cost + gamma ** (after - tick) * value_after - value
            advantage += (gamma * gae_lambda) ** (tick - chain[i][0]) * delta
        found[chain[i][3]] = (advantage, advantage + chain[i][2])
    return found


@pytest.mark.parametrize("load_credit", [0.0, 1.0])
def test_advantages_are_those_of_a_plain_sum_over_gaps(load_credit: float) -> None:
    runner = Runner(small(**{**TWO_REGIONS, **SHORT}), copies=2, charges=Charges(load_credit=load_credit))
    runner.run(40)
    taken, advantage, returns = runner.lanes.take(0.97, 0.9)
    wanted: dict[float, tuple[float, float]] = {}
    for chain in runner.lane_notes.values():
        wanted.update(slow_advantages(chain, 0.97, 0.9))
    gaps = {b[0] - a[0] for chain in runner.lane_notes.values() for a, b in pairwise(chain)}
    assert {1, 2} < gaps
    assert advantage.dtype == returns.dtype == np.float32
    assert set(taken.log_prob.tolist()) == set(wanted)
    np.testing.assert_allclose(advantage, [wanted[s][0] for s in taken.log_prob.tolist()], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(returns, [wanted[s][1] for s in taken.log_prob.tolist()], rtol=1e-4, atol=1e-4)


def test_the_last_of_a_chain_waits_for_the_next_take() -> None:
    """So no end of a rollout is taken for the end of the world: each decision but the last comes back, once."""
    runner, taken = Runner(small(**{**TWO_REGIONS, **SHORT}), copies=2), []
    for ticks in (1, 9, 1, 20, 15):
        runner.run(ticks)
        taken += runner.lanes.take(1.0, 0.0)[0].log_prob.tolist()
        last = {chain[-1][3] for chain in runner.lane_notes.values()}
        assert len(taken) == len(set(taken))
        assert set(taken) | last == set(np.arange(runner.lane_serial, dtype=float))
        assert not set(taken) & last


def test_with_lambda_zero_a_return_is_one_cost_and_the_next_value() -> None:
    runner = Runner(small(**{**TWO_REGIONS, **SHORT}))
    returns = {}
    for _ in range(6):
        runner.run(8)
        taken, _, value = runner.lanes.take(0.9, 0.0)
        returns.update(zip(taken.log_prob.tolist(), value.tolist(), strict=True))
    for chain in runner.lane_notes.values():
        for (tick, _, _, serial), (after, cost, value_after, _) in pairwise(chain):
            assert returns[serial] == pytest.approx(-cost + 0.9 ** (after - tick) * value_after, rel=1e-4, abs=1e-4)


def test_the_end_of_an_episode_cuts_the_chains() -> None:
    """The last decision of an ended episode never comes back, and no chain reaches into the next episode."""
    runner = Runner(small(**{**TWO_REGIONS, **SHORT}), copies=2)
    horizon = runner.sim.world.rules.horizon_tick
    runner.run(horizon // 2)
    first = runner.lanes.take(0.97, 0.9)
    runner.run(horizon)
    second = runner.lanes.take(0.97, 0.9)
    assert {episode for _, episode, _ in runner.lane_notes} == {0, 1}
    taken = [*first[0].log_prob.tolist(), *second[0].log_prob.tolist()]
    last = {chain[-1][3] for chain in runner.lane_notes.values()}
    assert set(taken) == set(np.arange(runner.lane_serial, dtype=float)) - last
    kept = {serial for part in runner.lanes._kept for serial in part.log_prob.tolist()}
    assert kept == {chain[-1][3] for (_, episode, _), chain in runner.lane_notes.items() if episode == 1}


def test_lanes_are_charged_every_dollar_of_their_trucks() -> None:
    """Without lateness, charges taken by the recorder and those that wait for it add up to the cost of trucks."""
    free_of_lateness = {"late_usd": 0, "late_usd_per_hour": 0}
    runner = Runner(small(**{**TWO_REGIONS, **SHORT, "costs": free_of_lateness, "trucks": {"fleet_headroom": 0.02}}))
    runner.run(50)
    not_taken = runner.sim.state.lane["cost"].sum()
    trucks = runner.sim.state.accrual[..., [USD.truck, USD.spot]].sum()
    assert runner.sim.state.accrual[..., USD.spot].sum() > 0
    assert runner.lane_cost + not_taken == pytest.approx(trucks)


def test_a_lane_that_holds_is_charged_the_lateness_it_makes() -> None:
    """Trucks of a hundred never fill; with free trucks, held lanes are charged lateness and nothing else."""
    world = small(**{**TWO_REGIONS, **SHORT, "trucks": {"capacity_packages": 100, "usd_per_mile": 0, "dock_usd": 0}})
    held, sent = Runner(world), Runner(world)
    held.run(60, go=0.0)
    sent.run(60, go=1.0)
    assert sent.lane_cost == pytest.approx(0, abs=1e-9)
    assert held.lane_cost > 100


def test_full_credit_leaves_a_lane_the_air_it_sends() -> None:
    """Load credit 1 gives back a full truck's cost per package: full trucks are free, others pay for empty room."""
    costs = {"late_usd": 0, "late_usd_per_hour": 0}
    world = small(**{**TWO_REGIONS, **SHORT, "costs": costs, "trucks": {"spot_allowed": False}})
    full, partly = (Runner(world, charges=Charges(load_credit=1.0)) for _ in range(2))
    full.run(60, go=0.0)
    partly.run(60, go=1.0)
    assert full.sim.state.accrual[..., USD.truck].sum() > 100
    assert full.lane_cost == pytest.approx(0, abs=1e-6)
    assert partly.lane_cost > 100


@pytest.mark.parametrize("share", [0.0, 0.6])
def test_a_lane_that_hands_packages_on_is_charged_the_price_of_their_next_lane(share: float) -> None:
    """A price of one full truck's share per package, whatever the state of the next lane."""
    world = small(**{**TWO_REGIONS, **SHORT})
    plain, charged = (
        Runner(world, charges=Charges(handover_charge=charge), price=lane_price(full_load=1.0))
        for charge in (0.0, share)
    )
    handed: dict[int, float] = defaultdict(float)
    for _ in range(60):
        plain.run(1)
        charged.source(charged.at_random)
        charged.dispatch(0.3)
        follow_handovers(charged.sim, handed)
    assert len(handed) > 5
    not_taken = charged.sim.state.lane["handover_usd"][0]
    for lane in range(len(not_taken)):
        paid = [sum(cost for _, cost, _, _ in runner.lane_notes[0, 0, lane]) for runner in (plain, charged)]
        assert paid[1] - paid[0] == pytest.approx(share * (handed[lane] - not_taken[lane]), rel=1e-4, abs=1e-4)


def follow_handovers(sim: Simulator, handed: dict[int, float]) -> None:
    """Plays copy 0 on to its next decisions; adds, per lane, full trucks' shares on the next lanes of what it sent."""
    before = on_the_road(sim)
    assert not sim.finish(0)
    after = on_the_road(sim)
    sim.begin(0)  # full loads leave here
    net, packages = sim.world.net, sim.state.package[0]
    for p, leg in (after - before) | (on_the_road(sim) - after):
        lanes = net.routes[packages["route"][p]]["lanes"]
        if leg + 1 < net.routes[packages["route"][p]]["legs"]:
            share = float(net.lanes["cost"][lanes[leg + 1]]) / sim.world.rules.truck_packages
            handed[int(lanes[leg])] += share


def on_the_road(sim: Simulator) -> set[tuple[int, int]]:
    """Packages on trucks, each with the leg of its route."""
    loads = [load for trucks in Reader(sim, 0).trucks().values() for load in trucks]
    return {(p, int(sim.state.package["leg"][0, p])) for load in loads for p in load}
