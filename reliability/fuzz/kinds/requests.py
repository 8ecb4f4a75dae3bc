"""Requests to a running service: bodies, their fields and bytes, paths and headers."""

from __future__ import annotations

import atexit
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from regional_dispatch.reliability.fuzz.mutate import TEXTS, mutated_bytes, mutated_tree

_BODY, _REQUEST = "body.bin", "request.json"
_SECONDS_TO_START = 300.0  # compiles where nothing is kept
_ORDER = {"order": "A", "station": "DS Boston", "promise_hours": 30, "lines": [{"sku": "12"}, {"sku": "3", "units": 2}]}
_EVENTS = [
    {"event": "e", "kind": "stock_received", "site": "FC New York", "sku": "12", "units": 3},
    {"event": "e", "kind": "stock_adjusted", "site": "FC New York", "sku": "12", "units": -1},
    {"event": "e", "kind": "stock_counted", "counts": [{"site": "FC New York", "sku": "12", "units": 5}]},
    {"event": "e", "kind": "package_picked", "package": "A/1"},
    {"event": "e", "kind": "package_arrived", "package": "A/1", "site": "DS Boston"},
    {"event": "e", "kind": "truck_departed", "origin": "FC New York", "destination": "DS Boston", "packages": ["A/1"]},
    {"event": "e", "kind": "time_passed", "time": "2026-03-02T01:00:00Z"},
]
_BODIES: tuple[tuple[str, Any], ...] = (
    ("/orders", _ORDER),
    ("/orders/batch", {"orders": [_ORDER, {**_ORDER, "order": "B"}]}),
    ("/events", {"events": _EVENTS}),
)
_PATHS = ("/orders/{}", "/stock/{}", "/lanes/decisions?origin={}", "/{}")


class Cases:
    """See `fuzz.kind.Kind`."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.said = (folder / "stderr.txt").open("w+")
        command = [
            sys.executable, "-m", "regional_dispatch", "serve", "--scenario", "small", "--policy", "pretrained/small",
            "--data", str(folder / "data"), "--port", str(self.port), "--clock", "events", "--start",
            "2026-03-02T00:00+00:00",
        ]  # fmt: skip
        self.process = subprocess.Popen(command, stderr=self.said, env={**os.environ, "OMP_NUM_THREADS": "1"})
        atexit.register(self.process.kill)
        self._wait()
        self.answered = 0

    def _wait(self) -> None:
        end = time.monotonic() + _SECONDS_TO_START
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if self._send("GET", "/health/ready", b"", {}) == 200:
                    return
            except OSError:
                pass
            time.sleep(0.2)
        raise RuntimeError("the service did not start")

    def make(self, rng: np.random.Generator, folder: Path) -> None:
        headers = {"content-type": "application/json"}
        if rng.random() < 0.2:
            path = str(rng.choice(_PATHS)).format(quote(str(TEXTS[int(rng.integers(len(TEXTS)))]), errors="replace"))
            request, body = {"method": "GET", "path": path, "headers": {}}, b""
        else:
            path, tree = _BODIES[int(rng.integers(len(_BODIES)))]
            tree = mutated_tree(rng, _named(rng, tree)) if rng.random() < 0.8 else _named(rng, tree)
            body = json.dumps(tree, ensure_ascii=bool(rng.random() < 0.5)).encode("utf-8", "surrogatepass")
            body = mutated_bytes(rng, body) if rng.random() < 0.4 else body
            if rng.random() < 0.1:
                headers["content-type"] = str(rng.choice(["text/plain", "multipart/form-data", "application/xml", "x"]))
            request = {"method": "POST", "path": path, "headers": headers}
        (folder / _REQUEST).write_text(json.dumps(request), encoding="utf-8")
        (folder / _BODY).write_bytes(body)

    def use(self, folder: Path) -> bool:
        request = json.loads((folder / _REQUEST).read_text(encoding="utf-8"))
        status = self._send(request["method"], request["path"], (folder / _BODY).read_bytes(), request["headers"])
        assert status < 500, f"the service answered {status}"
        assert self.process.poll() is None, "the service ended"
        self.answered += 1
        if self.answered % 100 == 0:
            self.said.seek(0)
            assert "Traceback" not in self.said.read(), "the service printed a traceback"
        return status < 400

    def _send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()


def _named(rng: np.random.Generator, tree: Any) -> Any:
    """The same with other names of orders and events, so that most are not repeated."""
    name = f"n{int(rng.integers(1_000_000))}"
    return json.loads(json.dumps(tree).replace('"A"', f'"{name}"').replace('"e"', f'"{name}"'))
