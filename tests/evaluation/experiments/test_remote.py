"""Trainings given to an executor: what goes along, what comes back, and what a user who stops them is told."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from regional_dispatch.agents.export import load_policy
from regional_dispatch.agents.folder import POLICY_FILE
from regional_dispatch.baselines.tuned import FOLDER
from regional_dispatch.evaluation.cells import Worlds, digest
from regional_dispatch.evaluation.execution.executor import HERE
from regional_dispatch.evaluation.experiments import remote
from regional_dispatch.evaluation.experiments.file import load_experiment, ready
from regional_dispatch.evaluation.experiments.remote import Job, Trained, archive, train_job, train_on, unarchive
from regional_dispatch.evaluation.experiments.run import trainings
from regional_dispatch.evaluation.experiments.trainings import STATE, Outcome, Training, finished, write_state
from tests.evaluation.experiments.test_experiment import EXPERIMENT, Told, write_files
from tests.processes import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture
def wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Training]:
    """Those of the tiny experiment, in a working folder with a tuned baseline of the user's."""
    monkeypatch.chdir(tmp_path)
    FOLDER.mkdir(parents=True)
    shutil.copy(ROOT / FOLDER / "us8_spread.linear.yaml", FOLDER / "tiny.linear.yaml")
    text = EXPERIMENT.replace("ppo_set: {", "ppo_set: {decisions: source, other: tuned_linear, ")
    path = write_files(tmp_path, text.replace("{name: whole}", "{name: whole, ppo_set: {checkpoint_every: 1}}"))
    return trainings(ready(load_experiment(path), path), Path("out"), Worlds())


def test_a_training_goes_on_from_its_checkpoint_and_ends_the_same(wanted: list[Training]) -> None:
    training = wanted[0]
    train_on(HERE, [training], Told())
    policy = load_policy(training.folder / POLICY_FILE)
    state = json.loads((training.folder / STATE).read_text(encoding="utf-8"))
    first = min((training.folder / "checkpoints").glob("*.safetensors"))
    assert training.timesteps is not None and int(first.stem) < training.timesteps
    for path in (training.folder / "checkpoints").glob("*.safetensors"):
        if path != first:
            path.unlink()
    (training.folder / POLICY_FILE).unlink()
    write_state(training, state["seconds"])
    told = Told()
    seconds = train_on(HERE, [training], told)[training.folder].seconds
    assert told == ["whole, seed 0 starts continues", "whole, seed 0 is done"]
    assert seconds > state["seconds"]
    assert digest(load_policy(training.folder / POLICY_FILE).scorers) == digest(policy.scorers)


def test_the_user_s_tuned_baselines_go_along(wanted: list[Training], tmp_path: Path) -> None:
    jobs: list[Job] = []

    def noted(job: Job) -> Trained:
        jobs.append(job)
        shutil.rmtree(tmp_path / FOLDER)  # as on a machine that never had it
        return train_job(job)

    training = next(training for training in wanted if "many_skus" in training.title)
    assert patched(noted, [training])[training.folder].error is None
    assert {"tuned_linear", "least_cost"} <= set(jobs[0].references)


def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(wanted: list[Training], tmp_path: Path) -> None:
    def stopped(job: Job) -> Trained:
        if job.title != wanted[0].title:
            raise KeyboardInterrupt
        (tmp_path / "trained").mkdir()
        (tmp_path / "trained" / POLICY_FILE).touch()
        return Trained(archive(tmp_path / "trained"), 1.0, None)

    with pytest.raises(KeyboardInterrupt, match="1 of 3 trainings are finished; the same command continues"):
        patched(stopped, wanted[:3])
    found = finished(wanted[:3])
    assert [found[training.folder].error for training in wanted[:3]] == [None, "not trained yet", "not trained yet"]


def patched(work: Callable[[Job], Trained], wanted: list[Training]) -> dict[Path, Outcome]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(remote, "train_job", work)
        return train_on(HERE, wanted, Told())


def test_an_archive_holds_the_folder(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c.txt").write_text("c", encoding="utf-8")
    unarchive(archive(tmp_path / "a"), tmp_path / "there")
    assert (tmp_path / "there" / "b" / "c.txt").read_text(encoding="utf-8") == "c"


def test_a_stock_algorithm_leaves_a_policy_like_any_other(wanted: list[Training]) -> None:
    training = next(training for training in wanted if training.seconds is not None)
    train_on(HERE, [training], Told())
    policy = load_policy(training.folder)
    assert policy.metadata["algorithm"] == "maskable_ppo"
    assert policy.seen == {("train", 0), ("tune", 0)}
