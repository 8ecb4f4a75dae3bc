"""The kinds of studies, found in the folders of `studies/`, and the study files that come with the project."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from regional_dispatch.envs.world.scenario import ScenarioError, explain, read_yaml
from regional_dispatch.envs.world.shipped import find_file
from regional_dispatch.studies.framework.base import Study

STUDIES = Path(__file__).resolve().parents[1]
KINDS = tuple(sorted(path.parent.name for path in STUDIES.glob("*/study.py")))


def study_class(kind: str) -> type[Study]:
    """The class of a kind of study; its module is imported by this call, those of other kinds are not.

    Args:
        kind: name of a folder of `studies/` that has a study.py.

    Raises:
        TypeError: study.py does not define exactly one subclass of `Study`.
    """
    module = import_module(f"regional_dispatch.studies.{kind}.study")
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Study) and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise TypeError(f"studies/{kind}/study.py: must define one subclass of Study, and defines {len(found)}")
    return found[0]


def find_study(name: str) -> Path:
    """The file of a study given by its path or, for a shipped one, by its name.

    Raises:
        ScenarioError: no such file and no such name.
    """
    return find_file("studies", name)


def load_study(path: Path, changes: dict[str, Any] | None = None) -> Study:
    """A study from a YAML file.

    Args:
        path: the file.
        changes: fields that replace those of the file; a value of None changes nothing.

    Raises:
        ScenarioError: names the file, the field, its value and what is allowed.
    """
    data = {**read_yaml(path), **{key: value for key, value in (changes or {}).items() if value is not None}}
    kind = data.get("study")
    if kind not in KINDS:
        raise ScenarioError(f"{path}: study = {kind!r}: must be one of {', '.join(KINDS)}")
    try:
        return study_class(kind).model_validate(data)
    except ValidationError as error:
        raise ScenarioError(explain(error, path)) from None
