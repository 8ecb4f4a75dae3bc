"""Kinds of folders: which command's results a folder holds, by its mark or, without one, by what lies in it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

MARK = ".regional-dispatch.json"
LARGEST_BYTES = 16_000_000  # of a file that is looked into
_CELL = re.compile(r"[0-9a-f]{32}\.json")

Sign = Callable[[Path], bool]


def marked_kind(folder: Path) -> str | None:
    """What the mark of a folder says; None without a mark, or with one whose writing was interrupted."""
    kind = fields_of(folder / MARK).get("kind")
    return None if kind is None else str(kind)


def recognised_kind(folder: Path) -> str | None:
    """What a folder without a mark holds, by files of an earlier version or of the Python interface; None: unknown."""
    return next((kind for kind, signs in SIGNS.items() if any(sign(folder) for sign in signs)), None)


def foreign_entries(folder: Path) -> list[str]:
    """Names in a folder, without hidden ones, which file managers and Git leave."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def _has(name: str, *fields: str, **values: str) -> Sign:
    """A file of this name with these fields, and fields of these values."""

    def sign(folder: Path) -> bool:
        found = fields_of(folder / name)
        return all(field in found for field in fields) and all(found.get(key) == value for key, value in values.items())

    return sign


def _meta(field: str) -> Sign:
    """A summary.json whose `meta` has a field."""

    def sign(folder: Path) -> bool:
        meta = fields_of(folder / "summary.json").get("meta")
        return isinstance(meta, dict) and field in meta

    return sign


def _file(name: str) -> Sign:
    return lambda folder: (folder / name).is_file()


def _cells(folder: Path) -> bool:
    """Cells of an interrupted command; any kind that keeps cells goes on from them."""
    cells = folder / "cells"
    names = [path.name for path in cells.iterdir()] if cells.is_dir() else []
    return bool(names) and all(_CELL.fullmatch(name) or name.startswith(".") for name in names)


def _trainings(folder: Path) -> bool:
    return any(folder.glob("*/seed*/training.json"))


def fields_of(path: Path) -> dict[str, Any]:
    """The top-level fields of a YAML file, or of the JSON that a file begins with; empty if it is neither."""
    try:
        if not path.is_file() or path.stat().st_size > LARGEST_BYTES:
            return {}
        text = path.read_text(encoding="utf-8")
        found = json.JSONDecoder().raw_decode(text)[0] if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}


TRAINING, COMPARISON, BENCHMARK, EXPERIMENT, STUDY = "training", "comparison", "benchmark", "experiment", "study"
SUBMISSION, BACK_TEST, WHAT_IF, RESULTS = "submission", "back-test", "what-if", "results"
FIT, PLAN, EXPORT, COVERAGE = "fit", "plan", "export", "coverage"
WITH_CELLS = (BENCHMARK, EXPERIMENT, STUDY, SUBMISSION)

# Kind → signs, each of which is enough. A training that was compared holds a comparison's files too, so it comes first.
SIGNS: dict[str, tuple[Sign, ...]] = {
    TRAINING: (_has("config.yaml", "seed", "scenario", "scenario_file"), _has("training.json", "parts", "done")),
    EXPERIMENT: (_meta("experiment"), _trainings),
    BENCHMARK: (_meta("suite"),),
    STUDY: (_has("study.yaml", "study", "title"), _has("summary.json", "answer", "headlines")),
    BACK_TEST: (_has("summary.json", "really", "forced"),),
    WHAT_IF: (_has("summary.json", "moved", "assumed"),),
    COMPARISON: (_has("config.yaml", command="compare"), _has("summary.json", "policies", "paired", "meta")),
    PLAN: (_has("plan.json", "lanes"),),
    FIT: (_file("fit.json"),),
    RESULTS: (_file("results.xlsx"),),
    EXPORT: (_file("source.onnx"), _file("dispatch.onnx")),
    COVERAGE: (_file("coverage.md"),),
    "cells": (_cells,),
}
