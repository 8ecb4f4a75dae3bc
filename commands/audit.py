"""Play shipped scenarios and random networks under every conservation law, until so many packages were audited."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from regional_dispatch.commands.options import above, command_line
from regional_dispatch.envs.fingerprint import source_digest
from regional_dispatch.envs.kernel.compiled import KERNEL
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.folders.claim import claim_file
from regional_dispatch.evaluation.output import write_file
from regional_dispatch.evaluation.provenance import provenance
from regional_dispatch.reliability.audit.campaign import Campaign

_SAVE_EVERY_SECONDS = 20.0


@dataclass(frozen=True)
class Command:
    """Play shipped scenarios and random networks under every conservation law, until so many packages were audited.

    Every law is checked after every tick. A violation ends its episode and leaves a file that `evaluate.py replay`
    plays again; the others go on. Started again with the same --out, it goes on where it stood. Exit code 1: a law did
    not hold.
    """

    packages: float = 1e6
    """Packages to audit in all, such as 1e8. Unit: packages."""
    out: Path | None = None
    """JSON file of the counts, written every 20 seconds. Default: they are only printed."""
    folder: Path = Path("runs/audit")
    """Folder for the files of violations; made when there is one."""

    def run(self) -> None:
        """Plays, counts and writes."""
        above("--packages", self.packages, 0)
        if self.out is not None:
            claim_file(self.out, (".json",))
        campaign = Campaign(self.folder, _earlier(self.out))
        saved = time.monotonic()
        with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
            task = bar.add_task("packages", total=self.packages, completed=campaign.packages)

            def told() -> None:
                nonlocal saved
                bar.update(task, completed=campaign.packages)
                if time.monotonic() - saved > _SAVE_EVERY_SECONDS:
                    self._save(campaign)
                    saved = time.monotonic()

            campaign.run(self.packages, told)
        self._save(campaign)
        counts = campaign.counts()
        print(f"{counts['packages']:,} packages in {counts['ticks']:,} ticks of {counts['episodes']} episodes")
        print(f"{len(campaign.violations)} violations; {counts['packages_per_cpu_second']:,} packages per CPU second")
        if campaign.violations:
            print("\n".join(campaign.violations))
            sys.exit(1)

    def _save(self, campaign: Campaign) -> None:
        if self.out is not None:
            text = json.dumps({**campaign.counts(), "meta": provenance(command_line())}, indent=2)
            write_file(self.out, text + "\n")


def _earlier(out: Path | None) -> dict[str, Any] | None:
    """Counts of an earlier part with this kernel."""
    if out is None or not out.exists():
        return None
    try:
        counts = json.loads(out.read_text(encoding="utf-8"))
        Campaign(Path(), counts)
        kernel = counts["kernel"]
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InputError(f"--out = {out}: is no result of an audit ({error}); name another file") from None
    if kernel != source_digest([KERNEL]):
        raise InputError(f"--out = {out}: is of another kernel; name another file, or remove this one")
    counts.pop("meta", None)
    return counts
