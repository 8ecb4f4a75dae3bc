"""Recorders of several networks: costs count in proportion to what each network's trucks and routes cost."""

from __future__ import annotations

import numpy as np
import pytest

from regional_dispatch.agents.credit.batch import LaneRecorders, LineRecorders
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from tests.worlds import TWO_REGIONS, small

FACTOR = 100.0
CHEAP = small(**TWO_REGIONS, horizon_hours=24, warmup_hours=0)


def expensive() -> Simulator:
    """The same network with every dollar times the factor."""
    costs = CHEAP.costs.model_copy(update={name: usd * FACTOR for name, usd in CHEAP.costs.model_dump().items()})
    per_truck = {name: getattr(CHEAP.trucks, name) * FACTOR for name in ("usd_per_mile", "dock_usd")}
    return Simulator(CHEAP.model_copy(update={"costs": costs, "trucks": CHEAP.trucks.model_copy(update=per_truck)}))


def mean_costs(sims: list[Simulator]) -> tuple[np.ndarray, list[float]]:
    """Returns of all lines, and what the lanes of each network paid, in its unit, where every second tick all go."""
    lines, lanes = LineRecorders(sims), LaneRecorders(sims)
    for sim in sims:
        sim.reset(0, episode_key("train", 0, 0))
        sim.begin(0)
    for tick in range(24):
        x, mask, _ = lines.pack()
        lines.unpack(mask.argmax(axis=1), np.zeros(len(x), np.float32))
        x, _ = lanes.pack()
        n = len(x)
        lanes.unpack(np.full(n, tick % 2, np.int64), np.zeros(n, np.float32), np.zeros(n, np.float32))
        for i, sim in enumerate(sims):
            if sim.finish(0):
                lines.each[i].close_finished(0)
            else:
                sim.begin(0)
    paid = [float(recorder.take(0.98, 0.9)[0].cost.mean()) for recorder in lanes.each]
    reward = lines.take().reward
    return reward, paid


def test_an_expensive_network_weighs_as_much_as_a_cheap_one() -> None:
    reward, paid = mean_costs([Simulator(CHEAP), expensive()])
    assert paid[1] == pytest.approx(paid[0], rel=0.02)
    half = len(reward) // 2
    assert reward[half:].mean() == pytest.approx(reward[:half].mean(), rel=0.02)


def test_a_network_alone_keeps_its_dollars() -> None:
    cheap, other = (mean_costs([sim])[1][0] for sim in (Simulator(CHEAP), expensive()))
    assert other == pytest.approx(FACTOR * cheap, rel=0.02)
