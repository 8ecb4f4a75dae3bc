"""Print the table of an earlier comparison as Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from regional_dispatch.evaluation.compare import read_summary
from regional_dispatch.evaluation.report.comparison import markdown_table


@dataclass(frozen=True)
class Command:
    """Print the table of an earlier comparison as Markdown."""

    summary: tyro.conf.Positional[Path]
    """The summary.json that `compare` wrote."""

    def run(self) -> None:
        """Prints it."""
        print(markdown_table(read_summary(self.summary)), end="")
