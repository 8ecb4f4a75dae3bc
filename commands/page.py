"""Write a run's tables and pictures into a Markdown page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from regional_dispatch.evaluation.folders.claim import hold
from regional_dispatch.evaluation.report.pages import refresh


@dataclass(frozen=True)
class Command:
    """Write a run's tables and pictures into a Markdown page.

    They replace what is between the lines `<!-- results: written by evaluate.py page -->`, or `<!-- results of RUN: …`,
    and `<!-- end of results -->` of the page. Pictures are copied to the folder of pictures under the run's name.
    """

    folder: tyro.conf.Positional[Path]
    """A folder that `compare`, `benchmark`, `experiment`, `study`, `coverage` or `train.py --compare` \
wrote, or that of the rows of `submit`."""
    page: Path = Path("README.md")
    """The Markdown file to change, in the working folder unless a path is given."""
    pictures: Path = Path("docs/results")
    """Folder for the pictures; created if it is missing."""
    kpis: str | None = None
    """Only these KPIs of a comparison, separated by commas, and no table of differences. Default: the full tables."""

    def run(self) -> None:
        """Changes the page."""
        hold(self.page, "--page")
        refresh(self.page, self.pictures, self.folder, None if self.kpis is None else self.kpis.split(","))
