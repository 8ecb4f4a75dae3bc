"""Hostile requests get 413 or 422 with field, problem and mend; nothing is done, and no error reaches the log."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.service.conftest import Running
from tests.service.test_http import error_of, picked

ORDER: dict[str, Any] = {"order": "hostile", "station": "DS Boston", "promise_hours": 30, "lines": [{"sku": "12"}]}


def body(**changes: Any) -> bytes:
    return json.dumps({**ORDER, **changes}).encode()


def raw(field: str, text: str) -> bytes:
    """An order with a field as it is written."""
    return body(**{field: "@"}).replace(b'"@"', text.encode())


HOSTILE = {
    "no JSON": b"{",
    "nothing": b"",
    "not UTF-8": b'{"order": "\xff"}',
    "UTF-16": '{"order": "a"}'.encode("utf-16"),
    "deep lists": b'{"lines": ' + b"[" * 50_000,
    "deep groups": b'{"a": ' * 3000 + b"1" + b"}" * 3000,
    "a long number": raw("promise_hours", "9" * 5000),
    "no number": raw("promise_hours", "NaN"),
    "infinity": raw("promise_hours", "Infinity"),
    "too large a number": raw("promise_hours", "1e999"),
    "beyond 64 bits": body(lines=[{"sku": "12", "units": 2**64}]),
    "a long SKU": raw("lines", '[{"sku": ' + "9" * 5000 + "}]"),
    "a key twice": b'{"order": "a", "order": "b"}',
    "an escape": body(order="\x1b[31mred"),
    "a line break": body(order="a\nb"),
    "a zero": body(order="a\0b"),
    "a change of direction": body(order="a\u202eb"),
    "half a surrogate pair": b'{"order": "\\ud800", "station": "DS Boston", "lines": [{"sku": "12"}]}',
    "half a surrogate pair as a field": b'{"\\ud800": 1}',
    "a long name": body(order="x" * 10_000),
    "a list": b"[]",
    "the first year": body(time="0001-01-01T00:00:00+14:00"),
    "the last year": body(time="9999-12-31T23:59:59-14:00"),
    "due in the last year": body(promise_hours=None, promised_by="9999-12-31T23:59:59-14:00"),
    "far ahead": body(time="2150-01-01T00:00:00+00:00"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_body_is_refused(service: Running, kind: str) -> None:
    headers = {"content-type": "application/json"}
    for path in ("/orders", "/orders/batch", "/events"):
        error = error_of(service.client.post(path, content=HOSTILE[kind], headers=headers), 422)
        assert all(len(str(part)) < 400 for part in error.values()) and error["problem"] and error["mend"]
    assert service.client.get("/orders/hostile").status_code == 404
    assert "Traceback" not in service.said()


def test_a_body_of_any_length_is_refused_by_its_size(service: Running) -> None:
    for content in (b" " * (64 << 20), iter([b" " * (1 << 20)] * 64)):
        assert service.client.post("/orders", content=content).status_code == 413
    assert "Traceback" not in service.said()


def test_a_cancelled_order_cannot_overfill_a_shelf(service: Running) -> None:
    site = service.order("overfill-0", "15").json()["lines"][0]["fc"]
    full = {"site": site, "sku": "15", "units": 30_000}
    assert service.tell({"event": "overfill-1", "kind": "stock_counted", "counts": [full]}).status_code == 200
    answer = service.order("overfill", lines=[{"sku": "15", "units": 20_000}]).json()
    assert answer["lines"][0]["fc"] == site
    more = {"site": site, "sku": "15", "units": 20_000}
    assert service.tell({"event": "overfill-2", "kind": "stock_received", **more}).status_code == 200
    error = error_of(service.tell({"event": "overfill-3", "kind": "order_cancelled", "order": "overfill"}), 409)
    assert "would hold 50000 units of '15'" in error["problem"]
    assert service.client.get("/stock/15").json()["on_hand"][site] == 30_000
    assert service.tell(picked("overfill-4", "overfill/1")).status_code == 200
