"""Policies that are objects of a user's own code, by import path: `package.module:name` or `folder/file.py:name`.

Importing a module runs it, with all that the user who starts the command may do.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import re
import sys
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

from regional_dispatch.baselines.predict_player import PredictPlayer
from regional_dispatch.baselines.tick_player import TickPlayer
from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.rollouts import Playable

_PATH = re.compile(r"(?P<module>.+\.py|[A-Za-z_]\w*(\.[A-Za-z_]\w*)*):(?P<name>[A-Za-z_]\w*)")


def is_import_path(spec: str) -> bool:
    """Does it name an object of a module?"""
    return _PATH.fullmatch(spec) is not None


def module_digest(spec: str) -> str:
    """A digest of the file of the module that an import path names; what else it reads is not in it."""
    file = getattr(_module(spec), "__file__", None)
    return hashlib.sha256(b"" if file is None else Path(file).read_bytes()).hexdigest()[:32]


def object_policy(spec: str, scenario: Scenario) -> Playable:
    """The policy that an import path names.

    Args:
        spec: `package.module:name` or `folder/file.py:name`. The name is an object with `predict()`, or a class or
            function that makes one, from nothing or from the scenario. A policy of this project is taken as it is.
        scenario: the world it will act in.

    Raises:
        InputError: no such module, file or name, or what it makes has no `predict()`.
    """
    return as_playable(spec, _made(spec, scenario), partial(_made, spec))


def as_playable(name: str, policy: Any, load: Any = None) -> Playable:
    """A policy of this project as it is, and any other object with `predict()` as one that plays.

    Args:
        name: for tables.
        policy: the object.
        load: makes the object for a scenario; default, the object serves for all.

    Raises:
        InputError: it has no `predict()`.
    """
    if isinstance(policy, ScorerPolicy | TickPlayer):
        return policy
    if not callable(getattr(policy, "predict", None)):
        raise InputError(
            f"policy '{name}': a {type(policy).__name__} has no predict(observation) -> (actions, state); give an "
            "object that has, or a class or function that makes one"
        )
    # What else the object reads is not known, so what it has played is kept for later only where it has a digest.
    digest = str(getattr(policy, "digest", uuid4().hex))
    seen = frozenset((str(stream), int(seed)) for stream, seed in getattr(policy, "seen", ()))
    learned_on = getattr(policy, "learned_on", None)
    return PredictPlayer(load or partial(_given, policy), name, digest, seen, learned_on)


def _given(policy: Any, scenario: Scenario) -> Any:
    return policy


def _made(spec: str, scenario: Scenario) -> Any:
    """The object, made where the name is a class or a function."""
    module, name = _module(spec), spec.rpartition(":")[2]
    try:
        found = getattr(module, name)
    except AttributeError:
        known = ", ".join(key for key in vars(module) if not key.startswith("_")) or "nothing"
        raise InputError(f"policy '{spec}': the module has no '{name}'; it has {known}") from None
    if not inspect.isclass(found) and (hasattr(found, "predict") or not callable(found)):
        return found
    needed = [
        parameter
        for parameter in inspect.signature(found).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    if len(needed) > 1:
        raise InputError(
            f"policy '{spec}': '{name}' needs {len(needed)} arguments; it must take none, or the scenario alone"
        )
    return found(scenario) if needed else found()


def _module(spec: str) -> ModuleType:
    """Imports the module that a path names, once."""
    where = spec.rpartition(":")[0]
    try:
        return _from_file(spec, Path(where)) if where.endswith(".py") else _from_name(where)
    except ModuleNotFoundError as error:
        what = "no such module; give package.module:name from where you run, or folder/file.py:name"
        if error.name is not None and not where.startswith(error.name):
            what = f"its module needs the package '{error.name}', which is not installed"
        raise InputError(f"policy '{spec}': {what}") from None


def _from_name(name: str) -> ModuleType:
    _look_in(Path.cwd())
    return importlib.import_module(name)


def _from_file(spec: str, file: Path) -> ModuleType:
    """A file as a module of its own; what lies beside it can be imported by it."""
    full = file.resolve()
    if not full.is_file():
        raise InputError(f"policy '{spec}': there is no file {file}")
    name = f"policy_file_{full.stem}_{abs(hash(full)):x}"
    if name not in sys.modules:
        _look_in(full.parent)
        found = importlib.util.spec_from_file_location(name, full)
        assert found is not None and found.loader is not None
        module = importlib.util.module_from_spec(found)
        sys.modules[name] = module
        try:
            found.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def _look_in(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
