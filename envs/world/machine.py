"""What memory this machine has left for this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

# Files of a container: its limit, its use, and a table of which a line says how much of the use is files that can be
# read again. In version 2 and in version 1 of control groups.
_CONTAINERS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat", "inactive_file"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        "/sys/fs/cgroup/memory/memory.stat", "total_inactive_file",
    ),
)  # fmt: skip


def memory_left() -> int:
    """Bytes that this process may still take: of the machine, of its container, and of its own address space."""
    return max(0, min([psutil.virtual_memory().available, *_container_left(), *_address_space_left()]))


def _container_left() -> Iterator[int]:
    for limit, used, table, line in _CONTAINERS:
        with suppress(OSError, ValueError, KeyError):  # no such file, or no limit: "max"
            rows = dict(row.split() for row in Path(table).read_text().splitlines())
            yield int(Path(limit).read_text()) - int(Path(used).read_text()) + int(rows[line])


def _address_space_left() -> Iterator[int]:
    if resource is None:
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        yield limit - psutil.Process().memory_info().vms
