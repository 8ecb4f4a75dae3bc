"""Check a scenario and its tables: everything that is wrong, doubtful or assumed, and mended copies."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from regional_dispatch.commands.options import Overrides, parse_overrides
from regional_dispatch.evaluation.folders.claim import claim_file
from regional_dispatch.evaluation.output import write_file


@dataclass(frozen=True)
class Command:
    """Check a scenario and its tables: everything that is wrong, doubtful or assumed, and mended copies.

    Errors are what nothing can be built from, warnings what is probably not meant; "assumed" is what stands in place of
    something that a file does not say. Exit codes: 0, no errors; 2, errors.
    """

    scenario: tyro.conf.Positional[str]
    """A scenario file, or the name of a shipped one."""
    json: Path | None = None
    """Write all findings to this JSON file."""
    fix: Path | None = None
    """Write mended copies of the tables, a scenario that names them and a list of all changes to this new folder."""
    overrides: Overrides = ()
    """Change a field of the scenario, such as network.decimal=","; may be repeated."""

    def run(self) -> None:
        """Checks, prints, then writes."""
        from regional_dispatch.data.check.check import check
        from regional_dispatch.data.check.fix import check_new, write_fixed
        from regional_dispatch.data.check.show import as_json, print_checked
        from regional_dispatch.envs.world.findings import mark_shown

        if self.json is not None:
            claim_file(self.json, (".json",), "--json")
        if self.fix is not None:
            check_new(self.fix)
        checked = check(self.scenario, parse_overrides(self.overrides))
        print_checked(checked)
        mark_shown(checked.findings)
        if self.json is not None:
            write_file(self.json, json.dumps(as_json(checked), indent=1, ensure_ascii=False) + "\n", "--json")
        if self.fix is not None:
            print(write_fixed(checked, self.fix))
        if checked.findings.errors:
            sys.exit(2)
