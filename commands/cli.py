"""The command lines `train.py`, `evaluate.py` and `regional-dispatch`, which has `serve` beside the two.

A command is a file of this folder with a dataclass `Command`: its fields are the options, and its method `run` does
the work. A new file is a new command. Only the command that was asked for is imported.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small networks: one thread is several times faster than two
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import ast
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from regional_dispatch.evaluation.disk import cannot_write, disk_error
from regional_dispatch.evaluation.execution.parent import end_with_named_parent
from regional_dispatch.evaluation.execution.stopping import stopping

HERE = Path(__file__).parent
PACKAGE = "regional_dispatch"
TRAIN, EVALUATE, SERVE = "train", "evaluate", "serve"
# The extra with all that commands need beside the base install; packages of other extras.
TRAIN_EXTRA = "train"
OTHER_EXTRAS = {
    "ray": "ray", "tree": "ray", "pettingzoo": "multiagent", "minari": "offline", "fastapi": "serve",
    "uvicorn": "serve", "prometheus_client": "serve", "onnx": "onnx", "onnxruntime": "onnx",
}  # fmt: skip
PIPE_CLOSED = 141  # as shells have it: 128 and SIGPIPE
NO_COMMANDS = {"__init__", "cli", "options"}
# Module → the error it raises on bad input; its text names what is wrong, and how to correct it.
INPUT_ERRORS = {
    "agents.export": "PolicyFileError",
    "baselines.rules": "BaselineError",
    "baselines.bounds.bound": "BoundError",
    "baselines.tick_player": "PlayerError",
    "envs.audit.auditor": "AuditError",
    "envs.world.errors": "ScenarioError",
    "evaluation.errors": "InputError",
    "service.errors": "ServiceError",
}


def main(program: str | None = None) -> None:
    """Reads `sys.argv` and runs a command.

    Exit codes: 0, done; 1, part of the work failed; 2, bad input, a missing package or a disk that cannot be written
    to, with one message on stderr; 130, Ctrl-C; 143, SIGTERM; 129, SIGHUP.

    Args:
        program: `train` or `evaluate`, the script that was started. Default: the command `regional-dispatch`, whose
            first argument is one of the two, or `serve`.
    """
    arguments, shown = [_at_home(text) for text in sys.argv[1:]], Path(sys.argv[0]).name
    if program is None:
        others = "All other commands; `evaluate --help` lists them."
        programs = {TRAIN: summary(TRAIN), SERVE: summary(SERVE), EVALUATE: others}
        program, arguments = _chosen("regional-dispatch", arguments, programs)
        shown = f"regional-dispatch {program}"
    end_with_named_parent()
    name = program
    if program == EVALUATE:
        name, arguments = _chosen(shown, arguments, {name: summary(name) for name in evaluate_commands()})
        shown = f"{shown} {name}"
    guarded(lambda: _run(name, shown, arguments), shown)


def guarded(work: Callable[[], None], shown: str = PACKAGE) -> None:
    """Does the work of a command, and ends the process on the errors that a user can correct.

    Bad input, missing packages and disks that cannot be written to end in one message and exit code 2. SIGTERM and
    SIGHUP act as Ctrl-C, each with an exit code of its own. Output folders are free again at the end.

    Args:
        work: to do.
        shown: the command, as messages name it.
    """
    with stopping() as asked:
        try:
            work()
            sys.stdout.flush()
        except KeyboardInterrupt as stop:
            _say("; ".join(["interrupted", *map(str, stop.args)]))
            sys.exit(getattr(stop, "exit_code", asked.exit_code()))
        except BrokenPipeError:
            _drop_output()
            sys.exit(PIPE_CLOSED)
        except Exception as error:
            message = _message(error, shown)
            if message is None:
                raise
            _drop_full_output(error)
            _say(f"error: {message}")
            sys.exit(2)
        finally:
            if folders := sys.modules.get(f"{PACKAGE}.evaluation.folders.claim"):
                folders.release()


def _message(error: Exception, shown: str) -> str | None:
    """An error that a user can correct in one line; None: it is an error of this project."""
    if isinstance(error, ModuleNotFoundError):
        package = str(error.name).partition(".")[0]
        if package == PACKAGE:
            return None
        extra = OTHER_EXTRAS.get(package, TRAIN_EXTRA)
        return f"{shown} needs the package '{package}'; install it with: pip install 'regional-dispatch[{extra}]'"
    if isinstance(error, input_errors()):
        from regional_dispatch.envs.world.reading.plain import plain

        return plain(str(error))
    full = disk_error(error)
    return None if full is None else cannot_write(full, "a file or the output")


def _say(message: str) -> None:
    """On stderr, which may be a terminal that is closed by now."""
    with suppress(OSError):
        print(message, file=sys.stderr)


def _drop_output() -> None:
    """Lets the end of the process write nothing more to an output that takes no more."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _drop_full_output(error: Exception) -> None:
    """The same if what is still to be printed cannot be printed either."""
    if isinstance(error, OSError):
        try:
            sys.stdout.flush()
        except OSError:
            _drop_output()


def evaluate_commands() -> list[str]:
    """The commands of `evaluate.py`, by name: the files of this folder."""
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem not in {*NO_COMMANDS, TRAIN, SERVE})


def _at_home(argument: str) -> str:
    """An argument with a leading `~` written out, after `--option=` too, where a shell leaves it."""
    option, equals, value = argument.partition("=") if argument.startswith("--") else ("", "", argument)
    return f"{option}{equals}{os.path.expanduser(value)}"


def summary(name: str) -> str:
    """A command in one line: the first of its file's docstring. The file is read, not imported."""
    text = ast.get_docstring(ast.parse((HERE / f"{name}.py").read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


def _chosen(program: str, arguments: Sequence[str], known: dict[str, str]) -> tuple[str, list[str]]:
    """The command that the first argument names, and the other arguments; `--help` and mistakes end the process."""
    width = max(map(len, known))
    listing = "\n".join(f"  {name:{width}}  {text}" for name, text in known.items())
    usage = f"usage: {program} COMMAND [options]\n\ncommands:\n{listing}\n\n{program} COMMAND --help shows its options."
    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage, file=sys.stdout if arguments else sys.stderr)
        sys.exit(0 if arguments else 2)
    chosen = arguments[0].replace("-", "_")
    if chosen not in known:
        print(f"error: '{arguments[0]}' is no command of {program}\n\n{usage}", file=sys.stderr)
        sys.exit(2)
    return chosen, list(arguments[1:])


def _run(name: str, shown: str, arguments: list[str]) -> None:
    import tyro  # missing from the base install, as are packages that commands import

    module = import_module(f"{PACKAGE}.commands.{name}")
    command: Any = tyro.cli(module.Command, prog=shown, args=arguments)
    try:
        command.run()
    finally:
        if findings := sys.modules.get(f"{PACKAGE}.envs.world.findings"):
            findings.show_noticed()


def input_errors() -> tuple[type[Exception], ...]:
    """The errors of `INPUT_ERRORS` whose modules are loaded; a module that is not loaded has raised nothing."""
    loaded = {name: sys.modules.get(f"{PACKAGE}.{module}") for module, name in INPUT_ERRORS.items()}
    return tuple(getattr(module, name) for name, module in loaded.items() if module is not None)
