"""Structure of the code, at an earlier commit and now: sizes of folders, files and functions, and the cost of a change.

Run `python -m benchmarks.structure [COMMIT]` in a checkout; COMMIT is the one before the rooms unless named. It writes
both tables into docs/explanation/code.md. Product code is every Python file outside of tests, benchmarks and docs.

The cost of a change is how many existing files of the product a developer edits or makes again for it, as listed in
`benchmarks/changes.py`; the program checks that every file exists where the list says.
"""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

BEFORE = "b4b067b"
ROOT = Path(__file__).resolve().parents[1]
NO_PRODUCT = {"tests", "benchmarks", "docs", "notebooks", "examples", "build", "dist", "site"}
LONG_FUNCTION = 45  # lines
PAGE = ROOT / "docs" / "explanation" / "code.md"
COSTS = (
    "Existing files that a change edits or makes again; before, a new feature meant training and tuning again every "
    "file that comes with the package:"
)


class Change(NamedTuple):
    """A change that users of the code ask for, and the product files it edits."""

    what: str
    before: tuple[str, ...]
    after: tuple[str, ...]


def product_files(root: Path) -> list[Path]:
    """All Python files of the product, sorted."""
    files = [path for path in root.rglob("*.py") if not path.is_symlink()]
    parts = {path: path.relative_to(root).parts for path in files}
    return sorted(path for path in files if not any(part.startswith(".") or part in NO_PRODUCT for part in parts[path]))


def functions(tree: ast.Module) -> list[int]:
    """Length of every function in lines, decorators and docstring included."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [node.end_lineno - min([node.lineno, *(d.lineno for d in node.decorator_list)]) + 1 for node in found]  # type: ignore[operator]


def public_names(tree: ast.Module) -> int:
    """Functions, classes and constants of a module that do not start with an underscore."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        names |= {x.id for target in targets for x in ast.walk(target) if isinstance(x, ast.Name)}
    return sum(not name.startswith("_") for name in names)


def fan_out(tree: ast.Module, rooms: set[str]) -> int:
    """How many modules of the project a module imports."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in rooms:
            found.add(node.module)
    return len(found)


def spread(values: Sequence[float]) -> str:
    """Median, 90th percentile and maximum."""
    return f"{np.median(values):.0f} / {np.percentile(values, 90):.0f} / {max(values):.0f}"


def measure(root: Path) -> dict[str, str]:
    """Every figure of a tree by its name."""
    files = product_files(root)
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in files]
    rooms = {path.parent.name for path in root.glob("*/__init__.py")} | {"regional_dispatch"}
    lines = [len(path.read_text(encoding="utf-8").splitlines()) for path in files]
    lengths = [length for tree in trees for length in functions(tree)]
    folders = Counter(path.parent for path in files)
    rows: dict[str, Callable[[], str]] = {
        "Python files of the product": lambda: str(len(files)),
        "files per folder: median / 90 % / most": lambda: spread(list(folders.values())),
        "public names per module: median / 90 % / most": lambda: spread([public_names(tree) for tree in trees]),
        "lines per file: median / 90 % / most": lambda: spread(lines),
        "lines per function: median / 90 % / most": lambda: spread(lengths),
        f"functions of more than {LONG_FUNCTION} lines": lambda: str(sum(length > LONG_FUNCTION for length in lengths)),
        "project modules imported by a module: median / 90 % / most": lambda: spread(
            [fan_out(t, rooms) for t in trees]
        ),
    }
    return {name: row() for name, row in rows.items()}


def checkout(commit: str, folder: Path) -> Path:
    """The tree of a commit, unpacked."""
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return folder


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are aligned right."""
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


def changes_table(before: Path, after: Path, changes: Sequence[Change]) -> str:
    """Product files per change, their sum, and the names of those that are edited now."""
    for change in changes:
        for root, names in ((before, change.before), (after, change.after)):
            missing = [name for name in names if not (root / name).exists()]
            if missing:
                raise SystemExit(f"error: {change.what}: {missing[0]}: no such file; correct benchmarks/changes.py")
    counts = [(change, len(change.before), len(change.after)) for change in changes]
    rows = [[c.what, str(b), str(a), ", ".join(f"`{name}`" for name in c.after) or "none"] for c, b, a in counts]
    total = ["**sum**", f"**{sum(b for _, b, _ in counts)}**", f"**{sum(a for *_, a in counts)}**", ""]
    return table(["a new …", "before", "now", "files now"], [*rows, total])


def write_section(page: Path, name: str, module: str, text: str) -> None:
    """Replaces the text between a page's two marks of that name."""
    start, end = f"<!-- {name}: written by python -m {module} -->", f"<!-- end of {name} -->"
    head, rest = page.read_text(encoding="utf-8").split(start, 1)
    page.write_text(f"{head}{start}\n\n{text}\n\n{end}{rest.split(end, 1)[1]}", encoding="utf-8")


def main() -> None:
    """Writes both tables into the page."""
    commit = sys.argv[1] if len(sys.argv) > 1 else BEFORE
    from benchmarks.changes import CHANGES

    with tempfile.TemporaryDirectory() as folder:
        before = checkout(commit, Path(folder))
        old, new = measure(before), measure(ROOT)
        sizes = table(["", f"before ({commit})", "now"], [[name, old[name], new[name]] for name in new])
        costs = changes_table(before, ROOT, CHANGES)
    write_section(PAGE, "structure", "benchmarks.structure", f"{sizes}\n\n{COSTS}\n\n{costs}")


if __name__ == "__main__":
    main()
