"""`train.py` as a user runs it: real files, and a real process for a training, one that is interrupted, and bad input.

Everything else runs in this process, which has imported torch already.
"""

from __future__ import annotations

import contextlib
import io
import re
import runpy
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from regional_dispatch.agents.config import PpoConfig
from regional_dispatch.agents.export import load_policy
from regional_dispatch.agents.training.tensorboard import tag
from regional_dispatch.agents.vec_env import RegionalVecEnv
from regional_dispatch.commands.train import device_for
from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.policy import Pricing
from regional_dispatch.envs.world.scenario import Scenario, load_scenario
from tests.learners import without_maps
from tests.processes import ROOT, TINY, Ended, end, start

pytestmark = pytest.mark.slow

REFERENCES = ("regional_nearest", "least_cost")
PPO_FILE = """\
copies: 2
n_steps: 8
batch_size: 256
n_epochs: 1
hidden: 8
critic_hidden: 8
lane_price_hidden: 4
truck_charge: marginal
handover_charge: 1.0
eval_every: 1
eval_episodes: 1
"""
ROWS_A_TICK = 4  # two copies of two regions
EVALUATED = {tag(kpi) for kpi in KPIS}


def run_here(folder: Path, script: str, *arguments: str) -> Ended:
    """A script of the project in this process, in `folder`; a training draws no maps."""
    out, err = io.StringIO(), io.StringIO()
    argv, code = sys.argv, 0
    sys.argv = [script, *arguments]
    try:
        with (
            without_maps(), contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err),
        ):  # fmt: skip
            runpy.run_path(str(ROOT / script), run_name="__main__")
    except SystemExit as stop:
        code = int(stop.code or 0)
    finally:
        sys.argv = argv
    return Ended(code, out.getvalue(), err.getvalue())


def write_files(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tiny.yaml").write_text(TINY, encoding="utf-8")
    (folder / "ppo.yaml").write_text(PPO_FILE, encoding="utf-8")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def table(run: Path) -> dict[str, list[float]]:
    """Column → values of a run's `curve.csv`; empty if there is none yet."""
    path = run / "curve.csv"
    return pd.read_csv(path).to_dict("list") if path.exists() else {}


def scalars(folder: Path) -> dict[str, list[int]]:
    """Tag → steps logged, of a TensorBoard folder."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    return {tag: [event.step for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def rewards(folder: Path) -> list[tuple[int, float]]:
    """(step, mean episode reward) as logged in a TensorBoard folder."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    return [(event.step, event.value) for event in events.Scalars("rollout/ep_rew_mean")]


# -------------------------------------------------------------------------------------------------------- training


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished training in `out`."""
    folder = write_files(tmp_path_factory.mktemp("train"))
    files = ["--scenario", "tiny.yaml", "--ppo", "ppo.yaml", "--out", "out", "--seed", "3", "--timesteps", "64"]
    settings = ["--set", "stock.skus=50", "--ppo-set", "n_epochs=2", "--ppo-set", "checkpoint_every=1"]
    ended = end(start(folder, "train.py", *files, *settings))
    assert ended.code == 0, ended.err
    assert "Traceback" not in ended.err
    (folder / "printed.txt").write_text(ended.out, encoding="utf-8")
    (folder / "progress.txt").write_text(ended.err, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def resumed(trained: Path) -> Path:
    """A copy of it that went on."""
    folder = trained / "resumed"
    shutil.copytree(trained / "out", folder)
    ended = run_here(trained, "train.py", "--resume", "resumed", "--timesteps", "112")
    assert ended.code == 0, ended.err
    return folder


def test_training_writes_policy_config_logs_and_checkpoints(trained: Path) -> None:
    assert sorted(path.name for path in (trained / "out").iterdir()) == [
        ".regional-dispatch.json", "checkpoints", "config.yaml", "curve.csv", "policy.safetensors", "tb",
    ]  # fmt: skip
    names = [path.name for path in sorted((trained / "out" / "checkpoints").iterdir())]
    assert names == ["000000000032.safetensors", "000000000064.safetensors"]
    assert str(Path("out") / "policy.safetensors") in (trained / "printed.txt").read_text(encoding="utf-8")
    assert sorted(path.name for path in trained.iterdir() if path.is_file()) == [
        "ppo.yaml", "printed.txt", "progress.txt", "tiny.yaml",
    ]  # fmt: skip


def test_a_log_has_one_readable_line_per_evaluation(trained: Path) -> None:
    lines = (trained / "progress.txt").read_text(encoding="utf-8").splitlines()
    costs = table(trained / "out")["cost_per_order_usd"]
    assert len(lines) == len(costs)
    for line, timesteps, cost in zip(lines, (0, 32, 64), costs, strict=True):
        assert line.startswith(f"{timesteps} of 64 timesteps: ${cost:.2f} an order, least_cost $")
    assert re.search(r"[\d,]+ decisions/s, 0:0\d:\d\d left$", lines[1])


def test_the_policy_says_what_it_is(trained: Path) -> None:
    policy = load_policy(trained / "out")
    about = policy.metadata
    assert policy.seen == {("train", 3), ("tune", 3)}
    assert (about["scenario"], about["seed"], about["timesteps"]) == ("tiny", 3, 64)
    assert about["command"].startswith("python train.py --scenario tiny.yaml")
    assert about["tuning_cost_per_order_usd"] > 0


def test_the_config_trains_the_same_again(trained: Path) -> None:
    config = yaml.safe_load((trained / "out" / "config.yaml").read_text(encoding="utf-8"))
    assert (config["seed"], config["timesteps"], config["device"]) == (3, 64, "cpu")
    scenario, ppo = Scenario(**config["scenario"]), PpoConfig(**config["ppo"])
    assert (scenario.name, scenario.stock.skus) == ("tiny", 50)
    assert (ppo.copies, ppo.n_epochs, ppo.checkpoint_every) == (2, 2, 1)


@pytest.mark.parametrize(("asked", "gpu", "found"), [
    ("auto", True, "cuda"), ("auto", False, "cpu"), ("cpu", True, "cpu"), ("cuda", True, "cuda"),
])  # fmt: skip
def test_a_gpu_is_used_where_there_is_one(asked: str, gpu: bool, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    assert device_for(asked) == found


def test_tensorboard_has_the_kpis_of_ppo_and_baselines_that_are_not_always_zero(trained: Path) -> None:
    folders = [EventAccumulator(str(trained / "out" / "tb" / name)).Reload() for name in ("ppo", *REFERENCES)]
    kpis = [{name: events.Scalars(name) for name in EVALUATED & set(events.Tags()["scalars"])} for events in folders]
    curve = table(trained / "out")
    assert {tag(kpi) for kpi in KPIS if any(value == value and value != 0 for value in curve[kpi])} <= kpis[0].keys()
    assert [run.keys() for run in kpis] == [kpis[0].keys()] * 3
    assert all(any(event.value for run in kpis for event in run[name]) for name in kpis[0])
    assert all(run["cost/cost_per_order_usd"][-1].step == 64 for run in kpis)
    assert not any("transfer" in name for name in kpis[0])


def test_the_cost_is_the_first_chart(trained: Path) -> None:
    tags = sorted(scalars(trained / "out" / "tb" / "ppo"))
    assert tags[:2] == ["cost/cost_per_order_usd", "cost/cost_per_order_usd_best"]


def test_every_tag_is_in_the_glossary_and_the_other_way_round(trained: Path) -> None:
    events = EventAccumulator(str(trained / "out" / "tb" / "ppo")).Reload()
    tags = events.Tags()
    written = {*tags["scalars"], *tags["images"], *tags["histograms"]}
    glossary = (ROOT / "docs" / "reference" / "tensorboard.md").read_text(encoding="utf-8").splitlines()
    listed = {name for row in glossary if row.startswith("| `") for name in re.findall("`(.*?)`", row.split("|")[1])}
    groups, longer = {"cost/*", "kpi/*"}, {"rollout/ep_rew_mean", "rollout/ep_len_mean"}  # of episodes that have ended
    assert groups | longer < listed
    assert written - EVALUATED == listed - groups - longer


def test_tensorboard_has_the_run_as_a_line_of_hyperparameters(trained: Path) -> None:
    events = EventAccumulator(str(trained / "out" / "tb" / "ppo")).Reload()
    data = [HParamsPluginData.FromString(events.SummaryMetadata(f"_hparams_/{part}").plugin_data.content) for part in
            ("experiment", "session_start_info")]  # fmt: skip
    metrics = {info.name.tag for info in data[0].experiment.metric_infos}
    assert metrics == {"cost/cost_per_order_usd", "cost/cost_per_order_usd_best"}
    hparams = data[1].session_start_info.hparams
    assert [hparams[name].number_value for name in ("seed", "copies", "n_epochs")] == [3, 2, 2]
    assert hparams["scenario"].string_value == "tiny"


def test_the_curve_has_a_row_per_evaluation(trained: Path) -> None:
    curve = table(trained / "out")
    assert list(curve) == ["timesteps", "seconds", "decisions", *KPIS]
    assert curve["timesteps"] == [0, 32, 64]
    assert curve["decisions"] == sorted(curve["decisions"])
    assert 0 == curve["seconds"][0] < curve["seconds"][1] < curve["seconds"][2] < 3600
    assert 0 == curve["decisions"][0] < curve["decisions"][1]
    best = load_policy(trained / "out").metadata["tuning_cost_per_order_usd"]
    assert min(curve["cost_per_order_usd"]) == pytest.approx(best)


def test_a_resumed_training_goes_on(trained: Path, resumed: Path) -> None:
    names = [path.name for path in sorted((resumed / "checkpoints").iterdir())]
    assert names[-1] == "000000000128.safetensors"  # whole updates of 32
    assert load_policy(resumed).metadata["timesteps"] == 128
    config = yaml.safe_load((resumed / "config.yaml").read_text(encoding="utf-8"))
    before = yaml.safe_load((trained / "out" / "config.yaml").read_text(encoding="utf-8"))
    assert config["timesteps"] == 112
    assert {name: config[name] for name in ("seed", "scenario", "ppo")} == {
        name: before[name] for name in ("seed", "scenario", "ppo")
    }
    assert scalars(resumed / "tb" / "ppo")["cost/cost_per_order_usd"] == [0, 32, 64, 96, 128]
    assert table(resumed)["timesteps"] == [0, 32, 64, 96, 128]


def test_evaluate_takes_the_folder(trained: Path, resumed: Path) -> None:
    arguments = ["--scenario", "tiny.yaml", "--policies", "out,resumed,regional_nearest", "--episodes", "1"]
    ended = run_here(trained, "evaluate.py", "compare", *arguments, "--out", "compared")
    assert ended.code == 0, ended.err
    summary = yaml.safe_load((trained / "compared" / "summary.json").read_text(encoding="utf-8"))
    assert list(summary["policies"]) == ["out", "resumed", "regional_nearest"]


def test_a_policy_can_be_trained_on_the_prices_of_the_lp(tmp_path: Path) -> None:
    """It is priced in training, in its file, and wherever it is evaluated."""
    folder = write_files(tmp_path)
    files = ["--scenario", "tiny.yaml", "--ppo", "ppo.yaml", "--out", "out", "--timesteps", "64"]
    more = ["--ppo-set", "price_hours=12", "--references", "shadow_price+hybrid,least_cost"]
    ended = run_here(folder, "train.py", *files, *more)
    assert ended.code == 0, ended.err
    levels = {name: scalars(folder / "out" / "tb" / name) for name in ("shadow_price+hybrid", "least_cost")}
    assert all("cost/cost_per_order_usd" in level for level in levels.values())
    assert load_policy(folder / "out").pricing == Pricing(12.0)
    env = RegionalVecEnv(load_scenario(folder / "tiny.yaml", {"stock.safety_factor": "-1"}), 2, pricing=Pricing(12.0))
    env.reset()
    assert env.sim.state.row["priced"].tolist() == [1, 1]
    assert env.sim.state.price.max() > 0


def test_a_seed_of_any_size_is_trained_resumed_and_compared(tmp_path: Path) -> None:
    folder, seed = write_files(tmp_path), 2**70 + 1
    files = ["--scenario", "tiny.yaml", "--ppo", "ppo.yaml", "--out", "out", "--timesteps", "32", "--seed", str(seed)]
    for arguments in (files, ["--resume", "out", "--timesteps", "64", "--compare", "--episodes", "1"]):
        ended = run_here(folder, "train.py", *arguments)
        assert ended.code == 0, ended.err
    assert load_policy(folder / "out").metadata["seed"] == seed
    assert yaml.safe_load((folder / "out" / "summary.json").read_text(encoding="utf-8"))["meta"]["seed"] == seed


def test_a_bound_is_drawn_below_everything_it_bounds(tmp_path: Path) -> None:
    folder = write_files(tmp_path)
    files = ["--scenario", "tiny.yaml", "--ppo", "ppo.yaml", "--out", "out", "--timesteps", "32", "--bound"]
    ended = run_here(folder, "train.py", *files, "--set", "demand.orders_per_day=12")
    assert ended.code == 0, ended.err
    tag = "cost/episode_cost_per_order_usd"
    lowest = {}
    for name in ("hindsight_bound", "ppo", *REFERENCES):
        events = EventAccumulator(str(folder / "out" / "tb" / name)).Reload()
        lowest[name] = min(event.value for event in events.Scalars(tag))
    assert 0 < lowest.pop("hindsight_bound") <= min(lowest.values())


def interrupt(process: subprocess.Popen[str], seen: Callable[[], bool], number: int = signal.SIGINT) -> Ended:
    """Sends Ctrl-C, or another signal, as soon as something is to be seen."""
    for _ in range(3000):
        if seen() or process.poll() is not None:
            break
        time.sleep(0.1)
    process.send_signal(number)
    return end(process)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interrupted_training_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    folder = write_files(tmp_path)
    files = ["--scenario", "tiny.yaml", "--ppo", "ppo.yaml", "--timesteps", "480"]
    process = start(folder, "train.py", *files, "--out", "out")
    ended = interrupt(process, lambda: table(folder / "out").get("timesteps", [0])[-1] >= 64)
    assert ended.code == 130, ended.err
    assert "Traceback" not in ended.err
    assert "--resume out" in " ".join(ended.err.split())
    stopped = [int(path.stem) for path in (folder / "out" / "checkpoints").glob("*.safetensors")]
    assert len(stopped) == 1, "no checkpoint is due in so short a run but the last"
    assert 64 <= stopped[0] < 480
    assert not list((folder / "out").rglob(".[0-9w]*"))  # nothing half-written
    for arguments in (["--resume", "out"], [*files, "--out", "whole"]):
        ended = run_here(folder, "train.py", *arguments)
        assert ended.code == 0, ended.err
    resumed, whole = (load_policy(folder / name) for name in ("out", "whole"))
    for ours, theirs in zip(resumed.scorers, whole.scorers, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b)
    ours, theirs = table(folder / "out"), table(folder / "whole")
    assert ours.pop("seconds") == sorted(table(folder / "out")["seconds"])
    assert len(theirs.pop("seconds")) == 16
    assert list(ours) == list(theirs)
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name])
    ours, theirs = (rewards(folder / name / "tb" / "ppo") for name in ("out", "whole"))
    assert len(theirs) > 3
    assert ours == theirs


# -------------------------------------------------------------------------------------------------------- bad input


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Ended]:
    """The script in `tmp_path`: bad input ends before anything is trained."""
    return partial(run_here, tmp_path, "train.py")


# What is wrong → arguments, and what the message must name.
BAD: dict[str, tuple[list[str], list[str]]] = {
    "missing scenario": (["--scenario", "nowhere.yaml"], ["nowhere.yaml", "no such file"]),
    "unknown scenario": (["--scenario", "us9"], ["us9", "us8"]),
    "unknown field": (["--scenario", "unknown.yaml"], ["unknown.yaml", "warp", "unknown field"]),
    "scenario of the wrong type": (["--set", "stock.skus=many"], ["tiny.yaml", "stock.skus", "many"]),
    "missing PPO file": (["--ppo", "nowhere.yaml"], ["nowhere.yaml", "no such file"]),
    "PPO field of the wrong type": (["--ppo", "wrong.yaml"], ["wrong.yaml", "copies", "'many'"]),
    "PPO file of another kind": (["--ppo", "list.yaml"], ["list.yaml", "mapping of fields"]),
    "unknown PPO field": (["--ppo-set", "n_stps=4"], ["ppo.yaml", "n_stps = 4", "unknown field"]),
    "PPO field out of bounds": (["--ppo-set", "clip_range=2"], ["ppo.yaml", "clip_range = 2", "less than 1"]),
    "PPO setting without a value": (["--ppo-set", "n_steps"], ["--ppo-set n_steps", "field=value"]),
    "prior of no feature": (["--ppo-set", "source_prior={cots: 1}"], ["ppo.yaml", "source_prior", "cots", "air_miles"]),
    "other of no such name": (
        ["--ppo-set", "decisions=source", "--ppo-set", "other=nobody"], ["PPO file: other = nobody", "least_cost"],
    ),
    "other without its prices": (
        ["--ppo-set", "decisions=dispatch", "--ppo-set", "other=shadow_price+hybrid"],
        ["PPO file: other = shadow_price+hybrid", "price_hours: 24"],
    ),
    "charge without a price": (
        ["--ppo-set", "lane_price_hidden=0"], ["ppo.yaml", "handover_charge needs", "lane_price_hidden: 16"],
    ),
    "negative length": (["--timesteps", "-5"], ["--timesteps = -5", "1 or more"]),
    "no length": (["--timesteps", "0"], ["--timesteps = 0", "1 or more"]),
    "a GPU where there is none": (["--device", "cuda"], ["--device cuda", "no GPU", "--device cpu"]),
    "negative seed": (["--seed", "-1"], ["--seed = -1", "0 or more"]),
    "out is a file": (["--out", "tiny.yaml"], ["tiny.yaml", "not a folder"]),
    "map of no such name": (
        ["--set", "partition.kind=states", "--set", "partition.map=us9", "--set", "partition.regions="], ["us9"],
    ),
    "reference of no such name": (["--references", "least_cost,nobody"], ["nobody", "least_cost"]),
    "reference given twice": (["--references", "hybrid,hybrid"], ["--references", "hybrid", "twice"]),
    "resume with another scenario": (["--resume", "out", "--scenario", "tiny.yaml"], ["--scenario", "--resume"]),
    "resume from nothing": (["--resume", "nowhere"], ["nowhere", "config.yaml", "no such file"]),
}  # fmt: skip


def bad_arguments(name: str) -> list[str]:
    arguments = BAD[name][0]
    if "--resume" in arguments:
        return arguments  # the folder's own scenario and PPO file
    defaults = [("--scenario", "tiny.yaml"), ("--ppo", "ppo.yaml"), ("--out", "out"), ("--timesteps", "32")]
    return [word for pair in defaults if pair[0] not in arguments for word in pair] + arguments


def assert_refused(ended: Ended, *named: str) -> None:
    assert ended.code == 2, ended.err
    assert ended.err.startswith("error: ")
    assert ended.err.count("\n") == 1, ended.err
    assert "Traceback" not in ended.err
    for text in named:
        assert text in ended.err


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with good files and bad ones."""
    write_files(tmp_path)
    (tmp_path / "unknown.yaml").write_text(TINY + "warp: 9\n", encoding="utf-8")
    (tmp_path / "wrong.yaml").write_text("copies: many\n", encoding="utf-8")
    (tmp_path / "list.yaml").write_text("- 1\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("name", BAD)
def test_bad_input_ends_in_one_clear_line_and_leaves_nothing(name: str, files: Path, run: Callable[..., Ended]) -> None:
    before = contents(files)
    assert_refused(run(*bad_arguments(name)), *BAD[name][1])
    assert contents(files) == before
    assert not (files / "out").exists()


def test_bad_input_ends_a_real_process_with_code_2(files: Path) -> None:
    before = contents(files)
    ended = end(start(files, "train.py", *bad_arguments("unknown PPO field")))
    assert_refused(ended, *BAD["unknown PPO field"][1])
    assert contents(files) == before


def test_words_where_numbers_belong_are_refused(files: Path, run: Callable[..., Ended]) -> None:
    ended = run("--scenario", "tiny.yaml", "--timesteps", "many")
    assert ended.code == 2
    assert "--timesteps" in ended.err
    assert "many" in ended.err


def test_help_shows_units_and_defaults(tmp_path: Path, run: Callable[..., Ended]) -> None:
    ended = run("--help")
    assert ended.code == 0
    printed = " ".join(ended.out.replace("│", " ").split())
    for text in (
        "--scenario", "--ppo-set", "--resume", "--references", "--bound", "--overwrite", "(default: us8)",
        "Unit: ticks", "Unit: episodes",
    ):  # fmt: skip
        assert text in printed


@pytest.fixture
def earlier(files: Path, trained: Path) -> Path:
    """An earlier run in `out`, beside a file of the user's own."""
    shutil.copytree(trained / "out", files / "out")
    (files / "out" / "notes.txt").write_text("mine", encoding="utf-8")
    return files


def test_an_earlier_run_is_not_replaced_unasked(earlier: Path, run: Callable[..., Ended]) -> None:
    before = contents(earlier)
    ended = run("--scenario", "tiny.yaml", "--ppo", "ppo.yaml", "--out", "out")
    assert_refused(ended, "--out out", "--overwrite", "--resume")
    assert contents(earlier) == before


@pytest.mark.parametrize(
    "name",
    [
        "unknown field",
        "unknown PPO field",
        "other of no such name",
        "negative length",
        "map of no such name",
        "reference of no such name",
    ],
)
def test_bad_input_spares_the_run_it_would_overwrite(name: str, earlier: Path, run: Callable[..., Ended]) -> None:
    before = contents(earlier)
    assert_refused(run(*bad_arguments(name), "--overwrite"), *BAD[name][1])
    assert contents(earlier) == before


def test_overwriting_replaces_the_run_and_nothing_else(earlier: Path, run: Callable[..., Ended]) -> None:
    files = ["--scenario", "tiny.yaml", "--ppo", "ppo.yaml", "--out", "out", "--timesteps", "32", "--overwrite"]
    ended = run(*files)
    assert ended.code == 0, ended.err
    assert load_policy(earlier / "out").metadata["timesteps"] == 32
    assert [path.name for path in (earlier / "out" / "checkpoints").iterdir()] == ["000000000032.safetensors"]
    assert (earlier / "out" / "notes.txt").read_text(encoding="utf-8") == "mine"
