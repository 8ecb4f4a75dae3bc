"""Measure by simulation how often the intervals of this project hold the truth."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from regional_dispatch.commands.options import at_least, command_line
from regional_dispatch.evaluation.folders.claim import claim
from regional_dispatch.evaluation.folders.kinds import COVERAGE
from regional_dispatch.evaluation.output import staged
from regional_dispatch.evaluation.provenance import provenance
from regional_dispatch.reliability.coverage.measure import as_rows, measure
from regional_dispatch.reliability.coverage.page import coverage_page
from regional_dispatch.reliability.coverage.populations import play


@dataclass(frozen=True)
class Command:
    """Measure by simulation how often the intervals of this project hold the truth.

    Plays many short episodes of rules on small and us8, draws samples from them and from distributions of known shape,
    and counts how often the 95 % interval of a sample holds the mean of all. Writes coverage.md and coverage.json.
    """

    out: Path = Path("runs/coverage")
    """Folder for the results; created if it is missing."""
    episodes: int = 1500
    """Episodes played of each policy and world. Unit: episodes."""
    repetitions: int = 4000
    """Samples drawn of each population and size."""
    seed: int = 0
    """Seed of the orders and of the draws."""

    def run(self) -> None:
        """Plays, measures, then writes."""
        at_least("--episodes", self.episodes, 2)
        at_least("--repetitions", self.repetitions, 1)
        at_least("--seed", self.seed, 0)
        claim(self.out, COVERAGE)
        print("playing episodes", file=sys.stderr)
        frames = play(self.episodes, self.seed)
        found = measure(frames, self.repetitions, self.seed, lambda kind: print(f"measuring: {kind}", file=sys.stderr))
        facts = {"repetitions": self.repetitions, "episodes": self.episodes, "seed": self.seed}
        meta = {**facts, **provenance(command_line())}
        page = coverage_page(found, meta)
        with staged(self.out) as files:
            (files / "coverage.md").write_text(page, encoding="utf-8")
            text = json.dumps({"meta": meta, "coverage": as_rows(found)}, indent=1, allow_nan=False, ensure_ascii=False)
            (files / "coverage.json").write_text(text + "\n", encoding="utf-8")
        print(page)
        print(f"results: {self.out}")
