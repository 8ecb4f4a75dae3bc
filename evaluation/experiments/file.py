"""The fields of an experiment file: the variants that are trained, their seeds, and their rivals."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from regional_dispatch.agents.config import PpoConfig, load_ppo
from regional_dispatch.baselines import BaselineError
from regional_dispatch.envs.world.scenario import Scenario, ScenarioError, explain, load_scenario, read_yaml
from regional_dispatch.envs.world.shipped import CONFIGS, find_file
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.periods import check_sample
from regional_dispatch.evaluation.policies import resolve_players
from regional_dispatch.evaluation.rollouts import Playable

PPO = "ppo"
_INHERITED = ("scenario", "ppo", "seeds", "rivals", "timesteps")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Variant(_Frozen):
    """One configuration, trained once per seed. Fields that are left out are those of the experiment."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$",
        max_length=80,
        description="Name of its folder: letters, digits, dots, dashes.",
    )
    scenario: str | None = Field(None, description="A shipped scenario's name, or a file relative to this one.")
    ppo: str | None = Field(None, description="PPO file, relative to this one.")
    seeds: tuple[int, ...] | None = Field(None, min_length=1, description="One training each, ≥ 0.")
    rivals: tuple[str, ...] | None = Field(None, description="Baselines, tuned or not, as `compare` takes them.")
    timesteps: int | None = Field(
        None, ge=1, description="Length of training. Unit: ticks × rows. Default: the PPO file's."
    )
    set: dict[str, Any] = Field({}, description="Field of the scenario → value, such as demand.orders_per_day.")
    ppo_set: dict[str, Any] = Field({}, description="Field of the PPO file → value.")
    algorithm: Literal["ppo", "maskable_ppo", "dqn"] = Field(
        "ppo",
        description="This project's PPO, or a stock algorithm on RegionalDecision-v0 (agents/stock/algorithms.py).",
    )
    seconds: float | None = Field(
        None, gt=0, description="Time budget of a stock algorithm. Unit: CPU seconds of learning."
    )
    bound: bool = Field(False, description="Compute hindsight bounds, and the share of the gap it closes?")
    bound_episodes: int = Field(16, ge=1, description="Episodes with a bound, the first ones. Unit: episodes.")

    @model_validator(mode="after")
    def _consistent(self) -> Variant:
        if (self.seconds is None) == (self.algorithm != PPO):
            raise ValueError("a stock algorithm takes a time budget in seconds, and ppo takes timesteps")
        no_doubles("seeds", [str(seed) for seed in self.seeds or ()])
        if min(self.seeds or (0,)) < 0:
            raise ValueError(f"seeds = {list(self.seeds or ())}: must be 0 or more")
        return self


class Experiment(_Frozen):
    """Variants, all measured on the same held-out orders."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=80, description="Name, used in the report and for pictures."
    )
    about: str = Field("", description="The question it answers, in one line.")
    episodes: int = Field(32, ge=1, description="Held-out episodes of every policy. Unit: episodes.")
    seed: int = Field(0, ge=0, description="Seed of the held-out orders.")
    base: str | None = Field(None, description="Variant that the others are compared with, seed by seed.")
    scenario: str | None = Field(None, description="For the variants that name none.")
    ppo: str | None = Field(None, description="For the variants that name none.")
    seeds: tuple[int, ...] | None = Field(None, min_length=1, description="For the variants that name none.")
    rivals: tuple[str, ...] | None = Field(None, description="For the variants that name none.")
    timesteps: int | None = Field(None, ge=1, description="For the variants that name none.")
    variants: tuple[Variant, ...] = Field(min_length=1, description="What is trained.")

    @model_validator(mode="after")
    def _consistent(self) -> Experiment:
        names = [variant.name for variant in self.variants]
        no_doubles("variants", names)
        if self.base is not None and self.base not in names:
            raise ValueError(f"base = {self.base!r}: must be one of the variants: {', '.join(names)}")
        return self


class Ready(NamedTuple):
    """A variant with its files loaded and checked."""

    variant: Variant  # all fields filled in
    scenario: Scenario
    ppo: PpoConfig
    seeds: tuple[int, ...]
    timesteps: int
    rivals: dict[str, Playable]
    arguments: list[str]  # of the training command, without seed and folder


def load_experiment(path: Path) -> Experiment:
    """An experiment from a YAML file.

    Raises:
        ScenarioError: a field is wrong; the text names file, field, value and how to correct it.
    """
    try:
        return Experiment.model_validate(read_yaml(path))
    except ValidationError as error:
        raise ScenarioError(explain(error, path)) from None


def narrowed(experiment: Experiment, names: Sequence[str], path: Path) -> Experiment:
    """The experiment with the named variants alone; without its base if that is not among them.

    Raises:
        InputError: no such variant.
    """
    known = {variant.name: variant for variant in experiment.variants}
    for name in names:
        if name not in known:
            raise InputError(f"--variants: '{name}' is not a variant of {path}; there are: {', '.join(known)}")
    kept = tuple(variant for name, variant in known.items() if name in names)
    base = experiment.base if experiment.base in names else None
    return experiment.model_copy(update={"variants": kept, "base": base})


def ready(experiment: Experiment, path: Path) -> list[Ready]:
    """Every variant, its files read and its rivals found, before anything is trained.

    Args:
        experiment: the file's content.
        path: the file: paths in it are relative to it.

    Raises:
        InputError: a variant cannot be used; the text names file, variant, field and how to correct it.
    """
    found = []
    for variant in experiment.variants:
        own = {name: getattr(variant, name) for name in _INHERITED}
        given = {name: getattr(experiment, name) if value is None else value for name, value in own.items()}
        try:
            found.append(_ready(variant.model_copy(update=given), path.parent))
            check_sample(found[-1].scenario, experiment.episodes)
        except (ScenarioError, BaselineError, InputError) as error:
            raise InputError(f"{path}: variants: {variant.name}: {error}") from None
    return found


def _ready(variant: Variant, folder: Path) -> Ready:
    for name in ("scenario", "ppo", "seeds", "rivals"):
        if not getattr(variant, name):
            raise InputError(f"{name}: missing; add it to the variant, or to the experiment for all of them")
    assert variant.scenario is not None and variant.ppo is not None
    assert variant.seeds is not None and variant.rivals is not None
    world = _relative(variant.scenario, folder) if variant.scenario.endswith((".yaml", ".yml")) else variant.scenario
    ppo_file = _relative(variant.ppo, folder)
    scenario, ppo = load_scenario(world, _texts(variant.set)), load_ppo(ppo_file, _texts(variant.ppo_set))
    if variant.algorithm != PPO and ppo.networks is not None:
        raise InputError(
            f"ppo_set: networks = {ppo.networks}: {variant.algorithm} trains on the scenario alone; leave it out"
        )
    arguments = ["--scenario", world, "--ppo", ppo_file]
    for option, settings in (("--set", variant.set), ("--ppo-set", variant.ppo_set)):
        for field, text in _texts(settings).items():
            arguments += [option, f"{field}={text}"]
    timesteps = variant.timesteps or ppo.timesteps
    length = ["--timesteps", str(timesteps)] if variant.algorithm == PPO else ["--seconds", f"{variant.seconds:g}"]
    rivals = resolve_players(variant.rivals, scenario)
    return Ready(variant, scenario, ppo, variant.seeds, timesteps, rivals, [*arguments, *length])


def _relative(text: str, folder: Path) -> str:
    """A path of the file as seen from the working folder, so that commands can be run again.

    A file that comes with the package keeps its short path, `configs/ppo/default.yaml`, which works from any folder.
    """
    path = (folder / text).resolve()
    if path.is_relative_to(CONFIGS):
        short = path.relative_to(CONFIGS.parent)
        if find_file(short.parts[1], short).resolve() == path:
            return short.as_posix()
    return os.path.relpath(folder / text)


def _texts(settings: Mapping[str, Any]) -> dict[str, str]:
    """Values as `--set` takes them; JSON is YAML."""
    written = {field: json.dumps(value, ensure_ascii=False) for field, value in settings.items()}
    return {field: value if isinstance(value, str) else written[field] for field, value in settings.items()}


def no_doubles(what: str, names: list[str]) -> None:
    """Raises ValueError if a name is there twice."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"{what}: '{twice[0]}' is given twice; name each once")
