"""`evaluate.py tune` as a user runs it, the files it writes, and their names on the command line."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from regional_dispatch.baselines import BaselineError, baseline
from regional_dispatch.baselines.rules import parameters
from regional_dispatch.baselines.tuned import (
    Made,
    Tuned,
    load_tuned,
    read_tuned,
    short_name,
    tuned_baseline,
    write_tuned,
)
from regional_dispatch.envs.world.scenario import load_scenario
from regional_dispatch.evaluation.compare import compare_policies
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.policies import resolve_policies, resolve_policy
from regional_dispatch.evaluation.rollouts import evaluate_policies
from regional_dispatch.evaluation.tuning import Plan, starting_point, tune, tuned_file
from tests.processes import ROOT, TINY, Ended, heed_ctrl_c, run_here
from tests.worlds import SCARCE, small

pytestmark = pytest.mark.slow

FILE = Path("configs") / "baselines" / "tiny.linear.yaml"


def run(folder: Path, *arguments: str) -> Ended:
    return run_here(folder, "evaluate.py", *arguments)


def made(**changes: Any) -> Made:
    facts: dict[str, Any] = {
        "command": "python evaluate.py tune", "seed": 5, "episodes": 1, "check_episodes": 2, "budget_minutes": 1.5,
        "minutes": 1.5, "evaluations": 30, "cost_per_order_usd_before": 4.0, "cost_per_order_usd_after": 3.5,
        "versions": {"numpy": "2"}, "cpu": {"model": "x", "count": 2},
    }  # fmt: skip
    return Made(**{**facts, **changes})


def tuned(name: str, **values: float) -> Tuned:
    """A file's contents: `source__cover_days=9` stands for the parameter `source.cover_days`."""
    given = {key.replace("__", "."): value for key, value in values.items()}
    settings = starting_point(name).parameters | given
    return Tuned(baseline=short_name(name), scenario="tiny", parameters=settings, made=made())


# ---------------------------------------------------------------------------------------------------------- tuning


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished tuning, where `tuned_linear` finds it."""
    folder = tmp_path_factory.mktemp("tune")
    (folder / "tiny.yaml").write_text(TINY, encoding="utf-8")
    arguments = "tune --scenario tiny.yaml --baseline linear --evaluations 60 --check-episodes 3 --seed 2"
    ended = run(folder, *arguments.split(), "--set", "stock.skus=50")
    assert ended.code == 0, ended.err
    assert ended.err == ""
    (folder / "printed.txt").write_text(ended.out, encoding="utf-8")
    return folder


def test_a_tuning_leaves_one_file_and_says_what_it_found(folder: Path) -> None:
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == [
        "printed.txt", "tiny.linear.yaml", "tiny.yaml",
    ]  # fmt: skip
    printed, file = (folder / "printed.txt").read_text(encoding="utf-8"), read_tuned(folder / FILE)
    for text in (str(FILE), f"{file.made.cost_per_order_usd_after:.3f} USD per order", "60 evaluations"):
        assert text in printed


def test_the_file_says_how_it_was_made(folder: Path) -> None:
    file = read_tuned(folder / FILE)
    assert (file.baseline, file.scenario) == ("linear", "tiny")
    assert list(file.parameters) == list(parameters("linear"))
    facts = file.made
    assert (facts.stream, facts.seed, facts.episodes, facts.check_episodes) == ("tune", 2, 1, 3)
    assert (facts.budget_minutes, facts.evaluations, facts.interrupted) == (None, 60, False)
    assert facts.command.startswith("python evaluate.py tune --scenario tiny.yaml")
    assert {"python", "numpy", "numba"} <= set(facts.versions)


def test_its_costs_are_those_of_the_first_tuning_episodes_and_they_fell(folder: Path) -> None:
    facts, world = read_tuned(folder / FILE).made, load_scenario(folder / "tiny.yaml", {"stock.skus": "50"})
    policies = {"before": baseline("linear"), "after": load_tuned(folder / FILE)}
    costs = evaluate_policies(world, policies, 3, 2, stream="tune").groupby("policy")["cost_per_order_usd"].mean()
    assert facts.cost_per_order_usd_before == pytest.approx(costs["before"])
    assert facts.cost_per_order_usd_after == pytest.approx(costs["after"])
    assert facts.cost_per_order_usd_after < 0.95 * facts.cost_per_order_usd_before


def test_the_same_seed_tunes_the_same_on_any_number_of_workers(folder: Path) -> None:
    world = load_scenario(folder / "tiny.yaml", {"stock.skus": "50"})
    plan = Plan(seed=2, check_episodes=3, minutes=None, evaluations=60)
    found = tune(world, "linear", starting_point("linear"), plan)
    assert found.parameters == read_tuned(folder / FILE).parameters
    other = tune(world, "linear", starting_point("linear"), plan._replace(seed=3, evaluations=1))
    assert other.parameters != found.parameters


@pytest.mark.parametrize("name", ["spillover_limit", "control_limit", "backpressure"])
def test_bounded_parameters_stay_in_bounds(name: str, folder: Path) -> None:
    """Any number of them, one too; `baseline` refuses what is out of bounds."""
    plan = Plan(check_episodes=2, minutes=None, evaluations=24)
    start, ticks = starting_point(name), []
    found = tune(load_scenario(folder / "tiny.yaml"), name, start, plan, ticks.append)
    assert found.after_usd <= found.before_usd
    assert list(found.parameters) == list(start.parameters)
    baseline(name, found.parameters)
    shares = [standing.share for standing in ticks]
    assert shares == sorted(shares)
    assert 0 < shares[0] <= shares[-1] <= 1


def test_a_file_that_is_there_is_replaced_only_if_it_is_named(folder: Path, tmp_path: Path) -> None:
    """As in a checkout, where the default place is that of the files that come with the package."""
    changed = TINY.replace("orders_per_day: 200", "orders_per_day: 400")  # another world, which kept its name
    (tmp_path / "tiny.yaml").write_text(changed, encoding="utf-8")
    (tmp_path / FILE).parent.mkdir(parents=True)
    before = (folder / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(before)
    asked = ["tune", "--scenario", "tiny.yaml", "--baseline", "linear", "--evaluations", "1", "--check-episodes", "1"]
    refused = run(tmp_path, *asked)
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert f"{FILE} is there already" in refused.err and "--out runs/tuned/tiny.linear.yaml" in refused.err
    mine = run(tmp_path, *asked, "--out", "tiny.yaml")
    assert mine.code == 2 and "tiny.yaml: is no file of a tuned baseline" in mine.err
    assert ((tmp_path / FILE).read_bytes(), (tmp_path / "tiny.yaml").read_text(encoding="utf-8")) == (before, changed)
    for out in ("runs/tuned/tiny.linear.yaml", str(FILE)):
        assert run(tmp_path, *asked, "--out", out).code == 0
        assert read_tuned(tmp_path / out).made.evaluations < 60


def test_a_tuning_goes_on_from_a_file(folder: Path) -> None:
    arguments = "tune --scenario tiny.yaml --evaluations 1 --check-episodes 3 --seed 2 --out more/on.yaml --start"
    ended = run(folder, *arguments.split(), str(FILE), "--set", "stock.skus=50")
    assert ended.code == 0, ended.err
    before, after = read_tuned(folder / FILE), read_tuned(folder / "more" / "on.yaml")
    assert after.made.cost_per_order_usd_before == before.made.cost_per_order_usd_after
    assert after.made.cost_per_order_usd_after <= after.made.cost_per_order_usd_before
    assert load_tuned(folder / "more" / "on.yaml").seen == {("tune", 2)}


def test_what_an_earlier_tuning_saw_stays_seen(folder: Path, tmp_path: Path) -> None:
    world, start = load_scenario(folder / "tiny.yaml"), starting_point("linear", folder / FILE)
    plan = Plan(seed=7, check_episodes=1, minutes=None, evaluations=1)
    path = tmp_path / "on.yaml"
    write_tuned(path, tuned_file(world, "linear", start, plan, tune(world, "linear", start, plan), "python"))
    assert load_tuned(path).seen == {("tune", 2), ("tune", 7)}


def test_a_rule_with_prices_is_tuned_with_its_pricer() -> None:
    """Its costs are those that `compare` would find: each setting is played at its own scale."""
    world = small(**SCARCE, horizon_hours=60, warmup_hours=12)
    plan = Plan(check_episodes=2, minutes=None, evaluations=8)
    found = tune(world, "shadow_price", starting_point("shadow_price"), plan)
    policies = {"before": baseline("shadow_price"), "after": baseline("shadow_price", found.parameters)}
    costs = evaluate_policies(world, policies, 2, 0, stream="tune").groupby("policy")["cost_per_order_usd"].mean()
    assert found.before_usd == pytest.approx(costs["before"])
    assert found.after_usd == pytest.approx(costs["after"])


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interrupted_tuning_keeps_the_best_so_far(folder: Path, tmp_path: Path) -> None:
    """On a terminal, where a bar tells of the first generation."""
    ours, theirs = pty.openpty()
    command = [sys.executable, str(ROOT / "evaluate.py"), "tune", "--scenario", str(folder / "tiny.yaml")]
    process = subprocess.Popen(
        [*command, "--out", "out.yaml"],
        cwd=tmp_path,
        stderr=theirs,
        env={**os.environ, "COLUMNS": "120", "TERM": "xterm"},
        preexec_fn=heed_ctrl_c,
    )
    os.close(theirs)
    shown = read_until(ours, "evaluations")
    assert "USD an order" in shown
    process.send_signal(signal.SIGINT)
    said = " ".join(read_until(ours, None).split())
    assert process.wait(timeout=100) == 130
    assert "interrupted; wrote the best so far to out.yaml; go on with --start out.yaml" in said
    facts = read_tuned(tmp_path / "out.yaml").made
    assert facts.interrupted
    assert facts.budget_minutes == 20
    assert facts.evaluations > 0
    assert [path.name for path in tmp_path.iterdir()] == ["out.yaml"]


def read_until(terminal: int, text: str | None) -> str:
    """What comes from a terminal until a text, or its end."""
    read = b""
    while text is None or text.encode() not in read:
        try:
            chunk = os.read(terminal, 4096)
        except OSError:  # the other side is closed
            break
        if not chunk:
            break
        read += chunk
    return read.decode(errors="replace")


# ----------------------------------------------------------------------------------------------------------- names


def test_tuned_baselines_are_compared_by_name_and_by_file(folder: Path) -> None:
    names = ["tuned_linear", "tuned_linear+hybrid", "consolidate+tuned_linear", str(FILE), "linear"]
    arguments = ["--scenario", "tiny.yaml", "--episodes", "1", "--seed", "2", "--out", "compared"]
    ended = run(folder, "compare", "--policies", ",".join(names), *arguments)
    assert ended.code == 0, ended.err
    summary = yaml.safe_load((folder / "compared" / "summary.json").read_text(encoding="utf-8"))
    costs = {name: kpis["cost_per_order_usd"]["mean"] for name, kpis in summary["policies"].items()}
    assert list(costs) == [*names[:3], "tiny.linear", "linear"]
    assert costs["tuned_linear"] == costs["tiny.linear"] < costs["linear"]
    assert len(set(costs.values())) == 4


def test_a_side_of_a_pair_is_that_side_of_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    whole = tuned_baseline("tuned_linear", "tiny")
    for name, sides in {
        "tuned_linear+hybrid": (whole.scorers.source, baseline("hybrid").scorers.dispatch),
        "consolidate+tuned_linear": (baseline("consolidate").scorers.source, whole.scorers.dispatch),
        "tuned_linear+linear": (whole.scorers.source, baseline("linear").scorers.dispatch),
        "tuned_linear+tuned_linear": whole.scorers[:2],
    }.items():
        policy = tuned_baseline(name, "tiny")
        assert policy.name == name
        assert policy.seen == {("tune", 2)}
        for ours, theirs in zip(policy.scorers[:2], sides, strict=True):
            for a, b in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(a, b)
    assert tuned_baseline("shadow_price+tuned_linear", "tiny").pricing == baseline("shadow_price").pricing


@pytest.mark.parametrize("name", ["spillover_limit", "spillover_limit+last_safe_hour", "shadow_price+hybrid"])
def test_a_pair_is_found_by_any_of_its_names(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    key = next(iter(parameters(name)))
    write_tuned(Path(f"configs/baselines/tiny.{short_name(name)}.yaml"), tuned(name, **{key: 1.5}))
    policy = resolve_policy(f"tuned_{name}", load_scenario("us8", {"name": "tiny"}))
    assert (policy.name, policy.seen) == (f"tuned_{name}", {("tune", 5)})
    assert (policy.pricing is None) == (baseline(name).pricing is None)
    wanted = baseline(name, {key: 1.5}).scorers
    np.testing.assert_array_equal(policy.scorers.source.step_at, wanted.source.step_at)
    np.testing.assert_array_equal(policy.scorers.source.weight, wanted.source.weight)


def test_files_of_one_name_go_by_their_paths(tmp_path: Path) -> None:
    paths = [tmp_path / side / "mine.yaml" for side in "ab"]
    for path in paths:
        write_tuned(path, tuned("quantity"))
    world = load_scenario("us8")
    assert list(resolve_policies([str(path) for path in paths], world)) == [str(path) for path in paths]
    with pytest.raises(InputError, match="the same folder or file"):
        resolve_policies([str(paths[0]), f"{paths[0].parent}/../a/mine.yaml"], world)


def test_a_file_is_written_whole_and_reads_back(tmp_path: Path) -> None:
    path, file = tmp_path / "new" / "a.yaml", tuned("hybrid", dispatch__fill=0.123456789012345)
    write_tuned(path, file)
    assert read_tuned(path) == file
    assert [item.name for item in path.parent.iterdir()] == ["a.yaml"]


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").mkdir()
    with pytest.raises(BaselineError, match=r"a\.yaml: cannot be written .*give another path"):
        write_tuned(tmp_path / "a.yaml", tuned("hybrid"))


# ---------------------------------------------------------------------------------------------------- seen episodes


def test_orders_that_tuned_a_policy_do_not_measure_it(folder: Path) -> None:
    world, policy = load_scenario(folder / "tiny.yaml"), load_tuned(folder / FILE)
    for stream, seed in (("tune", 3), ("evaluate", 2)):
        summary = compare_policies(world, {"mine": policy}, 1, seed, stream=stream).summary
        assert (summary["meta"]["stream"], summary["meta"]["seed"]) == (stream, seed)
    with pytest.raises(InputError, match=r"policy 'mine': .*stream 'tune', seed 2.*--seed 0.*--stream evaluate"):
        compare_policies(world, {"other": baseline("hybrid"), "mine": policy}, 1, 2, stream="tune")


def test_the_command_line_refuses_them_too(folder: Path) -> None:
    arguments = ["--scenario", "tiny.yaml", "--episodes", "1", "--policies", "hybrid,tuned_linear", "--stream", "tune"]
    refused = run(folder, "compare", *arguments, "--seed", "2", "--out", "refused")
    assert refused.code == 2
    assert "policy 'tuned_linear'" in refused.err
    assert not (folder / "refused").exists()
    allowed = run(folder, "compare", *arguments, "--seed", "0", "--out", "allowed")
    assert allowed.code == 0, allowed.err
    assert "mean of 1 tuning episode, seed 0" in allowed.out


# -------------------------------------------------------------------------------------------------------- bad input


# What is wrong → arguments, and what the message must name.
BAD: dict[str, tuple[str, list[str]]] = {
    "unknown baseline": ("--baseline nearst", ["nearst", "regional_nearest", "hybrid"]),
    "no parameters": ("--baseline regional_nearest+immediate", ["regional_nearest+immediate", "nothing to tune"]),
    "no budget": ("--budget 0", ["--budget = 0", "above 0"]),
    "endless budget": ("--budget inf", ["--budget = inf"]),
    "no evaluations": ("--evaluations 0", ["--evaluations = 0", "1 or more"]),
    "no episodes": ("--episodes 0", ["--episodes = 0"]),
    "no check": ("--check-episodes 0", ["--check-episodes = 0"]),
    "no workers": ("--workers 0", ["--workers = 0"]),
    "negative seed": ("--seed -1", ["--seed = -1"]),
    "out is a folder": ("--out folder.yaml", ["folder.yaml", "is a folder"]),
    "out is no YAML": ("--out out", ["--out = out", ".yaml"]),
    "out under a file": ("--out tiny.yaml/out.yaml", ["tiny.yaml", "not a folder"]),
    "missing scenario": ("--scenario nowhere.yaml", ["nowhere.yaml", "no such file"]),
    "missing start": ("--start nowhere.yaml", ["nowhere.yaml", "no such file"]),
    "another's start": ("--start hybrid.yaml", ["hybrid.yaml", "regional_nearest+hybrid", "linear"]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_ends_in_one_clear_line_before_any_work(name: str, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    (tmp_path / "folder.yaml").mkdir()
    write_tuned(tmp_path / "hybrid.yaml", tuned("hybrid"))
    arguments, named = BAD[name]
    scenario = [] if "--scenario" in arguments else ["--scenario", "tiny.yaml"]
    code, _, message = run(tmp_path, "tune", *scenario, *arguments.split())
    assert code == 2
    assert message.count("\n") == 1
    for text in named:
        assert text in message
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["folder.yaml", "hybrid.yaml", "tiny.yaml"]


def changed(**changes: Any) -> str:
    return yaml.safe_dump(tuned("hybrid").model_dump(mode="json") | changes)


COMMAND = "python evaluate.py tune --scenario tiny --baseline regional_nearest\\+hybrid"
# What is wrong → the file's text, and what the message must say after the file's name.
BAD_FILES: dict[str, tuple[str, str]] = {
    "not YAML": ("a: [", "not readable as YAML"),
    "not a mapping": ("- 1", "must be a mapping"),
    "unknown field": (changed(warp=9), "warp = 9: unknown field"),
    "unknown baseline": (changed(baseline="nearst"), "baseline: policy 'nearst' is not a baseline"),
    "another stream": (changed(made={**made().model_dump(), "stream": "evaluate"}), "made.stream = 'evaluate'"),
    "not finite": (changed(parameters={"dispatch.fill": float("nan")}), r"parameters.dispatch.fill = nan: .*finite"),
    "not a number": (changed(parameters={"dispatch.fill": "much"}), r"parameters.dispatch.fill = 'much': .*number"),
    "out of bounds": (
        changed(parameters={"dispatch.fill": 3.0, "dispatch.slack_hours": 6.0}),
        rf"parameters: .*dispatch.fill = 3.0: must lie in 0…1.2; .*{COMMAND}",
    ),
    "other parameters": (
        changed(parameters={"dispatch.fill": 0.5, "dispatch.moon": 1.0}),
        rf"parameters:.*missing: dispatch.slack_hours; unknown: dispatch.moon.*tune again with this version: {COMMAND}",
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_named_with_its_mend(name: str, tmp_path: Path) -> None:
    text, message = BAD_FILES[name]
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BaselineError, match=message) as error:
        load_tuned(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "tuned_linear",
            r"'tuned_linear': no file .*tiny\.linear\.yaml for scenario 'tiny'; make it with: python eval",
        ),
        ("tuned_hybrid", r"no file .*tiny\.regional_nearest\+hybrid\.yaml"),
        ("consolidate+tuned_linear", r"'consolidate\+tuned_linear': no file .*tiny\.linear\.yaml"),
        ("tuned_least_cost+immediate", "has no parameters, so nothing to tune; give 'least_cost"),
        ("tuned_nearst", r"'tuned_nearst': policy 'nearst' is not a baseline.*\./tuned_nearst"),
        ("least_cost+tuned_hybrid", "write tuned_ once, before the whole pair"),
        ("tuned_tuned_linear", "write tuned_ once"),
        ("tuned_hybrid+tuned_linear+hybrid", "write tuned_ once"),
    ],
)
def test_a_name_without_a_file_tells_the_command_that_makes_it(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BaselineError, match=message):
        tuned_baseline(name, "tiny")


def test_a_file_under_another_baselines_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_tuned(FILE, tuned("hybrid"))
    with pytest.raises(BaselineError, match=r"tiny\.linear\.yaml: baseline = 'regional_nearest\+hybrid': must be 'lin"):
        tuned_baseline("tuned_linear", "tiny")
