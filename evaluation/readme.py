"""Writes a run's table and map into the README, so that no figure there is typed by hand.

Run `python -m evaluation.readme runs/quickstart` after `make train`.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from evaluation.cli import InputError, guarded
from evaluation.compare import Summary, read_summary
from evaluation.report import markdown_table

README = Path("README.md")
PICTURE = Path("docs/map.png")
START, END = "<!-- results: written by python -m evaluation.readme -->", "<!-- end of results -->"


def refresh(readme: Path, picture: Path, run: Path) -> None:
    """Replaces the README's results, and copies the map beside them.

    Raises:
        InputError: the run has no results, or the README no place for them.
    """
    summary = read_summary(run / "summary.json")
    text = readme.read_text(encoding="utf-8")
    if START not in text or END not in text:
        raise InputError(f"{readme}: has no lines '{START}' and '{END}'; add them where the table belongs")
    before, rest = text.split(START, 1)
    after = rest.split(END, 1)[1]
    temporary = readme.with_name(f".{readme.name}.part")
    temporary.write_text(f"{before}{START}\n{_section(summary)}{END}{after}", encoding="utf-8")
    picture.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(run / "map.png", picture)
    os.replace(temporary, readme)


def _section(summary: Summary) -> str:
    meta = summary["meta"]
    versions = ", ".join(f"{name} {version}" for name, version in meta["versions"].items())
    made = f"Made by `{meta['command']}` on {meta['cpu']['count']} cores of {meta['cpu']['model']}; {versions}."
    return f"\n{markdown_table(summary)}\n{made}\n\n"


def main() -> None:
    """Reads the run's folder from the command line."""
    if len(sys.argv) != 2:
        raise InputError("give the folder of a run, such as runs/quickstart")
    refresh(README, PICTURE, Path(sys.argv[1]))


if __name__ == "__main__":
    guarded(main)
