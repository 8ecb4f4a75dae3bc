"""Play the tick of a violation again that an audit has found."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from regional_dispatch.envs.audit.replay import replay
from regional_dispatch.envs.audit.violation import load_violation


@dataclass(frozen=True)
class Command:
    """Play the tick of a violation again that an audit has found.

    Prints what the file says and what is found now. Exit code 1: a law does not hold.
    """

    file: Annotated[Path, tyro.conf.Positional]
    """The file that the audit has written."""

    def run(self) -> None:
        """Reads, plays, and says what came of it."""
        violation = load_violation(self.file)
        print(f"scenario {violation.scenario.name}, tick {violation.tick}: {violation.text}")
        played = replay(violation)
        if not played.same_kernel:
            print("the kernel has changed since")
        if played.found is None:
            print("does not occur with this version: every law holds after the tick")
            return
        print("occurs again" if played.same else f"occurs in another way: {played.found}")
        sys.exit(1)
