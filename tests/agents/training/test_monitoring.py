"""What is measured while a policy learns: KPIs against priced references, the curve, choices, progress."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from rich.console import Console
from stable_baselines3.common.logger import Logger

from regional_dispatch.agents.choices import LANE_KINDS, record_choices
from regional_dispatch.agents.config import PpoConfig
from regional_dispatch.agents.credit.lanes import Lanes
from regional_dispatch.agents.credit.lines import Lines
from regional_dispatch.agents.training.curve import COLUMNS, Curve
from regional_dispatch.agents.training.monitoring import OBJECTIVE, KpiCallback, TuningEpisodes
from regional_dispatch.agents.training.progress import ProgressBar, ProgressLines, show_progress
from regional_dispatch.agents.training.run import Run, train
from regional_dispatch.agents.training.tensorboard import file_name
from regional_dispatch.baselines import baseline
from regional_dispatch.baselines.pricing import simulator_for
from regional_dispatch.envs.kernel.decisions.features import (
    DISPATCH_COUNT,
    DISPATCH_FEATURES,
    SOURCE_COUNT,
    SOURCE_FEATURES,
)
from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.demand import episode_key
from tests.learners import learner, without_maps
from tests.learners import updates as updates_of
from tests.worlds import SCARCE, TWO_REGIONS, small

WORLD = small(**TWO_REGIONS, horizon_hours=40, warmup_hours=12)
QUICK = PpoConfig(copies=1, n_steps=8, batch_size=64, hidden=8, critic_hidden=8, eval_every=1, eval_episodes=1)


def test_a_reference_is_priced_as_it_wants_to_be() -> None:
    scenario = small(**SCARCE, horizon_hours=60)
    priced = baseline("shadow_price+hybrid")
    episodes = TuningEpisodes([scenario], 2, seed=4)
    costs = []
    for i in range(2):
        sim = simulator_for(scenario, priced.pricing)
        sim.reset(0, episode_key("tune", 4, i))
        sim.run(priced.scorers)
        costs.append(sim.kpis(0)[OBJECTIVE])
    assert episodes.kpis(priced)[OBJECTIVE] == pytest.approx(np.mean(costs))
    assert episodes.kpis(ScorerPolicy(priced.scorers))[OBJECTIVE] != pytest.approx(np.mean(costs))
    assert episodes.kpis(priced)[OBJECTIVE] == pytest.approx(np.mean(costs)), "a second time, after others"


HOURS = "click_to_delivery_hours"  # no dollars, which of several worlds are in proportion


def test_tuning_episodes_are_played_in_their_worlds_in_turn() -> None:
    worlds, policy = [WORLD, small(horizon_hours=40, warmup_hours=12)], baseline("least_cost")
    alone = [TuningEpisodes([world], 3, seed=4) for world in worlds]
    first, second = alone
    first.keys, second.keys = first.keys[::2], second.keys[1::2]
    hours = [2 / 3 * first.kpis(policy)[HOURS], 1 / 3 * second.kpis(policy)[HOURS]]
    assert TuningEpisodes(worlds, 3, seed=4).kpis(policy)[HOURS] == pytest.approx(sum(hours))


def test_a_map_is_of_the_first_episode_and_changes_no_kpi(monkeypatch: pytest.MonkeyPatch) -> None:
    policy, episodes, seen = baseline("least_cost"), TuningEpisodes([WORLD], 2, seed=4), list[np.ndarray]()
    before = episodes.kpis(policy)
    monkeypatch.setattr(episodes, "picture", lambda sim, policy: np.array([sim.tick(0)]))
    assert episodes.kpis(policy, seen.append) == pytest.approx(before, rel=0, abs=0, nan_ok=True)
    assert [picture.tolist() for picture in seen] == [[39]]


def test_a_curve_comes_back_as_it_was_written(tmp_path: Path) -> None:
    curve, again = Curve(tmp_path / "deep" / "curve.csv"), Curve(tmp_path / "again.csv")
    for i in range(2):
        curve.add(32 * i, 1.5 * i, 70 * i, dict.fromkeys(KPIS, 2.0 + i))
    again.restore(curve.snapshot())
    again.write()
    assert again.path.read_bytes() == curve.path.read_bytes()
    table = pd.read_csv(curve.path)
    assert tuple(table) == COLUMNS
    assert table["timesteps"].tolist() == [0, 32]
    assert table["cost_per_order_usd"].tolist() == [2.0, 3.0]
    assert [path.name for path in curve.path.parent.iterdir()] == ["curve.csv"]


@pytest.mark.parametrize(("updates", "every", "expected"), [
    (40, None, list(range(0, 41, 2))), (23, None, [0, *(-(-23 * i // 20) for i in range(1, 21))]),
    (3, None, [0, 1, 2, 3]), (23, 10, [0, 10, 20, 23]),
])  # fmt: skip
def test_a_run_has_twenty_evaluations_or_the_interval_of_its_file(
    updates: int, every: int | None, expected: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kpis = KpiCallback(TuningEpisodes([WORLD], 1, 0), every, Curve(tmp_path / "curve.csv"), tmp_path)
    monkeypatch.setattr(kpis.episodes, "kpis", lambda policy, show: dict.fromkeys(KPIS, 1.0))
    model = learner(n_steps=1)
    with without_maps():
        updates_of(model, updates, callback=kpis)
    assert [row["timesteps"] / model.n_envs for row in kpis.curve.rows] == expected


def test_a_kpi_is_drawn_once_it_is_not_zero_somewhere(tmp_path: Path) -> None:
    kpis = KpiCallback(TuningEpisodes([WORLD], 1, 0), None, Curve(tmp_path / "curve.csv"), tmp_path)
    kpis.levels = {"rule": {"spill_share": 0.1}}
    zero = dict.fromkeys(KPIS, 0.0)
    kpis.curve.add(0, 0.0, 0, {**zero, OBJECTIVE: 3.0, "truck_fill": np.nan})
    assert kpis.drawn() == [OBJECTIVE, "spill_share"]
    kpis.curve.add(1, 0.0, 0, {**zero, "lost_line_share": 0.1})
    kpis.curve.add(2, 0.0, 0, zero)
    assert kpis.drawn() == [OBJECTIVE, "spill_share", "lost_line_share"]


def test_a_reference_by_its_path_stays_in_the_folder() -> None:
    assert file_name("/runs/a/ppo") == "runs_a_ppo"
    assert file_name("shadow_price+hybrid") == "shadow_price+hybrid"


def test_choices_are_counted_by_rank_region_kind_and_fill() -> None:
    """The second cheapest of three, in the region; the cheapest of two, outside; and a line without a choice."""
    x, mask = np.zeros((3, 3, SOURCE_COUNT), np.float32), np.array([[1, 1, 1], [1, 1, 0], [1, 0, 0]], bool)
    x[..., SOURCE_FEATURES.index("cost")] = [[3, 2, 1], [1, 2, 0], [1, 0, 0]]
    x[0, 1, SOURCE_FEATURES.index("in_region")] = 1
    zeros = np.zeros(3, np.float32)
    lines = Lines(x, mask, zeros.astype(np.int64), np.array([1, 0, 0]), zeros, zeros)
    seen = np.zeros((4, DISPATCH_COUNT), np.float32)
    seen[:, DISPATCH_FEATURES.index("fill")] = [0.25, 0.5, 1.5, 0.75]
    seen[:2, DISPATCH_FEATURES.index("is_direct")] = seen[2:, DISPATCH_FEATURES.index("is_sc_to_sc")] = 1
    count = np.zeros(4, np.int64)
    lanes = Lanes(seen, count, np.array([1, 0, 1, 1]), count, count, count, count, count.astype(float))
    logger = Logger(None, [])
    record_choices(logger, lines, lanes)
    logged = dict(logger.name_to_value)
    assert logged.pop("rollout/source_rank").tolist() == [1, 0]
    torch.testing.assert_close(logged.pop("rollout/truck_fill"), torch.tensor([0.25, 1.0, 0.75]))
    assert logged == {
        "rollout/cheapest_share": 0.5, "rollout/in_region_share": 0.5, "rollout/go_share": 0.75,
        "rollout/go_share_direct": 0.5, "rollout/go_share_sc_to_sc": 1.0,
    }  # fmt: skip
    assert {f"is_{kind}" for kind in LANE_KINDS} == {name for name in DISPATCH_FEATURES if name.startswith("is_")}


def test_a_terminal_gets_a_bar_and_a_log_gets_lines(tmp_path: Path) -> None:
    kpis = KpiCallback(TuningEpisodes([WORLD], 1, 0), 1, Curve(tmp_path / "curve.csv"), tmp_path)
    terminal, log = Console(force_terminal=True, file=StringIO()), Console(file=StringIO())
    assert isinstance(show_progress(64, kpis, terminal), ProgressBar)
    assert isinstance(show_progress(64, kpis, log), ProgressLines)


def test_the_bar_shows_speed_cost_and_the_best_rival(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes stderr for a terminal
    monkeypatch.setenv("COLUMNS", "120")
    out = StringIO()
    monkeypatch.setattr("sys.stderr", out)
    rivals = {name: baseline(name) for name in ("immediate", "least_cost")}
    train(Run(WORLD, QUICK, 64, 0, tmp_path / "run", "test"), rivals)
    costs = {name: TuningEpisodes([WORLD], 1, 0).kpis(policy)[OBJECTIVE] for name, policy in rivals.items()}
    now = pd.read_csv(tmp_path / "run" / "curve.csv")["cost_per_order_usd"].iloc[-1]
    last = out.getvalue()
    assert f"${now:.2f} an order, least_cost ${costs['least_cost']:.2f}" in last
    assert costs["least_cost"] < costs["immediate"]
    assert "decisions/s" in last
    assert "100%" in last
