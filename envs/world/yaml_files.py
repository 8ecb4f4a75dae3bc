"""Reading YAML files, with errors that name file, field, value and fix."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.reading import hidden, plain, read_text
from regional_dispatch.envs.world.reading.files import MIB

MOST_BYTES = MIB
_MOST_NODES = 30_000  # values and names of fields, those behind each alias counted again
_DEEPEST = 40
_LONGEST_TEXT = 100_000  # characters
_LONGEST_NUMBER = 40  # characters
_LONGEST_SHOWN = 200  # characters of a value in an error
_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float", "str", "seq", "map", "timestamp")}
_BOOL, _MERGE = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:merge"


class _Refused(yaml.constructor.ConstructorError):
    """What the file says cannot be taken; `problem` says what to do."""


class _StrictLoader(yaml.SafeLoader):
    """Reads what a file looks like, or refuses it: in PyYAML's YAML 1.1, NO is false, 10:30 is 630 and 010 is 8.

    What is refused is an error, or is appended to `refused` where that is a list.

    As in YAML 1.2, `true` and `false` alone are truth values, so that NO and off are text; fields that are yes or no
    still take `yes` and `no`. A key given twice is an error. Sizes are bounded before anything is made of them.
    """

    refused: list[tuple[int, str]] | None = None  # line, from 1, and text
    yaml_constructors = {tag: make for tag, make in yaml.SafeLoader.yaml_constructors.items() if tag in _TAGS}  # noqa: RUF012
    yaml_multi_constructors = {}  # type: ignore[var-annotated]  # noqa: RUF012

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._nodes, self._depth = 0, 0
        self._sizes: dict[int, int] = {}  # id of a node → nodes in it, those behind aliases counted again

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """As PyYAML does, with bounds."""
        event: Any = self.peek_event()
        at: Any = event.start_mark
        before = self._nodes
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _Refused(None, None, f"is nested more than {_DEEPEST} deep; write it flatter", event.start_mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if isinstance(event, yaml.AliasEvent):
            if id(node) not in self._sizes:
                problem = f"*{event.anchor} stands for what it is part of; write it out"
                raise _Refused(None, None, problem, at)
            self._nodes += self._sizes[id(node)]
        else:
            self._nodes += 1
            self._sizes[id(node)] = self._nodes - before
        if self._nodes > _MOST_NODES:
            raise _Refused(None, None, f"holds more than {_MOST_NODES:,} values, those behind aliases counted each "
                           "time; put long lists into a table", event.start_mark)  # fmt: skip
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """As PyYAML does; whatever goes wrong names the line."""
        if node.tag not in self.yaml_constructors:
            tag = plain(node.tag.replace("tag:yaml.org,2002:", "!!"))[:60]
            raise _Refused(None, None, f"the tag {tag} is not taken; write a plain value", node.start_mark)
        try:
            return super().construct_object(node, deep)
        except (ValueError, TypeError, AttributeError, OverflowError, LookupError):
            text = node.value if isinstance(node.value, str) else "this"
            kind = node.tag.rpartition(":")[2]
            problem = f"{plain(text[:60])!r} is no {_CALLED.get(kind, kind)}; correct it, or write text in quotes"
            raise _Refused(None, None, problem, node.start_mark) from None

    def construct_scalar(self, node: Any) -> Any:
        """As PyYAML does; text is bounded, and shows what it is."""
        text = super().construct_scalar(node)
        if len(text) > _LONGEST_TEXT:
            raise _Refused(None, None, f"a text of {len(text):,} characters; write {_LONGEST_TEXT:,} at most",
                           node.start_mark)  # fmt: skip
        if code := hidden(text):
            raise _Refused(None, None, f"{plain(text[:60])} holds the hidden character {code}; remove it",
                           node.start_mark)  # fmt: skip
        return text

    def _refuse(self, node: yaml.Node, text: str) -> None:
        if self.refused is None:
            raise _Refused(None, None, text, node.start_mark)
        self.refused.append((node.start_mark.line + 1, text))

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _Refused(None, None, "the name of a field must be text, not a list or group", key.start_mark)
            if key.tag != _MERGE:
                if key.value in seen:
                    self._refuse(key, f"'{plain(key.value[:60])}' is given twice; remove one")
                seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        self._check_length(node)
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
        self._check_length(node)
        number = float(super().construct_yaml_float(node))
        if ":" in node.value:
            self._refuse(node, f"{node.value} means {number:g} in YAML; write a number, or text in quotes")
        if math.isinf(number) and "inf" not in node.value.casefold():
            self._refuse(node, f"{node.value} is too large for a number; write a smaller one")
        return number

    def _check_length(self, node: yaml.ScalarNode) -> None:
        if len(node.value) > _LONGEST_NUMBER:
            problem = f"{node.value[:20]}… has {len(node.value):,} digits; write a number of {_LONGEST_NUMBER} at most"
            raise _Refused(None, None, problem, node.start_mark)


_CALLED = {"int": "whole number", "float": "number", "timestamp": "date", "bool": "truth value (true or false)"}
_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag != _BOOL]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_StrictLoader.add_implicit_resolver(_BOOL, re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_StrictLoader.add_constructor("tag:yaml.org,2002:int", _StrictLoader.construct_yaml_int)
_StrictLoader.add_constructor("tag:yaml.org,2002:float", _StrictLoader.construct_yaml_float)


def parse_yaml(text: str, where: str | Path) -> Any:
    """What a YAML text holds.

    Args:
        text: one document.
        where: it comes from, for errors, which name the row of a file.

    Raises:
        ScenarioError: it is not YAML, has a key twice, holds what YAML reads otherwise than it looks, such as 010 or
            10:30, a tag, hidden characters, or more than the bounds of this module allow.
    """
    return _constructed(text, where, None)[0]


def _constructed(text: str, where: str | Path, refused: list[tuple[int, str]] | None) -> tuple[Any, yaml.Node | None]:
    """The data and the nodes of a text; see `parse_yaml`. What `_StrictLoader` refuses is appended to `refused`."""
    shown = plain(str(where))
    try:
        loader = _StrictLoader(text)
        loader.refused = refused
        node = loader.get_single_node()
        return (None if node is None else loader.construct_document(node)), node
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        row = f"row {mark.line + 1}: " if mark and isinstance(where, Path) else ""
        said = "" if isinstance(error, _Refused) else "not readable as YAML: "
        raise ScenarioError(f"{shown}: {row}{said}{plain(' '.join(str(error.problem).split()))}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        code = f"U+{error.character:04X}"
        raise ScenarioError(f"{shown}: row {line}: holds the hidden character {code}; remove it") from None
    except (ValueError, OverflowError):  # an escape of no character
        raise ScenarioError(f"{shown}: not readable as YAML: an escape in quotes is no character; correct it") from None


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping from a file.

    Raises:
        ScenarioError: the file cannot be read, `parse_yaml` refuses it, or it is not a mapping.
    """
    data = parse_yaml(read_text(path, MOST_BYTES, "a YAML file"), path)
    if not isinstance(data, dict):
        held = "an empty file" if data is None else type(data).__name__
        raise ScenarioError(f"{plain(str(path))}: must be a mapping of fields, not {held}; write field: value")
    return data


def read_yaml_lines(path: Path) -> tuple[dict[str, Any], dict[str, int], list[tuple[int, str]]]:
    """A YAML mapping, and everything that `read_yaml` refuses in it for how it reads.

    Returns:
        The mapping; the line of every field by its dotted name; and line and text of what is refused.

    Raises:
        ScenarioError: the file cannot be read, is not YAML or is not a mapping.
    """
    refused: list[tuple[int, str]] = []
    data, node = _constructed(read_text(path, MOST_BYTES, "a YAML file"), path, refused)
    if node is None or not isinstance(data, dict):
        return read_yaml(path), {}, []
    return data, dict(_lines(node, "")), refused


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
        shown = "" if isinstance(value, dict | BaseModel) else f" = {_short(repr(value))}"
        rows.append(f"{where}: {field}{shown}: {fix}")
    return "\n".join(rows)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


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
            fix = _short(item["msg"].removeprefix("Value error, "))
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
        node[leaf] = parse_yaml(text, f"override {key}={text[:200]}")
    return merged
