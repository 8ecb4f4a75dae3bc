"""Signals ask a training to stop; a second one acts at once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import pytest

from regional_dispatch.agents.training.stopping import SIGNALS, Stopped, StopSignals

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")


@pytest.fixture(autouse=True)
def own_handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_the_first_ctrl_c_asks_and_the_second_stops() -> None:
    with StopSignals() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.asked
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("number", SIGNALS)
def test_each_signal_asks_once_and_its_handler_comes_back(number: int) -> None:
    heard: list[int] = []
    signal.signal(number, lambda number, frame: heard.append(number))
    before = signal.getsignal(number)
    with StopSignals() as stop:
        os.kill(os.getpid(), number)
        assert stop.number == number
        assert not heard
        os.kill(os.getpid(), number)
        assert heard == [number]
    assert signal.getsignal(number) is before


def test_a_signal_that_is_ignored_stays_so() -> None:
    """As SIGHUP is under `nohup`, and Ctrl-C in the background of a shell."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    with StopSignals() as stop:
        for number in SIGNALS:
            os.kill(os.getpid(), number)
    assert not stop.asked


def test_exit_codes_are_those_of_a_shell() -> None:
    assert [Stopped("", number).exit_code for number in SIGNALS] == [130, 143, 129]
