"""The command lines `train.py`, `evaluate.py` and `regional-dispatch`.

A command is a file of this folder with a dataclass `Command`: its fields are the options, and `run` does the work. Only
the command asked for is imported, so `--help` is quick and needs no package that the command does not.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small networks: one thread is several times faster than two
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import ast
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TRAIN, EVALUATE = "train", "evaluate"
NO_COMMANDS = {"__init__", "cli", "options"}
GIVEN_BY_EXTRAS = {
    "cma", "highspy", "jinja2", "matplotlib", "rich", "safetensors", "sb3_contrib", "sklearn", "stable_baselines3",
    "tensorboard", "torch", "tyro",
}  # fmt: skip


def main(program: str | None = None) -> None:
    """Reads `sys.argv` and runs a command.

    Exit codes: 0, done; 1, part of the work failed; 2, bad input, with one clear message on stderr; 130, Ctrl-C.

    Args:
        program: `train` or `evaluate`, the script that was started; default, the command `regional-dispatch`, whose
            first argument is one of the two.
    """
    arguments, shown = sys.argv[1:], Path(sys.argv[0]).name
    if program is None:
        programs = {TRAIN: summary(TRAIN), EVALUATE: "Everything else; it has a list of its own."}
        program, arguments = _chosen("regional-dispatch", arguments, programs)
        shown = f"regional-dispatch {program}"
    name = TRAIN
    if program == EVALUATE:
        name, arguments = _chosen(shown, arguments, {name: summary(name) for name in evaluate_commands()})
        shown = f"{shown} {name}"
    guarded(lambda: _run(name, shown, arguments))


def guarded(work: Callable[[], None]) -> None:
    """Does the work of a command; bad input ends it with one message and exit code 2, Ctrl-C with exit code 130."""
    try:
        work()
    except KeyboardInterrupt as stop:
        print("; ".join(["interrupted", *map(str, stop.args)]), file=sys.stderr)
        sys.exit(130)
    except ValueError as error:
        if not isinstance(error, _input_errors()):
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def evaluate_commands() -> list[str]:
    """The commands of `evaluate.py`, by name: the files of this folder."""
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem not in {*NO_COMMANDS, TRAIN})


def summary(name: str) -> str:
    """A command in a line: the first of its file's docstring; read, not imported."""
    text = ast.get_docstring(ast.parse((HERE / f"{name}.py").read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


def _chosen(program: str, arguments: Sequence[str], known: dict[str, str]) -> tuple[str, list[str]]:
    """The command that the first argument names, and the other arguments; help and mistakes end here."""
    width = max(map(len, known))
    listing = "\n".join(f"  {name:{width}}  {text}" for name, text in known.items())
    usage = f"usage: {program} COMMAND [options]\n\ncommands:\n{listing}\n\n{program} COMMAND --help shows its options."
    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage, file=sys.stdout if arguments else sys.stderr)
        sys.exit(0 if arguments else 2)
    if arguments[0] not in known:
        print(f"error: '{arguments[0]}' is no command of {program}\n\n{usage}", file=sys.stderr)
        sys.exit(2)
    return arguments[0], list(arguments[1:])


def _run(name: str, shown: str, arguments: list[str]) -> None:
    try:
        import tyro

        module = import_module(f"regional_dispatch.commands.{name}")
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] not in GIVEN_BY_EXTRAS:
            raise
        print(
            f"error: {shown} needs the package '{error.name}'; install it with: pip install 'regional-dispatch[train]'",
            file=sys.stderr,
        )
        sys.exit(2)
    command: Any = tyro.cli(module.Command, prog=shown, args=arguments)
    command.run()


def _input_errors() -> tuple[type[Exception], ...]:
    """Errors that mean bad input; their texts name what is wrong, and the mend."""
    from regional_dispatch.agents.export import PolicyFileError
    from regional_dispatch.baselines import BaselineError
    from regional_dispatch.baselines.bounds.bound import BoundError
    from regional_dispatch.envs.world.scenario import ScenarioError
    from regional_dispatch.evaluation.errors import InputError

    return (ScenarioError, BaselineError, BoundError, InputError, PolicyFileError)
