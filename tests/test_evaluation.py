"""Statistics against known values, rollouts on common orders, policies by name, tables, and all-or-nothing output."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from regional_dispatch.agents.export import PolicyFileError, save_policy
from regional_dispatch.baselines import baseline, baseline_names
from regional_dispatch.commands.cli import guarded
from regional_dispatch.commands.options import at_least, parse_overrides
from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.kernel.score import Scorer
from regional_dispatch.envs.kernel.scorers import Scorers
from regional_dispatch.envs.simulator import Simulator
from regional_dispatch.envs.world.scenario import ScenarioError, load_scenario
from regional_dispatch.evaluation.compare import compare_policies, read_summary, summarise
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.kpis import COST
from regional_dispatch.evaluation.output import check_folder, staged
from regional_dispatch.evaluation.policies import resolve_policies, resolve_policy
from regional_dispatch.evaluation.policy_kinds import untuned_rules
from regional_dispatch.evaluation.report.comparison import cost_differences, kpi_rows, markdown_table, print_comparison
from regional_dispatch.evaluation.rollouts import evaluate_policies, evaluation_keys, play, rollout
from regional_dispatch.evaluation.statistics import bootstrap_mean, crossed_mean, paired_difference
from tests.worlds import SCARCE, TWO_REGIONS, small

WORLD = small(**TWO_REGIONS, horizon_hours=48, warmup_hours=12)
REGIONAL, NATIONAL = baseline("regional_nearest"), baseline("national_nearest+immediate")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return evaluate_policies(WORLD, {"one": REGIONAL, "same": REGIONAL, "other": NATIONAL}, episodes=3, seed=4)


# ------------------------------------------------------------------------------------------------------ statistics


def test_samples_without_spread_have_the_mean_as_their_interval() -> None:
    assert bootstrap_mean([0.1] * 7, rng()) == (0.1, 0.1, 0.1)
    assert bootstrap_mean([3.0], rng()) == (3.0, 3.0, 3.0)


def test_two_values_are_the_interval_of_their_mean() -> None:
    assert bootstrap_mean([1.0, 2.0], rng()) == (1.5, 1.0, 2.0)


def test_many_values_have_the_normal_interval() -> None:
    values = rng(1).normal(5, 2, 2000)
    mean, low, high = bootstrap_mean(values, rng(), resamples=4000)
    margin = 1.96 * values.std() / np.sqrt(len(values))
    assert mean == pytest.approx(values.mean())
    np.testing.assert_allclose([low, high], [mean - margin, mean + margin], atol=0.1 * margin)


def test_the_interval_holds_the_mean_about_as_often_as_it_says() -> None:
    draws = rng(2)
    intervals = [bootstrap_mean(draws.normal(size=8), draws, resamples=1000) for _ in range(600)]
    assert 0.91 < np.mean([low <= 0 <= high for _, low, high in intervals]) < 0.98


def test_the_same_seed_gives_the_same_interval_and_a_higher_level_a_wider_one() -> None:
    values = rng(3).lognormal(size=8)
    assert bootstrap_mean(values, rng()) == bootstrap_mean(values, rng()) != bootstrap_mean(values, rng(1))
    wide, narrow = bootstrap_mean(values, rng(), level=0.99), bootstrap_mean(values, rng(), level=0.8)
    assert wide.ci_low < narrow.ci_low < narrow.mean < narrow.ci_high < wide.ci_high


def crossed(draws: np.random.Generator, seeds: int, episodes: int, of_seeds: float, of_episodes: float) -> np.ndarray:
    """Normal values around 0 that share something within a seed and within an episode."""
    shared = of_seeds * draws.normal(size=(seeds, 1)) + of_episodes * draws.normal(size=(1, episodes))
    return np.asarray(shared + draws.normal(size=(seeds, episodes)))


@pytest.mark.parametrize(("of_seeds", "of_episodes"), [(0.5, 0.0), (0.0, 2.0), (0.5, 2.0)])
def test_the_crossed_interval_holds_the_mean_at_least_as_often_as_it_says(of_seeds: float, of_episodes: float) -> None:
    draws = rng(5)
    tables = [crossed(draws, 5, 32, of_seeds, of_episodes) for _ in range(200)]
    intervals = [crossed_mean(table, draws, resamples=1000) for table in tables]
    assert np.mean([low <= 0 <= high for _, low, high in intervals]) > 0.92


def test_seeds_that_differ_widen_the_interval_where_episodes_alone_would_not() -> None:
    table = crossed(rng(6), 5, 400, 1.0, 0.0)
    both, episodes = crossed_mean(table, rng()), bootstrap_mean(table.mean(axis=0), rng())
    assert both.mean == pytest.approx(episodes.mean)
    assert both.ci_high - both.ci_low > 5 * (episodes.ci_high - episodes.ci_low)


def test_one_seed_falls_back_to_its_episodes() -> None:
    values = rng(7).normal(size=9)
    assert crossed_mean([values], rng()) == bootstrap_mean(values, rng())
    assert crossed_mean([[2.0, 2.0], [2.0, 2.0]], rng()) == (2.0, 2.0, 2.0)
    for bad in ([], [[]], [[1.0, np.nan]], [1.0, 2.0]):
        with pytest.raises(ValueError, match="a table of finite numbers"):
            crossed_mean(bad, rng())  # type: ignore[arg-type]


def test_pairing_removes_what_both_share() -> None:
    weather = rng(4).normal(0, 100, 8)
    assert paired_difference(weather + 2, weather, rng()).mean == pytest.approx(2)
    assert paired_difference(weather + 2, weather, rng()).ci_high < 2.001


@pytest.mark.parametrize("values", [[], [1.0, np.nan], [np.inf], [[1.0, 2.0]]])
def test_what_is_no_row_of_numbers_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="finite numbers"):
        bootstrap_mean(values, rng())


# -------------------------------------------------------------------------------------------------------- rollouts


def test_a_frame_has_a_row_per_policy_and_episode_with_every_kpi(frame: pd.DataFrame) -> None:
    assert list(frame.columns) == ["policy", "episode", "seed", *KPIS]
    assert list(zip(frame["policy"], frame["episode"], strict=True)) == [
        (name, episode) for name in ("one", "same", "other") for episode in range(3)
    ]
    assert frame["seed"].nunique() == 3
    assert frame[frame["policy"] == "one"][COST].nunique() == 3


def test_the_same_policy_twice_differs_by_nothing(frame: pd.DataFrame) -> None:
    summary = summarise(frame, seed=0)
    assert list(summary["paired"]) == ["one - same", "one - other", "same - other"]
    for kpi in KPIS:
        assert summary["paired"]["one - same"][kpi] == {"mean": 0, "ci_low": 0, "ci_high": 0}
    assert summary["paired"]["one - other"] == summary["paired"]["same - other"]
    means = [summary["policies"][name][COST]["mean"] for name in ("one", "other")]
    assert summary["paired"]["one - other"][COST]["mean"] == pytest.approx(means[0] - means[1]) != 0


def test_an_interval_does_not_depend_on_the_other_policies(frame: pd.DataFrame) -> None:
    alone = summarise(frame[frame["policy"] != "same"], seed=0)
    together = summarise(frame, seed=0)
    assert alone["policies"]["other"] == together["policies"]["other"]
    assert alone["paired"]["one - other"] == together["paired"]["one - other"]


def test_batches_and_reuse_give_the_episodes_of_a_fresh_simulator() -> None:
    keys = evaluation_keys(4, seed=1)
    batched = Simulator(WORLD, copies=3)
    expected = [play(WORLD, REGIONAL, key).kpis(0) for key in keys]
    assert rollout(batched, NATIONAL.scorers, keys) != expected
    assert rollout(batched, REGIONAL.scorers, keys) == expected


def test_play_can_stop_while_trucks_are_under_way() -> None:
    sim = play(WORLD, REGIONAL, evaluation_keys(1, seed=1)[0], until=WORLD.horizon_ticks - 1)
    assert sim.tick(0) == WORLD.horizon_ticks - 1
    assert sim.packages_under_way(0) > 0


def test_a_policy_that_wants_prices_gets_them_on_its_schedule() -> None:
    world = small(**SCARCE, horizon_hours=60, warmup_hours=12)
    policy = baseline("shadow_price", {"source.scale": 1.0})
    frame = evaluate_policies(world, {"plain": baseline("least_cost"), "priced": policy}, episodes=2, seed=0)
    cost = frame.groupby("policy")["cost_per_order_usd"].mean()
    assert cost["plain"] != cost["priced"]
    sim = play(world, policy, evaluation_keys(1, seed=0)[0])
    assert sim.state.row["priced"][0] == 1 and sim.state.price[0].max() > 0


def test_reevaluation_is_for_every_policy_and_named_in_the_table() -> None:
    slow = small(horizon_hours=48, warmup_hours=12, capacity={"pick_headroom": 0.4, "backlog_limit_hours": 100})
    policies = {"regional_nearest": REGIONAL, "national_nearest+immediate": NATIONAL}
    found = {on: compare_policies(slow, policies, episodes=2, seed=0, reevaluate=on) for on in (False, True)}
    for name in policies:
        means = [found[on].summary["policies"][name]["mended_share"]["mean"] for on in (False, True)]
        assert means[0] == 0 < means[1]
    assert "merged hourly" in markdown_table(found[True].summary)
    assert "merged hourly" not in markdown_table(found[False].summary)


@pytest.mark.parametrize(("episodes", "seed"), [(0, 0), (1, -1)])
def test_keys_need_an_episode_and_a_seed(episodes: int, seed: int) -> None:
    with pytest.raises(ValueError, match=f"not {episodes} and {seed}"):
        evaluation_keys(episodes, seed)


# -------------------------------------------------------------------------------------------------------- policies


def write_weights(file: Path, groups: int) -> None:
    """A policy file with weights for so many regions."""
    scorers = (Scorer(*(np.repeat(array, groups, axis=0) for array in scorer)) for scorer in REGIONAL.scorers)
    save_policy(file, Scorers(*scorers), {})


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """Two training folders named `ppo`."""
    for run in ("a", "b"):
        write_weights(tmp_path / run / "ppo" / "policy.safetensors", 1)
    return tmp_path


@pytest.mark.parametrize("name", [*baseline_names(), "regional_nearest", "hybrid"])
def test_a_baseline_goes_by_its_name(name: str) -> None:
    policy = resolve_policy(name, WORLD)
    assert policy.name == name
    assert untuned_rules({name: policy}) == [name]


def test_a_training_goes_by_its_folder_and_a_clash_by_the_full_path(trained: Path) -> None:
    a, b = trained / "a" / "ppo", trained / "b" / "ppo"
    assert list(resolve_policies([f" {a}", "hybrid"], WORLD)) == ["ppo", "hybrid"]
    assert list(resolve_policies([str(a / "policy.safetensors")], WORLD)) == ["ppo"]
    assert list(resolve_policies([str(a), "hybrid", str(b)], WORLD)) == [str(a), "hybrid", str(b)]


def test_weights_per_region_need_their_number_of_regions(trained: Path) -> None:
    file = trained / "a" / "ppo" / "policy.safetensors"
    write_weights(file, 2)
    assert len(resolve_policy(str(file.parent), WORLD).scorers.source.bias) == 2
    write_weights(file, 8)
    with pytest.raises(InputError, match=r"policy\.safetensors: has weights for 8 regions, and scenario 'small' has 2"):
        resolve_policy(str(file.parent), WORLD)


def test_policies_that_cannot_be_used_are_named(trained: Path) -> None:
    a = trained / "a" / "ppo"
    (a / "policy.safetensors").write_text("junk")
    for specs, message in {
        ("nearst",): "'nearst': neither a baseline nor a training folder.*regional_nearest.*last_safe_hour",
        ("nearst+hybrid",): r"'nearst\+hybrid': neither a baseline",
        (str(trained),): "holds no policy.safetensors",
        (str(a),): f"{a}/policy.safetensors: damaged",
        ("hybrid", "hybrid "): "'hybrid' is given twice",
        (str(trained / "b" / "ppo"), str(trained / "b" / "ppo" / "policy.safetensors")): "the same folder",
        ("hybrid", ""): "give one or more names",
    }.items():
        with pytest.raises(InputError, match=message):
            resolve_policies(specs, WORLD)


# ------------------------------------------------------------------------------------------------- tables and files


def test_tables_show_percent_mark_the_best_and_keep_the_sign_of_differences() -> None:
    policies = {name: baseline(name) for name in ("regional_nearest", "national_nearest+immediate")}
    summary = compare_policies(WORLD, policies, episodes=2, seed=0, command="python evaluate.py").summary
    rows = {row.kpi: row for row in kpi_rows(summary)}
    share = summary["policies"]["regional_nearest"]["in_region_share"]["mean"]
    assert rows["in_region_share"].unit == "%"
    assert rows["in_region_share"].cells[0] == f"{100 * share:.1f}"
    assert rows["truck_fill"].best == [True, False]
    assert rows["click_to_delivery_hours"].best == [False, True]
    (difference,) = cost_differences(summary)
    sign = "−" if summary["paired"]["regional_nearest - national_nearest+immediate"][COST]["mean"] < 0 else "+"
    assert difference.pair == "regional_nearest − national_nearest+immediate"
    assert difference.usd.startswith(sign)
    assert difference.percent.startswith(sign)
    text = markdown_table(summary)
    assert f"| `truck_fill` | % | **{rows['truck_fill'].cells[0]}** | {rows['truck_fill'].cells[1]} |" in text
    console = Console(record=True, width=120)
    print_comparison(summary, console)
    assert difference.usd in console.export_text()


def test_a_summary_is_read_back_and_other_json_refused(tmp_path: Path, frame: pd.DataFrame) -> None:
    path = tmp_path / "summary.json"
    summary = {**summarise(frame, 0), "meta": {"scenario": "small", "seed": 0, "episodes": 3}}
    path.write_text(json.dumps(summary))
    assert read_summary(path) == summary
    del summary["policies"]["one"][COST]
    for text in ("{", "[]", '{"policies": {}, "paired": {}, "meta": {}}', json.dumps(summary), "\x00"):
        path.write_text(text)
        with pytest.raises(InputError, match=r"summary\.json: not"):
            read_summary(path)


def test_results_are_written_all_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "out"
    with pytest.raises(ZeroDivisionError), staged(folder) as files:
        (files / "a.txt").write_text("half")
        _ = 1 / 0
    assert not (tmp_path / "new").exists()
    with staged(folder) as files:
        (files / "a.txt").write_text("whole")
    with pytest.raises(ZeroDivisionError), staged(folder) as files:
        (files / "a.txt").write_text("half")
        _ = 1 / 0
    assert [path.name for path in folder.iterdir()] == ["a.txt"]
    assert (folder / "a.txt").read_text() == "whole"


def test_a_folder_in_the_place_of_a_file_stops_all_of_them(tmp_path: Path) -> None:
    (tmp_path / "b.txt").mkdir()
    with pytest.raises(InputError, match=r"b\.txt' is a folder"), staged(tmp_path) as files:
        (files / "a.txt").write_text("")
        (files / "b.txt").write_text("")
    assert [path.name for path in tmp_path.iterdir()] == ["b.txt"]


def test_a_file_is_no_folder_for_results(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match=r"file' is not a folder"):
            check_folder(folder)
    check_folder(tmp_path / "not" / "yet")
    assert not (tmp_path / "not").exists()


# ------------------------------------------------------------------------------------------------------ command line


def test_overrides_reach_the_scenario() -> None:
    overrides = parse_overrides(["demand.orders_per_day=9000", "name=a=b", "stock.breadth=[1, 1, 0.5]"])
    scenario = load_scenario("us8", overrides)
    assert (scenario.demand.orders_per_day, scenario.name, scenario.stock.breadth) == (9000, "a=b", (1, 1, 0.5))


@pytest.mark.parametrize("setting", ["tick_hours", "=3", "a..b=3", "slots=[", "stock.={}"])
def test_overrides_that_say_nothing_are_refused(setting: str) -> None:
    with pytest.raises(InputError, match=f"--set {setting}".replace("[", r"\[")):
        parse_overrides([setting])


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (ScenarioError("a: b = 1: mend"), 2, "error: a: b = 1: mend\n"),
        (InputError("x"), 2, "error: x\n"),
        (PolicyFileError("y"), 2, "error: y\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_bad_input_ends_in_one_message(
    error: BaseException, code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def main() -> None:
        raise error

    with pytest.raises(SystemExit) as stop:
        guarded(main)
    assert (stop.value.code, capsys.readouterr().err) == (code, text)


def test_a_number_below_its_bound_is_named() -> None:
    assert at_least("--episodes", 1, 1) == 1
    with pytest.raises(InputError, match="--episodes = 0: must be 1 or more"):
        at_least("--episodes", 0, 1)
