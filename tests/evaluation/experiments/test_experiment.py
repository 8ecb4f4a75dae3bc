"""Experiments: files, trainings that are kept and go on, statistics, the page, curves, and shipped policies."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from regional_dispatch.agents.export import load_policy
from regional_dispatch.agents.folder import POLICY_FILE
from regional_dispatch.baselines import baseline
from regional_dispatch.commands.cli import guarded
from regional_dispatch.envs.kernel.metrics import KPIS
from regional_dispatch.envs.world.demand import episode_key
from regional_dispatch.envs.world.scenario import ScenarioError, load_scenario
from regional_dispatch.evaluation import policies
from regional_dispatch.evaluation.cells import Worlds
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.execution.executor import HERE, Here, Processes
from regional_dispatch.evaluation.experiments.cells import run_folder, variant_cells
from regional_dispatch.evaluation.experiments.curves import (
    Curves,
    Reference,
    draw_curves,
    read_curve,
    seconds_to_beat,
    time_to_beat,
)
from regional_dispatch.evaluation.experiments.file import load_experiment, ready
from regional_dispatch.evaluation.experiments.page import experiment_page
from regional_dispatch.evaluation.experiments.run import evaluate_experiment, trainings
from regional_dispatch.evaluation.experiments.ship import best_seed, ship
from regional_dispatch.evaluation.experiments.summary import verdict
from regional_dispatch.evaluation.experiments.trainings import (
    Outcome,
    Training,
    finished,
    prepared,
    run_all,
    write_state,
)
from regional_dispatch.evaluation.folders.kinds import MARK
from regional_dispatch.evaluation.folders.remove import remove_run
from regional_dispatch.evaluation.policies import resolve_policies
from tests.evaluation.benchmark.test_benchmark import dime
from tests.processes import ROOT, TINY, Ended, end, run_here, start

pytestmark = pytest.mark.slow

SCRIPT = "evaluate.py"
EXPERIMENTS = ROOT / "configs" / "experiments"
PPO = """\
timesteps: 64
copies: 2
n_steps: 8
batch_size: 256
n_epochs: 1
hidden: 8
critic_hidden: 8
eval_every: 1
eval_episodes: 1
"""
EXPERIMENT = """\
name: tiny
about: does it run?
episodes: 3
base: whole
scenario: worlds/tiny.yaml
ppo: ppo.yaml
seeds: [0, 1]
rivals: [least_cost, linear, national_nearest]
variants:
  - {name: whole}
  - {name: many_skus, set: {stock.skus: 50}, ppo_set: {dispatch_prior: {bias: -2}}, seeds: [1]}
  - {name: shelf, algorithm: maskable_ppo, seconds: 0.5, seeds: [0], bound: false}
"""


def write_files(folder: Path, text: str = EXPERIMENT) -> Path:
    (folder / "files" / "worlds").mkdir(parents=True, exist_ok=True)
    (folder / "files" / "worlds" / "tiny.yaml").write_text(TINY, encoding="utf-8")
    (folder / "files" / "ppo.yaml").write_text(PPO, encoding="utf-8")
    path = folder / "files" / "tiny.yaml"
    path.write_text(text, encoding="utf-8")
    return path


# ------------------------------------------------------------------------------------------------------------- file

BAD = {
    "unknown field": (EXPERIMENT + "warp: 9\n", r"tiny\.yaml: warp = 9: unknown field"),
    "unknown field of a variant": (EXPERIMENT.replace("ppo_set", "ppo_sat"), r"variants\.1\.ppo_sat: unknown field"),
    "name that is no folder": (EXPERIMENT.replace("name: whole", "name: ../x"), r"variants\.0\.name = '\.\./x'"),
    "unknown base": (EXPERIMENT.replace("base: whole", "base: half"), "base = 'half': must be one of the variants"),
    "variant twice": (EXPERIMENT.replace("name: shelf", "name: whole"), "variants: 'whole' is given twice"),
    "budget of time for ppo": (EXPERIMENT.replace("maskable_ppo", "ppo"), "a stock algorithm takes a time budget"),
    "negative seed": (EXPERIMENT.replace("seeds: [1]", "seeds: [-1]"), r"seeds = \[-1\]: must be 0 or more"),
    "no rivals": (EXPERIMENT.replace("rivals: [least_cost, linear, national_nearest]\n", ""), "whole: rivals: missing"),
    "unknown rival": (EXPERIMENT.replace("[least_cost,", "[leest_cost,"), r"variants: whole: policy 'leest_cost'"),
    "scenario's field": (EXPERIMENT.replace("stock.skus", "stock.skuz"), r"many_skus: .*stock\.skuz = 50: unknown"),
    "PPO's field": (EXPERIMENT.replace("bias: -2", "bios: -2"), "many_skus: .*dispatch_prior.*no such feature: bios"),
    "networks for maskable_ppo": (
        EXPERIMENT.replace("seconds: 0.5", "seconds: 0.5, ppo_set: {networks: 2}"),
        "shelf: ppo_set: networks = 2: maskable_ppo trains on the scenario alone",
    ),
    "no such PPO file": (EXPERIMENT.replace("ppo.yaml", "pro.yaml"), r"whole: .*pro\.yaml: no such file"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_cannot_be_used_is_named_with_the_mend(name: str, tmp_path: Path) -> None:
    text, message = BAD[name]
    path = write_files(tmp_path, text)
    with pytest.raises((ScenarioError, InputError), match=message):
        ready(load_experiment(path), path)


def test_a_variant_takes_what_it_leaves_out_from_the_experiment(tmp_path: Path) -> None:
    path = write_files(tmp_path)
    whole, many, shelf = ready(load_experiment(path), path)
    assert (whole.seeds, many.seeds, shelf.seeds) == ((0, 1), (1,), (0,))
    assert (whole.scenario.stock.skus, many.scenario.stock.skus) == (40, 50)
    assert many.ppo.dispatch_prior == {"bias": -2}
    assert list(whole.rivals) == ["least_cost", "linear", "national_nearest"]


def test_rivals_are_levels_on_the_networks_that_a_policy_is_chosen_on(tmp_path: Path) -> None:
    path = write_files(tmp_path, EXPERIMENT.replace("dispatch_prior: {bias: -2}", "networks: 2, eval_episodes: 2"))
    many = ready(load_experiment(path), path)[1]
    found = variant_cells(many, {1: baseline("least_cost")}, [7], 0, Worlds(), None)
    played = [(cell.scenario.name, cell.keys) for cell in found.levels["least_cost"][1]]
    assert played == [(f"tune_{i}", (episode_key("tune", 1, i),)) for i in range(2)]


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_shipped_experiments_can_be_used_from_any_folder(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    variants = ready(load_experiment(path), path)
    assert {variant.arguments[3] for variant in variants} <= {
        f"configs/ppo/{name}.yaml" for name in ("default", "everywhere", "peak", "scarce_stock", "small", "tight_fleet")
    }


# -------------------------------------------------------------------------------------------------------- trainings


class Told(list[str]):
    """Progress as it was told; stops everything, as Ctrl-C does, once a file is there."""

    def __init__(self, stop: Path | None = None) -> None:
        self.stop = stop

    def started(self, training: Training, note: str) -> None:
        self.append(f"{training.title} starts {note}".strip())

    def at(self, training: Training, timesteps: int) -> None:
        if self.stop is not None and self.stop.exists():
            raise KeyboardInterrupt

    def ended(self, training: Training, outcome: Outcome) -> None:
        self.append(f"{training.title} {outcome.error or 'is done'}")


def process(folder: Path, code: str = "pass", again: str | None = None, **parts: str) -> Training:
    """A training that is a line of Python, run with its folder as `F`; then it writes a policy."""

    def command(text: str) -> list[str]:
        whole = f"from pathlib import Path; F = Path({str(folder)!r})\n{text}\nF.joinpath('{POLICY_FILE}').touch()"
        return [sys.executable, "-c", whole]

    resume = None if again is None else command(again)
    return Training(folder.name, folder, command(code), resume, {"scenario": "s", **parts}, 9)


def test_finished_trainings_are_kept_and_changed_ones_done_again(tmp_path: Path) -> None:
    first = process(tmp_path / "a", "F.joinpath('curve.csv').touch(); F.joinpath('mine.txt').touch()")
    assert run_all([first], 2, Told())[first.folder].error is None
    told = Told()
    run_all([process(tmp_path / "a", "raise SystemExit(9)"), process(tmp_path / "b")], 2, told)
    assert told == ["a is done", "b starts", "b is done"]
    told = Told()
    run_all([process(tmp_path / "a", scenario="other")], 2, told)
    assert told == ["a starts trained from scratch: scenario changed", "a is done"]
    assert not (tmp_path / "a" / "curve.csv").exists() and (tmp_path / "a" / "mine.txt").exists()


def test_a_failed_training_is_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    bad = process(tmp_path / "bad", "print('looked fine'); raise SystemExit('no more room')", again="pass")
    found = run_all([bad, process(tmp_path / "good")], 1, Told())
    assert found[tmp_path / "bad"].error == f"exit code 1: no more room; see {tmp_path / 'bad' / 'train.log'}"
    assert found[tmp_path / "good"].error is None
    told = Told()
    run_all([process(tmp_path / "bad", again="raise SystemExit(1)")], 1, told)
    assert told == ["bad starts trained from scratch: it failed", "bad is done"]


def test_what_is_finished_can_be_told_without_training(tmp_path: Path) -> None:
    trainings = [process(tmp_path / "a"), process(tmp_path / "b")]
    run_all(trainings[:1], 1, Told())
    found = finished(trainings)
    assert [found[training.folder].error for training in trainings] == [None, "not trained yet"]
    assert not (tmp_path / "b").exists()


def test_an_interrupted_training_saves_and_continues(tmp_path: Path) -> None:
    saves = """
import time
F.joinpath('checkpoints').mkdir(); F.joinpath('config.yaml').touch(); F.joinpath('ready').touch()
try:
    time.sleep(60)
except KeyboardInterrupt:
    F.joinpath('checkpoints', '1.safetensors').touch()
    raise SystemExit(130)
"""
    job = process(tmp_path / "a", saves, again="F.joinpath('went_on').touch()")
    with pytest.raises(KeyboardInterrupt, match="0 of 1 trainings are finished; the same command continues"):
        run_all([job], 1, Told(stop=tmp_path / "a" / "ready"))
    before = json.loads((tmp_path / "a" / "training.json").read_text(encoding="utf-8"))["seconds"]
    told = Told()
    found = run_all([job], 1, told)
    assert told == ["a starts continues", "a is done"]
    assert (tmp_path / "a" / "went_on").exists()
    assert found[job.folder].seconds >= before > 0


def test_a_finished_training_without_its_policy_is_trained_again(tmp_path: Path) -> None:
    job = process(tmp_path / "a", "F.joinpath('config.yaml').touch()")
    for spoil in (Path.unlink, lambda path: path.write_text("damaged", encoding="utf-8")):
        run_all([job], 1, Told())
        assert finished([job])[job.folder].error is None
        spoil(tmp_path / "a" / POLICY_FILE)
        assert finished([job])[job.folder].error == "not trained yet"
        told = Told()
        run_all([job], 1, told)
        assert told == ["a starts trained from scratch: its policy is missing or damaged", "a is done"]


def test_a_training_that_leaves_no_policy_has_failed(tmp_path: Path) -> None:
    job = process(tmp_path / "a", "raise SystemExit(0)")
    assert (
        run_all([job], 1, Told())[job.folder].error == f"{POLICY_FILE} is missing; see {tmp_path / 'a' / 'train.log'}"
    )


def test_an_edited_state_of_a_training_is_not_believed(tmp_path: Path) -> None:
    job = process(tmp_path / "a", "raise SystemExit(1)")
    run_all([job], 1, Told())
    state = tmp_path / "a" / "training.json"
    state.write_text(state.read_text(encoding="utf-8").replace('"done": false', '"done": true'), encoding="utf-8")
    told = Told()
    run_all([process(tmp_path / "a")], 1, told)
    assert told == ["a starts trained from scratch: training.json is damaged", "a is done"]


def test_a_folder_of_something_else_is_refused_before_any_training(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "thesis.txt").touch()
    told = Told()
    with pytest.raises(InputError, match=r"folder of a training = .*b: holds files that are no 'training'"):
        run_all([process(tmp_path / "a"), process(tmp_path / "b")], 1, told)
    assert told == [] and [path.name for path in (tmp_path / "b").iterdir()] == ["thesis.txt"]


def test_a_training_ends_with_the_experiment_that_started_it(tmp_path: Path) -> None:
    """Its process, which is the leader of a session of its own, has read the variable that names its parent."""
    code = "import os; F.joinpath('parent.txt').write_text(os.environ['REGIONAL_DISPATCH_PARENT'])"
    run_all([process(tmp_path / "a", code)], 1, Told())
    assert (tmp_path / "a" / "parent.txt").read_text(encoding="utf-8") == str(os.getpid())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["SIGTERM", "SIGHUP"])
def test_requests_to_stop_end_the_trainings_and_are_told_apart(number: int, tmp_path: Path) -> None:
    code = f"import os, signal, time; os.kill(os.getppid(), {int(number)}); time.sleep(60)"
    with pytest.raises(SystemExit) as stopped:
        guarded(lambda: run_all([process(tmp_path / "a", code)], 1, Told()) and None)
    assert stopped.value.code == 128 + number


# ----------------------------------------------------------------------------------------------------------- curves


def curve(costs: list[float], seconds: float = 60.0) -> pd.DataFrame:
    steps = np.arange(len(costs))
    rows = {"timesteps": 10 * steps, "seconds": seconds * steps, "decisions": 100 * steps, "cost_per_order_usd": costs}
    return pd.DataFrame(rows)


def test_a_level_is_beaten_at_the_first_evaluation_below_it() -> None:
    assert seconds_to_beat(curve([5.0, 4.0, 3.9, 4.2, 3.5]), 4.0) == 120
    assert seconds_to_beat(curve([5.0, 4.0]), 4.0) == float("inf")


def test_the_time_to_beat_is_a_median_over_seeds_each_against_its_own_level() -> None:
    by_seed = {0: curve([5, 3]), 1: curve([5, 5, 3]), 2: curve([5, 5, 5])}
    found = time_to_beat(Curves("v", by_seed, []), Reference("tuned rule", "linear", {0: 4.0, 1: 4.0, 2: 4.0}))
    assert (found["median_seconds"], found["seeds_that_do"], found["seeds"]) == (120, 2, 3)
    found = time_to_beat(Curves("v", by_seed, []), Reference("tuned rule", "linear", {0: 2.0, 1: 2.0, 2: 5.1}))
    assert (found["median_seconds"], found["seeds_that_do"]) == (None, 1)


def test_curves_are_read_and_drawn(tmp_path: Path) -> None:
    assert read_curve(tmp_path) is None
    curve([9.0, 4.0, 3.9]).to_csv(tmp_path / "curve.csv", index=False)
    read = read_curve(tmp_path)
    assert read is not None
    of = Curves("v", {0: read, 1: curve([8.0, 4.2, 3.8])}, [Reference("best untuned rule", "x", {0: 4.1, 1: 4.1})])
    draw_curves([of] * 4, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    (tmp_path / "curve.csv").write_text("timesteps,seconds\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"curve\.csv: not a learning curve with the columns .*train from scratch"):
        read_curve(tmp_path)


def test_a_verdict_needs_an_interval_without_zero() -> None:
    intervals = [(-2, -1), (1, 2), (-1, 1), (None, None)]
    found = [verdict({"mean": -1, "ci_low": low, "ci_high": high}) for low, high in intervals]
    assert found == ["cheaper", "more expensive", "tie", "–"]


# ---------------------------------------------------------------------------------------------------------- command


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended, Ended]:
    """The command, stopped by Ctrl-C after its first training, and given again.

    Before the second time, what is left of PPO is trained in this process, which has paid the imports.
    """
    folder = tmp_path_factory.mktemp("experiment")
    path = write_files(folder).relative_to(folder)
    arguments = ("experiment", str(path), "--out", "out", "--workers", "1")
    running = start(folder, SCRIPT, *arguments)
    wait_until_done(running, folder / "out" / "whole" / "seed0" / "training.json")
    running.send_signal(signal.SIGINT)
    stopped = end(running)
    with contextlib.chdir(folder):
        for training in trainings(ready(load_experiment(path), path), Path("out"), Worlds()):
            if training.resume is not None and finished([training])[training.folder].error:
                train_here(folder, training)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Processes, "run", Here.run)
        return folder, stopped, run_here(folder, SCRIPT, *arguments)


def train_here(folder: Path, training: Training) -> None:
    """A training without a process of its own."""
    prepared(training)
    remove_run(training.folder)
    ended = run_here(folder, "train.py", *training.command[4:])
    assert ended.code == 0, ended.err
    write_state(training, 1.0, done=True)


def wait_until_done(running: subprocess.Popen[str], state: Path) -> None:
    limit = time.monotonic() + 400  # the first run of all compiles the kernel
    while not (state.exists() and json.loads(state.read_text(encoding="utf-8"))["done"]):
        assert running.poll() is None, running.communicate()[1]
        assert time.monotonic() < limit
        time.sleep(0.02)


@pytest.fixture(scope="module")
def summary(ran: tuple[Path, Ended, Ended]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ran[0] / "out" / "summary.json").read_text(encoding="utf-8"))
    return found


def test_ctrl_c_says_how_to_continue_and_the_same_command_does(ran: tuple[Path, Ended, Ended]) -> None:
    folder, stopped, finished = ran
    assert stopped.code == 130
    assert "of 4 trainings are finished; the same command continues from there" in stopped.err
    assert "Traceback" not in stopped.err + finished.err
    assert finished.code == 0, finished.err
    assert "whole, seed 0: trained" not in finished.err
    assert "shelf, seed 0: trained in" in stopped.err + finished.err
    assert "best rival" in finished.out
    assert {"experiment.md", "summary.json", "results.csv", "whole", "many_skus", "shelf"} <= {
        path.name for path in (folder / "out").iterdir()
    }


def test_every_seed_and_rival_plays_the_same_episodes(ran: tuple[Path, Ended, Ended]) -> None:
    frame = pd.read_csv(ran[0] / "out" / "results.csv")
    assert list(frame) == ["variant", "policy", "episode", "seed", *KPIS]
    rivals = ["least_cost", "linear", "national_nearest"]
    played = frame.groupby("variant", sort=False)["policy"].unique().map(list).to_dict()
    assert played == {
        "whole": ["seed 0", "seed 1", *rivals], "many_skus": ["seed 1", *rivals], "shelf": ["seed 0", *rivals],
    }  # fmt: skip
    assert (frame.groupby("episode")["seed"].nunique() == 1).all()


def test_the_summary_agrees_with_the_episodes(ran: tuple[Path, Ended, Ended], summary: dict[str, Any]) -> None:
    frame = pd.read_csv(ran[0] / "out" / "results.csv")
    cost = frame[frame["variant"] == "whole"].groupby("policy")["cost_per_order_usd"].mean()
    whole = summary["variants"]["whole"]
    mean = (cost["seed 0"] + cost["seed 1"]) / 2
    assert whole["kpis"]["cost_per_order_usd"]["mean"] == pytest.approx(mean)
    best = min(whole["rivals"], key=lambda name: cost[name])
    assert whole["best_rival"] == best
    assert whole["paired"][best]["usd"]["mean"] == pytest.approx(mean - cost[best])
    assert whole["paired"][best]["percent"]["mean"] == pytest.approx(100 * (mean / cost[best] - 1))
    assert whole["best_untuned"] in ("least_cost", "national_nearest")
    other = summary["variants"]["many_skus"]["to_base"]
    theirs = frame[(frame["variant"] == "many_skus") & (frame["policy"] == "seed 1")]["cost_per_order_usd"].mean()
    assert (other["seeds"], other["usd"]["mean"]) == (1, pytest.approx(theirs - cost["seed 1"]))


def test_off_the_shelf_is_trained_by_time_and_measured_the_same(summary: dict[str, Any]) -> None:
    shelf, whole = summary["variants"]["shelf"], summary["variants"]["whole"]
    assert shelf["rivals"] == whole["rivals"]
    assert shelf["kpis"]["cost_per_order_usd"]["mean"] > 0
    assert shelf["seeds"]["0"]["timesteps"] >= 0
    assert shelf["time_to_beat"][0]["seeds"] == 1


def test_the_page_has_every_table(ran: tuple[Path, Ended, Ended], summary: dict[str, Any]) -> None:
    page = (ran[0] / "out" / "experiment.md").read_text(encoding="utf-8")
    for text in (
        "does it run?", "3 held-out episodes, seed 0", "## Against whole", "`stock.skus: 50`", "`maskable_ppo`",
        "## Against the best rival", "## Against the best untuned rule", "## Training", "## Seeds", "## KPIs",
        "Made by `python evaluate.py experiment files/tiny.yaml", "![Cost on the tuning episodes",
    ):  # fmt: skip
        assert text in page
    assert "left out\n" not in page
    failed = {**summary, "meta": {**summary["meta"], "failed": {"out/whole/seed1": "exit code 2: no room"}}}
    assert "- `out/whole/seed1`: exit code 2: no room" in experiment_page(failed)


def test_a_failed_training_ends_in_exit_code_1_and_results_of_the_rest(ran: tuple[Path, Ended, Ended]) -> None:
    folder = ran[0] / "failed"
    folder.mkdir()
    text = EXPERIMENT.replace("base: whole\n", "").split("  - {name: many")[0].replace("[0, 1]", "[0]")
    write_files(folder, text + "  - {name: broken}\n")
    for kept in (Path("whole") / "seed0", Path("cells")):
        shutil.copytree(ran[0] / "out" / kept, folder / "out" / kept)
    (folder / "out" / "broken" / "seed0").mkdir(parents=True)
    (folder / "out" / "broken" / "seed0" / "tb").touch()  # where a folder is to be
    (folder / "out" / "broken" / "seed0" / MARK).write_text('{"kind": "training"}', encoding="utf-8")
    ended = run_here(folder, SCRIPT, "experiment", "files/tiny.yaml", "--out", "out", "--workers", "1")
    assert ended.code == 1
    assert "broken, seed 0: failed" in ended.err
    assert "1 of 2 trainings failed" in ended.err
    page = (folder / "out" / "experiment.md").read_text(encoding="utf-8")
    assert "## Trainings left out" in page and "| whole |" in page
    again = run_here(folder, SCRIPT, *["experiment", "files/tiny.yaml", "--out", "out", "--workers", "1", "--no-train"])
    assert (again.code, again.err) == (0, "")
    assert "`out/broken/seed0`: not trained yet" in (folder / "out" / "experiment.md").read_text(encoding="utf-8")
    refused = run_here(folder, SCRIPT, "experiment", "files/tiny.yaml", "--variants", "whole,half")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "--variants: 'half' is not a variant of files/tiny.yaml; there are: whole, broken" in refused.err


def test_gaps_to_the_bound_are_those_of_the_mean_over_seeds(ran: tuple[Path, Ended, Ended]) -> None:
    folder = ran[0] / "bounded"
    path = write_files(
        folder, EXPERIMENT.split("  - {name: whole")[0] + "  - {name: whole, bound: true, bound_episodes: 2}\n"
    )
    experiment = load_experiment(path)
    (whole,) = ready(experiment, path)
    out = ran[0] / "out"
    outcomes = {run_folder(out, "whole", seed): Outcome(1.0, None) for seed in whole.seeds}
    found = evaluate_experiment(experiment, [whole], outcomes, out, HERE, dime, "")
    gaps = found.summary["variants"]["whole"]["gaps"]
    frame = found.frame[found.frame["episode"] < 2]
    mean = frame[frame["policy"].str.startswith("seed")]["episode_cost_per_order_usd"].mean()
    assert gaps["policies"]["whole"]["gap_usd"]["mean"] == pytest.approx(mean - 0.1)
    assert len(gaps["episodes"]) == 2
    assert "## Gap closed: whole" in experiment_page(found.summary)


# ------------------------------------------------------------------------------------------------------------- ship


def test_the_shipped_seed_is_chosen_by_its_tuning_episodes_alone() -> None:
    seeds = {"3": {"tuning_cost_usd": 4.0, "cost_usd": 1.0}, "8": {"tuning_cost_usd": 4.5, "cost_usd": 9.0}}
    assert best_seed({"levels": {}, "seeds": seeds}) == 3
    dear = {"best untuned rule": {"usd": {"3": 4.1, "8": 5.0}}}  # the second seed's tuning episodes are more expensive
    assert best_seed({"levels": dear, "seeds": seeds}) == 8


def test_a_shipped_policy_is_used_by_name_from_anywhere(
    ran: tuple[Path, Ended, Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "pretrained"
    monkeypatch.chdir(ran[0])
    written = ship(Path("out"), None, out)
    assert [path.name for path in written] == [
        "whole.safetensors", "whole.md", "many_skus.safetensors", "many_skus.md",
    ]  # fmt: skip
    monkeypatch.setattr(policies, "PRETRAINED", out)
    monkeypatch.chdir(tmp_path)
    world = load_scenario(ran[0] / "files" / "worlds" / "tiny.yaml")
    found = resolve_policies(["pretrained/many_skus", "least_cost"], world)
    assert list(found) == ["pretrained/many_skus", "least_cost"]
    original = load_policy(ran[0] / "out" / "many_skus" / "seed1")
    np.testing.assert_array_equal(found["pretrained/many_skus"].scorers.source.w1, original.scorers.source.w1)
    told = load_policy(written[2]).metadata
    assert told["command"].endswith("--seed 1 --out runs/many_skus")  # not where it happened to be trained
    assert {**told, "command": original.metadata["command"]} == original.metadata
    with pytest.raises(InputError, match=r"'pretrained/us9': no such .*: pretrained/many_skus, pretrained/whole"):
        resolve_policies(["pretrained/us9"], world)


def test_the_model_card_tells_how_it_was_made_and_what_it_is_worth(
    ran: tuple[Path, Ended, Ended], tmp_path: Path
) -> None:
    ship(ran[0] / "out", ["many_skus"], tmp_path)
    card = (tmp_path / "many_skus.md").read_text(encoding="utf-8")
    for text in (
        "# pretrained/many_skus", "--set stock.skus=50 --policies pretrained/many_skus",
        "Trained in simulation on scenario `tiny`, and measured above on scenario",
        "`python train.py --scenario files/worlds/tiny.yaml --ppo files/ppo.yaml --set stock.skus=50", "--seed 1",
        "| KPI | unit | `pretrained/many_skus` | `least_cost` |",
        "pretrained/many_skus − linear", "minutes of one thread", "Seed 1 alone was trained",
    ):  # fmt: skip
        assert text in card
    config = yaml.safe_load(card.split("```yaml\n")[1].split("```")[0])
    assert (config["timesteps"], config["dispatch_prior"]) == (64, {"bias": -2})


def test_what_a_killed_process_left_is_removed_when_policies_are_shipped(
    ran: tuple[Path, Ended, Ended], tmp_path: Path
) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    stray = tmp_path / f".writing-{dead.pid}-0123abcd"
    stray.mkdir()
    ended = run_here(ran[0], SCRIPT, "ship", "out", "--variants", "many_skus", "--out", str(tmp_path))
    assert (ended.code, ended.err) == (0, "")
    assert not stray.exists() and (tmp_path / "many_skus.safetensors").exists()


def test_what_cannot_be_shipped_is_said(ran: tuple[Path, Ended, Ended], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'shelf' cannot be shipped from .*; there are: whole, many_skus"):
        ship(ran[0] / "out", ["shelf"], tmp_path / "shipped")
    with pytest.raises(InputError, match="not the folder of a finished experiment"):
        ship(tmp_path, None, tmp_path / "shipped")
    assert not (tmp_path / "shipped").exists()
