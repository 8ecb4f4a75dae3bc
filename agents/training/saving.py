"""Files that cannot be written end a training with one clear line, and leave what was saved before."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from regional_dispatch.agents.errors import PolicyFileError
from regional_dispatch.agents.folder import checkpoints_in

_EVENT_FILES = "tensorboard.summary.writer.event_file_writer"


class SavingError(PolicyFileError):
    """A file of a training that cannot be written; the message says why, and what was saved before."""


@contextmanager
def saving_to(out: Path) -> Iterator[None]:
    """Says what was saved in a folder when a file there cannot be written.

    TensorBoard writes its files in threads. They keep an error for the next call in this thread, which raises it, and
    print it as well; here they do not print it.

    Raises:
        SavingError: on any `OSError`.
    """
    before = threading.excepthook
    threading.excepthook = _except_of_event_files
    try:
        yield
    except OSError as error:
        raise SavingError(f"{error.strerror or error} while saving to {out}; {_kept(out)}") from None
    finally:
        threading.excepthook = before


def _except_of_event_files(args: threading.ExceptHookArgs) -> None:
    writer = type(args.thread).__module__ == _EVENT_FILES
    if not (writer and issubclass(args.exc_type, OSError)):
        threading.__excepthook__(args)


def _kept(out: Path) -> str:
    """What there is to go on from, and the mend."""
    mend = "free space there or change its permissions"
    saved = checkpoints_in(out)
    if not saved:
        return f"no checkpoint was saved; {mend}, and train again with --overwrite"
    return f"{saved[-1]} is kept; {mend}, and resume with --resume {out}"
