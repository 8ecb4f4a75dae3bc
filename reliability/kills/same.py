"""Files of results without what differs between two equal runs: times, command lines, process numbers."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from safetensors import SafetensorError
from safetensors.numpy import load

# Fields of JSON and YAML, and columns of CSV: times and memory, and command lines, which say `--resume` after a kill.
LEFT_OUT = frozenset({
    "seconds", "minutes", "command", "made", "seconds_per_decision", "time_to_beat", "sha256", "cpu_seconds",
    "packages_per_cpu_second", "longest_seconds", "growth_mib",
})  # fmt: skip
_MADE_BY = re.compile(r"(?i)made by [^\n]*")


def digests(folder: Path, patterns: Iterable[str]) -> dict[str, str]:
    """Path below a folder → digest of what a file says; hidden files, which hold no results, are left out."""
    found = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    kept = [path for path in found if path.is_file() and not path.name.startswith(".")]
    return {str(path.relative_to(folder)): hashlib.sha256(comparable(path)).hexdigest() for path in kept}


def comparable(path: Path) -> bytes:
    """A file's content without what `LEFT_OUT` names; other kinds of files, and damaged ones, as they are."""
    content = path.read_bytes()
    try:
        return _without_times(path, content)
    except (ValueError, yaml.YAMLError, SafetensorError):
        return content


def _without_times(path: Path, content: bytes) -> bytes:
    if path.suffix == ".json":
        return json.dumps(_without(json.loads(content)), sort_keys=True).encode()
    if path.suffix == ".yaml":
        return json.dumps(_without(yaml.safe_load(content)), sort_keys=True, default=str).encode()
    if path.suffix == ".csv":
        return _table(content.decode())
    if path.suffix == ".safetensors":
        return b"".join(name.encode() + array.tobytes() for name, array in sorted(load(content).items()))
    if path.suffix in (".md", ".html"):
        return _MADE_BY.sub("", content.decode()).encode()
    return content


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without(inner) for key, inner in value.items() if key not in LEFT_OUT}
    return [_without(inner) for inner in value] if isinstance(value, list) else value


def _table(text: str) -> bytes:
    rows = [{key: row[key] for key in row if key not in LEFT_OUT} for row in csv.DictReader(io.StringIO(text))]
    return json.dumps(rows).encode()
