"""Requests one after the other: known ones are answered as before, new ones are decided, applied, logged, answered.

Everything but waiting for the disk happens in one thread, between two awaits: a request sees the whole of those before
it and nothing of those after it. Answers go out once their record is on disk.
"""

from __future__ import annotations

import asyncio
import time as machine
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from regional_dispatch.service.errors import CONFLICT, INVALID, RefusedError
from regional_dispatch.service.journal import Journal, Record, canonical
from regional_dispatch.service.live.events import apply
from regional_dispatch.service.live.network import LiveNetwork
from regional_dispatch.service.messages import Event, Order
from regional_dispatch.service.metrics import Metrics
from regional_dispatch.service.snapshots import Snapshot

Clock = Literal["wall", "events"]
_EVENT: TypeAdapter[Any] = TypeAdapter(Event)
_MOST_AHEAD_AT_FIRST = timedelta(days=366)  # of the start, by the first message of a log
_ORDER, _DONE = "order:", "event:"  # prefixes of keys in the log


class Answer(NamedTuple):
    """An answer, which goes out once its record is on disk."""

    body: bytes  # JSON
    on_disk: Awaitable[None]
    repeated: bool  # the request had been carried out before


class Engine:
    """The live network with its log.

    Args:
        live: the network.
        journal: its log.
        metrics: counted into.
        clock: `wall`, the machine's; `events`, the latest time that an order or event gave.
        most_ahead: how far an order or event may move the clock that events set; more is a mistake.
    """

    def __init__(
        self, live: LiveNetwork, journal: Journal, metrics: Metrics, clock: Clock = "wall",
        most_ahead: timedelta = timedelta(hours=72),
    ) -> None:  # fmt: skip
        self.live, self.journal, self.metrics = live, journal, metrics
        self.clock, self.most_ahead = clock, most_ahead
        self.time = live.calendar.start.astimezone(UTC)
        self.touched = machine.time()  # when the last event was applied
        self._pending: dict[str, tuple[Record, asyncio.Future[None]]] = {}

    # ----------------------------------------------------------------------------------------------------- requests

    def source(self, orders: Sequence[Order], path: str = "") -> list[Answer]:
        """Decides on orders, those that are new together.

        Args:
            orders: each of another name.
            path: of the list of orders in the request, for messages; empty for a single order.

        Raises:
            RefusedError: one of them cannot be; none has been carried out.
        """
        requests = [_request(order) for order in orders]
        answers: list[Answer | None] = []
        seen = set[str]()
        for n, (order, request) in enumerate(zip(orders, requests, strict=True)):
            place = f"{path}.{n}.order" if path else "order"
            if order.order in seen:
                raise RefusedError(place, order.order, "is given twice", "name each order once")
            seen.add(order.order)
            answers.append(self._known(_ORDER + order.order, request, place))
        new = [n for n, answer in enumerate(answers) if answer is None]
        if new:
            for n, answer in zip(new, self._decide([orders[n] for n in new], [requests[n] for n in new]), strict=True):
                answers[n] = answer
        return [answer for answer in answers if answer is not None]

    def _decide(self, orders: Sequence[Order], requests: Sequence[bytes]) -> list[Answer]:
        begun = machine.perf_counter()
        times = [self._time_of(order.time) for order in orders]
        self._move_clock(max(times))
        decided = self.live.source(orders, times)
        answers = [
            self._log(_ORDER + order.order, time, request, decision)
            for order, time, request, decision in zip(orders, times, requests, decided, strict=True)
        ]
        self.metrics.decisions.observe(machine.perf_counter() - begun)
        self.metrics.orders.inc(len(orders))
        for decision in decided:
            for line in decision["lines"]:
                self.metrics.lines.labels("lost" if line["lost"] else "sourced").inc()
        return answers

    def tell(self, event: Any) -> Answer:
        """Applies an event.

        Raises:
            RefusedError: it cannot be; nothing has changed.
        """
        key, request = _DONE + event.event, _request(event)
        known = self._known(key, request, "event")
        if known is not None:
            return known
        time = self._time_of(event.time)
        self._move_clock(time)
        facts = apply(event, self.live)
        self.touched = machine.time()
        self.metrics.events.labels(event.kind).inc()
        return self._log(key, time, request, {"event": event.event, "kind": event.kind, **facts})

    def lanes(self) -> dict[str, Any]:
        """Go or hold for every lane with packages, now."""
        self._move_clock(self._time_of(None))
        return {"time": self.time.isoformat(), "lanes": self.live.decide_lanes()}

    def _known(self, key: str, request: bytes, field: str) -> Answer | None:
        """What was answered to this request before.

        Raises:
            RefusedError: another request had this name.
        """
        record, on_disk = self._pending.get(key, (None, None))
        if record is None:
            record = self.journal.find(key)
        if record is None:
            return None
        name = key.partition(":")[2]
        if record.request != request:
            mend = "give every order and event a name of its own, or send the same request again"
            raise RefusedError(field, name, "another request had this name", mend, CONFLICT)
        self.metrics.repeated.inc()
        return Answer(record.answer, on_disk or _nothing(), True)

    def _log(self, key: str, time: datetime, request: bytes, answer: dict[str, Any]) -> Answer:
        body = to_json(answer)
        record, on_disk = self.journal.append(key, time.isoformat(), request, body)
        self._pending[key] = record, on_disk
        on_disk.add_done_callback(lambda _: self._pending.pop(key, None))
        return Answer(body, on_disk, False)

    # -------------------------------------------------------------------------------------------------------- clock

    def _time_of(self, said: datetime | None) -> datetime:
        """When something happened, on the service's clock, which never goes back.

        Raises:
            RefusedError: too far ahead, or before the calendar starts.
        """
        if self.clock == "wall":
            return max(self.time, datetime.now(UTC))
        if said is None:
            return self.time
        if said < self.live.calendar.start:
            problem = f"the service's calendar starts at {self.live.calendar.start.isoformat()}"
            raise RefusedError("time", said.isoformat(), problem, "send later times, or start with an earlier --start")
        ahead = self.most_ahead if self.journal.last else _MOST_AHEAD_AT_FIRST
        if said > self.time + ahead:
            hours = ahead.total_seconds() / 3600
            raise RefusedError(
                "time", said.isoformat(), f"is {hours:g} hours or more ahead of the clock, {self.time.isoformat()}",
                "correct it, or send time_passed events in smaller steps", INVALID,
            )  # fmt: skip
        return max(self.time, said.astimezone(UTC))

    def _move_clock(self, time: datetime) -> None:
        self.time = max(self.time, time)
        self.live.pass_time(self.time)

    # ------------------------------------------------------------------------------------------------------ restart

    def replay(self, record: Record) -> None:
        """Applies a record of the log, as it was applied before."""
        time = datetime.fromisoformat(record.time)
        self._move_clock(time)
        if record.key.startswith(_ORDER):
            order = Order.model_validate_json(record.request)
            self.live.source_again(order, time, from_json(record.answer))
        else:
            apply(_EVENT.validate_json(record.request), self.live)

    def snapshot(self) -> Snapshot:
        """Everything as it is now. It may be ahead of the disk: write it once `journal.committed` is at its record."""
        return Snapshot(self.journal.last, self.time.isoformat(), self.live.arrays(), self.live.where.facts())

    def restore(self, snapshot: Snapshot) -> None:
        """Goes on from a snapshot.

        Raises:
            KeyError, ValueError: it is of another network.
        """
        self.live.restore(snapshot.arrays, snapshot.facts)
        self.time = datetime.fromisoformat(snapshot.time)


def _request(message: Order | Any) -> bytes:
    return canonical(message.model_dump(mode="json", exclude_none=True))


async def _nothing() -> None:
    """What is on disk already."""
