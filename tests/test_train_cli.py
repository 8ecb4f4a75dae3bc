"""`train.py` as a user runs it: real files, and real processes for all that works."""

from __future__ import annotations

import runpy
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from agents.config import PpoConfig
from agents.export import load_policy
from agents.vec_env import RegionalVecEnv
from envs.metrics import KPIS
from envs.policy import Pricing
from envs.scenario import Scenario, load_scenario
from tests.commands import ROOT, TINY, Ended, end, start

BASELINES = ("regional_nearest+last_safe_hour", "national_nearest+last_safe_hour")
PPO = """\
copies: 2
n_steps: 8
batch_size: 256
n_epochs: 1
hidden: 8
critic_hidden: 8
eval_every: 1
eval_episodes: 1
"""
ROWS_A_TICK = 4  # two copies of two regions


def write_files(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tiny.yaml").write_text(TINY, encoding="utf-8")
    (folder / "ppo.yaml").write_text(PPO, encoding="utf-8")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def scalars(folder: Path) -> dict[str, list[int]]:
    """Tag → steps logged, of a TensorBoard folder."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    return {tag: [event.step for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


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
    return folder


@pytest.fixture(scope="module")
def resumed(trained: Path) -> Path:
    """A copy of it that went on."""
    folder = trained / "resumed"
    shutil.copytree(trained / "out", folder)
    ended = end(start(trained, "train.py", "--resume", "resumed", "--timesteps", "112"))
    assert ended.code == 0, ended.err
    return folder


def test_training_writes_policy_config_logs_and_checkpoints(trained: Path) -> None:
    assert sorted(path.name for path in (trained / "out").iterdir()) == [
        "checkpoints", "config.yaml", "policy.safetensors", "tb",
    ]  # fmt: skip
    names = [path.name for path in sorted((trained / "out" / "checkpoints").iterdir())]
    assert names == ["000000000032.zip", "000000000064.zip"]
    assert str(Path("out") / "policy.safetensors") in (trained / "printed.txt").read_text(encoding="utf-8")
    assert sorted(path.name for path in trained.iterdir() if path.is_file()) == ["ppo.yaml", "printed.txt", "tiny.yaml"]


def test_the_policy_says_what_it_is(trained: Path) -> None:
    policy = load_policy(trained / "out")
    about = policy.metadata
    assert policy.seen == {("train", 3), ("tune", 3)}
    assert (about["scenario"], about["seed"], about["timesteps"]) == ("tiny", 3, 64)
    assert about["command"].startswith("python train.py --scenario tiny.yaml")
    assert about["tuning_cost_per_order_usd"] > 0


def test_the_config_trains_the_same_again(trained: Path) -> None:
    config = yaml.safe_load((trained / "out" / "config.yaml").read_text(encoding="utf-8"))
    assert (config["seed"], config["timesteps"]) == (3, 64)
    scenario, ppo = Scenario(**config["scenario"]), PpoConfig(**config["ppo"])
    assert (scenario.name, scenario.stock.skus) == ("tiny", 50)
    assert (ppo.copies, ppo.n_epochs, ppo.checkpoint_every) == (2, 2, 1)


def test_tensorboard_has_every_kpi_of_ppo_and_baselines(trained: Path) -> None:
    logged = {name: scalars(trained / "out" / "tb" / name) for name in ("ppo", *BASELINES)}
    for name, tags in logged.items():
        assert {f"kpi/{kpi}" for kpi in KPIS} <= set(tags), name
        assert tags["kpi/cost_per_order_usd"][-1] == 64
    assert {"kpi/best_cost_per_order_usd", "rollout/usd_per_line", "time/decisions_per_second"} <= set(logged["ppo"])
    assert any(tag.startswith("train/source_") for tag in logged["ppo"])
    assert any(tag.startswith("train/dispatch_") for tag in logged["ppo"])


def test_a_resumed_training_goes_on(trained: Path, resumed: Path) -> None:
    names = [path.name for path in sorted((resumed / "checkpoints").iterdir())]
    assert names[-1] == "000000000128.zip"  # whole updates of 32
    assert load_policy(resumed).metadata["timesteps"] == 128
    config = yaml.safe_load((resumed / "config.yaml").read_text(encoding="utf-8"))
    before = yaml.safe_load((trained / "out" / "config.yaml").read_text(encoding="utf-8"))
    assert config["timesteps"] == 112
    assert {name: config[name] for name in ("seed", "scenario", "ppo")} == {
        name: before[name] for name in ("seed", "scenario", "ppo")
    }
    steps = scalars(resumed / "tb" / "ppo")["kpi/cost_per_order_usd"]
    assert steps == sorted(steps)
    assert steps[-1] == 128


def test_evaluate_takes_the_folder(trained: Path, resumed: Path) -> None:
    arguments = ["--scenario", "tiny.yaml", "--policies", "out,resumed,regional_nearest", "--episodes", "1"]
    ended = end(start(trained, "evaluate.py", "compare", *arguments, "--out", "compared"))
    assert ended.code == 0, ended.err
    summary = yaml.safe_load((trained / "compared" / "summary.json").read_text(encoding="utf-8"))
    assert list(summary["policies"]) == ["out", "resumed", "regional_nearest"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_policy_can_be_trained_on_the_prices_of_the_lp(tmp_path: Path) -> None:
    """It is priced in training, in its file, and wherever it is evaluated."""
    folder = write_files(tmp_path)
    files = ["--scenario", "tiny.yaml", "--ppo", "ppo.yaml", "--out", "out", "--timesteps", "64"]
    ended = end(start(folder, "train.py", *files, "--ppo-set", "price_hours=12"))
    assert ended.code == 0, ended.err
    assert load_policy(folder / "out").pricing == Pricing(12.0)
    env = RegionalVecEnv(load_scenario(folder / "tiny.yaml", {"stock.safety_factor": "-1"}), 2, pricing=Pricing(12.0))
    env.reset()
    assert env.sim.state.row["priced"].tolist() == [1, 1]
    assert env.sim.state.price.max() > 0


def test_an_interrupted_training_can_go_on(tmp_path: Path) -> None:
    write_files(tmp_path)
    files = ["--scenario", "tiny.yaml", "--ppo", "ppo.yaml", "--out", "out", "--timesteps", "1000000"]
    process = start(tmp_path, "train.py", *files, "--ppo-set", "checkpoint_every=1")
    for _ in range(3000):
        if list((tmp_path / "out").glob("checkpoints/*.zip")) or process.poll() is not None:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    ended = end(process)
    assert ended.code == 130, ended.err
    assert "Traceback" not in ended.err
    assert "--resume out" in " ".join(ended.err.split())
    assert list((tmp_path / "out" / "checkpoints").glob("*.zip"))
    assert not list((tmp_path / "out").rglob(".*"))  # nothing half-written


# -------------------------------------------------------------------------------------------------------- bad input


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Ended]:
    """The script in this process, in `tmp_path`: bad input ends before anything is trained."""

    def run_(*arguments: str) -> Ended:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
        capsys.readouterr()
        try:
            runpy.run_path(str(ROOT / "train.py"), run_name="__main__")
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        printed = capsys.readouterr()
        return Ended(code, printed.out, printed.err)

    return run_


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
    "negative length": (["--timesteps", "-5"], ["--timesteps = -5", "1 or more"]),
    "no length": (["--timesteps", "0"], ["--timesteps = 0", "1 or more"]),
    "negative seed": (["--seed", "-1"], ["--seed = -1", "0 or more"]),
    "out is a file": (["--out", "tiny.yaml"], ["tiny.yaml", "not a folder"]),
    "map of no such name": (
        ["--set", "partition.kind=states", "--set", "partition.map=us9", "--set", "partition.regions="], ["us9"],
    ),
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
    for text in (
        "--scenario",
        "--ppo-set",
        "--resume",
        "--overwrite",
        "(default: us8)",
        "Unit: ticks",
        "Unit: episodes",
    ):
        assert text in ended.out


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


@pytest.mark.parametrize("name", ["unknown field", "unknown PPO field", "negative length", "map of no such name"])
def test_bad_input_spares_the_run_it_would_overwrite(name: str, earlier: Path, run: Callable[..., Ended]) -> None:
    before = contents(earlier)
    assert_refused(run(*bad_arguments(name), "--overwrite"), *BAD[name][1])
    assert contents(earlier) == before


def test_overwriting_replaces_the_run_and_nothing_else(earlier: Path, run: Callable[..., Ended]) -> None:
    files = ["--scenario", "tiny.yaml", "--ppo", "ppo.yaml", "--out", "out", "--timesteps", "32", "--overwrite"]
    ended = run(*files)
    assert ended.code == 0, ended.err
    assert load_policy(earlier / "out").metadata["timesteps"] == 32
    assert [path.name for path in (earlier / "out" / "checkpoints").iterdir()] == ["000000000032.zip"]
    assert (earlier / "out" / "notes.txt").read_text(encoding="utf-8") == "mine"


def _damage(newest: Path) -> None:
    newest.write_bytes(b"\x07junk" * 99)


def _cut(newest: Path) -> None:
    newest.write_bytes(newest.read_bytes()[:-2000])


def _flip(newest: Path) -> None:
    data = bytearray(newest.read_bytes())
    for at in range(len(data) // 8, len(data), len(data) // 8):
        data[at : at + 40] = bytes(255 - byte for byte in data[at : at + 40])
    newest.write_bytes(data)


def _empty(newest: Path) -> None:
    newest.write_bytes(b"")


def _other_world(newest: Path) -> None:
    config = newest.parent.parent / "config.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace("stations: 6", "stations: 9"), encoding="utf-8")


@pytest.mark.parametrize("spoil", [_damage, _cut, _flip, _empty, _other_world])
def test_a_bad_checkpoint_is_named_and_the_run_left_alone(
    spoil: Callable[[Path], None], earlier: Path, run: Callable[..., Ended]
) -> None:
    newest = sorted((earlier / "out" / "checkpoints").iterdir())[-1]
    spoil(newest)
    before = contents(earlier)
    assert_refused(run("--resume", "out", "--timesteps", "96"), str(Path("out") / "checkpoints" / newest.name), "anew")
    assert contents(earlier) == before


def test_a_resume_checks_its_folder_and_length(earlier: Path, run: Callable[..., Ended]) -> None:
    assert_refused(run("--resume", "out", "--timesteps", "-5"), "--timesteps = -5", "1 or more")
    assert_refused(run("--resume", "out/checkpoints/7.zip"), "7.zip")
    shutil.rmtree(earlier / "out" / "checkpoints")
    assert_refused(run("--resume", "out"), "out", "no checkpoints")
    (earlier / "out" / "config.yaml").write_text("seed: 3\n", encoding="utf-8")
    (earlier / "out" / "checkpoints").mkdir()
    _damage(earlier / "out" / "checkpoints" / "1.zip")
    assert_refused(run("--resume", "out"), "config.yaml", "not the file of a training run")
