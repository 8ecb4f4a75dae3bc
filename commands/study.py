"""Answer a question about a network: how many regions, where the trucks go, and so on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from regional_dispatch.commands.options import at_least, command_line
from regional_dispatch.evaluation.benchmark.page import cell_bar
from regional_dispatch.evaluation.execution.executor import Processes
from regional_dispatch.evaluation.execution.ray_executor import open_executor
from regional_dispatch.evaluation.folders.claim import claim
from regional_dispatch.evaluation.folders.kinds import STUDY
from regional_dispatch.evaluation.provenance import provenance


@dataclass(frozen=True)
class Command:
    """Answer a question about a network: how many regions, where the trucks go, and so on.

    Writes report.html (one page with all figures; it loads nothing from the network), every figure as PNG and CSV,
    every table as CSV, study.yaml (the exact question) and summary.json. Cells are kept in the folder's cells/ and
    computed again only if something they depend on has changed: after Ctrl-C, the same command continues.
    """

    name: tyro.conf.Positional[str]
    """A study file, or the name of a shipped one, such as ten_by_hundred or region_count."""
    out: Path | None = None
    """Folder for the results; created if it is missing. Default: runs/studies/NAME."""
    policies: str | None = None
    """Policies that play, separated by commas, as `compare` takes them. Default: the study's."""
    episodes: int | None = None
    """Held-out episodes of each policy and world. Unit: episodes. Default: the study's."""
    seed: int | None = None
    """Seed of the orders. Default: the study's."""
    workers: int = 2
    """Cells computed in parallel. Unit: processes."""
    ray: str | None = None
    """Compute on a Ray cluster instead: its address, HOST:PORT or ray://HOST:PORT; or auto, the one that runs here or \
that RAY_ADDRESS names, or else a new one on this machine with as many CPUs as --workers."""

    def run(self) -> None:
        """Checks everything, plays what is missing, then writes."""
        from regional_dispatch.studies.framework.kinds import find_study, load_study  # pulls in matplotlib
        from regional_dispatch.studies.framework.lab import Lab
        from regional_dispatch.studies.report.page import PAGE, save_report

        at_least("--workers", self.workers, 1)
        if self.seed is not None:
            at_least("--seed", self.seed, 0)
        path = find_study(self.name)
        policies = None if self.policies is None else self.policies.split(",")
        study = load_study(path, {"policies": policies, "episodes": self.episodes, "seed": self.seed})
        out = self.out or Path("runs") / "studies" / path.stem
        claim(out, STUDY)
        with open_executor(Processes(self.workers), self.ray) as executor, cell_bar() as progress:
            lab = Lab(out, study.episodes, study.seed, executor, progress)
            findings = study.answer(lab)
        notes = "".join(f"\n\nNote: {note}." for note in dict.fromkeys(lab.notes))
        findings = findings._replace(method=findings.method + notes)
        save_report(study, findings, provenance(command_line()), out)
        print(f"{findings.answer}\nreport: {out / PAGE}")
