"""Says on stderr that the kernel is being compiled, and for how long; without it, the first run looks like a hang.

On a terminal, one line that counts the seconds and goes when the work is done. Elsewhere, a line at the start and one
every half minute. Set REGIONAL_DISPATCH_QUIET=1 for none.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

from numba.core import event

PACKAGE = "regional_dispatch."
QUIET_VARIABLE = "REGIONAL_DISPATCH_QUIET"
PATIENCE_SECONDS = 1.5  # shorter work is not worth a word
LINE_SECONDS = 30.0  # between two lines where stderr is no terminal


class CompileProgress(event.Listener):
    """Listens to numba's compile events; those of other packages are left alone."""

    def __init__(self) -> None:
        self.seconds = 0.0  # compiled so far in this process
        self._depth = 0
        self._ticker: _Ticker | None = None

    def on_start(self, event: Any) -> None:
        """A function starts to be compiled, perhaps for another one that is being compiled."""
        if not _is_ours(event):
            return
        self._depth += 1
        if self._depth == 1:
            self._ticker = _Ticker(self.seconds)
            self._ticker.start()

    def on_end(self, event: Any) -> None:
        """It is compiled."""
        if not _is_ours(event):
            return
        self._depth -= 1
        if self._depth == 0 and self._ticker is not None:
            self.seconds = self._ticker.stop()
            self._ticker = None


def _is_ours(event: Any) -> bool:
    return str(event.data["dispatcher"].py_func.__module__).startswith(PACKAGE)


class _Ticker(threading.Thread):
    """Writes the seconds while one entry point is compiled, from the seconds that earlier ones took."""

    def __init__(self, before: float) -> None:
        super().__init__(daemon=True)
        self._before, self._begun = before, time.monotonic()
        self._done = threading.Event()
        self._live = sys.stderr.isatty()

    def _elapsed(self) -> float:
        return self._before + time.monotonic() - self._begun

    def run(self) -> None:
        if self._done.wait(PATIENCE_SECONDS):
            return
        pause = 1.0 if self._live else LINE_SECONDS
        self._write()
        while not self._done.wait(pause):
            self._write()
        if self._live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def _write(self) -> None:
        text = f"compiling the simulation kernel, once per version: {self._elapsed():.0f} s"
        print(f"\r{text} " if self._live else text, end="" if self._live else "\n", file=sys.stderr, flush=True)

    def stop(self) -> float:
        """Ends it. Returns the seconds compiled so far in this process."""
        self._done.set()
        if self.is_alive():
            self.join(timeout=1.0)
        return self._elapsed()


def show_compile_progress() -> None:
    """Starts to listen, unless the user asked for quiet."""
    if not os.environ.get(QUIET_VARIABLE):
        event.register("numba:compile", CompileProgress())
