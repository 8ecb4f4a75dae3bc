"""Options and checks that several commands share."""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from regional_dispatch.envs.world.scenario import GeneratedDemand, Scenario, ScenarioError
from regional_dispatch.envs.world.yaml_files import parse_yaml
from regional_dispatch.evaluation.errors import InputError

# The options `--set FIELD=VALUE` (of a scenario) and `--ppo-set FIELD=VALUE` (of a PPO file), which may be repeated;
# read them with `parse_overrides`.
Overrides = Annotated[tuple[str, ...], tyro.conf.arg(name="set", metavar="FIELD=VALUE"), tyro.conf.UseAppendAction]
PpoOverrides = Annotated[
    tuple[str, ...], tyro.conf.arg(name="ppo-set", metavar="FIELD=VALUE"), tyro.conf.UseAppendAction
]


def command_line() -> str:
    """The command line of this process, in a form that can be run again."""
    program = Path(sys.argv[0])
    start = ["python", program.name] if program.suffix == ".py" else [program.name]
    if program.name == "__main__.py":
        start = ["python", "-m", "regional_dispatch"]
    return shlex.join([*start, *sys.argv[1:]])


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


def episodes_of(scenario: Scenario, asked: int | None) -> int:
    """How many episodes are played: those asked for, else 8, or 1 of a trace.

    Raises:
        InputError: none, or several of a trace.
    """
    if isinstance(scenario.demand, GeneratedDemand):
        return at_least("--episodes", 8 if asked is None else asked, 1)
    if asked not in (None, 1):
        raise InputError(
            f"--episodes = {asked}: the orders of a trace are one sample, the same in every episode; leave it out"
        )
    return 1


def parse_overrides(settings: Sequence[str], option: str = "--set") -> dict[str, str]:
    """`("demand.orders_per_day=9000",)` → `{"demand.orders_per_day": "9000"}`, for `envs.world.scenario.load_scenario`.

    Raises:
        InputError: a `=` or a field is missing, or a value is not YAML.
    """
    overrides = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not all(key.split(".")):
            raise InputError(f"{option} {setting}: write field=value, such as demand.orders_per_day=9000")
        try:
            parse_yaml(text, f"{option} {key}={text[:200]}")
        except ScenarioError as error:
            raise InputError(str(error)) from None
        overrides[key] = text
    return overrides
