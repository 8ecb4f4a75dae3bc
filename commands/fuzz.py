"""Use mutated inputs by the thousand: scenarios, tables, policies, checkpoints, requests, actions."""

from __future__ import annotations

import json
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from regional_dispatch.commands.options import at_least, command_line
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.folders.claim import claim_file, hold
from regional_dispatch.evaluation.output import write_file
from regional_dispatch.evaluation.provenance import provenance
from regional_dispatch.reliability.fuzz.kind import kinds
from regional_dispatch.reliability.fuzz.run import fuzz


@dataclass(frozen=True)
class Command:
    """Use mutated inputs by the thousand: scenarios, tables, policies, checkpoints, requests, actions.

    Each must be used or refused with a message: no traceback, no crash, no hang over 20 s, no growing memory. Inputs
    that fail stay in a folder, with their tracebacks. Exit codes: 0, none failed; 1, some did.
    """

    kinds: str = "all"
    """Which kinds, separated by commas."""
    inputs: int = 10_000
    """How many, divided over the kinds. Unit: inputs."""
    seed: int | None = None
    """Seed of the mutations: the same seed gives the same inputs. Default: a new one, which is printed."""
    work: Path = Path("runs/fuzz")
    """Folder for inputs while they are used; those that fail stay in its folder failures."""
    out: Path | None = None
    """Write the result to this JSON file."""

    def run(self) -> None:
        """Uses all inputs, then writes."""
        known = list(kinds())
        chosen = known if self.kinds == "all" else self.kinds.split(",")
        if unknown := set(chosen) - set(known):
            raise InputError(f"--kinds = {self.kinds}: no kind '{min(unknown)}'; give some of {', '.join(known)}")
        each = -(-at_least("--inputs", self.inputs, 1) // len(chosen))
        seed = secrets.randbelow(2**32) if self.seed is None else int(at_least("--seed", self.seed, 0))
        if self.out is not None:
            claim_file(self.out, (".json",))
        hold(self.work, "--work")
        self.work.mkdir(parents=True, exist_ok=True)
        tallies = []
        with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
            for kind in chosen:
                task = bar.add_task(kind, total=each)
                tallies.append(fuzz(kind, each, seed, self.work, lambda n, task=task: bar.update(task, completed=n)))  # type: ignore[misc]
        rows = [tally.row() for tally in tallies]
        for row in rows:
            print(", ".join(f"{name} {value}" for name, value in row.items() if name != "failures"))
            print(*row["failures"], sep="\n", end="\n" if row["failures"] else "")
        print(f"seed {seed}; inputs that failed: {self.work / 'failures'}")
        if self.out is not None:
            result = {"seed": seed, "kinds": rows, **provenance(command_line())}
            write_file(self.out, json.dumps(result, indent=1) + "\n")
        if not all(tally.passed for tally in tallies):
            sys.exit(1)
