"""Nothing in the package can run code that lies in a file it reads: no pickles, no `eval`, no loader that has them.

The calls are found in the syntax of the sources, whatever the names are imported as.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import ROOT

FOLDERS = ("agents", "baselines", "benchmarks", "commands", "data", "envs", "evaluation", "examples", "planning",
           "regional_dispatch", "service", "solvers", "studies")  # fmt: skip
PICKLES = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "jsonpickle", "_pickle"}
RUNS_CODE = {"eval", "exec", "compile", "execfile", "__import__"}
# What a `load` may be called on: parsers that make values of texts, and our own places of scenarios.
PARSERS = {"json", "tomllib", "place", "self"}
# File → why it may have pickles.
ALLOWED = {
    "evaluation/execution/ray_executor.py": "Ray sends work to workers of its own cluster as pickles; no file is read",
}


def sources() -> list[Path]:
    files = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    return [*files, ROOT / "train.py", ROOT / "evaluate.py"]


def found(text: str) -> Iterator[str]:
    """Imports and calls that may run code from a file: line and what it is."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            names = []
        yield from (f"{node.lineno}: imports {name}" for name in names if PICKLES & set(name.split(".")))
        if isinstance(node, ast.Call) and (call := _of_call(node)):
            yield f"{node.lineno}: calls {call}"


def _of_call(node: ast.Call) -> str | None:
    """The call, if it may run code."""
    name = ast.unparse(node.func)
    if name in RUNS_CODE:
        return name
    owner, _, method = name.rpartition(".")
    if method in ("from_checkpoint", "restore_from_path", "load_from_checkpoint", "read_pickle", "unsafe_load"):
        return name
    if method not in ("load", "loads", "load_all", "full_load") or not owner or owner in PARSERS:
        return None
    options = {option.arg: ast.unparse(option.value) for option in node.keywords}
    if owner in ("np", "numpy"):
        return None if options.get("allow_pickle") == "False" else f"{name} without allow_pickle=False"
    loader = ast.unparse(node.args[1]) if len(node.args) > 1 else options.get("Loader", "")
    if owner == "yaml" and (loader.endswith("SafeLoader") or loader.endswith("StrictLoader")):
        return None
    return name


def test_no_source_loads_what_may_hold_code() -> None:
    bad = {
        f"{path.relative_to(ROOT)}:{what}"
        for path in sources()
        for what in found(path.read_text(encoding="utf-8"))
        if path.relative_to(ROOT).as_posix() not in ALLOWED
    }
    assert not bad


def test_what_is_allowed_is_still_there() -> None:
    for name in ALLOWED:
        assert list(found((ROOT / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("line", [
    "import pickle", "from ray import cloudpickle", "import torch\ntorch.load(path)", "PPO.load(path)", "eval(text)",
    "algorithm.load(path, env=env)", "np.load(path)", "np.load(path, allow_pickle=True)", "yaml.load(text, Loader)",
    "yaml.load(text, Loader=yaml.UnsafeLoader)", "yaml.full_load(text)", "pd.read_pickle(path)", "joblib.load(path)",
    "cls.load(path)", "Algorithm.from_checkpoint(path)",
])  # fmt: skip
def test_what_may_run_code_is_found(line: str) -> None:
    assert list(found(line))


@pytest.mark.parametrize("line", [
    "json.loads(text)", "np.load(path, allow_pickle=False)", "yaml.load(text, _StrictLoader)", "load(data)",
    "yaml.safe_load(text)", "yaml.load(text, Loader=yaml.CSafeLoader)",
])  # fmt: skip
def test_what_makes_values_alone_is_not(line: str) -> None:
    assert not list(found(line))
