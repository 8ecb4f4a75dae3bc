"""Ctrl-C, SIGTERM and SIGHUP end a training between two updates, with a checkpoint."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Stopped(KeyboardInterrupt):
    """A training that was asked to end has ended.

    Args:
        message: how to go on.
        number: the signal that asked.
    """

    def __init__(self, message: str, number: int = signal.SIGINT) -> None:
        super().__init__(message)
        self.exit_code = 128 + number  # as shells have it: 130 after Ctrl-C, 143 after SIGTERM


class StopSignals:
    """A context in which a first signal asks to stop between two updates, and a second one acts at once.

    Signals that are ignored stay so, as SIGHUP is under `nohup`; outside the main thread nothing changes.
    """

    def __init__(self) -> None:
        self.number: int | None = None  # of the signal that asked
        self._before: dict[int, Callable[[int, FrameType | None], Any] | int] = {}

    @property
    def asked(self) -> bool:
        """Whether a signal has asked to stop."""
        return self.number is not None

    def __enter__(self) -> StopSignals:
        with suppress(ValueError):  # not the main thread
            for number in SIGNALS:
                before = signal.getsignal(number)
                if before is not None and before != signal.SIG_IGN:
                    signal.signal(number, self._ask)
                    self._before[number] = before
        return self

    def __exit__(self, *error: object) -> None:
        self._give_back()

    def _give_back(self) -> None:
        for number, handler in self._before.items():
            if signal.getsignal(number) == self._ask:
                signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.number = number
        self._give_back()
