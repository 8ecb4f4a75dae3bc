"""What the command lines share: bad input ends in one clear message and exit code 2."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import tyro
import yaml

from baselines import BaselineError
from envs.scenario import ScenarioError


class InputError(ValueError):
    """Input that cannot be used; the text names the option or file, its value and the mend."""


# A command's option `--set FIELD=VALUE`, may be repeated; read it with `parse_overrides`.
Overrides = Annotated[tuple[str, ...], tyro.conf.arg(name="set", metavar="FIELD=VALUE"), tyro.conf.UseAppendAction]

INPUT_ERRORS: tuple[type[Exception], ...] = (ScenarioError, BaselineError, InputError)


def guarded(main: Callable[[], None], extra: tuple[type[Exception], ...] = ()) -> None:
    """Runs a command.

    Args:
        main: the command. Bad input ends it with the error's text on stderr and exit code 2; Ctrl-C with exit code 130.
        extra: errors that mean bad input, beside `INPUT_ERRORS`.
    """
    try:
        main()
    except (*INPUT_ERRORS, *extra) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt as stop:
        print("; ".join(["interrupted", *map(str, stop.args)]), file=sys.stderr)
        sys.exit(130)


def at_least(option: str, value: int, low: int) -> int:
    """`value`, if it is `low` or more.

    Raises:
        InputError: it is less.
    """
    if value < low:
        raise InputError(f"{option} = {value}: must be {low} or more")
    return value


def above(option: str, value: float, low: float) -> float:
    """`value`, if it is finite and more than `low`.

    Raises:
        InputError: it is not.
    """
    if not low < value < math.inf:
        raise InputError(f"{option} = {value:g}: must be a number above {low:g}")
    return value


def parse_overrides(settings: Sequence[str], option: str = "--set") -> dict[str, str]:
    """`("demand.orders_per_day=9000",)` → `{"demand.orders_per_day": "9000"}`, for `envs.scenario.load_scenario`.

    Raises:
        InputError: no `=`, no field, or a value that is not YAML.
    """
    overrides = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not all(key.split(".")):
            raise InputError(f"{option} {setting}: write field=value, such as demand.orders_per_day=9000")
        try:
            yaml.safe_load(text)
        except yaml.YAMLError:
            raise InputError(f"{option} {setting}: '{text}' is no YAML value") from None
        overrides[key] = text
    return overrides
