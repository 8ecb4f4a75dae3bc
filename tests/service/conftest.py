"""Services in processes of their own, as a user starts them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a-token-for-tests-only"
START = "2026-03-02T00:00+00:00"


class Running:
    """A service on the scenario `small`.

    Args:
        data: its folder.
        options: beyond the ones that all tests use.
    """

    def __init__(self, data: Path, *options: str, token: str | None = None) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [
            sys.executable, "-m", "regional_dispatch", "serve", "--scenario", "small", "--policy", "pretrained/small",
            "--data", str(data), "--port", str(self.port), "--clock", "events", "--start", START, *options,
        ]  # fmt: skip
        variables = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        variables |= {"REGIONAL_DISPATCH_TOKEN": token} if token else {}
        self.errors = (data.parent / f"{data.name}-{self.port}.txt").open("w+")
        self.process = subprocess.Popen(command, cwd=ROOT, env=variables, stderr=self.errors)
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=30)

    def wait(self, seconds: float = 600) -> Running:
        """Until it is ready."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if self.client.get("/health/ready").status_code == 200:
                    return self
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        self.process.kill()
        raise RuntimeError(self.said())

    def said(self) -> str:
        """All it wrote to stderr."""
        self.errors.seek(0)
        return self.errors.read()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ends it; its exit code."""
        self.process.send_signal(how)
        code = self.process.wait(30)
        self.client.close()
        return code

    def order(self, name: str, *skus: str, station: str = "DS Boston", **more: Any) -> httpx.Response:
        """Sends an order, a unit a line."""
        lines = [{"sku": sku} for sku in skus or ("12",)]
        body = {"order": name, "station": station, "promise_hours": 30, "lines": lines, **more}
        return self.client.post("/orders", json=body)

    def tell(self, *events: dict[str, Any]) -> httpx.Response:
        """Sends events."""
        return self.client.post("/events", json={"events": list(events)})


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One service for all tests that do not stop it; names of orders and events are each test's own."""
    running = Running(tmp_path_factory.mktemp("service") / "data").wait()
    yield running
    running.stop()
