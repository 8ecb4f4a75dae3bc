"""Commands that are killed and started again end as if nothing had happened; what is wrong is found."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import pytest

from regional_dispatch.commands.cli import evaluate_commands
from regional_dispatch.reliability.kills import run
from regional_dispatch.reliability.kills.cases import CASES, OUT, Case
from regional_dispatch.reliability.kills.run import kill_command
from regional_dispatch.reliability.kills.same import comparable, digests
from tests.processes import run_here

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
# Commands that print alone, and the one that kills.
NOT_KILLED = {"baselines", "explain", "table", "tune_transfers", "replay", "kills"}


def test_every_command_that_writes_is_killed() -> None:
    assert {"train", *evaluate_commands()} - NOT_KILLED == set(CASES)


def test_a_command_that_is_killed_ends_the_same_and_is_not_killed_again(tmp_path: Path) -> None:
    command = ("evaluate.py", "kills", "--commands", "generate", "--kills", "2", "--out", "kills.json")
    ended = run_here(tmp_path, *command)
    assert ended.code == 0, ended.out + ended.err
    found = json.loads((tmp_path / "kills.json").read_text(encoding="utf-8"))["commands"]["generate"]
    assert (found["kills"], found["same"], found["wrong"], found["files"]) == (2, True, [], 1)
    again = run_here(tmp_path, *command)
    assert again.code == 0 and "killed at" not in again.out


def script(folder: Path, text: str) -> Case:
    """A command of a package `regional_dispatch` whose code is `text`."""
    (folder / "regional_dispatch").mkdir()
    (folder / "regional_dispatch" / "__init__.py").touch()
    (folder / "regional_dispatch" / "__main__.py").write_text(text, encoding="utf-8")
    return Case((), (f"{OUT}/*",))


def killed(case: Case, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(run, "PACKAGE_PARENT", folder)
    monkeypatch.setattr(run, "write_files", lambda _: None)
    monkeypatch.setattr(run, "PATIENCE_SECONDS", 0.5)
    return kill_command(case, 2, random.Random(0)).wrong


WRITES = (
    "import os, time\nfrom pathlib import Path\nout = Path('out')\nagain = out.exists()\nout.mkdir(exist_ok=True)\n"
)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("time.sleep(0.6)\n(out / 'a.json').write_text('1')", None),
        ("(out / 'a.json').write_text(str(again))\ntime.sleep(0.6)", "out/a.json differs"),
        ("(out / '.7.half').touch()\ntime.sleep(0.6)\n(out / 'a.json').write_text('1')", "left behind: out/.7.half"),
        ("time.sleep(0.6)\n(out / 'a.json').write_text('1')\nassert not again", "exit code 1: Traceback"),
        (
            "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(30)'])\n"
            "time.sleep(0.6)\n(out / 'a.json').write_text('1')",
            "1 processes outlived their command",
        ),
    ],
    ids=["right", "other results", "a stray file", "cannot go on", "an orphan"],
)
def test_what_is_wrong_after_a_kill_is_found(
    text: str, wrong: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = killed(script(tmp_path, WRITES + text), tmp_path, monkeypatch)
    assert found == [] if wrong is None else any(wrong in line for line in found)


def test_times_and_command_lines_do_not_count_and_numbers_do(tmp_path: Path) -> None:
    rows = {"a.csv": "cost,seconds\n{},{}\n", "b.json": '{{"cost": [{}], "made": {{"seconds": {}}}}}', "c.png": "{} {}"}
    for folder, numbers in {"one": (1, 2), "two": (1, 3), "three": (4, 2)}.items():
        (tmp_path / folder).mkdir()
        for name, text in rows.items():
            (tmp_path / folder / name).write_text(text.format(*numbers), encoding="utf-8")
    one, two, three = (digests(tmp_path / folder, ["*"]) for folder in ("one", "two", "three"))
    assert [name for name in one if one[name] != two[name]] == ["c.png"]
    assert [name for name in one if one[name] != three[name]] == list(rows)
    assert comparable(tmp_path / "one" / "c.png") == b"1 2"


def test_unknown_commands_are_refused(tmp_path: Path) -> None:
    ended = run_here(tmp_path, "evaluate.py", "kills", "--commands", "dance")
    assert (ended.code, list(tmp_path.iterdir())) == (2, [])
    assert "--commands: 'dance' is none of train, benchmark" in ended.err
