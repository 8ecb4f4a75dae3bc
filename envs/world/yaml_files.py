"""Reading YAML files, with errors that name file, field, value and fix."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from regional_dispatch.envs.world.errors import ScenarioError


class _StrictLoader(yaml.SafeLoader):
    """Reads what a file looks like, or refuses it: in PyYAML's YAML 1.1, NO is false, 10:30 is 630 and 010 is 8.

    What is refused is an error, or is appended to `refused` where that is a list.

    As in YAML 1.2, `true` and `false` alone are truth values, so that NO and off are text; fields that are yes or no
    still take `yes` and `no`. A key given twice is an error.
    """

    refused: list[tuple[int, str]] | None = None  # line, from 1, and text

    def _refuse(self, node: yaml.Node, text: str) -> None:
        if self.refused is None:
            raise yaml.constructor.ConstructorError(None, None, text, node.start_mark)
        self.refused.append((node.start_mark.line + 1, text))

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:merge" and isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    self._refuse(key, f"'{key.value}' is given twice; remove one")
                seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        number = int(super().construct_yaml_int(node))
        if re.fullmatch(r"[-+]?0[0-9_]+", node.value):
            self._refuse(
                node,
                f"{node.value} means {number} in YAML; write it without the leading 0, or in quotes if it is a name",
            )
        if ":" in node.value:
            self._refuse(
                node, f"{node.value} means {number} in YAML; write hours as a number, such as 10.5, or text in quotes"
            )
        return number

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        number = float(super().construct_yaml_float(node))
        if ":" in node.value:
            self._refuse(node, f"{node.value} means {number:g} in YAML; write a number, or text in quotes")
        return number


_BOOL = "tag:yaml.org,2002:bool"
_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag != _BOOL]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_StrictLoader.add_implicit_resolver(_BOOL, re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_StrictLoader.add_constructor("tag:yaml.org,2002:int", _StrictLoader.construct_yaml_int)
_StrictLoader.add_constructor("tag:yaml.org,2002:float", _StrictLoader.construct_yaml_float)


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping from a file.

    Raises:
        ScenarioError: the file is missing, is not YAML, is not a mapping, has a key twice, or holds what YAML
            reads otherwise than it looks, such as 010 or 10:30.
    """
    try:
        data = yaml.load(path.read_text(encoding="utf-8-sig"), _StrictLoader)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise ScenarioError(f"{path}: no such file; give the path of a YAML file") from None
    except PermissionError:
        raise ScenarioError(f"{path}: cannot be read; change its permissions") from None
    except yaml.constructor.ConstructorError as error:
        row = f"row {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ScenarioError(f"{path}: {row}{error.problem}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise ScenarioError(f"{path}: must be a mapping of fields, not {type(data).__name__}")
    return data


def read_yaml_lines(path: Path) -> tuple[dict[str, Any], dict[str, int], list[tuple[int, str]]]:
    """A YAML mapping, and everything that `read_yaml` refuses in it.

    Returns:
        The mapping; the line of every field by its dotted name; and line and text of what is refused.

    Raises:
        ScenarioError: the file is missing, is not YAML or is not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        loader = _StrictLoader(text)
        loader.refused = []
        node = loader.get_single_node()
        data = None if node is None else loader.construct_document(node)
    except (yaml.YAMLError, OSError, UnicodeDecodeError):
        return read_yaml(path), {}, []
    if node is None or not isinstance(data, dict):
        return read_yaml(path), {}, []
    return data, dict(_lines(node, "")), loader.refused


def _lines(node: yaml.Node, prefix: str) -> Iterator[tuple[str, int]]:
    """The line of every field below a node, by its dotted name."""
    if isinstance(node, yaml.MappingNode):
        inner = [(str(key.value), value, key.start_mark.line + 1) for key, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        inner = [(str(i), value, value.start_mark.line + 1) for i, value in enumerate(node.value)]
    else:
        return
    for name, value, line in inner:
        yield f"{prefix}{name}", line
        yield from _lines(value, f"{prefix}{name}.")


def _kinds_under(level: object) -> tuple[str, ...]:
    """The kinds that pydantic may name below a level of a file: a group's name, or a position in a list of events."""
    if isinstance(level, int):
        return ("capacity", "lane", "region")
    return ("cities", "tables", "generated", "trace") if level in ("network", "demand") else ()


def explain(error: ValidationError, where: str | Path) -> str:
    """Pydantic's errors as `file: field = value: fix`, one per line."""
    rows = []
    for field, value, fix in problems(error):
        shown = "" if isinstance(value, dict | BaseModel) else f" = {value!r}"
        rows.append(f"{where}: {field}{shown}: {fix}")
    return "\n".join(rows)


def problems(error: ValidationError) -> list[tuple[str, Any, str]]:
    """Pydantic's errors as dotted field, value and fix."""
    found = []
    for item in error.errors():
        # Pydantic names the kind that it chose for a network, demand or event; the user's file has no such level.
        above = (None, *item["loc"])
        loc = [str(part) for above, part in zip(above, item["loc"], strict=False) if part not in _kinds_under(above)]
        if item["type"] == "extra_forbidden":
            fix = "unknown field; remove it or correct its name"
        elif item["type"] == "missing":
            fix = "missing; add it"
        elif item["type"] == "string_type" and isinstance(item["input"], int | float | dt.date):
            fix = f'must be text; write it in quotes: "{item["input"]}"'
        else:
            fix = item["msg"].removeprefix("Value error, ")
        found.append((".".join(loc) or "(whole file)", item["input"], fix))
    return found


def override(data: dict[str, Any], settings: dict[str, str]) -> dict[str, Any]:
    """A copy of `data` with some fields replaced.

    Args:
        data: fields, nested.
        settings: dotted field → YAML text, such as `{"demand.orders_per_day": "9000"}`.

    Raises:
        ScenarioError: a field is set inside something that is not a group, or `read_yaml` would refuse the text.
    """
    merged = dict(data)
    for key, text in settings.items():
        node = merged
        *parents, leaf = key.split(".")
        for parent in parents:
            child = node.get(parent)
            if child is not None and not isinstance(child, dict):
                raise ScenarioError(f"override {key}={text}: '{parent}' is not a group of fields; name one that is")
            node[parent] = dict(child or {})
            node = node[parent]
        try:
            node[leaf] = yaml.load(text, _StrictLoader)
        except yaml.constructor.ConstructorError as error:
            raise ScenarioError(f"override {key}={text}: {error.problem}") from None
        except yaml.YAMLError:
            raise ScenarioError(
                f"override {key}={text}: '{text}' is not a YAML value; quote it or correct it"
            ) from None
    return merged
