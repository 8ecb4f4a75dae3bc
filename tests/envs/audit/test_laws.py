"""The audit: right worlds pass, and every law that is broken on purpose is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regional_dispatch.envs.audit.auditor import AUDIT_VARIABLE, AuditError, audit_folder
from regional_dispatch.envs.kernel.decisions.scorers import DEFAULT_BACKGROUND
from regional_dispatch.envs.kernel.ledger import USD
from regional_dispatch.envs.kernel.metrics import N
from regional_dispatch.envs.kernel.state import State
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.demand import episode_key
from tests.worlds import TWO_REGIONS, WAITING, WORLDS, random_tick, small


def audited(folder: Path, reevaluate: bool = False, **changes: Any) -> Simulator:
    sim = Simulator(small(**{"horizon_hours": 96, "warmup_hours": 20, **changes}), reevaluate=reevaluate, audit=folder)
    sim.reset(0, episode_key("train", 3, 1))
    return sim


@pytest.mark.parametrize("name", WORLDS)
def test_every_law_holds_in_every_tick_of_every_world(name: str, tmp_path: Path) -> None:
    merges = list(WORLDS).index(name) % 2 == 1
    sim, rng = audited(tmp_path, merges, **WORLDS[name]), np.random.default_rng(1)
    while not random_tick(sim, 0, rng):
        pass
    sim.reset(0, 7)
    sim.run(DEFAULT_BACKGROUND)
    assert sim.auditor is not None and sim.auditor.ticks == 2 * sim.world.rules.horizon_tick
    assert not list(tmp_path.iterdir())


def test_an_audited_episode_is_the_same_as_any_other(tmp_path: Path) -> None:
    sim, other = audited(tmp_path, **WAITING), Simulator(audited(tmp_path, **WAITING).scenario)
    other.reset(0, episode_key("train", 3, 1))
    for one in (sim, other):
        one.run(DEFAULT_BACKGROUND)
    np.testing.assert_array_equal(sim.state.cash, other.state.cash)
    np.testing.assert_array_equal(sim.state.count, other.state.count)
    assert other.auditor is None


def twice_on_a_shelf(s: State) -> None:
    s.stock[0, 0, 0] += 1


def below_zero(s: State) -> None:
    sku, fc = np.unravel_index(s.stock[0].argmin(), s.stock[0].shape)
    s.stock[0, sku, fc] = -1


def lose_a_truck(s: State) -> None:
    s.trucks_home[0, np.argmax(s.trucks_home[0])] -= 1


def book_twice(s: State) -> None:
    s.cash[0, 0, USD.truck] += 2.26
    s.accrual[0, 0, USD.truck] += 2.26


def book_once(s: State) -> None:
    s.accrual[0, 0, USD.pick] += 2.5


def book_nothing_at_all(s: State) -> None:
    s.cash[0, 0, USD.late] = np.nan


def take_back(s: State) -> None:
    s.count[0, 0, N.truck_miles] -= 10**6


def lose_a_package(s: State) -> None:
    lane = int(np.argmax(s.lane["count"][0]))
    s.lane["head"][0, lane] = s.package["next"][0, s.lane["head"][0, lane]]


def run_in_a_circle(s: State) -> None:
    lane = int(np.argmax(s.lane["count"][0]))
    s.package["next"][0, s.lane["tail"][0, lane]] = s.lane["head"][0, lane]


def point_at_no_package(s: State) -> None:
    site = int(np.argmax(s.queue["packages"][0]))
    s.package["next"][0, s.queue["tail"][0, site]] = 10**6


def lead_elsewhere(s: State) -> None:
    lane = int(np.argmax(s.lane["count"][0]))
    s.package["route"][0, s.lane["tail"][0, lane]] += 1


def forget_an_order(s: State) -> None:
    s.count[0, 0, N.orders_sourced] -= 1


def forget_a_line(s: State) -> None:
    s.row["lines"][0] -= 1


def forget_urgency(s: State) -> None:
    s.lane["late"][0, np.argmax(s.lane["count"][0])] += 1


def turn_the_clock_back(s: State) -> None:
    s.row["tick"][0] -= 1


# What is altered after a tick's decisions are made → the law that must notice.
BROKEN: dict[Callable[[State], None], str] = {
    twice_on_a_shelf: "units", below_zero: "units", lose_a_truck: "trucks", book_twice: "dollars_of_the_tick",
    book_once: "books", book_nothing_at_all: "finite", take_back: "monotone", forget_an_order: "orders",
    forget_a_line: "lines_of_the_tick", forget_urgency: "urgency",
}  # fmt: skip
# What would make the kernel itself read beyond its arrays, and so is altered after the tick.
BROKEN_LISTS: dict[Callable[[State], None], str] = {
    lose_a_package: "packages", run_in_a_circle: "lists", point_at_no_package: "lists", lead_elsewhere: "places",
    turn_the_clock_back: "monotone",
}  # fmt: skip


@pytest.mark.parametrize("alter", BROKEN)
def test_a_law_broken_within_a_tick_is_named_after_it(alter: Callable[[State], None], tmp_path: Path) -> None:
    sim = audited(tmp_path, warmup_hours=0, **WAITING)
    sim.run(DEFAULT_BACKGROUND, until=60)
    sim.begin(0)
    sim.decide(0, DEFAULT_BACKGROUND)
    alter(sim.state)
    with pytest.raises(AuditError, match=rf"{BROKEN[alter]}: .*tick 60.*replay .*npz") as caught:
        sim.finish(0)
    assert caught.value.law in str(caught.value)
    assert len(list(tmp_path.glob("violation-*.npz"))) == 1


@pytest.mark.parametrize("alter", BROKEN_LISTS)
def test_a_broken_list_is_named(alter: Callable[[State], None], tmp_path: Path) -> None:
    sim = audited(tmp_path, **WAITING)
    sim.run(DEFAULT_BACKGROUND, until=60)
    sim.begin(0)
    sim.decide(0, DEFAULT_BACKGROUND)
    finish = sim.auditor.after  # type: ignore[union-attr]

    def altered(row: int) -> None:
        alter(sim.state)
        finish(row)

    sim.auditor.after = altered  # type: ignore[union-attr,method-assign]
    with pytest.raises(AuditError, match=rf"{BROKEN_LISTS[alter]}: "):
        sim.finish(0)


def test_a_unit_that_is_lost_between_ticks_is_noticed_as_the_next_one_begins(tmp_path: Path) -> None:
    sim = audited(tmp_path)
    sim.run(DEFAULT_BACKGROUND, until=30)
    sim.state.stock[0, 3, np.argmax(sim.state.stock[0, 3])] -= 1
    with pytest.raises(AuditError, match="between ticks: SKU 3 has"):
        sim.begin(0)


def test_an_audit_is_asked_for_by_argument_or_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert audit_folder(None) is None and audit_folder(False) is None
    assert audit_folder(tmp_path) == tmp_path and audit_folder(True) == Path("runs/audit")
    monkeypatch.setenv(AUDIT_VARIABLE, str(tmp_path))
    assert audit_folder(None) == tmp_path and audit_folder(False) is None
    assert Simulator(small(**TWO_REGIONS)).auditor is not None
