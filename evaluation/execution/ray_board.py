"""Numbers that tasks of a Ray cluster tell the driver while they work, such as how far they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread


class Board:
    """Holds the newest number of each name; it travels with an item to a worker. Needs a connection to a cluster."""

    def __init__(self) -> None:
        import ray

        self._actor = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(_Numbers).remote()

    def write(self, name: str, number: int) -> None:
        """On a worker. It does not wait until the number has arrived."""
        self._actor.write.remote(name, number)

    def read(self) -> dict[str, int]:
        """On the driver. Empty while the machine that holds the numbers is lost."""
        import ray
        from ray.exceptions import RayError

        try:
            numbers: dict[str, int] = ray.get(self._actor.read.remote(), timeout=10)
        except RayError:
            return {}
        return numbers


class _Numbers:
    """The state of a board, in a process of the cluster."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def write(self, name: str, number: int) -> None:
        self._numbers[name] = number

    def read(self) -> dict[str, int]:
        return self._numbers


@contextmanager
def repeated(action: Callable[[], None], seconds: float) -> Iterator[None]:
    """Does something again and again in a thread while the block runs."""
    over = Event()

    def loop() -> None:
        while not over.wait(seconds):
            action()

    thread = Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
