"""Requests to stop: SIGTERM, from a scheduler or `kill`, and SIGHUP, of a closed terminal, act as Ctrl-C does."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))  # beside SIGINT


class Asked:
    """Which signal asked this process to stop."""

    number: int = signal.SIGINT

    def interrupt(self, number: int, frame: FrameType | None) -> None:
        """A handler: raises KeyboardInterrupt, as Python does on Ctrl-C."""
        self.number = number
        raise KeyboardInterrupt

    def exit_code(self) -> int:
        """130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP, as shells have it."""
        return 128 + self.number


@contextmanager
def stopping() -> Iterator[Asked]:
    """SIGTERM and SIGHUP raise KeyboardInterrupt in the block, except where they are ignored, as under nohup.

    Outside the main thread nothing changes.
    """
    asked, before = Asked(), {}
    for number in STOPS:
        try:
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, asked.interrupt)
        except ValueError:  # not the main thread
            break
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
