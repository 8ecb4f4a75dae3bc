"""Many trainings in parallel, each a process of its own; finished ones are kept, interrupted ones continue.

A run's folder also has `training.json` (what it was trained from, whether it is finished, how long it took, and digests
of itself and of the policy) and `train.log` (what the process printed).
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence, Sized
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, Protocol

import regional_dispatch
from regional_dispatch.agents.folder import CONFIG_FILE, CURVE_FILE, POLICY_FILE, checkpoints_in
from regional_dispatch.agents.training.run import Run
from regional_dispatch.envs.fingerprint import code_digest
from regional_dispatch.envs.world.reading import read_json
from regional_dispatch.envs.world.replacing import replacing
from regional_dispatch.evaluation.execution.parent import VARIABLE
from regional_dispatch.evaluation.execution.stopping import STOPS
from regional_dispatch.evaluation.folders.claim import check_kind, claimed
from regional_dispatch.evaluation.folders.kinds import TRAINING
from regional_dispatch.evaluation.folders.remove import remove_run

STATE, LOG = "training.json", "train.log"
SOURCES = ("envs", "agents", "solvers", "baselines/pricing.py", "baselines/shadow_price.py", "commands/train.py")
NO_SOURCES = ("envs/render", "envs/dispatch_env.py")  # trainings do not depend on them
STOCK = (
    "agents/stock",
    "envs/streams",
    "envs/decision_env.py",
    "envs/decision_vector_env.py",
)  # of stock algorithms alone
TAKEN_BY = "folder of a training"  # in messages
_POLL_SECONDS = 0.2
PACKAGE_PARENT = Path(regional_dispatch.__file__).resolve().parents[1]  # a new process imports us from there
_GRACE_SECONDS = 120.0  # for a process that was asked to save and stop


class Training(NamedTuple):
    """One run to be trained."""

    title: str  # variant and seed
    folder: Path
    command: list[str]  # from the start
    resume: list[str] | None  # from its newest checkpoint; None: it cannot be resumed
    parts: dict[str, str]  # what it is trained from: name → digest
    timesteps: int | None  # None: it has a time budget
    run: Run | None = None  # the same without a command line, for a cluster
    seconds: float | None = None  # time budget
    algorithm: str = "ppo"


class Outcome(NamedTuple):
    """How a training ended."""

    seconds: float  # of wall clock, all attempts together
    error: str | None  # why it failed


class Progress(Protocol):
    """Receives what happens."""

    def started(self, training: Training, note: str) -> None:
        """A process starts; the note says why, or is empty."""

    def at(self, training: Training, timesteps: int) -> None:
        """A running training has done so many timesteps."""

    def ended(self, training: Training, outcome: Outcome) -> None:
        """It is finished, has failed, or was finished before; then `started` was not called."""


def digest(value: Any) -> str:
    """A digest of any value that JSON can hold."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


@cache
def sources(stock: bool) -> str:
    """Digest of the code that training runs, with or without stock algorithms; comments and layout do not count."""
    return code_digest(SOURCES, NO_SOURCES if stock else (*NO_SOURCES, *STOCK))


def finished(trainings: Sequence[Training]) -> dict[Path, Outcome]:
    """Folder → outcome of every training in its current state; nothing is trained."""
    return {
        training.folder: Outcome(_state(training.folder)["seconds"], None)
        if _is_finished(training)
        else Outcome(0.0, "not trained yet")
        for training in trainings
    }


def run_all(trainings: Sequence[Training], workers: int, progress: Progress) -> dict[Path, Outcome]:
    """Runs the trainings that are not finished.

    Args:
        trainings: each with a folder of its own.
        workers: number of processes.
        progress: receives every start and end.

    Returns:
        Folder → outcome, of every training.

    Raises:
        KeyboardInterrupt: on Ctrl-C, SIGTERM or SIGHUP; the processes have then saved their checkpoints.
        InputError: another process uses a folder, or one holds something else.
    """
    done, waiting = split(trainings, progress)
    running: list[_Running] = []
    with _stop_asked() as stop:
        try:
            while waiting or running:
                while waiting and len(running) < workers:
                    running.append(_Running(waiting.pop(0), progress))
                time.sleep(_POLL_SECONDS)
                for job in [job for job in running if job.is_over()]:
                    running.remove(job)
                    done[job.training.folder] = job.outcome()
                    progress.ended(job.training, done[job.training.folder])
                stop.raise_if_asked()
        except BaseException as reason:
            _stop(running)
            if isinstance(reason, KeyboardInterrupt):
                raise KeyboardInterrupt(how_to_go_on(done, trainings)) from None
            raise
    return done


def split(trainings: Sequence[Training], progress: Progress) -> tuple[dict[Path, Outcome], list[Training]]:
    """Outcomes of the trainings that are finished, by folder, and those that are not.

    Raises:
        InputError: a folder holds something else.
    """
    for training in trainings:
        check_kind(training.folder, TRAINING, TAKEN_BY)
    done = {folder: outcome for folder, outcome in finished(trainings).items() if outcome.error is None}
    for training in trainings:
        if training.folder in done:
            progress.ended(training, done[training.folder])
    return done, [training for training in trainings if training.folder not in done]


def how_to_go_on(done: Sized, trainings: Sequence[Training]) -> str:
    """For the user who stops them."""
    return f"{len(done)} of {len(trainings)} trainings are finished; the same command continues from there"


class _Running:
    """A training's process.

    Args:
        training: to start or to resume.
        progress: receives the start and, from time to time, the timesteps done.
    """

    def __init__(self, training: Training, progress: Progress) -> None:
        self.training, self.progress = training, progress
        command, self.before, note = prepared(training)
        self.since = time.monotonic()
        environment = {
            **os.environ, "PYTHONPATH": os.pathsep.join([str(PACKAGE_PARENT), *_python_path()]),
            VARIABLE: str(os.getpid()),
        }  # fmt: skip
        with (training.folder / LOG).open("ab") as log:
            self.process = subprocess.Popen(  # a session of its own: Ctrl-C reaches it once, from `_stop`
                command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, env=environment,
            )  # fmt: skip
        progress.started(training, note)

    def is_over(self) -> bool:
        self.progress.at(self.training, timesteps_done(self.training.folder))
        return self.process.poll() is not None

    def seconds(self) -> float:
        return self.before + time.monotonic() - self.since

    def interrupted(self) -> None:
        """Writes to the folder how long it took so far."""
        write_state(self.training, self.seconds(), done=self.process.returncode == 0)

    def outcome(self) -> Outcome:
        """Writes to the folder how it ended."""
        seconds, folder = self.seconds(), self.training.folder
        error = _last_words(folder, self.process.returncode) if self.process.returncode else missing_policy(folder)
        write_state(self.training, seconds, done=error is None, failed=error is not None)
        return Outcome(seconds, error)


def missing_policy(folder: Path) -> str | None:
    """Why a training that ended well has failed all the same; None if its policy is there."""
    return None if (folder / POLICY_FILE).is_file() else f"{POLICY_FILE} is missing; see {folder / LOG}"


def prepared(training: Training) -> tuple[list[str], float, str]:
    """The command that starts or resumes a training, seconds spent on it before, and a note for the progress.

    Raises:
        InputError: another process uses its folder, or it holds something else.
    """
    with claimed(training.folder, TRAINING, TAKEN_BY):
        state = _state(training.folder)
        changed = [name for name, value in training.parts.items() if state.get("parts", {}).get(name) != value]
        if state and not changed and not state["failed"] and training.resume and _checkpoints(training.folder):
            note = "its policy is missing or damaged: continues" if state["done"] else "continues"
            return training.resume, state["seconds"], note
        note = ""
        if state or _holds_a_run(training.folder):
            why = f"{STATE} is damaged" if not state else _why(state, changed)
            note = f"trained from scratch: {why}"
            remove_run(training.folder, (STATE, LOG))
        write_state(training, 0.0)
        return training.command, 0.0, note


def _why(state: dict[str, Any], changed: Sequence[str]) -> str:
    if changed:
        return f"{', '.join(changed)} changed"
    if state["done"]:
        return "its policy is missing or damaged"
    return "it failed" if state["failed"] else "it cannot be resumed"


def _checkpoints(folder: Path) -> list[Path]:
    if not (folder / CONFIG_FILE).exists():
        return []
    return checkpoints_in(folder)


def _holds_a_run(folder: Path) -> bool:
    return any((folder / name).exists() for name in (CONFIG_FILE, POLICY_FILE, CURVE_FILE, LOG))


def _is_finished(training: Training) -> bool:
    """Whether it is done, from what it would be trained from now, and its policy is the one that it wrote."""
    state = _state(training.folder)
    if not state or not state["done"] or state["parts"] != training.parts:
        return False
    return state["policy"] is not None and state["policy"] == _file_digest(training.folder / POLICY_FILE)


def _state(folder: Path) -> dict[str, Any]:
    """What `training.json` says; empty if it is not there, damaged or edited."""
    try:
        state = read_json(folder / STATE)
        if state.pop("sha256") != digest(state):
            return {}
        flags = {name: bool(state[name]) for name in ("done", "failed")}
        return {"parts": dict(state["parts"]), "seconds": float(state["seconds"]), "policy": state["policy"], **flags}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def write_state(training: Training, seconds: float, done: bool = False, failed: bool = False) -> None:
    """Writes `training.json`.

    Args:
        training: whose.
        seconds: of wall clock so far.
        done: its policy is final.
        failed: it ended with an error.
    """
    policy = _file_digest(training.folder / POLICY_FILE) if done else None
    seconds = round(seconds, 1)
    state = {"parts": training.parts, "done": done, "failed": failed, "seconds": seconds, "policy": policy}
    state["sha256"] = digest(state)
    with replacing(training.folder / STATE) as file:
        file.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")


def _file_digest(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def timesteps_done(folder: Path) -> int:
    """Timesteps done, by the last line of the run's learning curve."""
    try:
        last = (folder / CURVE_FILE).read_text(encoding="utf-8").rstrip().rpartition("\n")[2]
        return int(last.partition(",")[0])
    except (OSError, ValueError):
        return 0


def _last_words(folder: Path, code: int) -> str:
    lines = (folder / LOG).read_text(encoding="utf-8", errors="replace").split("\n")
    said = [line.strip() for line in lines if line.strip()]
    return f"exit code {code}: {said[-1] if said else 'it printed nothing'}; see {folder / LOG}"


def _python_path() -> list[str]:
    given = os.environ.get("PYTHONPATH", "")
    return given.split(os.pathsep) if given else []


def _stop(running: Sequence[_Running]) -> None:
    """Asks the processes to save and stop, and waits for them."""
    for job in running:
        job.process.send_signal(signal.SIGINT)
    limit = time.monotonic() + _GRACE_SECONDS
    for job in running:
        try:
            job.process.wait(max(0.0, limit - time.monotonic()))
        except subprocess.TimeoutExpired:
            job.process.kill()
            job.process.wait()
        job.interrupted()


class _Stop:
    """Remembers the first signal that asked this process to stop, and what it would have done then."""

    def __init__(self) -> None:
        self.asked: int | None = None
        self.before: dict[int, Any] = {}  # handlers

    def remember(self, number: int, frame: FrameType | None) -> None:
        """A handler."""
        self.asked = self.asked or number

    def raise_if_asked(self) -> None:
        """Raises KeyboardInterrupt if a signal came, as the handler before would have, which may note the signal."""
        if self.asked is not None:
            if callable(self.before[self.asked]):
                self.before[self.asked](self.asked, None)
            raise KeyboardInterrupt


@contextmanager
def _stop_asked() -> Iterator[_Stop]:
    """Remembers Ctrl-C, SIGTERM and SIGHUP; none reaches the processes, which are in sessions of their own.

    An exception from a signal handler could be raised anywhere, even where Python drops it. Processes started in the
    block react to Ctrl-C and SIGTERM, even if the parent of this process ignores them.
    """
    stop = _Stop()
    heard = [number for number in STOPS if number == signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN]
    stop.before = {number: signal.signal(number, stop.remember) for number in (signal.SIGINT, *heard)}
    try:
        yield stop
    finally:
        for number, handler in stop.before.items():
            signal.signal(number, handler)
