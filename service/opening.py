"""From options to a service that can be asked: the network is built, compiled, and the log replayed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from regional_dispatch.envs.policy import ScorerPolicy
from regional_dispatch.envs.world.scenario import Scenario
from regional_dispatch.service.engine import Clock, Engine
from regional_dispatch.service.errors import RefusedError, ServiceError
from regional_dispatch.service.journal import Journal
from regional_dispatch.service.live.calendar import Calendar, default_start
from regional_dispatch.service.live.network import LiveNetwork
from regional_dispatch.service.live.pricing import price_now
from regional_dispatch.service.live.warm_up import warm_up
from regional_dispatch.service.metrics import Metrics
from regional_dispatch.service.snapshots import load_snapshot, snapshot_version

LOG_FILE = "log.sqlite"


@dataclass(frozen=True)
class Settings:
    """What a service is made from.

    Args:
        scenario: the network.
        policy: decides.
        data: folder of the log and the snapshots.
        start: when tick 0 begins, with a UTC offset; None for the week of the first start.
        clock: the machine's, or that of events.
        most_ahead: see `Engine`.
        snapshot_every: records of the log.
    """

    scenario: Scenario
    policy: ScorerPolicy
    data: Path
    start: datetime | None = None
    clock: Clock = "wall"
    most_ahead: timedelta = timedelta(hours=72)
    snapshot_every: int = 10_000


def open_engine(settings: Settings, metrics: Metrics, say: Callable[[str], None] = print) -> Engine:
    """The service as it was when it stopped, or a new one.

    Args:
        settings: what it is made from.
        metrics: counted into.
        say: told of what happens.

    Raises:
        ServiceError: the folder is in use, or its log is of another network or start.
    """
    settings.data.mkdir(parents=True, exist_ok=True)
    journal = Journal(settings.data / LOG_FILE, metrics.commits.observe)
    try:
        return _open(settings, journal, metrics, say)
    except Exception:
        journal.close_files()
        raise


def _open(settings: Settings, journal: Journal, metrics: Metrics, say: Callable[[str], None]) -> Engine:
    calendar = Calendar(_start(settings, journal), settings.scenario.tick_hours)
    live = LiveNetwork(settings.scenario, settings.policy, calendar)
    _check_network(settings, journal, live)
    warm_up(live)
    engine = Engine(live, journal, metrics, settings.clock, settings.most_ahead)
    _replay(settings, engine, say)
    price_now(live)
    return engine


def _start(settings: Settings, journal: Journal) -> datetime:
    """When tick 0 begins: what the log says, else the option, else the week of today."""
    said, kept = settings.start, journal.about("start")
    if kept is None:
        calendar = settings.scenario.calendar
        zone, hour = (UTC, settings.scenario.start_hour) if calendar is None else (ZoneInfo(calendar.time_zone), 0)
        start = said or default_start(datetime.now(zone), hour)
        kept = journal.about("start", start.isoformat())
    found = datetime.fromisoformat(str(kept))
    if said is not None and said != found:
        raise ServiceError(
            f"--start {said.isoformat()}: the log in {settings.data} started at {found.isoformat()}; leave the option "
            "out, or give another --data folder"
        )
    return found


def _check_network(settings: Settings, journal: Journal, live: LiveNetwork) -> None:
    """The names in the log and the shelves it started with must be those of the scenario."""
    ours = network_digest(live)
    if journal.about("network", ours) != ours:
        raise ServiceError(
            f"--data {settings.data}: its log is of another network than scenario '{settings.scenario.name}': other "
            "sites, lanes, SKUs or stock levels; give another folder"
        )


def network_digest(live: LiveNetwork) -> str:
    """A digest of what a log refers to, the shelves of a network that nothing has happened to yet among it."""
    lanes, names = live.sim.world.net.lanes, live.names
    digest = hashlib.sha256(json.dumps([names.sites, names.sku.names, names.modes]).encode())
    digest.update(lanes["origin"].tobytes() + lanes["dest"].tobytes() + live.sim.state.stock.tobytes())
    return digest.hexdigest()


def _replay(settings: Settings, engine: Engine, say: Callable[[str], None]) -> None:
    """Restores the latest snapshot, and applies what the log has after it."""
    number = 0
    snapshot = load_snapshot(settings.data, engine.journal.last, snapshot_version(settings.scenario))
    if snapshot is not None:
        try:
            engine.restore(snapshot)
            number = snapshot.number
        except (KeyError, TypeError, ValueError) as error:
            say(f"warning: the snapshot of record {snapshot.number} is damaged ({error}); the whole log is replayed")
    for record in engine.journal.after(number):
        try:
            engine.replay(record)
        except (RefusedError, ValueError, KeyError, TypeError, IndexError) as error:
            raise ServiceError(
                f"{engine.journal.path}: record {record.number} ({record.key}) can no longer be applied: {error}; use "
                "the version and scenario that wrote it, or give another --data folder"
            ) from None
    engine.metrics.snapshot.set(number)
    say(f"state: snapshot of record {number}, then {engine.journal.last - number} records of the log replayed")
