"""What stands before every request: who may ask, how much, and how often; and how long it took.

Plain ASGI: Starlette's own base class for middleware costs more than a decision does.
"""

from __future__ import annotations

import hmac
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from pydantic_core import to_json

from regional_dispatch.service.metrics import Metrics

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN = ("/health/",)  # paths that need no token and have no limit
_MOST_DIGITS = 18  # of a length
_MOST_CLIENTS = 10_000  # whose rate is remembered


class Guard:
    """Checks requests, then hands them on.

    Args:
        app: the application.
        metrics: counted into.
        token: that a request must bring as `Authorization: Bearer …`; None, none is asked for.
        most_bytes: of a request's body.
        most_per_second: requests of one client address, on average; up to two seconds' worth at once.
    """

    def __init__(self, app: App, metrics: Metrics, token: str | None, most_bytes: int, most_per_second: float) -> None:
        self._app, self._metrics, self._most_bytes = app, metrics, most_bytes
        self._expected = None if token is None else f"Bearer {token}".encode()
        self._rates = _Rates(most_per_second)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 500

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            refusal = self._refusal(scope)
            if refusal is None:
                await self._app(scope, _limited(receive, self._most_bytes), note_status)
            else:
                await _refuse(note_status, *refusal)
        except TooLargeError:
            await _refuse(note_status, *self._too_large())
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.requests.labels(route, str(status)).observe(time.perf_counter() - begun)
            if status >= 400:
                self._metrics.refused.labels(str(status)).inc()

    def _refusal(self, scope: Scope) -> tuple[int, str, str, dict[str, str]] | None:
        """Status, problem, mend and headers of a request that goes no further; None for one that does."""
        if scope["path"].startswith(OPEN):
            return None
        headers = dict(scope["headers"])
        if self._expected is not None and not hmac.compare_digest(headers.get(b"authorization", b""), self._expected):
            mend = "send the header `Authorization: Bearer TOKEN`"
            return 401, "no token, or the wrong one", mend, {"www-authenticate": "Bearer"}
        client = (scope.get("client") or ("",))[0]
        wait = self._rates.wait(client, time.monotonic())
        if wait > 0:
            seconds = str(max(1, round(wait)))
            return 429, "too many requests", f"send it again after {seconds} s", {"retry-after": seconds}
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or len(length) > _MOST_DIGITS or int(length) > self._most_bytes:
            return self._too_large()
        return None

    def _too_large(self) -> tuple[int, str, str, dict[str, str]]:
        return 413, "the body is too large", f"send {self._most_bytes} bytes at most", {"connection": "close"}


class TooLargeError(Exception):
    """A body without a length turned out to be too large."""


def _limited(receive: Receive, most: int) -> Receive:
    left = most

    async def limited() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise TooLargeError
        return message

    return limited


class _Rates:
    """A bucket of tokens for each client address."""

    def __init__(self, per_second: float) -> None:
        self._per_second, self._most = per_second, max(1.0, 2 * per_second)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # client → tokens, when

    def wait(self, client: str, now: float) -> float:
        """Seconds until the client may ask; 0 if it may now, and then this request counts."""
        tokens, at = self._buckets.pop(client, (self._most, now))
        tokens = min(self._most, tokens + (now - at) * self._per_second)
        allowed = tokens >= 1
        self._buckets[client] = tokens - allowed, now
        if len(self._buckets) > _MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - tokens) / self._per_second


async def _refuse(send: Send, status: int, problem: str, mend: str, headers: dict[str, str]) -> None:
    body = to_json({"error": {"field": None, "value": None, "problem": problem, "mend": mend}})
    listed = {"content-type": "application/json", "content-length": str(len(body)), **headers}
    encoded = [(name.encode(), value.encode()) for name, value in listed.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
