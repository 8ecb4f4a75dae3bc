"""Disks that take no more: errors of writing, in one line with what can be done."""

from __future__ import annotations

import errno
import os

MENDS = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some of your quota",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EROFS: "write to another disk",
    errno.EACCES: "change its permissions",
    errno.EPERM: "change its permissions",
    errno.EIO: "check the disk",
    errno.ENAMETOOLONG: "give a shorter name",
}
OTHERWISE = "or give another path; what was finished before is kept"


def disk_error(error: BaseException | None) -> OSError | None:
    """The error of the disk that an exception is, or that it was raised from; None if there is none."""
    seen = set[int]()
    while error is not None and id(error) not in seen:
        if isinstance(error, OSError) and error.errno in MENDS:
            return error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


def cannot_write(error: OSError, path: object = None) -> str:
    """An error of the disk in one line: `cannot write FILE: No space left on device; free some space, or …`.

    Args:
        error: of `MENDS`, or another.
        path: that could not be written, if the error does not name it.
    """
    named = error.filename if error.filename is not None else path
    file = f" {os.fsdecode(named) if isinstance(named, bytes) else named}" if named is not None else ""
    reason = error.strerror or str(error)
    mend = f"{MENDS[error.errno]}, {OTHERWISE}" if error.errno in MENDS else "give another path"
    return f"cannot write{file}: {reason}; {mend}"
