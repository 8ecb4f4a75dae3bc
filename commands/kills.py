"""Kill every command that writes at random moments, start it again, and compare the results."""

from __future__ import annotations

import json
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regional_dispatch.commands.options import above, at_least, command_line
from regional_dispatch.envs.world.reading import read_json
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.folders.claim import claim_file
from regional_dispatch.evaluation.output import write_file
from regional_dispatch.evaluation.provenance import provenance
from regional_dispatch.reliability.kills.cases import CASES
from regional_dispatch.reliability.kills.run import Result, facts, kill_command


@dataclass(frozen=True)
class Command:
    """Kill every command that writes at random moments, start it again, and compare the results.

    Each plays a world that takes seconds. Its main process alone is killed, as `kill -9` does. In the end results must
    be those of a run that was not disturbed, byte for byte but for times; no process may be left, and no file
    half-written. Writes a JSON file after each; started again with the same --out, --seed and --kills, it goes on with
    those that are not in the file, or were not as they should be. Exit code 1 if anything was wrong. Needs Linux.
    """

    commands: str = ",".join(CASES)
    """Commands to kill, separated by commas."""
    kills: int = 20
    """How often each is killed. Unit: kills."""
    minutes: float = 60.0
    """No further command is begun after this time. Unit: minutes."""
    seed: int = 0
    """Seed of the moments."""
    out: Path = Path("runs/kills.json")
    """The JSON file to write."""

    def run(self) -> None:
        """Checks everything, kills, then writes."""
        at_least("--seed", self.seed, 0)
        at_least("--kills", self.kills, 1)
        above("--minutes", self.minutes, 0)
        names = [name.strip() for name in self.commands.split(",")]
        if unknown := [name for name in names if name not in CASES]:
            raise InputError(f"--commands: '{unknown[0]}' is none of {', '.join(CASES)}")
        claim_file(self.out, (".json",))
        limit, commands = time.monotonic() + 60 * self.minutes, self._kept()
        for name in [name for name in names if name not in commands]:
            if time.monotonic() > limit:
                print(f"{name}: not begun, {self.minutes:g} minutes are over", file=sys.stderr)
                continue
            rng = random.Random(f"{self.seed} {name}")
            result = kill_command(CASES[name], self.kills, rng, lambda text, of=name: print(of, text))  # type: ignore[misc]
            print(_line(name, result), flush=True)
            commands[name] = facts(result)
            written = {"seed": self.seed, "commands": commands, **provenance(command_line())}
            write_file(self.out, json.dumps(written, indent=1, ensure_ascii=False) + "\n")
        print(f"kills: {self.out}")
        if not all(commands[name]["same"] for name in names if name in commands):
            sys.exit(1)

    def _kept(self) -> dict[str, Any]:
        """What an earlier run of this command has found, where all was as it should be."""
        if not self.out.exists():
            return {}
        try:
            found = read_json(self.out)
            commands = {name: own for name, own in found["commands"].items() if own["same"]}
            commands = {name: own for name, own in commands.items() if own["kills"] == self.kills}
            return commands if found["seed"] == self.seed else {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise InputError(f"--out = {self.out}: is no file of this command; name another") from None


def _line(name: str, result: Result) -> str:
    end = "the same results" if not result.wrong else "; ".join(result.wrong)
    return f"{name}: {result.kills} kills in {result.folders} folders, {result.files} files: {end}"
