"""Writes a run's tables and map into a page, so that no figure there is typed by hand.

`python -m evaluation.readme RUN [PAGE]`: RUN is a folder that `compare`, `benchmark` or `train.py --compare` wrote;
PAGE is README.md unless named, such as `python -m evaluation.readme runs/benchmark docs/benchmark.md`.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from evaluation.cli import InputError, guarded
from evaluation.compare import read_summary
from evaluation.provenance import made_by
from evaluation.report import markdown_table

README = Path("README.md")
PICTURES = Path("docs")
MAP, BENCHMARK = "map.png", "benchmark.md"
START, END = "<!-- results: written by python -m evaluation.readme -->", "<!-- end of results -->"


def refresh(page: Path, pictures: Path, run: Path) -> None:
    """Replaces a page's results, and copies the run's map, under the run's name, to where the pictures are.

    Raises:
        InputError: the run has no results, or the page no place for them.
    """
    section = _section(run)
    try:
        text = page.read_text(encoding="utf-8")
    except OSError:
        raise InputError(f"{page}: no such file; give a page with the lines '{START}' and '{END}'") from None
    if START not in text or END not in text:
        raise InputError(f"{page}: has no lines '{START}' and '{END}'; add them where the table belongs")
    before, rest = text.split(START, 1)
    after = rest.split(END, 1)[1]
    temporary = page.with_name(f".{page.name}.part")
    temporary.write_text(f"{before}{START}\n\n{section}\n{END}{after}", encoding="utf-8")
    if (run / MAP).exists():
        pictures.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(run / MAP, pictures / f"{run.resolve().name}.png")
    os.replace(temporary, page)


def _section(run: Path) -> str:
    """A benchmark's page without its title, or a comparison's tables."""
    if (run / BENCHMARK).exists():
        return (run / BENCHMARK).read_text(encoding="utf-8").split("\n", 2)[2]
    summary = read_summary(run / "summary.json")
    return f"{markdown_table(summary)}\n{made_by(summary['meta'])}\n"


def main() -> None:
    """Reads the run's folder, and the page if it is not the README, from the command line."""
    if len(sys.argv) not in (2, 3):
        raise InputError("give the folder of a run, such as runs/quickstart, and a page unless it is README.md")
    refresh(Path(sys.argv[2]) if len(sys.argv) == 3 else README, PICTURES, Path(sys.argv[1]))


if __name__ == "__main__":
    guarded(main)
