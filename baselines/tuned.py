"""Tuned baselines: parameters in a file, `configs/baselines/<scenario>.<baseline>.yaml`, written by `evaluate.py tune`.

Names of them: `tuned_` before a baseline's name is that baseline with the parameters of its file, both sides tuned
together (`tuned_shadow_price+hybrid`). `tuned_linear` can also stand on one side of a `+`, for that side of the file of
`linear`: `tuned_linear+hybrid` sources by it, `consolidate+tuned_linear` dispatches by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from regional_dispatch.baselines.rules import BaselineError, baseline, full_name, parameters
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.replacing import replacing
from regional_dispatch.envs.world.scenario import ScenarioError, explain, read_yaml
from regional_dispatch.envs.world.shipped import CONFIGS

FOLDER = Path("configs") / "baselines"  # of the working folder, where a user's own files lie
SHIPPED = CONFIGS / "baselines"
PREFIX = "tuned_"
LINEAR = "tuned_linear"
SIDES = ("source", "dispatch")


class Made(BaseModel):
    """How a file was made."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    command: str
    stream: Literal["tune"] = "tune"  # of the orders it was tuned on
    seed: int = Field(ge=0)
    earlier_seeds: tuple[int, ...] = ()  # of the files it went on from
    episodes: int = Field(ge=1, description="Orders of each evaluation. Unit: episodes.")
    check_episodes: int = Field(ge=1, description="Orders of the two costs below. Unit: episodes.")
    budget_minutes: float | None = Field(gt=0, description="Time it was given; none if evaluations were counted.")
    minutes: float = Field(ge=0, description="Time it took.")
    evaluations: int = Field(ge=0, description="Settings tried.")
    interrupted: bool = False
    cost_per_order_usd_before: float
    cost_per_order_usd_after: float
    versions: dict[str, str]
    cpu: dict[str, str | int | None]


class Tuned(BaseModel):
    """A file of a tuned baseline."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    baseline: str = Field(description="source+dispatch, or `linear`.")
    scenario: str = Field(description="Name of the scenario it was tuned on.")
    parameters: dict[str, float] = Field(description="source.x, dispatch.y → value, in the parameter's unit.")
    made: Made


class _Name(NamedTuple):
    """What a name on the command line means."""

    file: str  # the baseline whose file holds the parameters
    pair: str  # the baseline to build
    sides: tuple[str, ...]  # whose parameters come from the file


def short_name(name: str) -> str:
    """The one name of a baseline, in its file and the file's name: `source+dispatch`, or `linear`.

    Raises:
        BaselineError: unknown name.
    """
    full = full_name(name)
    return "linear" if full == "linear+linear" else full


def file_name(scenario: str, name: str) -> str:
    """Where a scenario's tuned baseline is kept, in `configs/baselines`."""
    return f"{scenario}.{short_name(name)}.yaml"


def tune_command(scenario: str, name: str, out: str | Path | None = None) -> str:
    """The command that makes a file."""
    to = out or FOLDER / file_name(scenario, name)
    return f"python evaluate.py tune --scenario {scenario} --baseline {short_name(name)} --budget 20 --out {to}"


def is_tuned_name(name: str) -> bool:
    """Is this meant as a tuned baseline's name?"""
    return any(side.startswith(PREFIX) for side in name.split("+"))


def has_file(name: str, scenario: str) -> bool:
    """Is there a file of this baseline, tuned on that scenario?"""
    return any((folder / file_name(scenario, name)).is_file() for folder in (FOLDER, SHIPPED))


def tuned_baseline(name: str, scenario: str) -> ScorerPolicy:
    """A tuned baseline by name; see the top of this file.

    Args:
        name: such as `tuned_linear`.
        scenario: name of the scenario, part of the file's name.

    Raises:
        BaselineError: unknown name, no such file, or one that cannot be used.
    """
    meant = _meant(name)
    path = _find(name, scenario, meant.file)
    tuned = read_tuned(path)
    if tuned.baseline != short_name(meant.file):
        raise BaselineError(
            f"{path}: baseline = '{tuned.baseline}': must be '{short_name(meant.file)}', as the file's name says; "
            f"rename it, or tune anew: {tune_command(scenario, meant.file)}"
        )
    of_sides = {key: value for key, value in tuned.parameters.items() if key.partition(".")[0] in meant.sides}
    return _policy(meant.pair, of_sides, tuned, name)


def load_tuned(path: Path) -> ScorerPolicy:
    """A tuned baseline from its file; it goes by the file's name.

    Raises:
        BaselineError: the file cannot be used.
    """
    tuned = read_tuned(path)
    return _policy(tuned.baseline, tuned.parameters, tuned, path.name.removesuffix(path.suffix))


def read_tuned(path: Path) -> Tuned:
    """A file of a tuned baseline, checked against this version's baselines.

    Raises:
        BaselineError: no such file, not YAML, unknown or missing fields or parameters, or values out of bounds.
    """
    try:
        tuned = Tuned.model_validate(read_yaml(path))
    except ScenarioError as error:
        raise BaselineError(str(error)) from None
    except ValidationError as error:
        raise BaselineError(explain(error, path)) from None
    _check_names(path, tuned)
    try:
        baseline(tuned.baseline, tuned.parameters)
    except BaselineError as error:
        raise BaselineError(f"{path}: parameters: {error}; correct it, or {_anew(path, tuned)}") from None
    return tuned


def write_tuned(path: Path, tuned: Tuned) -> None:
    """Writes a file, atomically; its folder is made if it is missing.

    Raises:
        BaselineError: it cannot be written.
    """
    text = yaml.safe_dump(tuned.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=1000)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BaselineError(f"{path}: cannot be written ({error}); give another path") from None


def _meant(name: str) -> _Name:
    sides = name.split("+")
    if LINEAR in sides and len(sides) == 2:
        pair = "+".join("linear" if side == LINEAR else side for side in sides)
        return _Name("linear", pair, tuple(of for of, side in zip(SIDES, sides, strict=True) if side == LINEAR))
    pair = name.removeprefix(PREFIX)
    if pair == name or is_tuned_name(pair):
        raise BaselineError(
            f"policy '{name}': write {PREFIX} once, before the whole pair, such as {PREFIX}shadow_price+hybrid; only "
            f"{LINEAR} can stand on one side of a +"
        )
    try:
        full_name(pair)
    except BaselineError as error:
        raise BaselineError(f"policy '{name}': {error}; a folder of that name is ./{name}") from None
    return _Name(pair, pair, SIDES)


def _find(name: str, scenario: str, tuned: str) -> Path:
    """The working folder's own file, else the shipped one."""
    if not parameters(tuned):
        raise BaselineError(
            f"policy '{name}': baseline '{tuned}' has no parameters, so nothing to tune; give '{tuned}'"
        )
    paths = [folder / file_name(scenario, tuned) for folder in (FOLDER, SHIPPED)]
    for path in paths:
        if path.is_file():
            return path
    raise BaselineError(
        f"policy '{name}': no file {paths[0]} for scenario '{scenario}'; make it with: {tune_command(scenario, tuned)}"
    )


def _policy(pair: str, values: Mapping[str, float], tuned: Tuned, name: str) -> ScorerPolicy:
    policy = baseline(pair, values)
    policy.name = name
    policy.seen = frozenset((tuned.made.stream, seed) for seed in (tuned.made.seed, *tuned.made.earlier_seeds))
    return policy


def _check_names(path: Path, tuned: Tuned) -> None:
    """All parameters of the baseline must be there, and no others: a version with other features needs its own file."""
    try:
        known = set(parameters(tuned.baseline))
    except BaselineError as error:
        raise BaselineError(f"{path}: baseline: {error}") from None
    given = set(tuned.parameters)
    odd = {"missing": sorted(known - given), "unknown": sorted(given - known)}
    if any(odd.values()):
        text = "; ".join(f"{what}: {', '.join(names)}" for what, names in odd.items() if names)
        raise BaselineError(f"{path}: parameters: not those of '{tuned.baseline}' here ({text}); {_anew(path, tuned)}")


def _anew(path: Path, tuned: Tuned) -> str:
    return f"tune anew with this version: {tune_command(tuned.scenario, tuned.baseline, path)}"
