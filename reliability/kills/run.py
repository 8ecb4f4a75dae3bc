"""Kills a command at random moments, starts it again, and looks at what is left: results, processes, files."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.execution.parent import VARIABLE
from regional_dispatch.evaluation.experiments.trainings import PACKAGE_PARENT
from regional_dispatch.evaluation.folders.kinds import MARK
from regional_dispatch.reliability.kills.cases import Arguments, Case, write_files
from regional_dispatch.reliability.kills.same import digests

LONGEST_ROW = 5  # kills after each other in one folder, before a run is left alone
PATIENCE_SECONDS = 10.0  # for processes of a killed command to end
_TOKEN = "REGIONAL_DISPATCH_KILLED"  # a variable by which processes of a run are found
Told = Callable[[str], None]


class Result(NamedTuple):
    """What became of one command."""

    kills: int
    folders: int  # in each, one run ended by itself
    seconds: float  # of the latest run that ended by itself, which is what the next one is expected to take
    moments: list[float]  # of the kills, as shares of the seconds then expected
    files: int  # compared in each folder
    wrong: list[str]  # what was not as it should be


class _Left(NamedTuple):
    """A run that was killed or has ended."""

    code: int | None  # None: it was killed
    seconds: float
    said: str
    orphans: int  # processes that outlived it


def kill_command(case: Case, kills: int, rng: random.Random, told: Told = lambda _: None) -> Result:
    """Kills a command so many times, each at a random moment of the time that it takes.

    It is started again in the same folder until it ends by itself; then its results are compared with those of a run
    that was not disturbed, and the next folder begins.

    Args:
        case: the command.
        kills: how many.
        rng: draws the moments.
        told: hears of every kill.

    Raises:
        InputError: the system is not Linux, or the undisturbed run fails.
    """
    if sys.platform != "linux":
        raise InputError("kills: finds processes that are left by /proc, so it runs on Linux alone")
    with tempfile.TemporaryDirectory() as name:
        new = _new_folders(Path(name), case)
        whole = next(new)
        ended = _run(whole, case.arguments, None)
        if ended.code:
            raise InputError(f"kills: the undisturbed run failed: {ended.said}")
        wanted = digests(whole, case.compared)
        result = Result(0, 0, ended.seconds, [], len(wanted), [*_strays(whole), *_orphans(ended)])
        while result.kills < kills:
            result = _one_folder(case, next(new), wanted, min(kills - result.kills, LONGEST_ROW), rng, told, result)
        return result


def _one_folder(
    case: Case, folder: Path, wanted: dict[str, str], most: int, rng: random.Random, told: Told, result: Result
) -> Result:
    """Kills and starts again until a run ends by itself."""
    moments, wrong = list[float](), list[str]()
    arguments: Arguments | None = case.arguments
    while arguments is not None:
        moment = rng.random() if len(moments) < most else None
        ended = _run(folder, arguments, None if moment is None else moment * result.seconds)
        wrong += _orphans(ended)
        if ended.code is not None or moment is None:
            break
        moments.append(round(moment, 3))
        told(f"killed at {moment:.0%} of {result.seconds:.1f} s")
        arguments = case.again(folder) if case.again else case.arguments
    if ended.code:
        wrong.append(f"after kills at {moments}: exit code {ended.code}: {ended.said}")
    found = digests(folder, case.compared)
    wrong += [f"after kills at {moments}: {path} differs" for path in _different(found, wanted)]
    if ended.code is not None:
        wrong += _strays(folder)
    return result._replace(
        kills=result.kills + len(moments), folders=result.folders + 1, seconds=ended.seconds,
        moments=result.moments + moments, wrong=result.wrong + wrong,
    )  # fmt: skip


def _new_folders(parent: Path, case: Case) -> Iterator[Path]:
    """Working folders, each with the files that the command reads; always one path, which names of cells depend on."""
    folder, ready = parent / "work", parent / "ready"
    folder.mkdir()
    write_files(folder)
    if case.first and (ended := _run(folder, case.first, None)).code:
        raise InputError(f"kills: the command before it failed: {ended.said}")
    shutil.copytree(folder, ready)
    while True:
        yield folder
        shutil.rmtree(folder)
        shutil.copytree(ready, folder)


def _run(folder: Path, arguments: Arguments, seconds: float | None) -> _Left:
    """Starts a command and kills its main process alone after so many seconds, if it is not over by then."""
    token, log = uuid4().hex, folder / "said.txt"
    own = {"PYTHONPATH": str(PACKAGE_PARENT), "TMPDIR": str(folder), VARIABLE: str(os.getpid()), _TOKEN: token}
    environment = {**os.environ, **own}
    command, begun = [sys.executable, "-m", "regional_dispatch", *arguments], time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        code: int | None = process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        code = None
    seconds = round(time.monotonic() - begun, 2)
    said = " ".join(log.read_text(encoding="utf-8", errors="replace").split())[-300:]
    return _Left(code, seconds, said, _alive(token))


def _alive(token: str) -> int:
    """Processes of a run that are still there after a while; they are ended."""
    limit = time.monotonic() + PATIENCE_SECONDS
    while (found := _processes(token)) and time.monotonic() < limit:
        time.sleep(0.05)
    for process in found:
        os.kill(process, 9)
    return len(found)


def _processes(token: str) -> list[int]:
    wanted, found = f"{_TOKEN}={token}".encode(), []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if wanted in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
        except OSError:  # another user's, or over by now
            continue
    return found


def _different(found: dict[str, str], wanted: dict[str, str]) -> list[str]:
    return sorted(path for path in found.keys() | wanted.keys() if found.get(path) != wanted.get(path))


def _orphans(ended: _Left) -> list[str]:
    return [f"{ended.orphans} processes outlived their command"] if ended.orphans else []


def _strays(folder: Path) -> list[str]:
    """Hidden files and folders that a run which ended by itself has left, marks of folders apart."""
    hidden = [path for path in folder.rglob(".*") if path.name != MARK]
    return [f"left behind: {path.relative_to(folder)}" for path in hidden]


def facts(result: Result) -> dict[str, Any]:
    """A result as JSON."""
    return {**result._asdict(), "same": not result.wrong}
