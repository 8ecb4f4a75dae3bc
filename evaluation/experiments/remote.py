"""Trainings as pieces of work of an executor, which may do them on machines without the folders of this one.

A training comes back as the files of its folder. One whose machine is lost starts again; only a checkpoint that was
in the folder at the start, from an earlier command, goes along.
"""

from __future__ import annotations

import contextlib
import io
import os
import tarfile
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import torch

from regional_dispatch.agents.stock.train import train_stock
from regional_dispatch.agents.training.checkpoints import newest_checkpoint
from regional_dispatch.agents.training.run import Run, train, write_config
from regional_dispatch.baselines.tuned import FOLDER
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.replacing import hidden_folder
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.execution.executor import Executor
from regional_dispatch.evaluation.execution.ray_board import Board, repeated
from regional_dispatch.evaluation.experiments.trainings import (
    LOG,
    TAKEN_BY,
    Outcome,
    Progress,
    Training,
    how_to_go_on,
    missing_policy,
    prepared,
    split,
    timesteps_done,
    write_state,
)
from regional_dispatch.evaluation.folders.claim import claimed
from regional_dispatch.evaluation.folders.kinds import TRAINING
from regional_dispatch.evaluation.folders.remove import remove_run
from regional_dispatch.evaluation.policies import reference_names, resolve_policies

BOARD_SECONDS = 2.0


class Job(NamedTuple):
    """A training with all that it reads."""

    title: str
    scenario: Scenario
    run: Run  # of the same scenario
    algorithm: str  # PPO, or a stock algorithm
    seconds: float | None  # time budget of a stock algorithm; None: PPO
    references: dict[str, ScorerPolicy]  # drawn beside its learning curve
    tuned: dict[str, bytes]  # the user's tuned baselines: name → file
    begun: bytes | None  # archive of the folder to go on from
    board: Board | None  # takes the timesteps done, under the title


class Trained(NamedTuple):
    """A training that has ended."""

    folder: bytes  # archive
    seconds: float  # of wall clock
    error: str | None  # why it failed


def train_on(
    executor: Executor, trainings: Sequence[Training], progress: Progress, board: Board | None = None
) -> dict[Path, Outcome]:
    """Has the executor run the trainings that are not finished.

    Args:
        executor: runs them.
        trainings: each with a folder of its own.
        progress: receives every start, that is when the executor takes a training, and every end.
        board: of the executor's cluster; brings the timesteps done to `progress`. Default: it receives none.

    Returns:
        Folder → outcome, of every training.

    Raises:
        KeyboardInterrupt: on Ctrl-C; trainings under way are lost.
    """
    done, waiting = split(trainings, progress)
    before: dict[str, float] = {}  # seconds of earlier commands
    running: dict[str, Training] = {}  # by title
    lock = Lock()  # of `running` and `progress`

    def jobs() -> Iterator[Job]:
        for training in waiting:
            command, before[training.title], note = prepared(training)
            with lock:
                progress.started(training, note)
                running[training.title] = training
            yield _job(training, command is training.resume, board)

    def tell() -> None:
        numbers = {} if board is None else board.read()
        with lock:
            for title in running.keys() & numbers.keys():
                progress.at(running[title], numbers[title])

    try:
        with repeated(tell, BOARD_SECONDS), contextlib.closing(executor.run(train_job, jobs())) as results:
            for job, trained in results:
                with lock:
                    training = running.pop(job.title)
                    done[training.folder] = _kept(training, trained, before[job.title])
                    progress.ended(training, done[training.folder])
    except KeyboardInterrupt:
        raise KeyboardInterrupt(how_to_go_on(done, trainings)) from None
    return done


def _job(training: Training, goes_on: bool, board: Board | None) -> Job:
    assert training.run is not None
    scenario = training.run.scenario
    references = {} if training.seconds else resolve_policies(reference_names(scenario.name), scenario)
    tuned = {path.name: path.read_bytes() for path in FOLDER.glob("*.yaml")}
    begun = archive(training.folder) if goes_on else None
    return Job(
        training.title, scenario, training.run, training.algorithm, training.seconds, references, tuned, begun, board
    )


def _kept(training: Training, trained: Trained, before: float) -> Outcome:
    """Writes a training that has come back to its folder."""
    assert training.run is not None
    folder, seconds = training.folder, before + trained.seconds
    with claimed(folder, TRAINING, TAKEN_BY):
        with hidden_folder(folder) as came:
            unarchive(trained.folder, came)
            remove_run(folder, (LOG,))
            for path in [path for path in came.iterdir() if not path.name.startswith(".")]:
                os.replace(path, folder / path.name)
        write_config(training.run)  # with the paths of this machine
        error = f"{trained.error}; see {folder / LOG}" if trained.error is not None else missing_policy(folder)
        write_state(training, seconds, done=error is None, failed=error is not None)
    return Outcome(seconds, error)


def train_job(job: Job) -> Trained:
    """Trains in a temporary folder. What it prints goes to the folder's log."""
    torch.set_num_threads(1)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        _write_tuned(job)
        out = Path(name) / "run"
        out.mkdir()
        if job.begun is not None:
            unarchive(job.begun, out)
        with repeated(lambda: _report(job, out), BOARD_SECONDS):
            error = _train(job, replace(job.run, scenario=job.scenario, out=out))
        return Trained(archive(out), time.monotonic() - begun, error)


def _report(job: Job, out: Path) -> None:
    if job.board is not None:
        job.board.write(job.title, timesteps_done(out))


def _train(job: Job, run: Run) -> str | None:
    """Trains; returns why it failed."""
    with (
        (run.out / LOG).open("a", encoding="utf-8") as log, contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
    ):  # fmt: skip
        try:
            if job.seconds is not None:
                train_stock(job.algorithm, run, job.seconds)
            else:
                train(run, job.references, checkpoint=newest_checkpoint(run.out) if job.begun is not None else None)
        except Exception as error:  # the other trainings go on
            traceback.print_exc()
            return f"{type(error).__name__}: {error}"
    return None


def _write_tuned(job: Job) -> None:
    """Writes the user's tuned baselines where their names are looked up: below the working folder."""
    FOLDER.mkdir(parents=True)
    for name, content in job.tuned.items():
        (FOLDER / name).write_bytes(content)


def archive(folder: Path) -> bytes:
    """The files of a folder as an uncompressed tar archive."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as files:
        files.add(folder, arcname=".")
    return packed.getvalue()


def unarchive(content: bytes, folder: Path) -> None:
    """Writes the files of an archive to a folder, which is made if it is missing."""
    with tarfile.open(fileobj=io.BytesIO(content)) as files:
        files.extractall(folder, filter="data")
