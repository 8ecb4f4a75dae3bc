"""Tuned baselines: parameters in a file, `configs/baselines/<scenario>.<baseline>.yaml`, written by `evaluate.py tune`.

Names: `tuned_` before a baseline's name means that baseline with the parameters of its file, both sides tuned together
(`tuned_shadow_price+hybrid`). `tuned_linear` can also stand on one side of a `+`, for that side of `linear`'s file:
`tuned_linear+hybrid` sources by it, `consolidate+tuned_linear` dispatches by it.

The parameters of `linear` are weights of features. A file may have fewer of them than this version has features: those
it leaves out have weight 0, and the baseline decides as it did when it was tuned.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from regional_dispatch.baselines.feature_labels import describe_unknown
from regional_dispatch.baselines.rules import BaselineError, baseline, full_name, parameters
from regional_dispatch.envs.kernel.decisions.features import (
    DISPATCH_FEATURES,
    DISPATCH_LABELS,
    SOURCE_FEATURES,
    SOURCE_LABELS,
)
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.replacing import replacing
from regional_dispatch.envs.world.scenario import ScenarioError, explain, read_yaml
from regional_dispatch.envs.world.shipped import CONFIGS

FOLDER = Path("configs") / "baselines"  # of the working folder, where a user's own files lie
SHIPPED = CONFIGS / "baselines"
PREFIX = "tuned_"
LINEAR = "tuned_linear"
SIDES = ("source", "dispatch")
_LABEL_OF = {
    "source": dict(zip(SOURCE_FEATURES, SOURCE_LABELS, strict=True)),
    "dispatch": dict(zip(DISPATCH_FEATURES, DISPATCH_LABELS, strict=True)),
}


class Made(BaseModel):
    """How a file was made: command, orders, budget, result and machine."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    command: str
    world: str | None = Field(
        None, description="Digest of the scenario's fields and tables; see `envs.world.relocation`."
    )
    stream: Literal["tune"] = "tune"  # of the orders it was tuned on
    seed: int = Field(ge=0)  # of those orders
    earlier_seeds: tuple[int, ...] = ()  # of the files that this tuning started from
    episodes: int = Field(ge=1, description="Episodes played per evaluation.")
    check_episodes: int = Field(ge=1, description="Episodes that the two costs below are means over.")
    budget_minutes: float | None = Field(gt=0, description="Time limit; null if evaluations were counted instead.")
    minutes: float = Field(ge=0, description="Time it took.")
    evaluations: int = Field(ge=0, description="Settings tried.")
    interrupted: bool = False  # by Ctrl-C
    cost_per_order_usd_before: float
    cost_per_order_usd_after: float
    versions: dict[str, str]
    cpu: dict[str, str | int | None]


class Tuned(BaseModel):
    """A file of a tuned baseline."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    baseline: str = Field(description="source+dispatch, or `linear`.")
    scenario: str = Field(description="Name of the scenario it was tuned on.")
    parameters: dict[str, float] = Field(
        description="source.x, dispatch.y → value, in the parameter's unit; the file has labels for names of features."
    )
    made: Made


class _Name(NamedTuple):
    """What a name on the command line means."""

    file: str  # the baseline whose file holds the parameters
    pair: str  # the baseline to build
    sides: tuple[str, ...]  # sides whose parameters come from the file; the other keeps its defaults


def short_name(name: str) -> str:
    """The name of a baseline in its file and in the file's name: `source+dispatch`, or `linear`.

    Raises:
        BaselineError: unknown name.
    """
    full = full_name(name)
    return "linear" if full == "linear+linear" else full


def file_name(scenario: str, name: str) -> str:
    """File name of a scenario's tuned baseline in `configs/baselines`."""
    return f"{scenario}.{short_name(name)}.yaml"


def tune_command(scenario: str, name: str, out: str | Path | None = None) -> str:
    """The command that writes a file."""
    to = out or FOLDER / file_name(scenario, name)
    return f"python evaluate.py tune --scenario {scenario} --baseline {short_name(name)} --budget 20 --out {to}"


def is_tuned_name(name: str) -> bool:
    """Whether this is written as a tuned baseline's name."""
    return any(side.startswith(PREFIX) for side in name.split("+"))


def has_file(name: str, scenario: str) -> bool:
    """Whether a file of this baseline, tuned on that scenario, exists."""
    return any((folder / file_name(scenario, name)).is_file() for folder in (FOLDER, SHIPPED))


def tuned_baseline(name: str, scenario: str) -> ScorerPolicy:
    """A tuned baseline by name; the module's docstring lists the names.

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
            f"rename it, or tune again: {tune_command(scenario, meant.file)}"
        )
    of_sides = {key: value for key, value in tuned.parameters.items() if key.partition(".")[0] in meant.sides}
    policy = _policy(meant.pair, of_sides, tuned, name)
    policy.learned_on = {**policy.learned_on, "digest": tuned.made.world, "file": str(path)}
    return policy


def load_tuned(path: Path) -> ScorerPolicy:
    """A tuned baseline from its file, named after the file.

    Raises:
        BaselineError: the file cannot be used.
    """
    tuned = read_tuned(path)
    return _policy(tuned.baseline, tuned.parameters, tuned, path.name.removesuffix(path.suffix))


def read_tuned(path: Path) -> Tuned:
    """Reads a file of a tuned baseline and checks it against this version's baselines.

    Returns:
        Its contents with all parameters of the baseline, in this version's order. Weights that a file of `linear`
        leaves out are 0.

    Raises:
        BaselineError: no such file, not YAML, unknown or missing fields or parameters, or values out of bounds.
    """
    try:
        tuned = Tuned.model_validate(read_yaml(path))
    except ScenarioError as error:
        raise BaselineError(str(error)) from None
    except ValidationError as error:
        raise BaselineError(explain(error, path)) from None
    tuned = _completed(path, tuned)
    try:
        baseline(tuned.baseline, tuned.parameters)
    except BaselineError as error:
        raise BaselineError(f"{path}: parameters: {error}; correct it, or {_tune_again(path, tuned)}") from None
    return tuned


def write_tuned(path: Path, tuned: Tuned) -> None:
    """Writes a file in one step, so that it is never half-written; its folder is made if it is missing.

    Raises:
        BaselineError: it cannot be written.
    """
    labels = _feature_labels(tuned.baseline)
    contents = tuned.model_dump(mode="json")
    contents["parameters"] = {labels.get(key, key): value for key, value in tuned.parameters.items()}
    text = yaml.safe_dump(contents, sort_keys=False, allow_unicode=True, width=1000)
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
    """The file in the working folder, or else the shipped one."""
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
    policy.name, policy.learned_on = name, {"scenario": tuned.scenario}
    policy.seen = frozenset((tuned.made.stream, seed) for seed in (tuned.made.seed, *tuned.made.earlier_seeds))
    return policy


def _completed(path: Path, tuned: Tuned) -> Tuned:
    """The same file with all parameters, in this version's order; weights of features that it lacks are 0.

    Raises:
        BaselineError: a parameter that this version does not have, or one missing that is not a feature's weight.
    """
    try:
        known = parameters(tuned.baseline)
    except BaselineError as error:
        raise BaselineError(f"{path}: baseline: {error}") from None
    labels = _feature_labels(tuned.baseline)
    in_file = {key: labels.get(key, key) for key in known}
    missing = {name for key, name in in_file.items() if key not in labels} - tuned.parameters.keys()
    unknown = tuned.parameters.keys() - set(in_file.values())
    if missing or unknown:
        wrong = {"missing": ", ".join(sorted(missing)), "unknown": describe_unknown(unknown, in_file.values())}
        text = "; ".join(f"{what}: {names}" for what, names in wrong.items() if names)
        raise BaselineError(
            f"{path}: parameters: not those of '{tuned.baseline}' here ({text}); {_tune_again(path, tuned)}"
        )
    values = {key: tuned.parameters.get(name, 0.0) for key, name in in_file.items()}
    return tuned.model_copy(update={"parameters": values})


def _feature_labels(name: str) -> dict[str, str]:
    """Parameters that are weights of features (those of `linear`, except its constant) → their name in a file."""
    return {
        f"{side}.{feature}": f"{side}.{label}"
        for side, rule in zip(SIDES, full_name(name).split("+"), strict=True)
        if rule == "linear"
        for feature, label in _LABEL_OF[side].items()
    }


def _tune_again(path: Path, tuned: Tuned) -> str:
    return f"tune again with this version: {tune_command(tuned.scenario, tuned.baseline, path)}"
