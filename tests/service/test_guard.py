"""Who may ask, how much and how often."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from regional_dispatch.service.errors import ServiceError
from regional_dispatch.service.http.guard import Guard
from regional_dispatch.service.http.server import Door, check_door
from regional_dispatch.service.metrics import Metrics

TOKEN = "0123456789abcdef"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers 200 once it has read the body."""
    more = True
    while more:
        more = (await receive()).get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


def ask(guard: Guard, path: str = "/orders", **request: Any) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=guard)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.post(path, **request)

    return asyncio.run(send())


def guard(token: str | None = None, most_bytes: int = 1000, most_per_second: float = 100) -> Guard:
    return Guard(echo, Metrics(), token, most_bytes, most_per_second)


@pytest.mark.parametrize("sent", [None, "Bearer", "Bearer wrong", TOKEN, f"bearer {TOKEN}", f"Bearer {TOKEN}x"])
def test_a_request_without_the_token_is_refused(sent: str | None) -> None:
    headers = {} if sent is None else {"authorization": sent}
    answer = ask(guard(TOKEN), headers=headers)
    assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
    assert "Authorization" in answer.json()["error"]["mend"] and TOKEN not in answer.text


def test_a_request_with_the_token_passes_and_health_needs_none() -> None:
    assert ask(guard(TOKEN), headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert ask(guard(TOKEN), "/health/live").status_code == 200


def test_a_large_body_is_refused_whether_or_not_its_length_is_said() -> None:
    async def stream() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100

    assert ask(guard(), content=b"x" * 1000).status_code == 200
    for content in (b"x" * 1001, stream()):
        answer = ask(guard(), content=content)
        assert answer.status_code == 413 and "1000 bytes" in answer.json()["error"]["mend"]


def test_too_many_requests_are_refused_until_time_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("regional_dispatch.service.http.guard.time.monotonic", lambda: now)
    limited = guard(most_per_second=2)
    assert [ask(limited).status_code for _ in range(5)] == [200, 200, 200, 200, 429]
    assert ask(limited).headers["retry-after"] == "1"
    now += 1.0
    assert [ask(limited).status_code for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize(
    ("door", "text"),
    [
        (Door(host="0.0.0.0"), "anyone who reaches it"),
        (Door(host="example.internal"), "anyone who reaches it"),
        (Door(token="short"), "5 characters"),
    ],
)
def test_it_is_not_opened_to_others_without_a_token(door: Door, text: str) -> None:
    with pytest.raises(ServiceError, match=text):
        check_door(door)


def test_it_may_be_open_to_this_machine_or_with_a_token() -> None:
    for door in (Door(), Door(host="localhost"), Door(host="::1"), Door(host="0.0.0.0", token=TOKEN)):
        check_door(door)
