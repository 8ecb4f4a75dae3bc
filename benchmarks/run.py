"""Measures the project's performance and writes it down: `python -m benchmarks.run --out runs/performance`.

Every part runs in a process of its own, so all figures of a part, and the ratios between them, come from one run. The
results are written to OUT/performance.json after each part; OUT/performance.md is the page made from them. With
`--only`, the other parts of an existing file stay, each with the date of its own run. `--page docs/performance.md` also
writes the page into the documentation; with `--only ""` nothing is measured and the page is written again.
"""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tyro

from benchmarks.measure import ChildError, Settings, run_python
from benchmarks.page import performance_page
from benchmarks.parts import PARTS
from regional_dispatch.commands.cli import guarded
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.output import check_file, check_folder, write_file
from regional_dispatch.evaluation.provenance import provenance

RESULTS, PAGE = "performance.json", "performance.md"


@dataclass(frozen=True)
class Command:
    """Measure the project's performance and write performance.json and performance.md."""

    out: Path = Path("runs/performance")
    """Folder of the results."""
    only: str = ",".join(PARTS)
    """Parts to measure, separated by commas. The others of an existing performance.json are kept."""
    quick: bool = False
    """Small sizes and few repeats, to see that everything runs. The figures mean little."""
    peers_python: str = sys.executable
    """A Python in which the named peers are installed; those it lacks are reported as not installed."""
    page: Path | None = None
    """Markdown file to write the page to as well, such as docs/performance.md."""

    def run(self) -> None:
        """Measures part by part."""
        names = chosen(self.only)
        check_folder(self.out)
        if self.page is not None:
            check_file(self.page, (".md",), "--page")
        found = read(self.out / RESULTS)
        for name in names:
            print(f"{name} …", flush=True)
            found["parts"][name] = measured(name, Settings(self.quick, self.peers_python))
            write_file(self.out / RESULTS, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
        text = performance_page(found)
        write_file(self.out / PAGE, text)
        if self.page is not None:
            write_file(self.page, text, "--page")
        print(f"results: {self.out / RESULTS}")
        failed = [name for name in names if "error" in found["parts"][name]]
        if failed:
            raise SystemExit(f"error: {', '.join(failed)}: not measured; {self.out / PAGE} says why")


def chosen(only: str) -> list[str]:
    """The parts that a user names, in the order of the page.

    Raises:
        InputError: an unknown part.
    """
    names = [name.strip() for name in only.split(",") if name.strip()]
    for name in names:
        if name not in PARTS:
            raise InputError(f"--only = '{only}': no part '{name}'; there are: {', '.join(PARTS)}")
    return [name for name in PARTS if name in names]


def read(path: Path) -> dict[str, Any]:
    """The results so far; none where there is no file.

    Raises:
        InputError: the file is damaged.
    """
    if not path.exists():
        return {"parts": {}}
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {"parts": dict(found["parts"])}
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: not a performance.json of this program; remove it or give another --out") from None


def measured(name: str, settings: Settings) -> dict[str, Any]:
    """One part's result with how it was made; its error where it could not be measured."""
    options = ["--quick"] * settings.quick
    if name == "peers" and settings.peers_python != sys.executable:
        options += ["--peers-python", "PYTHON"]
    command = shlex.join(["python", "-m", "benchmarks.run", "--only", name, *options])
    made = {**provenance(command), "date": datetime.now(UTC).date().isoformat(), "quick": settings.quick}
    try:
        used = run_python(["-m", "benchmarks.parts", name, json.dumps(settings._asdict())])
    except ChildError as error:
        return {"made": made, "error": str(error)}
    return {"made": {**made, "wall_seconds": used.wall_seconds}, **used.answer}


def main() -> None:
    """Reads the command line."""
    guarded(lambda: tyro.cli(Command, prog="benchmarks.run").run(), "benchmarks.run")


if __name__ == "__main__":
    main()
