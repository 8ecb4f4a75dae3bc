"""Processes that end with the one that started them, however that one ends.

Light to import: a new process is not protected before it has read this.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from threading import Thread

VARIABLE = "REGIONAL_DISPATCH_PARENT"  # tells a command the number of the process that it ends with
_PR_SET_PDEATHSIG = 1  # of prctl(2)
_POLL_SECONDS = 0.5


def end_with_parent(parent: int) -> None:
    """Has this process killed when its parent ends.

    On Linux the kernel does it, at once; elsewhere a thread looks twice a second. Nothing is lost: whatever is finished
    is on the disk, whole.

    Args:
        parent: number of the process that started this one.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    else:
        Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        _end()  # it ended before


def end_with_named_parent() -> None:
    """`end_with_parent` of the process that `VARIABLE` names, if it is set; it is not passed on."""
    parent = os.environ.pop(VARIABLE, "")
    if parent.isdecimal():
        end_with_parent(int(parent))


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    _end()


def _end() -> None:
    os._exit(1)
