"""Serve decisions over HTTP: a source for an order at the click, go or hold for lanes, kept up to date by events."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from regional_dispatch.commands.options import Overrides, above, at_least, parse_overrides
from regional_dispatch.envs.world.reading import read_text
from regional_dispatch.envs.world.scenario import ScenarioError, load_scenario
from regional_dispatch.evaluation.errors import InputError
from regional_dispatch.evaluation.policies import resolve_policy

TOKEN_VARIABLE = "REGIONAL_DISPATCH_TOKEN"


@dataclass(frozen=True)
class Command:
    """Serve decisions over HTTP: a source for an order at the click, go or hold for lanes, kept up to date by events.

    `docs/how-to/serve-decisions.md` shows the first order, and every event.
    """

    scenario: str = "us8"
    """A scenario file, or the name of a shipped one: sites, lanes, SKUs, costs, and stock to start with."""
    policy: str = "least_cost"
    """The policy that decides, as `compare` takes them."""
    data: Path = Path("runs/service")
    """Folder of the log and the snapshots, made if it is missing. A service started again on it goes on where it \
stopped."""
    host: str = "127.0.0.1"
    """Address to listen on. Any but a loopback address needs a token."""
    port: int = 8000
    """Port to listen on."""
    token_file: Path | None = None
    """File with the token that requests must bring. Default: the variable REGIONAL_DISPATCH_TOKEN, if it is set."""
    clock: Literal["wall", "events"] = "wall"
    """The service's clock: the machine's, or the latest time that an order or event gives."""
    start: str | None = None
    """When the scenario's first tick begins, such as 2026-03-02T00:00-05:00. Default: the latest time that the week \
was as old as the scenario's start_hour."""
    most_ahead_hours: float = 72.0
    """How far an order or event may move the clock `events` at once."""
    snapshot_every: int = 10_000
    """Orders and events from one snapshot to the next."""
    most_body_bytes: int = 1_000_000
    """The largest body of a request that is read. Unit: bytes."""
    most_requests_per_second: float = 5000.0
    """Of one client address, on average; two seconds' worth may come at once."""
    overrides: Overrides = ()
    """Change a field of the scenario, such as partition.kind=national; may be repeated."""

    def run(self) -> None:
        """Checks everything, then serves until it is told to stop."""
        from regional_dispatch.service.http.server import Door, check_door, serve  # the extra `serve`
        from regional_dispatch.service.opening import Settings

        at_least("--port", self.port, 0)
        at_least("--snapshot-every", self.snapshot_every, 1)
        at_least("--most-body-bytes", self.most_body_bytes, 1000)
        above("--most-ahead-hours", self.most_ahead_hours, 0)
        above("--most-requests-per-second", self.most_requests_per_second, 0)
        door = Door(
            self.host, self.port, self._token(), self.most_body_bytes, self.most_requests_per_second
        )  # fmt: skip
        check_door(door)
        start = self._start()
        scenario = load_scenario(self.scenario, parse_overrides(self.overrides))
        settings = Settings(
            scenario, resolve_policy(self.policy, scenario), self.data, start, self.clock,
            timedelta(hours=self.most_ahead_hours), self.snapshot_every,
        )  # fmt: skip
        serve(settings, door)

    def _token(self) -> str | None:
        if self.token_file is None:
            return os.environ.get(TOKEN_VARIABLE) or None
        try:
            token = read_text(self.token_file, 4096, "a token file").strip()
        except ScenarioError as error:
            raise InputError(f"--token-file {error}") from None
        if not token:
            raise InputError(f"--token-file {self.token_file}: is empty; write a token into it")
        return token

    def _start(self) -> datetime | None:
        if self.start is None:
            return None
        try:
            start = datetime.fromisoformat(self.start)
        except ValueError:
            raise InputError(f"--start {self.start}: write a time such as 2026-03-02T00:00-05:00") from None
        if start.tzinfo is None:
            raise InputError(f"--start {self.start}: has no UTC offset; write it such as {self.start}-05:00")
        return start
