"""The command line itself: help of every command, missing packages, and errors that end in one message."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import MISSING, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from regional_dispatch.agents.export import PolicyFileError
from regional_dispatch.commands.cli import INPUT_ERRORS, _at_home, evaluate_commands, guarded, summary
from regional_dispatch.envs.world.scenario import ScenarioError
from regional_dispatch.evaluation.errors import InputError
from tests.processes import ROOT, Ended, run_here

COMMANDS = {
    "train": ("train.py",), "serve": ("serve",), **{name: ("evaluate.py", name) for name in evaluate_commands()},
}  # fmt: skip
# What the help of a command must say.
SAID = {
    "compare": (
        "--scenario", "--policies", "--episodes", "--seed", "--stream", "--out", "--set", "--bound", "--reevaluate",
        "(default: 8)", "Unit: episodes",
    ),
    "tune": (
        "--baseline", "--budget", "--evaluations", "--start", "--workers", "--ray", "Unit: minutes", "(default: 20.0)",
    ),
    "benchmark": ("--suite", "--no-bound", "--workers", "--ray", "Unit: processes", "(default: 2)", "Unit:"),
}  # fmt: skip


# ------------------------------------------------------------------------------------------------------------- help


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_a_command_does_and_what_every_option_means(name: str, tmp_path: Path) -> None:
    script, *rest = COMMANDS[name]
    ended = run_here(tmp_path, script, *rest, "--help")
    assert (ended.code, ended.err) == (0, "")
    unwrapped = " ".join(ended.out.split())
    for text in (summary(name), *SAID.get(name, ())):
        assert text in unwrapped
    options = _options(ended)
    assert len(options) == 1 + _option_count(import_module(f"regional_dispatch.commands.{name}").Command)
    assert [option for option, text in options.items() if len(text.partition("(default")[0].split()) < 3] == []


def _option_count(command: Any) -> int:
    """Fields of a command, and those of a field that is a group of options."""
    groups = [field.default_factory for field in fields(command) if is_dataclass(field.default_factory)]
    return len(fields(command)) - len(groups) + sum(len(fields(group)) for group in groups)


def _options(ended: Ended) -> dict[str, str]:
    """Option → its help text: lines such as `  --option VALUE    text`, where the text may go on below."""
    lines = [re.fullmatch(r"[│ ] (.*\S)\s*│?", line) for line in ended.out.splitlines()]
    found: dict[str, str] = {}
    for line in [match[1] for match in lines if match]:
        if re.match(r"[─-]{9}|[^-\s].*\.$", line):
            continue  # what a group of options says of itself
        if not line.startswith(" "):
            option, _, text = line.partition("  ")
            found[option] = text
        else:
            found[option] += " " + line.strip()
    return found


def test_the_list_of_commands_has_a_line_for_each(tmp_path: Path) -> None:
    ended = run_here(tmp_path, "evaluate.py", "--help")
    assert ended.code == 0
    for name in evaluate_commands():
        assert f"  {name} " in ended.out and summary(name) in ended.out
    ended = run_here(tmp_path, "evaluate.py", "dance")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: 'dance' is no command of evaluate.py")
    assert run_here(tmp_path, "evaluate.py").code == 2


def test_the_installed_command_has_the_same_ones_under_train_and_evaluate(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "regional_dispatch", "evaluate", "--help"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    shown = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    assert shown.startswith("usage: regional-dispatch evaluate COMMAND [options]")
    assert all(f"  {name} " in shown for name in evaluate_commands())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_refuses_a_negative_seed_before_anything_else(name: str) -> None:
    command = import_module(f"regional_dispatch.commands.{name}").Command
    known = {field.name: field for field in fields(command)}
    if "seed" not in known:
        pytest.skip("takes no seed")
    required = {name: "nothing" for name, field in known.items() if field.default is MISSING}
    with pytest.raises(InputError, match="--seed = -1: must be 0 or more"):
        command(**required, seed=-1).run()


# ---------------------------------------------------------------------------------------------------------- packages


@pytest.mark.parametrize("asked", ["--help", ""])
@pytest.mark.parametrize(("package", "name"), [("tyro", "generate"), ("torch", "train_stock"), ("rich", "baselines")])
def test_a_missing_package_is_named_in_one_line(
    package: str, name: str, asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the base install, with the command not imported yet."""
    monkeypatch.delitem(sys.modules, f"regional_dispatch.commands.{name}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    ended = run_here(tmp_path, "evaluate.py", name, *asked.split())
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        f"error: evaluate.py {name} needs the package '{package}'; install it with: "
        "pip install 'regional-dispatch[train]'\n"
    )


def test_a_package_that_is_missed_late_is_named_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some are imported when a command needs them."""
    monkeypatch.setitem(sys.modules, "cma", None)
    arguments = ("tune", "--scenario", "small", "--baseline", "hybrid", "--evaluations", "1")
    ended = run_here(tmp_path, "evaluate.py", *arguments)
    assert ended.code == 2
    assert ended.err.startswith("error: evaluate.py tune needs the package 'cma'; install it with: pip install")


@pytest.mark.parametrize("name", ["benchmark", "experiment main", "study ten_by_hundred", "tune --scenario small"])
def test_ray_without_its_extra_is_named_before_any_work(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    ended = run_here(tmp_path, "evaluate.py", *name.split(), "--ray", "auto")
    assert (ended.code, list(tmp_path.iterdir())) == (2, [])
    assert ended.err == (
        f"error: evaluate.py {name.split()[0]} needs the package 'ray'; install it with: "
        "pip install 'regional-dispatch[ray]'\n"
    )


def test_a_missing_module_of_our_own_is_an_error_of_ours() -> None:
    with pytest.raises(ModuleNotFoundError):
        guarded(lambda: __import__("regional_dispatch.moon"))


# ------------------------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (ScenarioError("a: b = 1: remedy"), 2, "error: a: b = 1: remedy\n"),
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


def test_only_errors_about_input_are_turned_into_messages() -> None:
    def main() -> None:
        raise ValueError("a mistake of ours")

    with pytest.raises(ValueError, match="a mistake of ours"):
        guarded(main)


@pytest.mark.parametrize("module", INPUT_ERRORS)
def test_the_errors_about_input_are_where_they_are_looked_for(module: str) -> None:
    found = __import__(f"regional_dispatch.{module}", fromlist=["x"])
    assert issubclass(getattr(found, INPUT_ERRORS[module]), ValueError)


def test_home_is_written_out_in_every_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    given = ["~/s.yaml", "--out=~/runs", "--set", "name=~x", "a~b"]
    written = ["/home/ann/s.yaml", "--out=/home/ann/runs", "--set", "name=~x", "a~b"]
    assert [_at_home(text) for text in given] == written
