"""KPIs of the last 24 hours, and the clock."""

from __future__ import annotations

import pytest

from regional_dispatch.envs.kernel.metrics import compute_kpis, difference
from regional_dispatch.envs.render.kpi_window import KpiWindow, clock
from regional_dispatch.envs.simulator import Simulator
from tests.envs.render.running import RULE, running
from tests.worlds import TWO_REGIONS, simulator, small


def test_kpis_of_the_last_day_are_those_of_the_difference() -> None:
    sim, window = simulator(small(**TWO_REGIONS), 5), KpiWindow()
    assert window.read(sim, 0) == ("Warming up\nuntil hour 30", {})
    sim.run(RULE, 60)
    before = sim.totals(0)
    assert window.read(sim, 0) == ("Since warm-up,\n30 hours", compute_kpis(before))
    sim.run(RULE, 84)
    period, kpis = window.read(sim, 0)
    now = sim.totals(0)
    assert period == "Last 24 hours"
    assert kpis == compute_kpis(difference(now, before)) != compute_kpis(now)
    assert difference(now, before).days == pytest.approx(1.0)
    sim.run(RULE, 100)
    assert window.read(sim, 0)[0] == "Since warm-up,\n70 hours"


def test_a_new_episode_forgets_the_old_one() -> None:
    sim, window = running(60), KpiWindow()
    window.read(sim, 0)
    sim.reset(0, 6)
    sim.run(RULE, 84)
    assert window.read(sim, 0)[0] == "Since warm-up,\n54 hours"


def test_clock_counts_from_the_start_of_the_week() -> None:
    sim = Simulator(small(tick_hours=0.5, horizon_hours=72))
    sim.reset(0, 5, week_tick=2 * (24 + 14))
    assert clock(sim, 0) == "Tue 14:00"
    sim.state.row["tick"][0] = 2 * 6 * 24 + 1
    assert clock(sim, 0) == "Mon 14:30" and clock(sim, 0, back=0.5) == "Mon 14:15"
