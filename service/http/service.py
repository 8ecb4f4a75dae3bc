"""The service's life: it loads its state while it already answers `/health`, writes snapshots, and stops in order."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from regional_dispatch.service.engine import Engine
from regional_dispatch.service.live import pricing
from regional_dispatch.service.metrics import Metrics
from regional_dispatch.service.opening import Settings, open_engine
from regional_dispatch.service.snapshots import save_snapshot, snapshot_version

_HOUSEKEEPING_SECONDS = 2.0
_COLLECT = (10_000, 20, 50)  # thresholds of the garbage collector: packages under way live long, and have no cycles


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Service:
    """One service.

    Args:
        settings: what it is made from.
        metrics: counted into.
        say: told of what happens.
    """

    def __init__(self, settings: Settings, metrics: Metrics, say: Callable[[str], None] = _say) -> None:
        self.settings, self.metrics, self._say = settings, metrics, say
        self.engine: Engine | None = None
        self.error: Exception | None = None  # why it could not start
        self.stop: Callable[[], None] = lambda: None  # ends the process in order; the server sets it
        self._stopping = False
        self._snapshot = 0  # record of the latest one
        self._version = snapshot_version(settings.scenario)

    @property
    def failed(self) -> bool:
        """It cannot go on: the state could not be loaded, or the log cannot be written."""
        return self.error is not None or (self.engine is not None and self.engine.journal.failed is not None)

    @property
    def ready(self) -> bool:
        """It can be asked."""
        return self.engine is not None and not self._stopping and not self.failed

    @property
    def words(self) -> str:
        """How it is."""
        if self.error is not None:
            return f"the state could not be loaded: {self.error}"
        if self.engine is None:
            return "the state is being loaded"
        if self.engine.journal.failed is not None:
            return f"the log cannot be written: {self.engine.journal.failed}"
        return "stopping" if self._stopping else "ready"

    def refresh_metrics(self) -> None:
        """What is read off rather than counted."""
        self.metrics.ready.set(self.ready)
        if self.engine is not None:
            self.metrics.clock.set(self.engine.time.timestamp())
            self.metrics.state_age.set(time.time() - self.engine.touched)
            self.metrics.under_way.set(len(self.engine.live.where.packages))
            self.metrics.logged.set(self.engine.journal.committed)

    @asynccontextmanager
    async def lifespan(self, app: Any) -> AsyncIterator[None]:
        """Runs it, as Starlette wants it."""
        loading = asyncio.create_task(self._load())
        keeping = asyncio.create_task(self._keep_house())
        yield
        self._stopping = True
        keeping.cancel()
        await asyncio.wait([loading, keeping])
        if self.engine is not None:
            if not self.failed:
                await self._save_snapshot()
            await self.engine.journal.close()
            self._say(f"stopped: {self.engine.journal.committed} records in the log")

    async def _load(self) -> None:
        try:
            self.engine = await asyncio.to_thread(open_engine, self.settings, self.metrics, self._say)
            self._snapshot = int(self.metrics.snapshot._value.get())
            gc.collect()
            gc.freeze()  # what is loaded stays: looking through it again takes a tenth of a second each time
            gc.set_threshold(*_COLLECT)
            self._say("ready")
        except Exception as error:  # whatever it is, the process must end and say so
            self.error = error
            self.stop()

    async def _keep_house(self) -> None:
        """Snapshots when they are due, checkpoints of the log, and the end where the log cannot be written."""
        while True:
            await asyncio.sleep(_HOUSEKEEPING_SECONDS)
            if self.engine is None:
                continue
            if self.failed:
                self._say(f"error: {self.words}")
                self.stop()
                return
            await asyncio.to_thread(self.engine.journal.checkpoint)
            await self._price()
            if self.engine.journal.last >= self._snapshot + self.settings.snapshot_every:
                await self._save_snapshot()

    async def _price(self) -> None:
        """Solves the units' prices again when it is time, beside requests."""
        assert self.engine is not None
        live = self.engine.live
        if pricing.pricing_is_due(live):
            sim = pricing.frozen(live)
            pricing.put_in_force(live, sim, await asyncio.to_thread(pricing.solve, sim))

    async def _save_snapshot(self) -> None:
        """Takes a snapshot, and writes it once all it holds is in the log on disk."""
        assert self.engine is not None
        snapshot = self.engine.snapshot()
        if snapshot.number == self._snapshot:
            return
        await self.engine.journal.reached(snapshot.number)
        await asyncio.to_thread(save_snapshot, self.settings.data, snapshot, self._version)
        self._snapshot = snapshot.number
        self.metrics.snapshot.set(snapshot.number)
