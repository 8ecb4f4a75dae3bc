"""A run's tables and pictures in a page of the docs, so that no figure there is typed by hand.

A page of several runs has a place for each, `<!-- results of RUN: …`, by the name of the run's folder; headings there
go one level down.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.reading import read_text
from regional_dispatch.envs.world.replacing import replacing
from regional_dispatch.evaluation.compare import read_summary
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.provenance import made_by
from regional_dispatch.evaluation.report.comparison import kpi_markdown, markdown_table
from regional_dispatch.evaluation.submission.page import leaderboard_page
from regional_dispatch.evaluation.submission.row import read_rows
from regional_dispatch.reliability.page import has_results, reliability_page

MAP = "map.png"
PAGES = ("benchmark.md", "experiment.md", "report.md", "coverage.md")
SHOWN = re.compile(r"(!\[[^]]*\]\()([^)/]+\.png)\)")  # a picture of the run, in its page
START, END = "<!-- results: written by evaluate.py page -->", "<!-- end of results -->"
NAMED_START = START.replace("results", "results of {run}", 1)


def refresh(page: Path, pictures: Path, run: Path, kpis: Sequence[str] | None = None) -> None:
    """Replaces a page's results, and copies the run's pictures, under the run's name, to where the pictures are.

    Args:
        page: the Markdown file.
        pictures: folder for the run's pictures.
        run: folder of the results.
        kpis: of a comparison, only these KPIs and no other table; default, all its tables.

    Raises:
        InputError: the run has no results, or not these KPIs, or the page has no place for them.
    """
    name = run.resolve().name
    own = _section(run, kpis)
    section = SHOWN.sub(lambda shown: f"{shown[1]}{_picture(name, shown[2])})", own)
    try:
        text = read_text(page)
    except ScenarioError:
        raise InputError(f"{page}: no such file; give a page with the lines '{START}' and '{END}'") from None
    start = next((line for line in (NAMED_START.format(run=name), START) if line in text), START)
    if start != START:
        section = re.sub("^##", "###", section, flags=re.MULTILINE)
    before, _, rest = text.partition(start)
    if END not in rest:
        raise InputError(f"{page}: has no lines '{START}' and '{END}'; add them where the table belongs")
    after = rest.split(END, 1)[1]
    with replacing(page) as file:
        file.write_text(f"{before}{start}\n\n{section}\n{END}{after}", encoding="utf-8")
        for picture in (MAP, *(shown[1] for shown in SHOWN.findall(own))):
            if (run / picture).exists():
                pictures.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(run / picture, pictures / _picture(name, picture))


def _picture(run: str, picture: str) -> str:
    """The file name of a picture in the docs; the map's is the run's name alone."""
    return f"{run}.png" if picture == MAP else f"{run}-{picture}"


def _section(run: Path, kpis: Sequence[str] | None) -> str:
    """A run's own page without its title, the tables of a leaderboard's rows or of trials, or a comparison's tables."""
    for page in PAGES:
        if (run / page).exists() and kpis is None:
            return read_text(run / page).split("\n", 2)[2]
    if has_results(run):
        return reliability_page(run)
    if rows := read_rows(run):
        return leaderboard_page(rows)
    summary = read_summary(run / "summary.json")
    tables = markdown_table(summary) if kpis is None else "\n".join(kpi_markdown(summary, kpis)) + "\n"
    return f"{tables}\n{made_by(summary['meta'])}\n"
