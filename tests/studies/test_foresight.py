"""A policy that looks ahead on drawn futures, and what it gains from being told the orders."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regional_dispatch.baselines import baseline
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError, load_scenario
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.rollouts import evaluate_policies, evaluation_keys
from regional_dispatch.studies.foresight.lookahead import KINDS, Lookahead, Play
from regional_dispatch.studies.framework.kinds import load_study
from regional_dispatch.studies.framework.lab import Lab
from tests.commands import write_study

COST = "cost_per_order_usd"
HOURS = {"horizon_hours": 48}


@pytest.fixture(scope="module")
def world() -> Scenario:
    return load_scenario("small", {name: str(hours) for name, hours in HOURS.items()})


@pytest.fixture(scope="module")
def short() -> Scenario:
    """For what must hold in any episode."""
    return load_scenario("small", {"horizon_hours": "24"})


def costs(player: Lookahead, world: Scenario, episodes: int = 2) -> list[float]:
    return [row[COST] for row in player.rollout(world, evaluation_keys(episodes, 0))]


def plain(world: Scenario, episodes: int = 2) -> list[float]:
    frame = evaluate_policies(world, {"least_cost": baseline("least_cost")}, episodes, 0)
    return [float(cost) for cost in frame[COST]]


def test_told_all_orders_it_never_costs_more(world: Scenario) -> None:
    """Every change it keeps is cheaper in the only future there is."""
    told, base = costs(Lookahead(baseline("least_cost"), math.inf), world, 3), plain(world, 3)
    assert all(own <= other + 1e-9 for own, other in zip(told, base, strict=True))
    assert sum(told) < sum(base) - 0.01


def test_told_all_orders_the_episode_is_cheaper_by_what_its_changes_save(world: Scenario) -> None:
    key, base = evaluation_keys(1, 0)[0], Simulator(world)
    base.reset(0, key)
    base.run(baseline("least_cost").scorers)
    play = Play(Lookahead(baseline("least_cost"), math.inf), world, key)
    play.kpis()
    saved = {kind: play.changes[f"{kind}_saved_usd"] for kind in KINDS}
    assert base.totals(0).episode_usd - play.real.totals(0).episode_usd == pytest.approx(sum(saved.values()))
    assert all((saved[kind] > 0) == (play.changes[f"{kind}_changes"] > 0) for kind in KINDS)
    assert saved["send"] > 0


def test_where_nothing_is_clearly_cheaper_the_base_policy_decides(short: Scenario) -> None:
    """Trying decisions leaves no trace in the episode."""
    player = Lookahead(baseline("least_cost"), 0.0, futures=3, margin=1e9)
    assert costs(player, short) == pytest.approx(plain(short), abs=1e-12)


@pytest.mark.parametrize(("hours", "same"), [(0.0, True), (12.0, False)])
def test_it_knows_no_orders_but_those_it_is_told(world: Scenario, hours: float, same: bool) -> None:
    """Two episodes alike up to now and apart from then on: with nothing told they look alike."""
    found = []
    for key in evaluation_keys(2, 0):
        play = Play(Lookahead(baseline("least_cost"), hours, futures=4), world, key)
        play.real.reset(0, 1)
        play.real.run(play.scorers, 8)
        play.real.begin(0)
        play.real.decide(0, play.scorers)
        play.real.state.row["key"] = key
        found.append(play.dollars(None, np.arange(4, dtype=np.uint64)))
    assert np.array_equal(*found) == same


def test_the_same_episode_is_played_the_same_again(short: Scenario) -> None:
    player = Lookahead(baseline("least_cost"), 0.0, futures=4)
    assert costs(player, short, 1) == costs(player, short, 1)
    assert player.digest != Lookahead(baseline("least_cost"), 1.0, futures=4).digest


def test_units_priced_by_an_lp_are_refused() -> None:
    with pytest.raises(InputError, match=r"'shadow_price.*name another"):
        Lookahead(baseline("shadow_price"))


def write(folder: Path, **changes: Any) -> Path:
    data = {
        "question": "What is knowing worth?", "scenario": "small", "set": HOURS, "episodes": 1,
        "policies": ["tuned_linear", "least_cost"], "hours": [0, 4], "futures": 2,
    }  # fmt: skip
    return write_study(folder, "foresight", data, changes)


def test_the_study_counts_from_the_best_untuned_rule_to_the_optimum(undrawn: None, tmp_path: Path) -> None:
    study = load_study(write(tmp_path))
    findings = study.answer(Lab(tmp_path / "out", study.episodes, study.seed))
    table = next(part.data for part in findings.parts if part.name == "gaps")
    assert table is not None
    closed = table.set_index("policy")["share_closed_mean"]
    assert list(closed.index) == [
        "tuned_linear", "least_cost", "tuned_linear looking ahead, told nothing",
        "tuned_linear looking ahead, told 4 h of orders", "tuned_linear looking ahead, told all orders",
    ]  # fmt: skip
    assert closed["least_cost"] == 0 and (closed <= 1 + 1e-6).all()
    assert closed["tuned_linear looking ahead, told all orders"] >= closed["tuned_linear"]
    assert "From least_cost to the optimum" in findings.answer
    changes = next(part.data for part in findings.parts if part.name == "changes")
    assert changes is not None and len(changes) == 9
    assert (changes["saved_usd_mean"].dropna() > 0).all() and changes["per_episode_mean"].sum() > 0


def test_hours_lie_ahead(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"foresight.yaml: hours.0 = -1"):
        load_study(write(tmp_path, hours=[-1]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scenario": "us8", "set": {}}, r"scenario = 'us8': too large .*name small"),
        ({"policies": ["tuned_linear"]}, r"policies: no untuned rule .*add least_cost"),
        ({"policies": ["shadow_price", "least_cost"]}, r"'shadow_price.*LP"),
    ],
)
def test_a_study_that_cannot_be_answered_says_why(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    study = load_study(write(tmp_path, **changes))
    with pytest.raises(InputError, match=message):
        study.run(Lab(tmp_path / "out", study.episodes, study.seed))
