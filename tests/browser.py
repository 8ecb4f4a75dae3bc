"""A real browser for tests of pages: Chromium without a window, driven over a pipe by the DevTools protocol."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
LONGEST_SECONDS = 60.0  # until an answer


def browser_path() -> str | None:
    """Where a browser of the Chromium family is installed."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Page:
    """A page without a network, what it wrote to the console, and what it asked the network for."""

    def __init__(self, send: int, receive: int) -> None:
        self._send, self._receive, self._rest, self._number = send, receive, b"", 0
        self._session: str | None = None
        self.errors: list[str] = []
        self.requests: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
        self.call("Network.emulateNetworkConditions", **offline)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Calls a method of the DevTools protocol and returns its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._send, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._message()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                result: dict[str, Any] = answer["result"]
                return result
            self._note(answer)

    def open(self, path: Path, ready: str) -> float:
        """Opens a file and waits until an expression is true; returns the seconds this took."""
        start = time.monotonic()
        self.call("Page.navigate", url=path.absolute().as_uri())
        self.wait(ready)
        return time.monotonic() - start

    def wait(self, expression: str) -> None:
        """Waits until an expression is true."""
        end = time.monotonic() + LONGEST_SECONDS
        while not self.run(expression):
            assert time.monotonic() < end, f"not true after {LONGEST_SECONDS:g} s: {expression}; errors: {self.errors}"
            time.sleep(0.05)

    def run(self, expression: str) -> Any:
        """The value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """Moves the mouse, presses or releases its button, or turns its wheel, at a place of the page in pixels."""
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def picture(self) -> bytes:
        """What the page looks like, as PNG."""
        import base64

        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            part = os.read(self._receive, 1 << 20)
            if not part:
                raise EOFError("the browser has ended")
            self._rest += part
        text, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message

    def _note(self, event: dict[str, Any]) -> None:
        """Keeps errors of the console, exceptions, and requests that go beyond the file itself."""
        method, params = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(params["exceptionDetails"])[:500])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            self.errors.append(json.dumps(params["args"])[:500])
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent" and not params["request"]["url"].startswith(
            ("file:", "data:", "blob:")
        ):
            self.requests.append(params["request"]["url"])


@contextmanager
def open_browser(width: int = 1280, height: int = 800) -> Iterator[Page]:
    """A browser with one empty page; it ends with the block."""
    path = browser_path()
    assert path is not None, "no browser of the Chromium family is installed"
    to_read, send = _high_pipe()
    receive, to_write = _high_pipe()

    def wire() -> None:  # the protocol's pipe is at 3 and 4
        os.dup2(to_read, 3)
        os.dup2(to_write, 4)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = [
            "--headless", "--no-sandbox", "--remote-debugging-pipe", "--enable-unsafe-swiftshader", "--hide-scrollbars",
            "--no-first-run", f"--user-data-dir={profile}", f"--window-size={width},{height}",
        ]  # fmt: skip
        process = subprocess.Popen(
            [path, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=wire, pass_fds=(3, 4),
            start_new_session=True,
        )  # fmt: skip
        os.close(to_read)
        os.close(to_write)
        try:
            yield Page(send, receive)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            os.close(send)
            os.close(receive)


def _high_pipe() -> tuple[int, int]:
    """A pipe whose ends have numbers above those that the protocol uses."""
    ends = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return high[0], high[1]
