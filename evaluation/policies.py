"""Policies by what a user writes: a baseline's name, tuned or not, a tuned baseline's file, a shipped policy, or a
training folder; and where whole episodes are played, `POLICY+lookahead`, `random`, or an object of the user's own."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from regional_dispatch.agents.folder import POLICY_FILE
from regional_dispatch.baselines import DISPATCH_RULES, SOURCE_RULES, BaselineError, baseline
from regional_dispatch.baselines.lookahead.options import is_lookahead, read_name
from regional_dispatch.baselines.random_play import RANDOM, RandomPlay
from regional_dispatch.baselines.tuned import LINEAR, has_file, is_tuned_name, load_tuned, tuned_baseline
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.network import build_network
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.envs.world.shipped import HOME, find_file
from regional_dispatch.evaluation.best_of import best_of, candidates, is_best_of
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.rollouts import Playable
from regional_dispatch.evaluation.submission.objects import is_import_path, object_policy

PRETRAINED = HOME / "agents" / "pretrained"
REFERENCES = ("regional_nearest", "least_cost")
_SHIPPED = "pretrained/"  # before a shipped policy's name
P = TypeVar("P", ScorerPolicy, Playable)


def reference_names(scenario: str) -> tuple[str, ...]:
    """What a training on a scenario, given by its name, is drawn beside: two rules, and tuned_linear if it has one."""
    return (*REFERENCES, LINEAR) if has_file("linear", scenario) else REFERENCES


def resolve_policies(specs: Sequence[str], scenario: Scenario, option: str = "--policies") -> dict[str, ScorerPolicy]:
    """Policies of two scorers by display name, in the order given.

    Args:
        specs: names of baselines, files of tuned baselines, shipped policies and training folders, each once.
        scenario: the world they will act in.
        option: the command-line option they come from, for messages.

    Returns:
        Name → policy. Folders and files that would share a name with another policy go by their full path.

    Raises:
        InputError: none given, one given twice, or one that cannot be used here.
    """
    return _resolved(specs, scenario, option, resolve_policy)


def resolve_players(specs: Sequence[str], scenario: Scenario, option: str = "--policies") -> dict[str, Playable]:
    """Policies by display name, those that play whole episodes by themselves among them.

    Args:
        specs: as `resolve_policies` takes them; and `POLICY+lookahead`, `random`, and import paths of objects with
            `predict()`. `{scenario}` stands for the scenario's name.
        scenario: the world they will act in.
        option: the command-line option they come from, for messages.

    Raises:
        InputError: none given, one given twice, or one that cannot be used here.
    """
    return _resolved(specs, scenario, option, resolve_player)


def split_names(text: str) -> list[str]:
    """Names separated by commas; those between parentheses do not separate."""
    return re.split(r",(?![^()]*\))", text)


def _resolved(
    specs: Sequence[str], scenario: Scenario, option: str, resolve: Callable[[str, Scenario], P]
) -> dict[str, P]:
    """Name → policy, in the order given."""
    cleaned = [spec.strip() for spec in specs]
    if not cleaned or "" in cleaned:
        raise InputError(f"{option} = '{','.join(specs)}': give one or more names, separated by commas")
    twice = [spec for spec, count in Counter(cleaned).items() if count > 1]
    if twice:
        raise InputError(f"{option}: '{twice[0]}' is given twice; name each policy once")
    policies = [resolve(spec, scenario) for spec in cleaned]
    shared = {name for name, count in Counter(policy.name for policy in policies).items() if count > 1}
    for spec, policy in zip(cleaned, policies, strict=True):
        if policy.name in shared and not _is_name(spec):
            policy.name = _full_name(spec, policy)
    if len({policy.name for policy in policies}) < len(policies):
        raise InputError(
            f"{option} = '{','.join(specs)}': two of these are the same folder or file; name each policy once"
        )
    return {policy.name: policy for policy in policies}


def resolve_policy(spec: str, scenario: Scenario) -> ScorerPolicy:
    """A policy by a baseline's name, a tuned one's name or file, `pretrained/NAME`, a training folder, its weights, or
    `best_of(A,B,…)`.

    Args:
        spec: what the user wrote. A name takes precedence over a folder of that name; `./name` means the folder.
        scenario: the world it will act in; a tuned baseline's name means the file of that scenario.

    Returns:
        The policy; its `name` is the baseline's or shipped policy's name, or the last part of the folder or file.

    Raises:
        BaselineError: a tuned baseline has no file here, or one that cannot be used.
        InputError: no such policy, a damaged file, other features, or weights for another number of regions.
    """
    if is_best_of(spec):
        return best_of(spec, {name: resolve_policy(name, scenario) for name in candidates(spec)}, scenario)
    if _is_tuned_file(spec):
        return load_tuned(find_file("baselines", spec))
    if is_tuned_name(spec):
        return tuned_baseline(spec, scenario.name)
    if is_baseline(spec):
        return baseline(spec)
    path = _shipped_file(spec) if spec.startswith(_SHIPPED) else policy_file(spec)
    policy = _load(path)
    policy.name = spec if spec.startswith(_SHIPPED) else _identity(path).name.removesuffix(".safetensors")
    _check_regions(path, policy, scenario)
    return policy


def resolve_player(spec: str, scenario: Scenario) -> Playable:
    """Any policy that can play: as `resolve_policy` takes it, or one that plays whole episodes by itself.

    Args:
        spec: what the user wrote.
        scenario: the world it will act in.

    Raises:
        BaselineError: a rule or an option that there is not.
        InputError: no such policy, or one that cannot be used here.
    """
    spec = spec.replace("{scenario}", scenario.name)
    if is_lookahead(spec):
        return _looking_ahead(spec, scenario)
    if spec == RANDOM:
        return RandomPlay()
    if is_import_path(spec):
        return object_policy(spec, scenario)
    return resolve_policy(spec, scenario)


def plays_itself(spec: str) -> bool:
    """Does it name a policy that plays whole episodes by itself?"""
    return is_lookahead(spec) or spec == RANDOM or is_import_path(spec)


def _looking_ahead(spec: str, scenario: Scenario) -> Playable:
    from regional_dispatch.baselines.lookahead.planner import Lookahead  # only those who look ahead need it

    base, options = read_name(spec)
    policy = resolve_policy(base, scenario)
    return Lookahead(policy, options, name=policy.name + spec.removeprefix(base))


def _full_name(spec: str, policy: Playable) -> str:
    """What a policy goes by where its own name is another's too."""
    if not isinstance(policy, ScorerPolicy):
        return spec
    return str(_identity(find_file("baselines", spec) if _is_tuned_file(spec) else policy_file(spec)))


def is_baseline(spec: str) -> bool:
    """Is this a baseline's name?"""
    try:
        baseline(spec)
    except BaselineError:
        return False
    return True


def _is_name(spec: str) -> bool:
    """Is this the name of a baseline, tuned or not, or of a shipped policy?"""
    return is_best_of(spec) or (
        not _is_tuned_file(spec) and (spec.startswith(_SHIPPED) or is_tuned_name(spec) or is_baseline(spec))
    )


def _is_tuned_file(spec: str) -> bool:
    return Path(spec).suffix in (".yaml", ".yml")


def _shipped_file(spec: str) -> Path:
    """The weights of a policy that comes with the package.

    Raises:
        InputError: there is none of that name.
    """
    known = sorted(path.stem for path in PRETRAINED.glob("*.safetensors"))
    name = spec.removeprefix(_SHIPPED)
    if name not in known:
        listed = ", ".join(f"{_SHIPPED}{other}" for other in known) or "none yet; make some with evaluate.py ship"
        raise InputError(f"policy '{spec}': no such policy comes with the package; there are: {listed}")
    return PRETRAINED / f"{name}.safetensors"


def policy_file(spec: str) -> Path:
    """The weights of a trained policy, given as their folder or as the file itself.

    Raises:
        InputError: no such file.
    """
    path = Path(spec)
    is_folder = os.path.isdir(path)  # False also where no path can be so long
    if is_folder and not plays_itself(spec) and not (path / POLICY_FILE).is_file():
        raise InputError(
            f"policy '{spec}': this folder holds no {POLICY_FILE}; give a finished training's --out folder"
        )
    file = path / POLICY_FILE if is_folder else path
    if os.path.isfile(file):
        return file
    if plays_itself(spec):
        raise InputError(
            f"policy '{spec}': plays whole episodes by itself, which compare, benchmark and submit can use; name a "
            "baseline or a policy file here"
        )
    raise InputError(
        f"policy '{spec}': neither a baseline nor a training folder with {POLICY_FILE}. A baseline is source+dispatch, "
        f"or either alone, with source one of {', '.join(SOURCE_RULES)} and dispatch one of {', '.join(DISPATCH_RULES)}"
    )


def _identity(path: Path) -> Path:
    """The full path a policy goes by: its folder's, or its own where the file has a name of its own."""
    full = path.absolute()
    return full.parent.resolve() if path.name == POLICY_FILE else full.resolve()


def _load(path: Path) -> ScorerPolicy:
    from regional_dispatch.agents.export import PolicyFileError, load_policy  # only trained policies need it

    try:
        policy: ScorerPolicy = load_policy(path)
    except PolicyFileError as error:
        raise InputError(str(error)) from None
    return policy


def _check_regions(path: Path, policy: ScorerPolicy, scenario: Scenario) -> None:
    groups = max(len(scorer.bias) for scorer in policy.scorers)
    if groups == 1:
        return
    regions = len(build_network(scenario).region_names)
    if groups != regions:
        raise InputError(
            f"{path}: has weights for {groups} regions, and scenario '{scenario.name}' has {regions}; use the scenario "
            f"it was trained on, or train one policy shared by all regions"
        )
